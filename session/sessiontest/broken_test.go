package sessiontest_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sessiontest"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// meddler is a store in which another change comes in after each Load of a Commit's check.
type meddler struct {
	session.Store
	meddle func()
}

func (m *meddler) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	snap, err := m.Store.Load(ctx, key)
	m.meddle()
	return snap, err
}

// TestBroken shows what is broken: a change that loses a race is made all the same. One that is sent again,
// and one that comes later, are dealt with as they should be.
func TestBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store, err := sqlitestore.Open(path, func(string, []byte) {}, sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	key := session.KeyOf("alice")
	change := func() session.Change {
		return session.Change{ID: uuid.New(), Account: session.Account{User: "alice"}}
	}
	commit := func(s session.Store, c session.Change) error {
		_, err := s.Commit(t.Context(), key, c)
		return err
	}
	first, second := change(), change()
	slow := &meddler{Store: store, meddle: func() {
		if err := commit(store, first); err != nil {
			t.Fatal(err)
		}
	}}
	broken := sessiontest.Broken(slow)
	if err := commit(broken, second); err != nil {
		t.Fatalf("the change that lost: %v, want it made", err)
	}
	slow.meddle = func() {}
	if err := commit(broken, second); err != nil {
		t.Errorf("the change again: %v, want it to be known", err)
	}
	if err := commit(broken, change()); !errors.Is(err, session.ErrConflict) {
		t.Errorf("a change that is too late to slip through: %v, want ErrConflict", err)
	}
	late := change()
	late.From, late.NotAfter = second.ID, time.Now().Add(-time.Minute)
	if err := commit(broken, late); !errors.Is(err, session.ErrConflict) {
		t.Errorf("a change whose time is over: %v, want ErrConflict", err)
	}
}
