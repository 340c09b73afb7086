package hub

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// beatEvery is how often the lease is renewed; it must be well below session.LeaseTTL.
	beatEvery = 3 * time.Second
	// flushEvery is how often activity, receipts and closed connections are written.
	flushEvery = 2 * time.Second
	// hurryWithin is how soon a session must be about to end for its activity to be written at once.
	hurryWithin = 10 * flushEvery
	// sweepEvery is about how often accounts without a socket are expired, and sweepBatch how many at a time.
	sweepEvery = time.Second
	sweepBatch = 500
	// storeTimeout bounds each call of the hub's own.
	storeTimeout = 1500 * time.Millisecond
	// maxReceipts bounds the receipts that wait while the store is away.
	maxReceipts = 10_000
)

// keepLease renews this instance's lease until ctx ends.
func (h *Hub) keepLease(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	first, healthy := true, true
	leaving := h.leaving
	for {
		kept, err := h.beat(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil && !kept && !first {
			// Others may have forgotten our routes, or the store everything.
			h.log.Warn("the lease of this instance was lost; looking up all of its sessions")
			for shard := range h.lanes {
				h.lanes[shard].mark(func(l *lane) { l.lost = true })
			}
			h.checkSoon()
		}
		if (err == nil) != healthy {
			if healthy = err == nil; healthy {
				h.sweepFrom.Store(int64(h.wheel.now() + 3*flushEvery))
				h.log.Info("the store answers again")
			} else {
				h.log.Error("the store does not answer", "error", err)
			}
		}
		if first && err == nil {
			first = false
			close(h.leased)
			continue // the first beat had to find the way, and so says little of the store's clock
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-leaving:
			leaving = nil // this beat tells the others
		}
	}
}

// beat renews the lease, and learns what there is to learn by it. It is called by keepLease alone.
func (h *Hub) beat(ctx context.Context) (kept bool, err error) {
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	stats := h.Stats()
	self := session.Instance{
		ID: h.instance, Version: h.version, StartedAt: h.started,
		Health: h.health(), Counters: stats.Counters, Notices: stats.Notices,
	}
	sent := h.wheel.now()
	alive, kept, err := h.courier.Beat(call, self)
	if err != nil {
		return false, err
	}
	now := h.wheel.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.IndexFunc(alive, func(i session.Instance) bool { return i.ID == h.instance }); i >= 0 {
		at := alive[i].BeatAt
		h.clock.Store(h.clock.Load().hear(at, sent, now))
		h.noteLocked(at, alive)
	}
	// A beat that was given up may have been carried out late, and have been told in our place.
	kept = kept && now-h.beatAt < session.LeaseTTL-storeTimeout
	h.alive, h.beatAt = alive, now
	return kept, nil
}

// acknowledge records that the notice of a session was shown.
func (h *Hub) acknowledge(s *seat) {
	h.count.acked.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.receipts) < maxReceipts {
		// Ago is the moment itself until flush makes it a distance.
		h.receipts = append(h.receipts, session.Mark{
			Key: s.key, Session: s.id, Receipt: true, Ago: h.wheel.now(),
		})
	}
}

func (h *Hub) flushSoon() {
	select {
	case h.wakeUp <- struct{}{}:
	default:
	}
}

// flushOften writes activity, receipts and closed connections until ctx ends.
func (h *Hub) flushOften(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.wakeUp:
		}
		h.flush()
	}
}

// flush writes what has gathered. What the store does not take stays for the next time.
func (h *Hub) flush() {
	h.mu.Lock()
	now := h.wheel.now()
	dirty, visits, receipts, losses, detached := h.dirty, h.visits, h.receipts, h.losses, h.detached
	h.dirty, h.receipts = nil, nil
	h.visits = make(map[place]visit)
	h.losses, h.detached = make(map[place]time.Duration), make(map[place]session.Route)
	marks := make([]session.Mark, 0, len(dirty)+len(visits)+len(receipts)+len(losses))
	for _, s := range dirty {
		s.dirty = false
		marks = append(marks, session.Mark{
			Key: s.key, Session: s.id, Ago: now - s.activeAt, IdleTimeout: s.idle,
		})
	}
	marks = visitMarks(marks, visits, now)
	for _, receipt := range receipts {
		receipt.Ago = now - receipt.Ago
		marks = append(marks, receipt)
	}
	for at, lost := range losses {
		marks = append(marks, session.Mark{Key: at.key, Session: at.id, Missed: true, Ago: now - lost})
	}
	h.mu.Unlock()

	if len(marks) > 0 {
		if err := h.reg.Touch(context.Background(), marks...); err != nil {
			h.unflushed(dirty, visits, receipts, losses)
		}
	}
	if len(detached) > 0 {
		routes := make([]session.Route, 0, len(detached))
		for _, route := range detached {
			routes = append(routes, route)
		}
		if err := h.reg.Detach(context.Background(), routes...); err != nil {
			h.undetached(routes)
		}
	}
}

func (h *Hub) unflushed(dirty []*seat, visits map[place]visit, receipts []session.Mark,
	losses map[place]time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range dirty {
		if !s.dirty {
			s.dirty = true
			h.dirty = append(h.dirty, s)
		}
	}
	h.unvisitedLocked(visits)
	h.receipts = append(receipts, h.receipts...)
	for at, lost := range losses {
		h.losses[at] = max(lost, h.losses[at])
	}
}

func (h *Hub) undetached(routes []session.Route) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, route := range routes {
		at := place{route.Key, route.Session}
		if _, newer := h.detached[at]; !newer {
			h.detached[at] = route
		}
	}
}

// expireDue ends the sessions that have run out, wherever they are, until ctx ends. All instances do; the version
// of an account makes sure that each session ends once.
func (h *Hub) expireDue(ctx context.Context) {
	for {
		// At random, so that instances do not do the same work at the same time.
		select {
		case <-ctx.Done():
			return
		case <-time.After(sweepEvery/2 + rand.N(sweepEvery)):
		}
		if int64(h.wheel.now()) < h.sweepFrom.Load() {
			continue // activity that has waited for the store comes first
		}
		// One that fails is due again the next time; keepLease tells the operator about the store.
		for n := sweepBatch; n == sweepBatch && ctx.Err() == nil; {
			var err error
			if n, err = h.reg.ExpireDue(ctx, sweepBatch); err != nil {
				break
			}
		}
	}
}
