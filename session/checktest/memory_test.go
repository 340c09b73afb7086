package checktest_test

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// memory is a store of accounts and nothing else. Broken, it checks an account's version, lets others have
// their turn, and then writes without another look.
type memory struct {
	session.Store
	broken bool

	mu       sync.Mutex
	accounts map[session.Key]session.Snapshot // guarded by mu
}

func newMemory(broken bool) *memory {
	return &memory{broken: broken, accounts: make(map[session.Key]session.Snapshot)}
}

func (m *memory) Load(_ context.Context, key session.Key) (session.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.loadLocked(key), nil
}

func (m *memory) loadLocked(key session.Key) session.Snapshot {
	snap := m.accounts[key]
	snap.Now = time.Now().UTC().Truncate(time.Millisecond)
	return snap
}

func (m *memory) Recall(session.Key) (session.Snapshot, bool) { return session.Snapshot{}, false }

func (m *memory) Commit(_ context.Context, key session.Key, c session.Change) (session.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if snap := m.loadLocked(key); snap.Version != c.From {
		return snap, session.ErrConflict
	}
	if m.broken {
		m.mu.Unlock()
		runtime.Gosched()
		m.mu.Lock()
	}
	m.accounts[key] = session.Snapshot{Account: c.Account, Version: c.ID}
	return session.Snapshot{}, nil
}

func (m *memory) Record(context.Context, session.Key, ...session.Event) error { return nil }
