package auth

import (
	"sync"
	"time"

	"github.com/go-chi/httprate"
)

// memoryCounter is httprate's counter in memory, mended for attempts that are given back. That one knows two
// windows, and forgets both when it is asked to count in an earlier one: whoever signs in as one window turns
// into the next would set everybody free.
type memoryCounter struct {
	mu      sync.Mutex
	counter httprate.LimitCounter // guarded by mu
	window  time.Duration         // guarded by mu
	latest  time.Time             // guarded by mu; the start of the latest window seen
}

var _ httprate.LimitCounter = (*memoryCounter)(nil)

func newMemoryCounter() *memoryCounter { return &memoryCounter{} }

// Config implements httprate.LimitCounter.
func (m *memoryCounter) Config(_ int, window time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counter, m.window, m.latest = httprate.NewLocalLimitCounter(window), window, time.Time{}
}

// Increment implements httprate.LimitCounter.
func (m *memoryCounter) Increment(key string, current time.Time) error {
	return m.IncrementBy(key, current, 1)
}

// IncrementBy implements httprate.LimitCounter. What is late for its window counts in the one after; what is
// given back late, or was never counted here, is not given back.
func (m *memoryCounter) IncrementBy(key string, current time.Time, amount int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lateLocked(current) {
		if amount < 0 {
			return nil
		}
		current = m.latest
	}
	if amount < 0 {
		counted, _, err := m.counter.Get(key, current, current.Add(-m.window))
		if err != nil {
			return err
		}
		amount = max(amount, -counted)
	}
	m.latest = current
	return m.counter.IncrementBy(key, current, amount)
}

// Get implements httprate.LimitCounter. Who asks late gets the counts of the window after.
func (m *memoryCounter) Get(key string, current, previous time.Time) (int, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lateLocked(current) {
		current, previous = m.latest, m.latest.Add(-m.window)
	}
	return m.counter.Get(key, current, previous)
}

// lateLocked reports whether a window is the one before the latest. One from longer ago is not late: the
// clock was set back, and to start again is right.
func (m *memoryCounter) lateLocked(current time.Time) bool {
	return current.Equal(m.latest.Add(-m.window))
}
