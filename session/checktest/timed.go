package checktest

import (
	"context"
	"errors"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// span is when the last call of an operation to the store began and returned: the call in which the operation
// read what it answered, or made its change. It is narrower than the operation, which may have waited in line
// before, and leaves the checker fewer orders to try.
type span struct {
	began, returned time.Time
	commit          bool // that call was a Commit, which the store has not refused
}

type spanKey struct{}

// withSpan returns a context by which timed stores find the span.
func withSpan(ctx context.Context, s *span) context.Context {
	return context.WithValue(ctx, spanKey{}, s)
}

// timed is a store that notes the spans of operations. An operation makes one call at a time.
type timed struct{ session.Store }

func (t timed) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	defer note(ctx, time.Now(), false)
	return t.Store.Load(ctx, key)
}

// Commit waits for the store's answer for far longer than it takes: with many changes that a slow machine leaves without one,
// there are more orders to try than anybody could. The store itself refuses a change that comes too late.
func (t timed) Commit(ctx context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	began := time.Now()
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	snap, err := t.Store.Commit(patient, key, change)
	note(ctx, began, !errors.Is(err, session.ErrConflict))
	return snap, err
}

func note(ctx context.Context, began time.Time, commit bool) {
	if s, ok := ctx.Value(spanKey{}).(*span); ok {
		s.began, s.returned, s.commit = began, time.Now(), commit
	}
}
