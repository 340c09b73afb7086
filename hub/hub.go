// Package hub holds the live sockets of one instance: who is connected here, telling them what happened to
// their sessions, and draining. It knows no HTTP: whoever answers the handshake hands the socket over.
//
// The order is: Attach, answer the handshake, Serve. A connection stands in the hub's own table before its route
// is in the store, and its route is in the store before the account is read; so whichever comes first of a
// connection and the end of its session, the connection is told.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
)

// Why an instance takes no connection.
var (
	ErrFull     = errors.New("this instance has as many connections as it may have")
	ErrDraining = errors.New("this instance is going away")
)

// Options are what a Hub can be told. The zero value of each field is its default.
type Options struct {
	// Instance is the ID of this instance; the default is a random one. It must not hold spaces, and no other
	// instance, past or present, may have the same.
	Instance string
	// Version is shown to operators.
	Version string
	// MaxConnections is the most connections this instance holds; 0 is no limit.
	MaxConnections int
	// MaxConnectionsPerSession is the most connections of one session here; 0 is 20.
	MaxConnectionsPerSession int
	// AckWithin is how long a connection stays after its notice, for the client to acknowledge it; 0 is a second.
	AckWithin time.Duration
	// Logger is where the hub reports what an operator should know; the default is slog.Default.
	Logger *slog.Logger
}

// Hub is the live sockets of one instance. It may be used concurrently.
type Hub struct {
	// Static after New.
	reg       *session.Registry
	courier   session.Courier
	inbox     pubsub.Inbox
	instance  string
	version   string
	started   time.Time
	max       int
	maxEach   int
	ackWithin time.Duration
	log       *slog.Logger
	wheel     *wheel
	looks     chan struct{} // bounds how many sessions are looked up at a time
	wakeUp    chan struct{} // there is something to flush at once
	check     chan struct{} // notices may be missing
	leased    chan struct{} // closed at the first beat
	leaving   chan struct{} // closed when draining begins
	lanes     [session.Shards]lane
	passed    recall // owned by the goroutine that delivers
	load      load   // owned by keepLease

	mu       sync.Mutex
	seats    map[place]*seat         // guarded by mu
	parting  map[*Conn]struct{}      // guarded by mu: told, and not yet closed
	open     int                     // guarded by mu: connections, from Attach to gone
	epoch    uint64                  // guarded by mu: of the latest route
	draining bool                    // guarded by mu
	empty    chan struct{}           // guarded by mu: closed when draining and no connection is left
	dirty    []*seat                 // guarded by mu: with activity to flush
	visits   map[place]visit         // guarded by mu: activity of sessions without a seat, to flush
	receipts []session.Mark          // guarded by mu: to flush
	losses   map[place]time.Duration // guarded by mu: to flush, when messages were lost
	detached map[place]session.Route // guarded by mu: to flush, the newest of each session
	alive    []session.Instance      // guarded by mu: as of the last beat
	beatAt   time.Duration           // guarded by mu: the last good beat
	history  []Point                 // guarded by mu: oldest first
	noted    []session.Instance      // guarded by mu: those of the last point

	joins     atomic.Int64 // how often the inbox has subscribed
	sweepFrom atomic.Int64 // since the start, in ns: when to expire accounts again
	stopped   atomic.Bool  // Run is ending: nobody is served any more
	clock     atomic.Pointer[storeClock]
	count     counts
}

