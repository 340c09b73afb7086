package session

import (
	"context"
	"sync"
)

// keyLocks is a lock for each key that is in use, so that a burst of logins of one user waits in line inside
// an instance instead of losing commits to itself. The zero value is ready to use.
type keyLocks struct {
	mu   sync.Mutex
	held map[Key]*keyLock // guarded by mu
}

type keyLock struct {
	users int           // guarded by keyLocks.mu
	token chan struct{} // holds one element while nobody has the lock
}

// lock waits for the key's lock until ctx ends.
func (l *keyLocks) lock(ctx context.Context, key Key) (unlock func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = make(map[Key]*keyLock)
	}
	k := l.held[key]
	if k == nil {
		k = &keyLock{token: make(chan struct{}, 1)}
		k.token <- struct{}{}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case <-k.token:
		return func() { k.token <- struct{}{}; l.release(key, k) }, nil
	case <-ctx.Done():
		l.release(key, k)
		return nil, ctx.Err()
	}
}

func (l *keyLocks) release(key Key, k *keyLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}
