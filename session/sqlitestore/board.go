package sqlitestore

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// board is what is known of the instances: their leases, their routes and the notices they were sent. It
// lives in memory, because the file belongs to one process: a restart is a new instance, without sockets.
type board struct {
	send func(instance string, message []byte)
	push func(instance string, message []byte) bool
	keep int // notices of each instance and shard

	mu        sync.Mutex
	routes    map[session.Key][]session.Route // guarded by mu
	instances map[string]*instance            // guarded by mu
	// losses are when messages to sessions were last lost.
	losses map[session.Key]map[session.ID]time.Time // guarded by mu
}

// instance is a hub in this process. Several can share a Store.
type instance struct {
	lease session.Instance // zero before the first beat
	told  [session.Shards]session.Mailed
	// kept are the latest messages of each shard; the very last is told.
	kept [session.Shards][][]byte
	// routed says that it may have routes, although its lease may have run out.
	routed bool
}

func newBoard(send func(string, []byte), o Options) *board {
	b := &board{
		send:      send,
		push:      o.Push,
		keep:      o.Notices,
		routes:    make(map[session.Key][]session.Route),
		instances: make(map[string]*instance),
		losses:    make(map[session.Key]map[session.ID]time.Time),
	}
	if b.push == nil {
		b.push = func(instance string, message []byte) bool { send(instance, message); return true }
	}
	return b
}

// alive reports whether the lease has not run out.
func (i *instance) alive(now time.Time) bool {
	return i != nil && now.Sub(i.lease.BeatAt) < session.LeaseTTL
}

// instanceLocked returns what is known of an instance, from now on at least.
func (b *board) instanceLocked(id string) *instance {
	i := b.instances[id]
	if i == nil {
		i = &instance{}
		b.instances[id] = i
	}
	return i
}

// addTo adds to a snapshot the routes of living instances to its live sessions, and what these have missed.
func (b *board) addTo(snap *session.Snapshot, key session.Key) {
	b.mu.Lock()
	defer b.mu.Unlock()
	snap.Routes = nil
	for _, r := range b.routes[key] {
		if b.instances[r.Instance].alive(snap.Now) && live(snap.Account, r.Session) {
			snap.Routes = append(snap.Routes, r)
		}
	}
	snap.Missed = nil
	for id, at := range b.losses[key] {
		if live(snap.Account, id) {
			if snap.Missed == nil {
				snap.Missed = make(map[session.ID]time.Time)
			}
			snap.Missed[id] = at
		}
	}
}

func live(a session.Account, id session.ID) bool {
	return session.Index(a.Live, id) >= 0
}

// put records a route, unless there is a newer one.
func (b *board) put(route session.Route) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.instanceLocked(route.Instance).routed = true
	if i := b.findLocked(route); i < 0 {
		b.routes[route.Key] = append(b.routes[route.Key], route)
	} else if known := &b.routes[route.Key][i]; known.Epoch <= route.Epoch {
		*known = route
	}
}

// detach records that a route has fewer connections or none, unless there is a newer one.
func (b *board) detach(route session.Route) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.findLocked(route)
	switch {
	case i < 0 || b.routes[route.Key][i].Epoch > route.Epoch:
	case route.Connections > 0:
		b.routes[route.Key][i] = route
	default:
		b.setLocked(route.Key, slices.Delete(b.routes[route.Key], i, i+1))
	}
}

func (b *board) findLocked(route session.Route) int {
	return slices.IndexFunc(b.routes[route.Key], func(r session.Route) bool {
		return r.Session == route.Session && r.Instance == route.Instance
	})
}

func (b *board) setLocked(key session.Key, routes []session.Route) {
	if len(routes) == 0 {
		delete(b.routes, key)
		return
	}
	b.routes[key] = routes
}

// routed returns which of the ended sessions have a route, in their order.
func (b *board) routed(key session.Key, ended []session.Session) (routed []session.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range ended {
		if slices.ContainsFunc(b.routes[key], func(r session.Route) bool { return r.Session == ended[i].ID }) {
			routed = append(routed, ended[i].ID)
		}
	}
	return routed
}

// tell sends a notice to each instance with a route to one of the ended sessions, and forgets those routes.
// It is called by the writer alone, which keeps the notices in order. An instance whose lease has run out may
// merely have been asleep, and is told too.
func (b *board) tell(key session.Key, ended []session.Session, lastEvent int64, events []byte) {
	shard := key.Shard()
	at := strconv.FormatInt(lastEvent, 10)
	messages := make(map[string][]byte)
	b.mu.Lock()
	for _, s := range ended {
		b.forgetLocked(key, s.ID)
	}
	b.setLocked(key, slices.DeleteFunc(b.routes[key], func(r session.Route) bool {
		gone := session.Index(ended, r.Session) >= 0
		if gone {
			messages[r.Instance] = nil
		}
		return gone
	}))
	for id := range messages {
		i := b.instanceLocked(id)
		i.told[shard] = session.Mailed{Number: i.told[shard].Number + 1, At: at}
		messages[id] = session.EncodeNotice(shard, i.told[shard], events)
		kept := append(i.kept[shard], messages[id])
		i.kept[shard] = kept[max(0, len(kept)-b.keep):]
	}
	b.mu.Unlock()
	for id, message := range messages {
		b.send(id, message)
	}
}

// Attach implements [session.Store].
func (s *Store) Attach(ctx context.Context, key session.Key, route session.Route) (session.Snapshot, error) {
	route.Key = key
	s.board.put(route)
	snap, err := s.Load(ctx, key)
	if err == nil && !live(snap.Account, route.Session) {
		route.Connections = 0
		s.board.detach(route) // a session that is not live never will be
	}
	return snap, err
}

// Detach implements [session.Store].
func (s *Store) Detach(ctx context.Context, routes ...session.Route) error {
	if err := ended(ctx); err != nil {
		return err
	}
	for _, route := range routes {
		s.board.detach(route)
	}
	return nil
}
