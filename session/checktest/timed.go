package checktest

import (
	"context"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// span is when the last call of an operation to the store began and returned: the call in which the operation
// read what it answered, or made its change. It is narrower than the operation, which may have waited in line
// before, and leaves the checker fewer orders to try.
type span struct {
	began, returned time.Time
	commit          bool // that call was a Commit
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

func (t timed) Commit(ctx context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	defer note(ctx, time.Now(), true)
	return t.Store.Commit(ctx, key, change)
}

func note(ctx context.Context, began time.Time, commit bool) {
	if s, ok := ctx.Value(spanKey{}).(*span); ok {
		s.began, s.returned, s.commit = began, time.Now(), commit
	}
}
