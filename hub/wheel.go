package hub

import (
	"context"
	"sync"
	"time"
)

const (
	// wheelTick is how exact the hub's deadlines are.
	wheelTick = 100 * time.Millisecond
	// wheelSlots times wheelTick is the longest wait; whatever lies beyond is looked at and set again.
	wheelSlots = 1024
)

// wheel is the deadlines of all connections and seats of an instance: one goroutine and one ticker for them all.
type wheel struct {
	start time.Time

	mu    sync.Mutex
	slots [wheelSlots]*alarm // guarded by mu: the first of each list
	tick  int64              // guarded by mu: the last one that has passed
}

// alarm is a place in the wheel, part of what it wakes. Its zero value is not set.
type alarm struct {
	prev, next *alarm // guarded by wheel.mu
	slot       int32  // guarded by wheel.mu: its index and one more, 0 when it is not set
	owner      alarmed
}

// alarmed is what has an alarm. Calls of wake come from the wheel's goroutine and must not block.
type alarmed interface{ wake() }

func newWheel() *wheel { return &wheel{start: time.Now()} }

// now returns the time since the wheel was made, by the monotonic clock. It is never 0.
func (w *wheel) now() time.Duration { return max(time.Since(w.start), 1) }

// set makes the alarm go off at the given time, or some time before if that is far away. It takes the place of
// the time that was set.
func (w *wheel) set(a *alarm, at time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(a)
	tick := int64((at + wheelTick - 1) / wheelTick)
	tick = min(max(tick, w.tick+1), w.tick+wheelSlots-1)
	i := int32(tick % wheelSlots)
	a.slot, a.prev, a.next = i+1, nil, w.slots[i]
	if a.next != nil {
		a.next.prev = a
	}
	w.slots[i] = a
}

// stop unsets the alarm. A call of wake that is under way goes on.
func (w *wheel) stop(a *alarm) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(a)
}

func (w *wheel) removeLocked(a *alarm) {
	if a.slot == 0 {
		return
	}
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		w.slots[a.slot-1] = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	}
	a.slot, a.prev, a.next = 0, nil, nil
}

// run sets the alarms off until ctx ends.
func (w *wheel) run(ctx context.Context) {
	ticker := time.NewTicker(wheelTick)
	defer ticker.Stop()
	var due []alarmed
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		due = w.advance(due[:0])
		for _, owner := range due {
			owner.wake()
		}
		clear(due)
	}
}

// advance moves the wheel to the present and appends the owners of all alarms on the way.
func (w *wheel) advance(due []alarmed) []alarmed {
	w.mu.Lock()
	defer w.mu.Unlock()
	for now := int64(w.now() / wheelTick); w.tick < now; {
		w.tick++
		for a := w.slots[w.tick%wheelSlots]; a != nil; a = w.slots[w.tick%wheelSlots] {
			w.removeLocked(a)
			due = append(due, a.owner)
		}
	}
	return due
}

// sooner returns the earlier of two durations since the hub's start of which 0 is never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