// New returns a Hub that finds its sessions in reg, counts notices with courier and receives them by inbox. It
// does nothing until Run is called.
func New(reg *session.Registry, courier session.Courier, inbox pubsub.Inbox, o Options) *Hub {
	h := &Hub{
		reg: reg, courier: courier, inbox: inbox,
		instance: o.Instance, version: o.Version, started: time.Now().UTC(),
		max: o.MaxConnections, maxEach: o.MaxConnectionsPerSession, ackWithin: o.AckWithin, log: o.Logger,
		wheel:    newWheel(),
		looks:    make(chan struct{}, 64),
		wakeUp:   make(chan struct{}, 1),
		check:    make(chan struct{}, 1),
		seats:    make(map[place]*seat),
		visits:   make(map[place]visit),
		parting:  make(map[*Conn]struct{}),
		leaving:  make(chan struct{}),
		empty:    make(chan struct{}),
		leased:   make(chan struct{}),
		detached: make(map[place]session.Route),
		losses:   make(map[place]time.Duration),
	}
	if h.instance == "" {
		h.instance = uuid.NewString()
	}
	if h.maxEach == 0 {
		h.maxEach = 20
	}
	if h.ackWithin == 0 {
		h.ackWithin = time.Second
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	return h
}

// Instance returns the ID of this instance, by which its inbox is named.
func (h *Hub) Instance() string { return h.instance }

// Run keeps the hub at work until ctx ends: leases, notices, deadlines. Then it closes the connections that are
// left, writes what is still to be written, and returns once its own goroutines have.
func (h *Hub) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { h.wheel.run(ctx) })
	wg.Go(func() { h.inbox.Run(ctx, h.joined, h.deliver) })
	wg.Go(func() { h.catchUp(ctx) })
	wg.Go(func() { h.keepLease(ctx) })
	wg.Go(func() { h.flushOften(ctx) })
	wg.Go(func() { h.expireDue(ctx) })
	wg.Go(func() { h.forgetEvents(ctx) })
	<-ctx.Done()
	h.hangUp()
	wg.Wait()
	h.flush()
	return ctx.Err()
}

// Attach makes room for a connection of the session that cred claims, before its handshake is answered: one
// round trip to the store. A session that has ended or is unknown makes a Conn too, one that is told so and
// closed once it is served. The errors are ErrFull, ErrDraining, and session.ErrUnavailable, wrapped.
// Either Serve or Cancel must follow.
func (h *Hub) Attach(ctx context.Context, cred session.Credential) (*Conn, error) {
	if err := h.awaitLease(ctx); err != nil {
		return nil, err
	}
	c, route, err := h.register(cred)
	if err != nil {
		return nil, err
	}
	found, snap, err := h.reg.Attach(ctx, cred, route)
	var over *session.EndedError
	switch {
	case errors.As(err, &over):
		h.refuse(c, ended(cred.ID, over.Ending))
	case err != nil:
		h.gone(c)
		// The route may yet be recorded, by a command that is still on its way.
		time.AfterFunc(2*storeTimeout, func() { h.detachAgain(c.seat) })
		return nil, err
	default:
		h.admit(c, found, snap)
	}
	return c, nil
}

// awaitLease waits, just after the start, for this instance's first beat. Others tell the routes of the living by
// their leases: there must be no route before the lease.
func (h *Hub) awaitLease(ctx context.Context) error {
	select {
	case <-h.leased:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	select {
	case <-h.leased:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: this instance has no lease yet", session.ErrUnavailable)
	}
}

// register puts a connection into the table, and returns the route that the store is to know it by.
func (h *Hub) register(cred session.Credential) (*Conn, session.Route, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, session.Route{}, ErrDraining
	}
	if h.max > 0 && h.open >= h.max {
		return nil, session.Route{}, ErrFull
	}
	at := place{cred.Key, cred.ID}
	s := h.seats[at]
	if s == nil {
		s = &seat{hub: h, place: at}
		s.alarm.owner = s
		h.seats[at] = s
	}
	c := &Conn{hub: h, seat: s}
	c.alarm.owner = c
	s.conns = append(s.conns, c)
	h.open++
	return c, h.routeLocked(s), nil
}

// routeLocked returns a new epoch of the route to a session here.
func (h *Hub) routeLocked(s *seat) session.Route {
	h.epoch++
	return session.Route{
		Key: s.key, Session: s.id, Instance: h.instance, Epoch: h.epoch, Connections: len(s.conns),
	}
}

