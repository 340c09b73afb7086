package hub

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// checkEvery is how often the count of notices is compared with the store's, and confirmAfter how long a
	// notice may be under way before it counts as lost. Together with a round trip they stay below 10 s.
	checkEvery   = 5 * time.Second
	confirmAfter = time.Second
	// resyncWorkers is how many sessions are looked up at a time after a store was reset.
	resyncWorkers = 64
)

// lane is the sequence of notices from one shard.
type lane struct {
	mu   sync.Mutex
	read session.Mailed // guarded by mu: the last one before which none is missing
	gap  bool           // guarded by mu: one after it has come
	lost bool           // guarded by mu: the sessions of the shard must be looked up one by one
	sent session.Mailed // guarded by mu: the store's last one, when it was last asked
}

// joined is called by the inbox after each subscription: what was sent before may be lost. From the second one on
// the store may be another one too, a copy to which it has failed over, that never knew some route or login.
func (h *Hub) joined() {
	again := h.joins.Add(1) > 1
	for shard := range h.lanes {
		h.lanes[shard].mark(func(l *lane) { l.gap, l.lost = true, l.lost || again })
	}
	h.checkSoon()
}

func (l *lane) mark(how func(*lane)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	how(l)
}

func (h *Hub) checkSoon() {
	select {
	case h.check <- struct{}{}:
	default:
	}
}

// deliver is called by the inbox with each message.
func (h *Hub) deliver(message []byte) {
	if session.IsPush(message) {
		h.pass(message)
		return
	}
	n, err := session.DecodeNotice(message)
	if err != nil {
		h.log.Error("a notice cannot be read", "error", err)
		return
	}
	l := &h.lanes[n.Shard]
	l.mu.Lock()
	switch {
	case n.Mailed == l.read:
		l.mu.Unlock()
		return // it has come twice
	case !l.gap && n.Mailed.Number == l.read.Number+1:
		l.read = n.Mailed
	default:
		// Some are missing, or the store was reset and counts anew. The sessions of this one are told now; what
		// else there is, compare finds out.
		l.gap = true
		h.checkSoon()
	}
	l.mu.Unlock()
	h.tell(n)
}

// tell gives the connections of the sessions that a notice is about their farewell.
func (h *Hub) tell(n session.Notice) {
	for _, event := range n.Events {
		if event.Type != session.SessionEnded || event.Session == nil || event.Session.Ended == nil {
			continue
		}
		h.dismiss(place{session.KeyOf(event.User), event.Session.ID}, *event.Session.Ended)
	}
}

// dismiss tells a session's connections here that it has ended, and returns how many there were.
func (h *Hub) dismiss(at place, ending session.Ending) int {
	h.mu.Lock()
	s := h.seats[at]
	if s == nil {
		h.mu.Unlock()
		return 0
	}
	conns := s.conns
	s.conns = nil
	for _, c := range conns {
		h.parting[c] = struct{}{}
	}
	delete(h.seats, at)
	h.wheel.stop(&s.alarm)
	h.mu.Unlock()
	bye := ended(at.id, ending)
	bye.endedAt = timed(ending)
	for _, c := range conns {
		c.out.shut() // what waits there is not to come before it
		go c.dismiss(bye)
	}
	return len(conns)
}

// catchUp makes good what the inbox has lost, until ctx ends.
func (h *Hub) catchUp(ctx context.Context) {
	wait := time.NewTimer(checkEvery)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.check:
		case <-wait.C:
		}
		next := checkEvery
		if !h.compare(ctx) {
			next = confirmAfter
		}
		wait.Reset(next)
	}
}

