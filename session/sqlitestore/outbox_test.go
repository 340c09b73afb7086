package sqlitestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sessiontest"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

func TestOutbox(t *testing.T) {
	sessiontest.RunOutbox(t, func(t *testing.T) sessiontest.OutboxHarness {
		path := filepath.Join(t.TempDir(), "hub.db")
		return sessiontest.OutboxHarness{
			Store: openAt(t, path, sqlitestore.Options{}),
			Forget: func(t *testing.T) {
				_, err := openSQL(t, path).Exec("DELETE FROM events")
				must(t, err)
			},
		}
	})
}

// TestOutboxReopened closes the file with deliveries under way: they are due again at once, and what was disabled
// still is.
func TestOutboxReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	toBoth := func(session.Event) []string { return []string{"one", "two"} }
	gather := func() {
		t.Helper()
		_, err := store.Gather(t.Context(), 10, toBoth)
		must(t, err)
	}
	claim := func(endpoint string, want int) []session.Delivery {
		t.Helper()
		claimed, err := store.Claim(t.Context(), endpoint, session.Claim{Limit: 10, Lease: time.Hour})
		must(t, err)
		if len(claimed) != want {
			t.Fatalf("%d deliveries for %s, want %d", len(claimed), endpoint, want)
		}
		return claimed
	}
	gather()
	must(t, store.Record(t.Context(), session.Key{}, session.Event{User: "a"}, session.Event{User: "b"}))
	gather()
	later := claim("one", 2)[0]
	must(t, store.Postpone(t.Context(), "one", time.Hour, later.ID))
	must(t, store.Disable(t.Context(), "two"))
	must(t, store.Record(t.Context(), session.Key{}, session.Event{User: "c"}))
	must(t, store.Close())

	store = openAt(t, path, sqlitestore.Options{})
	if again := claim("one", 1)[0]; again.ID == later.ID || again.Attempt != 2 {
		t.Errorf("delivery %s in attempt %d, want the other in its second", again.ID, again.Attempt)
	}
	gather()
	if next := claim("one", 1)[0]; next.Event.User != "c" {
		t.Errorf("an event of %s, want the one that had not been gathered", next.Event.User)
	}
	claim("two", 0)
}

// TestOutboxInAnOlderFile opens a file from before there was an outbox.
func TestOutboxInAnOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	must(t, openAt(t, path, sqlitestore.Options{}).Close())
	_, err := openSQL(t, path).Exec("DROP TABLE deliveries; DROP TABLE endpoints; DROP TABLE outbox")
	must(t, err)
	store := openAt(t, path, sqlitestore.Options{})
	_, err = store.Gather(t.Context(), 10, func(session.Event) []string { return nil })
	must(t, err)
}
