package checktest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/sessionhub/sessionhub/session"
)

// errLost says that an answer was lost, and that what was asked for has been done or never will be.
var errLost = fmt.Errorf("%w: the answer was lost", session.ErrUnavailable)

// Lossy returns a store that loses one in so many commits: half of them before the store beneath has made the
// change, half of them after. Either way the caller learns nothing but [session.ErrUnavailable].
func Lossy(store session.Store, oneIn int, seed uint64) session.Store {
	return &lossy{Store: store, oneIn: oneIn, draw: rand.New(rand.NewPCG(seed, 0))}
}

type lossy struct {
	session.Store
	oneIn int

	mu   sync.Mutex
	draw *rand.Rand // guarded by mu
}

func (l *lossy) Commit(ctx context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	l.mu.Lock()
	lost, made := l.draw.IntN(l.oneIn) == 0, l.draw.IntN(2) == 0
	l.mu.Unlock()
	if !lost {
		return l.Store.Commit(ctx, key, change)
	}
	if made {
		if snap, err := l.Store.Commit(ctx, key, change); err != nil {
			return snap, err
		}
	}
	return session.Snapshot{}, errLost
}
