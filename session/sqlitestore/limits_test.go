package sqlitestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// TestLimitsOutliveSessions turns the clock on by years: a user's limits are still there, without a session to be seen,
// until they are taken away.
func TestLimitsOutliveSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store.SetClock(func() time.Time { return now })
	registry, key, db := session.NewRegistry(store), session.KeyOf("alice"), openSQL(t, path)
	rule := session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour}
	own := session.Limits{Limit: 2}
	restrict := func(own session.Limits) {
		t.Helper()
		_, err := registry.Restrict(t.Context(), "alice", own, rule, session.Ending{Reason: session.EndedByAdmin})
		must(t, err)
	}
	restrict(own)
	id, err := login(registry, "alice", rule)
	must(t, err)
	must(t, store.Touch(t.Context(), session.Mark{Key: key, Session: id, IdleTimeout: time.Hour}))

	for _, later := range []time.Duration{2 * time.Hour, 30 * 24 * time.Hour, 5 * 365 * 24 * time.Hour} {
		now = now.Add(later)
		_, err := registry.ExpireDue(t.Context(), 10)
		must(t, err)
		snap, err := registry.Load(t.Context(), key)
		must(t, err)
		if !snap.Account.Limits.Equal(own) || len(snap.Account.Live) > 0 {
			t.Errorf("%v later: limits %+v and %d live sessions, want %+v and none",
				later, snap.Account.Limits, len(snap.Account.Live), own)
		}
	}
	restrict(session.Limits{}) // and what has ended long ago is forgotten
	if n := count(t, db, "SELECT count(*) FROM sessions"); n != 0 {
		t.Errorf("%d sessions are shown of a user without any", n)
	}
	now = now.Add(time.Hour)
	_, err = registry.ExpireDue(t.Context(), 10)
	must(t, err)
	if n := count(t, db, "SELECT count(*) FROM accounts"); n != 0 {
		t.Errorf("%d accounts in the file, want none", n)
	}
}
