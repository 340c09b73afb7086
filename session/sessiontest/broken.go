package sessiontest

import (
	"context"
	"errors"

	"github.com/sessionhub/sessionhub/session"
)

// Broken returns a store like the given one that checks and then acts: its Commit compares the version, and
// then makes the change whatever has come in between. A checker of the rules that is worth anything finds
// it out.
func Broken(store session.Store) session.Store { return broken{store} }

type broken struct{ session.Store }

// Commit returns ErrConflict only if it finds the account changed before it begins.
func (b broken) Commit(
	ctx context.Context, key session.Key, change session.Change,
) (session.Snapshot, error) {
	snap, err := b.Load(ctx, key)
	if err != nil {
		return session.Snapshot{}, err
	}
	if snap.Version != change.From && snap.Version != change.ID {
		return snap, session.ErrConflict
	}
	for {
		lostTo, err := b.Store.Commit(ctx, key, change)
		if !errors.Is(err, session.ErrConflict) || lostTo.Version == change.From { // it is too late, say
			return lostTo, err
		}
		change.From = lostTo.Version
	}
}