// admit makes a connection ready to be served, now that its session is known to be live.
func (h *Hub) admit(c *Conn, found session.Session, snap session.Snapshot) {
	h.mu.Lock()
	c.seat.learnLocked(found, snap)
	crowded := len(c.seat.conns) > h.maxEach
	h.mu.Unlock()
	if crowded {
		h.refuse(c, &farewell{
			message: encode(reconnect{Type: "reconnect", AfterMS: overloadedFor.Milliseconds()}),
			code:    CodeOverloaded, reason: "too many connections of this session",
		})
		return
	}
	hello := &greeting{missedAt: snap.Missed[found.ID]}
	message := welcome{
		Type: "welcome", Session: found.View(snap.Account.User, true, true), Instance: h.instance,
		ServerTime: session.Timestamp(snap.Now), IdleTimeoutMS: found.IdleTimeout.Milliseconds(),
	}
	if !hello.missedAt.IsZero() {
		message.MissedAt = (*session.Timestamp)(&hello.missedAt)
	}
	hello.message = encode(message)
	c.mu.Lock()
	c.greeting = hello
	c.mu.Unlock()
}

// refuse takes a connection out of the table before it is served. All it will hear is this farewell: whatever it
// was told meanwhile, its credential had not been looked at then.
func (h *Hub) refuse(c *Conn, bye *farewell) {
	h.mu.Lock()
	h.leaveLocked(c)
	h.parting[c] = struct{}{}
	h.mu.Unlock()
	c.mu.Lock()
	c.bye = bye
	c.mu.Unlock()
}

// leaveLocked takes a connection out of the table, and its route out of the store soon after.
func (h *Hub) leaveLocked(c *Conn) {
	s := c.seat
	if i := slices.Index(s.conns, c); i >= 0 {
		s.conns = slices.Delete(s.conns, i, i+1)
		h.detached[s.place] = h.routeLocked(s)
	}
	if len(s.conns) == 0 {
		h.wheel.stop(&s.alarm)
		if h.seats[s.place] == s {
			delete(h.seats, s.place)
		}
	}
}

// detachAgain tells the store once more how many connections of a session are here.
func (h *Hub) detachAgain(s *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.seats[s.place]; now != nil {
		s = now
	}
	h.detached[s.place] = h.routeLocked(s)
}

// gone ends a connection's time in the hub. It is called once for each.
func (h *Hub) gone(c *Conn) {
	if lost := c.out.shut(); lost > 0 {
		h.loseSoon(c.seat, lost)
	}
	h.wheel.stop(&c.alarm)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leaveLocked(c)
	delete(h.parting, c)
	h.open--
	if h.draining && h.open == 0 {
		close(h.empty)
	}
}

// Ready returns nil while this instance may take traffic: the store answers, notices arrive, and it is not
// draining; else what is wrong.
func (h *Hub) Ready() error {
	h.mu.Lock()
	beatAt := h.beatAt
	h.mu.Unlock()
	why := h.awake()
	if why != ErrDraining && (beatAt == 0 || h.wheel.now()-beatAt > 2*beatEvery+storeTimeout) {
		return errSilent
	}
	return why
}

// awake is Ready where the store is known to answer.
func (h *Hub) awake() error {
	select {
	case <-h.leaving:
		return ErrDraining
	default:
	}
	if !h.inbox.Ready() {
		return errInbox
	}
	return nil
}

// Instances returns the instances that were alive at this one's last beat, itself included. Whether this one is
// ready is as of now. It returns session.ErrUnavailable, wrapped, if the beat was too long ago to tell.
func (h *Hub) Instances() ([]session.Instance, error) {
	state, detail := stateOf(h.Ready())
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.beatAt == 0 || h.wheel.now()-h.beatAt > session.LeaseTTL {
		return nil, fmt.Errorf("%w: which instances are alive is not known", session.ErrUnavailable)
	}
	alive := slices.Clone(h.alive)
	for i := range alive {
		if alive[i].ID == h.instance {
			alive[i].State, alive[i].Detail = state, detail
		}
	}
	return alive, nil
}
