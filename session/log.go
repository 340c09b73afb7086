package session

import (
	"context"
	"errors"
	"time"
)

// ErrCursor says that what was given as a place in the event log is none in this store's.
var ErrCursor = errors.New("not a place in the event log")

// KeepEventsFor is for how long a store keeps events, unless it is told otherwise.
const KeepEventsFor = 7 * 24 * time.Hour

// Log is the part of a store that keeps the events: the audit log.
//
// A reader's place in it is a cursor, opaque text that any instance on the same store understands. Whoever reads from
// cursor to cursor gets each event exactly once, and those of one user in the order in which they happened, whatever
// is written meanwhile and whatever the clocks do.
type Log interface {
	// Record writes events that change no account: refused logins.
	Record(ctx context.Context, key Key, events ...Event) error

	// Events returns up to limit events after a place, about oldest first; the empty cursor is the beginning. The ID
	// of an event is a place too, just after it: exact while no clock of the store has been set back since, where a
	// cursor needs no clock. ErrCursor is for what is neither.
	Events(ctx context.Context, after string, limit int) (Page, error)

	// Latest returns the latest events before a place, up to limit of them and about oldest first; the empty cursor is
	// the end of the log. There are fewer only where the log has no more. The page's Next is the place itself, so that
	// whoever goes on from the Next of the end gets each later event exactly once; its From is the place before the
	// first event, for the Latest before that; and More is whether there are any. It is never Trimmed. ErrCursor is as
	// for Events.
	Latest(ctx context.Context, before string, limit int) (Page, error)

	// Tail returns the cursor of a reader who has read all that there is now.
	Tail(ctx context.Context) (string, error)

	// Pass returns the cursor of a reader at a place who then reads an event of this store, and whether it was news: it
	// is not if it comes before the place, which stays the same then. Events must be passed in the order in which
	// Events returns them, none left out. It asks nobody. ErrCursor is as for Events.
	Pass(at string, event Event) (next string, news bool, err error)

	// Forget removes the events that are older than the store keeps them. Any instance may call it, at any time.
	// Events are forgotten without it when there are too many.
	Forget(ctx context.Context) error
}

// Page is a stretch of the event log.
type Page struct {
	Events []Event
	// From is the cursor before the first of them: the place that was asked for, or the oldest there is.
	From string
	// Next is the cursor after the last of them; it is never empty.
	Next string
	// More is whether there are more events after it at this moment. A page may have fewer than it could.
	More bool
	// Trimmed is whether events are missing between the place that was asked for and the first of these: they were
	// forgotten before they were read, or the store has lost them itself. It goes on with the oldest there is.
	Trimmed bool
}

// Log returns the event log of the store.
func (r *Registry) Log() Log { return r.store }
