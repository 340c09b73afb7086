package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// record writes an event of each user.
func record(t *testing.T, store *sqlitestore.Store, at time.Time, users ...string) {
	t.Helper()
	for _, user := range users {
		event := session.Event{Type: session.LoginFailed, At: at, User: user}
		must(t, store.Record(t.Context(), session.KeyOf(user), event))
	}
}

// wantPage fails the test unless these are the users of all events after a place.
func wantPage(t *testing.T, store *sqlitestore.Store, after string, trimmed bool, want ...string) string {
	t.Helper()
	page, err := store.Events(t.Context(), after, 10_000)
	must(t, err)
	var users []string
	for _, e := range page.Events {
		users = append(users, e.User)
	}
	if !slices.Equal(users, want) || page.Trimmed != trimmed || page.More {
		t.Errorf("after %q: events of %q, trimmed %v; want %q, %v", after, users, page.Trimmed, want, trimmed)
	}
	return page.Next
}

// TestForgetsByAge keeps what is young enough, and whatever came after that, by a clock that was set back.
func TestForgetsByAge(t *testing.T) {
	store := openStore(t, sqlitestore.Options{EventsFor: time.Hour})
	now := time.Now().UTC().Truncate(time.Millisecond)
	store.SetClock(func() time.Time { return now })
	record(t, store, now.Add(-2*time.Hour), "old")
	record(t, store, now.Add(-time.Hour-time.Millisecond), "just old enough")
	record(t, store, now.Add(-time.Hour), "young")
	record(t, store, now.Add(-3*time.Hour), "after it")
	record(t, store, now, "new")
	must(t, store.Forget(t.Context()))
	wantPage(t, store, "", false, "young", "after it", "new")
	wantPage(t, store, "1", true, "young", "after it", "new")
	wantPage(t, store, "2", false, "young", "after it", "new")
}

// TestForgetsMany forgets more than at a time, and nothing where all is kept.
func TestForgetsMany(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	forever := openAt(t, path, sqlitestore.Options{EventsFor: -1})
	for range 5 {
		events := make([]session.Event, 500)
		for i := range events {
			events[i] = session.Event{User: fmt.Sprint(i)} // at no time: long ago
		}
		must(t, forever.Record(t.Context(), session.Key{}, events...))
	}
	must(t, forever.Forget(t.Context()))
	if page, err := forever.Events(t.Context(), "", 10_000); err != nil || len(page.Events) != 2500 {
		t.Errorf("%d events, %v; want all 2500 kept", len(page.Events), err)
	}
	must(t, forever.Close())

	store := openAt(t, path, sqlitestore.Options{})
	must(t, store.Forget(t.Context()))
	wantPage(t, store, "", false)
	wantPage(t, store, "2499", true)
	next := wantPage(t, store, "2500", false)
	record(t, store, time.Now(), "new")
	wantPage(t, store, next, false, "new")
}

// TestOlderCopy reads on where the file has been replaced by an older copy of itself, or by a new one.
func TestOlderCopy(t *testing.T) {
	store := openStore(t, sqlitestore.Options{})
	wantPage(t, store, "3", true)
	record(t, store, time.Now(), "a", "b")
	wantPage(t, store, "3", true, "a", "b")
	wantPage(t, store, "2", false)
}
