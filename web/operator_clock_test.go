package web

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
)

// over reports whether the stream has ended.
func (h *heard) over() bool {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

// TestStreamEndsWithTheOperatorsCookie keeps a stream open for longer than its operator is signed in.
func TestStreamEndsWithTheOperatorsCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newClockSite(t)
		keys, err := auth.NewAPIKeys(clockKey)
		if err != nil {
			t.Fatal(err)
		}
		cookie, until, err := keys.Admit(clockKey, time.Now().Add(time.Minute-auth.AdminSessionTTL))
		if err != nil {
			t.Fatal(err)
		}
		conn := s.askWith("/v1/admin/events/stream", "Cookie: hub_admin="+cookie)
		defer conn.Close()
		h := s.listen(conn)
		time.Sleep(time.Until(until) - time.Millisecond)
		if text := h.since(); !strings.HasSuffix(text, ": still here\n\n") || h.over() {
			t.Errorf("before its time: over after %q", text)
		}
		time.Sleep(2 * time.Millisecond)
		if !h.over() {
			t.Error("the stream goes on")
		}
		s.close()
	})
}
