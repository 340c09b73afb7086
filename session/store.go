package session

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// The states a Store answers with. Drivers' errors are wrapped beside ErrUnavailable.
var (
	// ErrUnavailable says that the store could not be asked, or did not answer in time: nothing is known.
	ErrUnavailable = errors.New("the session store is not available")
	// ErrConflict says that an account is no longer at the version that a change was made from.
	ErrConflict = errors.New("the account has changed meanwhile")
	// ErrTrimmed says that notices were asked for which the store no longer has.
	ErrTrimmed = errors.New("notices are no longer kept")
)

// Version is the state of an account: the ID of the change that made it. The zero Version is that of an
// account that is not there.
type Version = uuid.UUID

// Store keeps the accounts. It is the truth: whatever a Commit has acknowledged stays, and whatever
// reaches other instances by other ways only rings a bell.
//
// All methods may be called concurrently and return ErrUnavailable, wrapped, when the store cannot be
// reached or the context ends first; then a change may have been made or not. A store orders the calls for
// one key: each sees all of those before it. It forgets an account once Account.KeepUntil says that it can matter to
// nobody, and never before. A user can be any string of bytes; all other text is UTF-8, and a
// store may mend what is not.
type Store interface {
	// Load reads an account. One that is not there is an empty Snapshot with the zero Version, not an error.
	Load(ctx context.Context, key Key) (Snapshot, error)

	// Recall returns an account as this Store has last seen it, without asking for it: something to try a Commit
	// from, which finds out whether it is still so. Its sessions may lack their latest activity and receipts, it has
	// no Routes, and its Now is the store's clock or a little before. It reports false where nothing is remembered, or
	// where Load costs no more.
	Recall(key Key) (Snapshot, bool)

	// Commit makes a change, all of it or nothing: the account, its next deadline, its events, and a notice
	// to each instance with a route to a session that ended. Which of change.Ended had one becomes the Delivery of
	// each, in the account too; it returns them in a snapshot without anything else.
	// It returns ErrConflict, and the snapshot it lost to, if the account is not at change.From, if the store's
	// clock is not within change.NotBefore and change.NotAfter, or if a session that the change ends has been active
	// since. A change that has been applied and is sent again, when its account has not changed since, succeeds and
	// does nothing, and returns the same as before of those that the account still keeps.
	Commit(ctx context.Context, key Key, change Change) (Snapshot, error)

	// Attach records a route and then reads the account, so that of a Commit and an Attach at the same time
	// either the Commit sends a notice to the route, or the Attach sees what it did. A route of a newer epoch
	// takes the place of an older one, never the reverse. Where there is no account, no route is recorded.
	Attach(ctx context.Context, key Key, route Route) (Snapshot, error)

	// Detach records that routes have fewer connections, and removes those that have none. A route that the
	// store knows in a newer epoch is left alone, one it does not know is no error.
	Detach(ctx context.Context, routes ...Route) error

	// Touch records activity, receipts and losses, outside the version. Of two for the same session the later
	// activity or loss, and the earlier receipt, stays. What is for an account that is not there is forgotten.
	Touch(ctx context.Context, marks ...Mark) error

	// Push sends a message to each instance with a route to a live session that it is for, and reads the account:
	// the Routes say to whom it went. It is not kept, and changes nothing. One that is sent again, because an
	// answer was lost, reaches an instance twice with the same ID. Messages that are sent one after the other
	// reach an instance in this order.
	Push(ctx context.Context, key Key, push Push) (Snapshot, error)

	// Due returns up to limit accounts whose deadline has passed, the longest overdue of each shard first. Their
	// deadline may have moved since it was last committed: whoever finds nothing to end commits the new one.
	Due(ctx context.Context, limit int) ([]Key, error)

	Log
	Courier
	Ledger
}

// Courier is the part of a store that keeps count of the notices to instances.
type Courier interface {
	// Beat renews the lease of an instance, and returns all whose lease lives. Kept is false if there was
	// no lease to renew: at the first beat, after a pause of more than LeaseTTL, and when the store was reset.
	Beat(ctx context.Context, self Instance) (alive []Instance, kept bool, err error)

	// Told returns the last notice that each shard has sent an instance, by shard; zero is none.
	Told(ctx context.Context, instance string) ([Shards]Mailed, error)

	// Missed returns the notices that a shard has sent an instance since the given one, oldest first. It
	// returns ErrTrimmed, and what there is, if their numbers do not follow on it one by one up to the last:
	// some are no longer kept, or the store has been reset.
	Missed(ctx context.Context, instance string, shard int, after Mailed) ([]Notice, error)
}

