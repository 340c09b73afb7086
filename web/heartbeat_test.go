package web

import (
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// TestNextHeartbeat holds that clients without a socket are warned as those with one are, and told of the end soon.
func TestNextHeartbeat(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name                  string
		timeout, passed, next time.Duration
		warned, first         bool
	}{
		{"no timeout", 0, time.Hour, time.Minute, false, false},
		{"long before", 30 * time.Minute, 0, time.Minute, false, false},
		{"the last before the warning", 30 * time.Minute, 1700 * s, 40 * s, false, false},
		{"the warning", 30 * time.Minute, 1740 * s, time.Minute, true, true},
		{"the end", 30 * time.Minute, 1790 * s, 10 * s, true, false},
		{"just before the end", 30 * time.Minute, 1800*s - 1, s, true, false},
		{"a minute, long before", time.Minute, 0, 20 * s, false, false},
		{"a minute, before", time.Minute, 20 * s, 10 * s, false, false},
		{"a minute, the warning", time.Minute, 30 * s, 20 * s, true, true},
		{"very short", 3 * s, 0, s, false, false},
		{"very short, the warning", 3 * s, 2 * s, s, true, false},
	} {
		now := time.Date(2026, 3, 9, 8, 30, 0, 0, time.UTC)
		live := session.Session{LastActiveAt: now.Add(-tt.passed), IdleTimeout: tt.timeout}
		next, warning := nextHeartbeat(live, now)
		if next != tt.next || (warning != nil) != tt.warned {
			t.Errorf("%s: again in %s, warning %v; want %s, %t", tt.name, next, warning, tt.next, tt.warned)
		}
		if left := (tt.timeout - tt.passed).Milliseconds(); warning != nil && warning.InMS != left {
			t.Errorf("%s: %d ms are left, want %d", tt.name, warning.InMS, left)
		}
		// A client that first tries a socket in vain is up to ten seconds late.
		if tt.first && warning != nil && warning.InMS < (20+10)*1000 {
			t.Errorf("%s: %d ms are left, too few for people", tt.name, warning.InMS)
		}
	}
}
