package web

import (
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth"
)

// TestStreamEndsWithTheOperatorsCookie keeps a stream open for longer than its operator is signed in.
func TestStreamEndsWithTheOperatorsCookie(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		keys, err := auth.NewAPIKeys(clockKey)
		if err != nil {
			t.Fatal(err)
		}
		cookie, until, err := keys.Admit(clockKey, time.Now().Add(time.Minute-auth.AdminSessionTTL))
		if err != nil {
			t.Fatal(err)
		}
		h := s.listen(s.askWith("/v1/admin/events/stream", "Cookie: hub_admin="+cookie))
		time.Sleep(time.Until(until) - time.Millisecond)
		if text := h.since(); !strings.HasSuffix(text, ": still here\n\n") || h.isOver() {
			t.Errorf("before its time: over after %q", text)
		}
		time.Sleep(2 * time.Millisecond)
		if !h.isOver() {
			t.Error("the stream goes on")
		}
	})
}
