package notify

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// When a delivery that failed is tried again.
const (
	// firstRetry is about how long after the first failure; each further one takes twice as long, up to slowestRetry.
	firstRetry   = 5 * time.Second
	slowestRetry = time.Hour
	// giveUpAfter is how long a delivery is tried, and how old an event may be to be delivered at all.
	giveUpAfter = 24 * time.Hour
	// longestPause is the most that a receiver may ask for with Retry-After.
	longestPause = 6 * time.Hour
)

// backoff returns how long to wait after so many failures, drawn from the upper half of its range: deliveries that
// failed together are not tried again together.
func backoff(failures int) time.Duration {
	wait := slowestRetry
	if doublings := failures - 1; doublings < 10 {
		wait = min(slowestRetry, firstRetry<<max(0, doublings))
	}
	return wait/2 + rand.N(wait/2)
}

// retryAfter returns for how long a receiver asks to be left alone (RFC 9110, section 10.2.3): by a number of seconds or
// a date. It is 0 where nothing is asked for, or nothing that makes sense.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(longestPause, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(longestPause, max(0, at.Sub(now)))
	}
	return 0
}
