package hub

import (
	"context"
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// warnBefore is how long before idle expiry a session is warned, or a tenth of its timeout where that is less.
	warnBefore = time.Minute
	// recheckEvery is how often a warned session is looked up: activity that the store has heard of, from another
	// instance or by a heartbeat, must be heard of here.
	recheckEvery = 2 * time.Second
)

// place names a session as a credential claims it. Only together do its parts name one: anybody can claim a
// session's ID for another user.
type place struct {
	key session.Key
	id  session.ID
}

// seat is a session at this instance: its connections here, and when it runs out.
type seat struct {
	hub *Hub
	place

	alarm alarm

	// Guarded by hub.mu. Times are since the hub's start; 0 is never.
	conns    []*Conn
	idle     time.Duration // how long the session lives without activity
	activeAt time.Duration // the last activity that is known here
	endsAt   time.Duration // when its lifetime is over
	dirty    bool          // activeAt is to be told to the store
	warned   bool
}

// wake implements alarmed: the session may be about to run out.
func (s *seat) wake() { go s.hub.checkDeadline(s) }

// learnLocked takes over what the store knows of the session.
func (s *seat) learnLocked(found session.Session, snap session.Snapshot) {
	now := s.hub.wheel.now()
	since := func(t time.Time) time.Duration { return now + t.Sub(snap.Now) }
	s.idle = found.IdleTimeout
	if at := since(found.LastActiveAt); s.activeAt == 0 || at > s.activeAt {
		s.activeAt = at
	}
	if !found.ExpiresAt.IsZero() {
		s.endsAt = max(since(found.ExpiresAt), 1)
	}
	if _, warn := s.idleAtLocked(); s.warned && now < warn {
		go s.hub.renew(s)
	}
	s.setAlarmLocked()
}

// idleAtLocked returns when the session runs out without activity, and when to warn of it.
func (s *seat) idleAtLocked() (ends, warn time.Duration) {
	if s.idle == 0 {
		return 0, 0
	}
	ends = s.activeAt + s.idle
	return ends, ends - min(warnBefore, s.idle/10)
}

func (s *seat) setAlarmLocked() {
	now := s.hub.wheel.now()
	ends, warn := s.idleAtLocked()
	next := sooner(warn, s.endsAt)
	if s.warned {
		next = min(max(sooner(ends, s.endsAt), now+wheelTick), now+recheckEvery)
	}
	if next != 0 && len(s.conns) > 0 {
		s.hub.wheel.set(&s.alarm, next)
	}
}

// active records that the user did something.
func (h *Hub) active(s *seat) {
	h.mu.Lock()
	s.activeAt = h.wheel.now()
	if !s.dirty {
		s.dirty = true
		h.dirty = append(h.dirty, s)
	}
	warned, hurry := s.warned, s.idle < hurryWithin
	h.mu.Unlock()
	if warned || hurry {
		h.flushSoon() // others may be about to end the session
	}
	if warned {
		h.renew(s)
	}
}

// renew tells a session's connections that it has been active after a warning.
func (h *Hub) renew(s *seat) {
	h.mu.Lock()
	if !s.warned {
		h.mu.Unlock()
		return
	}
	s.warned = false
	ends, _ := s.idleAtLocked()
	left := ends - h.wheel.now()
	conns := s.connsLocked()
	s.setAlarmLocked()
	h.mu.Unlock()
	broadcast(conns, encode(renewed{Type: "session.renewed", IdleExpiresAt: h.inStoreTime(left)}))
}

// checkDeadline looks whether a session is about to run out. It asks the store before it acts: another instance
// may have seen activity.
func (h *Hub) checkDeadline(s *seat) {
	h.mu.Lock()
	now := h.wheel.now()
	ends, warn := s.idleAtLocked()
	due := warn != 0 && now >= warn || s.endsAt != 0 && now >= s.endsAt
	if !due || len(s.conns) == 0 {
		s.setAlarmLocked()
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()

	h.looks <- struct{}{}
	defer func() { <-h.looks }()
	ctx := context.Background() // the registry bounds each call
	snap, err := h.reg.Load(ctx, s.key)
	if err == nil && (ends != 0 && now >= ends || s.endsAt != 0 && now >= s.endsAt) {
		if found, ok := snap.Account.Find(s.id); ok && found.Err(snap.Now) != nil && found.Ended == nil {
			// The notice comes by the inbox, as any other's does.
			err = h.reg.Expire(ctx, s.key)
		}
	}
	if err != nil {
		h.wheel.set(&s.alarm, h.wheel.now()+recheckEvery)
		return
	}
	h.warn(s, snap)
}

// warn tells a session that it is about to run out, if that is still so by what the store knows.
func (h *Hub) warn(s *seat, snap session.Snapshot) {
	found, ok := snap.Account.Find(s.id)
	if !ok || found.Ended != nil {
		h.lookedEnded(s, found, snap.Now)
		return
	}
	h.mu.Lock()
	s.learnLocked(found, snap)
	now := h.wheel.now()
	ends, warnAt := s.idleAtLocked()
	first := !s.warned && warnAt != 0 && now >= warnAt && now < ends
	if first {
		s.warned = true
		s.setAlarmLocked()
	}
	conns := s.connsLocked()
	h.mu.Unlock()
	if first {
		at := found.IdleExpiresAt()
		broadcast(conns, encode(expiring{
			Type: "session.expiring", At: session.Timestamp(at), InMS: at.Sub(snap.Now).Milliseconds(),
		}))
	}
}

// warning returns the message for a connection that comes when its session has been warned already; nil if it has
// not.
func (h *Hub) warning(s *seat) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	ends, warn := s.idleAtLocked()
	if !s.warned || h.wheel.now() < warn {
		return nil
	}
	left := ends - h.wheel.now()
	return encode(expiring{Type: "session.expiring", At: h.inStoreTime(left), InMS: left.Milliseconds()})
}

// inStoreTime returns the time that lies so far ahead, by the store's clock as far as it is known.
func (h *Hub) inStoreTime(ahead time.Duration) session.Timestamp {
	return session.Timestamp(h.storeNow().Add(ahead))
}

// connsLocked returns a copy of the session's connections here, to act on after the lock.
func (s *seat) connsLocked() []*Conn { return slices.Clone(s.conns) }

// broadcast sends a message to each connection; a slow one does not delay the others.
func broadcast(conns []*Conn, message []byte) {
	for _, c := range conns {
		go c.send(message)
	}
}

// signOut ends the session because its user asked for it.
func (h *Hub) signOut(s *seat) {
	_, err := h.reg.End(context.Background(), s.key, func(other session.Session) bool { return other.ID == s.id },
		session.Ending{Reason: session.SignedOut})
	if err != nil {
		h.log.Warn("a logout did not reach the store", "error", err)
	}
}
