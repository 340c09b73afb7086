package hub

import "time"

// maxDrift is by how much two clocks may part in the time between: one part in so many, as bad ones do.
const maxDrift = 10_000

// clockStep is how exact times of the store are: they are whole ms, and what is beyond is cut off.
const clockStep = time.Millisecond

// storeClock is the store's clock as a beat has shown it, which says what time the store had at some moment between its
// sending and its answer. So it is exact to half of that time and clockStep; beside a Redis nearby, to about 1 ms. The
// nodes of a cluster have a clock each, and this is that of the one with the leases.
type storeClock struct {
	at     time.Time     // what the store's clock said
	here   time.Duration // when that was, since the hub's start
	within time.Duration // how far off that may be
}

// now returns the store's time at a moment here.
func (c *storeClock) now(here time.Duration) time.Time { return c.at.Add(here - c.here) }

// hear returns the better of a clock, which may be nil, and what a beat says of it that was sent and answered at the
// given moments: one that took long says little, unless it shows that the store's clock has been set.
func (c *storeClock) hear(at time.Time, sent, answered time.Duration) *storeClock {
	trip := answered - sent
	heard := &storeClock{at: at, here: sent + trip/2, within: trip/2 + clockStep}
	if c == nil {
		return heard
	}
	doubt := c.within + (heard.here-c.here)/maxDrift
	if apart := at.Sub(c.now(heard.here)).Abs(); doubt < heard.within && apart <= doubt+heard.within {
		return c
	}
	return heard
}

// storeNow returns the store's time, as far as it is known; before the first beat it is taken for our own.
func (h *Hub) storeNow() time.Time {
	if c := h.clock.Load(); c != nil {
		return c.now(h.wheel.now())
	}
	return time.Now()
}