// LeaseTTL is how long an instance counts as alive after its last beat.
const LeaseTTL = 10 * time.Second

// Snapshot is an account as the store had it at one moment.
type Snapshot struct {
	// Account has the latest activity and receipts in its sessions.
	Account Account
	Version Version
	// Routes are those to live sessions of the instances that lived at the last Beat through the same Store.
	Routes Routes
	// Sent are the sessions that a Commit has ended and sent a notice of. Only a Commit that was made returns any.
	Sent []ID
	// Missed says when messages to a live session were last lost on their way; what is not there, none were. It
	// is nil where none were to any.
	Missed map[ID]time.Time
	// Now is the store's clock at that moment, in UTC and whole milliseconds.
	Now time.Time
}

// Change is a new state for an account, and what must happen together with it.
type Change struct {
	// ID becomes the account's version. It is what tells a change that is sent twice from two.
	ID Version
	// From is the version that the account must be at.
	From    Version
	Account Account
	// Ended are the sessions that ended by this change. Their routes are told, and forgotten; see Account.Deliver.
	Ended []Session
	// Events are written with it. Those of type SessionEnded are the notices.
	Events []Event
	// NotBefore is the store's time that the change was decided at, and NotAfter the one from which it is refused:
	// whoever wanted it has given up waiting. Zero is no bound.
	NotBefore, NotAfter time.Time
}

// Route says that connections of a session are open at an instance.
type Route struct {
	Key      Key
	Session  ID
	Instance string
	// Epoch orders what an instance says of a session: the greater is newer. It starts at 1.
	Epoch uint64
	// Connections is how many are open.
	Connections int
}

// Routes are the routes to an account's sessions.
type Routes []Route

// Connections returns how many connections of a session are open, over all instances.
func (r Routes) Connections(id ID) int {
	n := 0
	for _, route := range r {
		if route.Session == id {
			n += route.Connections
		}
	}
	return n
}

// Mark is activity of a live session, a loss of messages to one, or the receipt of an ended one's notice.
type Mark struct {
	Key     Key
	Session ID
	// Ago is how long before this moment it was, for the store's clock to subtract.
	Ago time.Duration
	// Receipt tells a receipt from activity.
	Receipt bool
	// Missed tells the loss of messages from activity.
	Missed bool
	// Told, if not zero, takes back the losses up to that time, of which a client has been told. It goes with Missed.
	Told time.Time
	// IdleTimeout is the session's. With activity, the account is kept for as much longer.
	IdleTimeout time.Duration
}

// Mailed is a place in the sequence of notices from one shard to one instance. Where a store has lost some of the
// sequence, the same number may come again, at another place.
type Mailed struct {
	// Number counts the notices from 1.
	Number uint64
	// At is the store's own name for the place.
	At string
}

// Notice tells an instance of the sessions that one commit ended.
type Notice struct {
	Shard  int
	Mailed Mailed
	// Events are those of the commit; the hub looks at the ones of type SessionEnded.
	Events []Event
}

// EventType is what an event says has happened.
type EventType string

// The types of event.
const (
	SessionCreated  EventType = "session.created"
	SessionEnded    EventType = "session.ended"
	SessionReported EventType = "session.reported"
	LoginFailed     EventType = "login.failed"
	LoginRejected   EventType = "login.rejected"
	LoginChallenged EventType = "login.challenged"
)

// EventTypes lists every type of event.
var EventTypes = []EventType{SessionCreated, SessionEnded, SessionReported, LoginFailed, LoginRejected, LoginChallenged}

// Event is an entry of the audit log.
type Event struct {
	// ID is given by the store, and names the event for ever, to whoever reads it.
	ID   string    `json:"id" cbor:"-"`
	Type EventType `json:"type" cbor:"1,keyasint"`
	At   time.Time `json:"at" cbor:"2,keyasint"`
	User string    `json:"user" cbor:"3,keyasint"`
	// Session is the one created, ended or reported, without its digest; nil where there is none.
	Session *Session `json:"session,omitempty" cbor:"4,keyasint,omitempty"`
	// By is who tried, where there is no session, and who reported one.
	By *Actor `json:"by,omitempty" cbor:"5,keyasint,omitempty"`
}