// compare holds the counts of the lanes against the store's and fills the gaps. It reports whether all is well; if
// not, it wants to be called again soon.
func (h *Hub) compare(ctx context.Context) bool {
	var before [session.Shards]session.Mailed
	for shard := range h.lanes {
		h.lanes[shard].mark(func(l *lane) { before[shard] = l.read })
	}
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	told, err := h.courier.Told(call, h.instance)
	cancel()
	if err != nil {
		return false
	}
	well := true
	for shard := range h.lanes {
		l := &h.lanes[shard]
		l.mu.Lock()
		sent, read := told[shard], l.read
		switch {
		case sent.Number < before[shard].Number, sent.Number == before[shard].Number && sent != before[shard]:
			// The store has been reset, or has failed over to a copy that knew less.
			l.read, l.gap, l.lost = sent, false, true
		case sent.Number <= read.Number:
			l.gap = false
		case l.sent.Number > read.Number:
			l.gap = true // it was sent before the last look, and has not come since
			well = false
		default:
			well = false // it may be under way
		}
		l.sent = sent
		gap := l.gap
		l.mu.Unlock()
		if gap {
			well = h.fill(ctx, shard, read) && well
		}
		if l.isLost() {
			well = h.resync(ctx, shard) && well
		}
	}
	return well
}

func (l *lane) isLost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// fill reads the notices of a shard after the given one from the store, and delivers them.
func (h *Hub) fill(ctx context.Context, shard int, after session.Mailed) bool {
	h.count.gapsFound.Add(1)
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	missed, err := h.courier.Missed(call, h.instance, shard, after)
	trimmed := errors.Is(err, session.ErrTrimmed)
	if err != nil && !trimmed {
		return false
	}
	for _, n := range missed {
		h.tell(n)
	}
	l := &h.lanes[shard]
	l.mark(func(l *lane) {
		switch n := len(missed); {
		case trimmed && n == 0:
			l.read, l.lost = l.sent, true // what is gone cannot be counted; the lane goes on where the store is
		case trimmed:
			l.read, l.lost = missed[n-1].Mailed, true
		case n > 0 && missed[n-1].Mailed.Number > l.read.Number:
			l.read = missed[n-1].Mailed
		}
		l.gap = false
	})
	if !trimmed {
		h.count.gapsFilled.Add(1)
	}
	return true
}

// resync looks up each session of a shard that has a seat here, and writes its route again.
func (h *Hub) resync(ctx context.Context, shard int) bool {
	h.mu.Lock()
	var seats []*seat
	for _, s := range h.seats {
		if s.key.Shard() == shard {
			seats = append(seats, s)
		}
	}
	h.mu.Unlock()

	h.lanes[shard].mark(func(l *lane) { l.lost = false })
	var lookUps errgroup.Group
	lookUps.SetLimit(resyncWorkers)
	for _, s := range seats {
		lookUps.Go(func() error { return h.lookUp(ctx, s) })
	}
	if err := lookUps.Wait(); err != nil {
		h.lanes[shard].mark(func(l *lane) { l.lost = true })
		return false
	}
	if len(seats) > 0 {
		h.log.Info("sessions looked up after notices were lost", "shard", shard, "sessions", len(seats))
		h.count.gapsFilled.Add(1)
	}
	return true
}

// lookUp writes a seat's route and reads its session, and tells the seat if that has ended.
func (h *Hub) lookUp(ctx context.Context, s *seat) error {
	h.mu.Lock()
	if len(s.conns) == 0 {
		h.mu.Unlock()
		return nil
	}
	route := h.routeLocked(s)
	h.mu.Unlock()
	snap, err := h.reg.Reattach(ctx, route)
	if err != nil {
		return err
	}
	found, ok := snap.Account.Find(s.id)
	if !ok || found.Ended != nil {
		h.lookedEnded(s, found, snap.Now)
		return nil
	}
	h.mu.Lock()
	s.learnLocked(found, snap)
	h.mu.Unlock()
	return nil
}

// lookedEnded tells a session that was found to have ended without a notice. One that is not there has been
// forgotten.
func (h *Hub) lookedEnded(s *seat, found session.Session, now time.Time) {
	ending := session.Ending{Reason: session.Unknown, At: now}
	if found.Ended != nil {
		ending = *found.Ended
	}
	if h.dismiss(s.place, ending) > 0 {
		h.count.late.Add(1)
	}
}
