package session

import (
	"context"
	"errors"
	"time"
)

// ErrOutbox says that an Outbox was asked for what cannot be.
var ErrOutbox = errors.New("outbox: want a limit of at least 1, and a lease of at least 1 ms")

// Outbox is the part of a store that takes events to the world outside: to endpoints, which are whatever the caller
// names so, such as one webhook. An event that has been gathered stays in the queue of each of its endpoints until it is
// done, whatever becomes of the log meanwhile, and of the instance that has it.
//
// Several instances may share the work: each event is gathered, and each delivery claimed, by one of them. A delivery
// comes again if the instance that claimed it does not say in time what became of it, and may come again if the answer of
// one of these calls was lost. So it is at least once, and more than once only after a failure.
//
// All methods may be called concurrently, and return ErrUnavailable as those of Store do. Times are the store's.
type Outbox interface {
	// Gather takes up to about limit events of the log that were not taken before, those of each user in order, and
	// queues each for the endpoints that route names; it may name none. Events from before the first Gather of all are
	// never taken. Those that were taken by an instance which died before they were queued are taken again, after a
	// minute at most. Gather returns how many it took.
	//
	// An event that is in an endpoint's queue already is not queued twice. A queue takes no more than MaxQueue: what is
	// too much is lost, and counted by Queues. An endpoint that is disabled gets nothing.
	Gather(ctx context.Context, limit int, route func(Event) []string) (taken int, err error)

	// Claim hands out deliveries of an endpoint that are due, the longest due first, and nothing while the endpoint is
	// held or disabled. None of them is handed out again before its lease has run out. ErrOutbox is returned for a claim
	// that makes no sense.
	Claim(ctx context.Context, endpoint string, claim Claim) ([]Delivery, error)

	// Done takes deliveries out of an endpoint's queue. One that is not there is no error.
	Done(ctx context.Context, endpoint string, ids ...string) error

	// Postpone makes claimed deliveries due after so long, and ends their lease. One that is not there is no error.
	Postpone(ctx context.Context, endpoint string, after time.Duration, ids ...string) error

	// Hold lets nothing of an endpoint be claimed for so long. Of two holds the one that ends later stays.
	Hold(ctx context.Context, endpoint string, d time.Duration) error

	// Disable empties the queue of an endpoint, and lets nothing into it until Enable. To do it again changes nothing.
	Disable(ctx context.Context, endpoint string) error

	// Enable ends Disable, and any hold. It reports false if the endpoint was not disabled.
	Enable(ctx context.Context, endpoint string) (bool, error)

	// Queues returns the state of the queues of endpoints, in the order of the arguments.
	Queues(ctx context.Context, endpoints ...string) ([]Queue, error)
}

// MaxQueue is how many deliveries can wait for one endpoint.
const MaxQueue = 10_000

// GatherAgainAfter is how long events are left to the instance that took them, before another may take them.
const GatherAgainAfter = 30 * time.Second

// Claim says how many deliveries are wanted, and for how long.
type Claim struct {
	// Limit is the most deliveries to hand out, at least 1.
	Limit int
	// Lease is for how long nobody else gets them; at least a millisecond.
	Lease time.Duration
	// Hold is for how long the endpoint is held if anything is handed out: nobody claims more of it meanwhile.
	Hold time.Duration
}

// Validate returns ErrOutbox for a claim that cannot be.
func (c Claim) Validate() error {
	if c.Limit < 1 || c.Lease < time.Millisecond || c.Hold < 0 {
		return ErrOutbox
	}
	return nil
}

// Delivery is an event on its way to one endpoint.
type Delivery struct {
	// ID names it in the queue of its endpoint. It is the event's.
	ID    string
	Event Event
	// Attempt counts how often it was claimed: 1 is the first time.
	Attempt int
	// Age is for how long it has been in the queue.
	Age time.Duration
}

// Queue is what waits for one endpoint, as of one moment.
type Queue struct {
	Endpoint string
	// Waiting is how many deliveries are in the queue, those that are under way included.
	Waiting int
	// Oldest and Newest are for how long the first and last of them have been in it; 0 if there are none.
	Oldest, Newest time.Duration
	// Lost counts what was too much for the queue, since the endpoint was first heard of.
	Lost uint64
	// Disabled says that it takes nothing.
	Disabled bool
}
