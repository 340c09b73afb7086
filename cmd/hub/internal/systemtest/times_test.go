package systemtest

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// TestNoticesAreTimedAcrossHubs ends sessions at one hub whose sockets are at the other, which knows of Redis's clock by
// its beats alone, and reads at the first how long the notices took.
func TestNoticesAreTimedAcrossHubs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 2)
	const users = 20
	start := time.Now()
	for i := range users {
		user := fmt.Sprint("user ", i)
		for range 2 {
			opened, err := h.call(t.Context(), h.hubs[0], "POST", "/v1/admin/sessions", apiKey, map[string]string{"user": user})
			if err != nil || opened.status != http.StatusCreated {
				t.Fatalf("%d, %v", opened.status, err)
			}
			if err := h.connect(t.Context(), h.hubs[1], user, opened); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, h.change, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.closed) < users {
			return fmt.Errorf("%d sockets are told, want %d", len(h.closed), users)
		}
		return nil
	})
	// No notice can have taken longer than all of this, nor on a machine that is not busy more than a second.
	most := max(time.Second, time.Since(start))
	eventually(t, h.change, func() error {
		all, err := h.hubs[0].hub.Instances()
		if err != nil {
			return err
		}
		sum := session.Total(all)
		var timed, slow uint64
		for i, n := range sum.Notices.Told {
			timed += n
			if i > session.NoticeBound(most) {
				slow += n
			}
		}
		if sum.Instances != 2 || sum.Forced != users || sum.Told != users || timed != users {
			return fmt.Errorf("%d hubs, %d forced, %d told, %d timed", sum.Instances, sum.Forced, sum.Told, timed)
		}
		t.Logf("told within %v of %v ms", sum.Notices.Told, session.NoticeBounds())
		if slow > 0 {
			t.Errorf("%d of %d took more than %s", slow, timed, most)
		}
		return nil
	})
}
