package hub_test

import (
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// TestOldEventsAreForgotten runs a hub for two minutes, within which it looks for what is too old.
func TestOldEventsAreForgotten(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		for i, user := range []string{"old", "young"} {
			at := time.Now().Add(-session.KeepEventsFor - time.Second).Add(time.Duration(i) * time.Hour)
			event := session.Event{Type: session.LoginFailed, User: user, At: at}
			if err := s.store.Record(t.Context(), session.KeyOf(user), event); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		page, err := s.store.Events(t.Context(), "", 10)
		if err != nil || len(page.Events) != 1 || page.Events[0].User != "young" {
			t.Errorf("%+v, %v; want the young one alone", page.Events, err)
		}
	})
}
