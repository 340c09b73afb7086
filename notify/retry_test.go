package notify

import (
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBackoff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(-1, 1000).Draw(t, "failures")
		longest := slowestRetry
		if n <= 1 {
			longest = firstRetry
		} else if n < 12 {
			longest = min(slowestRetry, firstRetry*time.Duration(1<<(n-1)))
		}
		if got := backoff(n); got < longest/2 || got >= longest {
			t.Errorf("%s after %d failures, want %s to %s", got, n, longest/2, longest)
		}
	})
	different := make(map[time.Duration]bool)
	for range 20 {
		different[backoff(5)] = true
	}
	if len(different) == 1 {
		t.Error("it is always the same")
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		"600":                            10 * time.Minute,
		"21600":                          longestPause,
		"21601":                          longestPause,
		"2147483647":                     longestPause,
		"99999999999999999999":           0,
		"-5":                             0,
		"1.5":                            0,
		"soon":                           0,
		"Sun, 22 Nov 2026 03:02:00 GMT":  2 * time.Minute,
		"Sun, 22 Nov 2026 02:00:00 GMT":  0,
		"Mon, 22 Nov 2027 03:00:00 GMT":  longestPause,
		"Sunday, 22-Nov-26 03:00:30 GMT": 30 * time.Second,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
