package hub

import (
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// visit is activity of a session that has no connection here.
type visit struct {
	idle time.Duration // how long the session lives without activity
	at   time.Duration // the last activity, since the hub's start
}

// Active records that the user of a live session did something, as an activity message on a socket does; live and
// snap are what Registry.Check returned. It asks nothing of the store: what has gathered is written with the next
// flush, within two seconds, and at once where the session might end before that.
func (h *Hub) Active(live session.Session, snap session.Snapshot) {
	at := place{session.KeyOf(snap.Account.User), live.ID}
	h.mu.Lock()
	s := h.seats[at]
	if s != nil {
		s.learnLocked(live, snap) // the connection may not have been admitted yet
	} else {
		h.visits[at] = visit{idle: live.IdleTimeout, at: h.wheel.now()}
	}
	h.mu.Unlock()
	if s != nil {
		h.active(s)
		return
	}
	ends, _ := live.Deadline()
	if !ends.IsZero() && ends.Sub(snap.Now) < hurryWithin {
		h.flushSoon()
	}
}

// visitMarks appends the marks of what Active has written down.
func visitMarks(marks []session.Mark, visits map[place]visit, now time.Duration) []session.Mark {
	for at, v := range visits {
		marks = append(marks, session.Mark{Key: at.key, Session: at.id, Ago: now - v.at, IdleTimeout: v.idle})
	}
	return marks
}

// unvisitedLocked puts back what the store did not take; a later visit of the same session stays.
func (h *Hub) unvisitedLocked(visits map[place]visit) {
	for at, v := range visits {
		if _, later := h.visits[at]; !later {
			h.visits[at] = v
		}
	}
}
