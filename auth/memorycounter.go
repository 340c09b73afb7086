package auth

import (
	"context"
	"maps"
	"sync"
	"time"
)

// memoryCounter is a Counter in this process's memory. It keeps nothing for longer than two windows. Its windows
// follow the monotonic clock, so that whoever sets the other one back sets nobody free.
type memoryCounter struct {
	now   func() time.Time // static after construction
	start time.Time        // static after construction; when the first window began

	mu      sync.Mutex
	latest  int64            // guarded by mu; the number of the latest window seen
	tallies map[string]tally // guarded by mu; none is empty
}

var _ Counter = (*memoryCounter)(nil)

func newMemoryCounter(now func() time.Time) *memoryCounter {
	return &memoryCounter{now: now, start: now(), tallies: make(map[string]tally)}
}

// Begin implements Counter. It always can count.
func (m *memoryCounter) Begin(_ context.Context, window time.Duration, quotas []Quota) (func(bool), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := m.now().Sub(m.start)
	number, passed := int64(since/window), since%window
	m.forgetLocked(number)
	tallies, room := make([]tally, len(quotas)), true
	for i, quota := range quotas {
		tallies[i] = m.tallies[quota.Key].at(number)
		room = room && tallies[i].fits(quota.Limit, passed, window)
	}
	if !room {
		return nil, refusal(quotas, tallies, passed, window)
	}
	for i, quota := range quotas {
		tallies[i].now.open++
		m.tallies[quota.Key] = tallies[i]
	}
	return func(wrong bool) { m.end(number, quotas, wrong) }, nil
}

// end ends a login that was begun in the window of a number.
func (m *memoryCounter) end(number int64, quotas []Quota, wrong bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, quota := range quotas {
		t, known := m.tallies[quota.Key]
		if !known {
			continue // forgotten
		}
		t.end(number, wrong)
		if t.empty() {
			delete(m.tallies, quota.Key)
		} else {
			m.tallies[quota.Key] = t
		}
	}
}

// forgetLocked drops what no longer counts, when a new window has begun.
func (m *memoryCounter) forgetLocked(number int64) {
	if number == m.latest {
		return
	}
	m.latest = number
	maps.DeleteFunc(m.tallies, func(_ string, t tally) bool { return t.at(number).empty() })
}
