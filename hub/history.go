package hub

import (
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// HistoryEvery is how far the points of a hub's history are apart, while the store answers.
const HistoryEvery = beatEvery

// historyPoints is how many there are at most: those of the last ten minutes.
const historyPoints = int(10 * time.Minute / HistoryEvery)

// Point is what the counters of all living instances came to at a beat of this one.
type Point struct {
	// At is the time of the beat, by the store's clock.
	At time.Time
	// Continues is whether the counters go on from the point before: no instance has left since, with what it had
	// counted, and none has come back with it. Then, and only then, is what a counter has grown by what has happened
	// between the two. An instance that has just started counts from 0, and is no interruption.
	Continues bool
	session.Totals
}

// History returns the points of the last ten minutes, oldest first: fewer if this instance has not been running for
// as long, and none for the time in which the store did not answer.
func (h *Hub) History() []Point {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.history)
}

// noteLocked adds a point for the instances that live, in the place of the oldest if there are enough; but none for a
// beat that came early, as in so short a time little happens, and looks like much.
func (h *Hub) noteLocked(at time.Time, alive []session.Instance) {
	n := len(h.history)
	if n > 0 && at.Sub(h.history[n-1].At).Abs() < HistoryEvery/2 {
		return
	}
	point := Point{At: at, Continues: h.continuesLocked(alive), Totals: session.Total(alive)}
	if n == historyPoints {
		h.history = slices.Delete(h.history, 0, 1)
	}
	h.history, h.noted = append(h.history, point), alive
}

// continuesLocked reports whether the counters of these instances go on from the last point.
func (h *Hub) continuesLocked(alive []session.Instance) bool {
	if len(h.history) == 0 {
		return false
	}
	last := h.history[len(h.history)-1].At
	lives := func(in []session.Instance, id string) bool {
		return slices.ContainsFunc(in, func(i session.Instance) bool { return i.ID == id })
	}
	for _, before := range h.noted {
		if !lives(alive, before.ID) {
			return false
		}
	}
	for _, now := range alive {
		// Its start is told by its own clock, which need not agree with the store's to the second.
		if !lives(h.noted, now.ID) && now.StartedAt.Before(last.Add(-beatEvery)) {
			return false
		}
	}
	return true
}
