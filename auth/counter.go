package auth

import (
	"context"
	"time"
)

// Counter is where a Throttle counts: a process's memory, or a [RedisCounter] that several share. A login is under
// way until it is known to be right or wrong; a right one is forgotten then. Windows slide: the one before counts
// as much as it still overlaps the time of one window from now back.
type Counter interface {
	// Begin counts a login as under way under all the quotas if there is room in each, and under none if not, in
	// one step: of however many that come at once no more get in than there is room for. Otherwise it returns a
	// *ThrottledError if the wrong ones alone leave no room, and ErrBusy if there is none because of those under
	// way; any other error says that it cannot count.
	//
	// Then end is to be called once, and says whether the password was wrong. A login that is not ended stays
	// under way until its window is forgotten. There is one quota at least, and window is always the same.
	Begin(ctx context.Context, window time.Duration, quotas []Quota) (end func(wrong bool), err error)
}

// Quota is how many logins may be wrong or under way in a window under a key, 1 or more.
type Quota struct {
	Key   string
	Limit int
}

// tally is what has been counted under a key, in the window of a number and in the one before.
type tally struct {
	window      int64
	now, before struct{ wrong, open int }
}

// at returns the tally as it is in the window of a number.
func (t tally) at(window int64) tally {
	switch window {
	case t.window:
		return t
	case t.window + 1:
		return tally{window: window, before: t.now}
	default:
		return tally{window: window}
	}
}

// end ends a login that was begun in the window of a number.
func (t *tally) end(window int64, wrong bool) {
	count := &t.now
	switch window {
	case t.window:
	case t.window - 1:
		count = &t.before
	default:
		return // too long ago to count
	}
	count.open = max(0, count.open-1)
	if wrong {
		count.wrong++
	}
}

// empty reports whether nothing is counted.
func (t tally) empty() bool { return t == tally{window: t.window} }

// fits reports whether there is room for one more, after so much of the window. The same is in begin.lua, to the
// bit: the conversions keep the processor from rounding otherwise.
func (t tally) fits(limit int, passed, window time.Duration) bool {
	overlap := 1 - float64(passed)/float64(window)
	past := float64(float64(t.before.wrong+t.before.open) * overlap)
	return past+float64(t.now.wrong+t.now.open+1) <= float64(limit)
}

// refusal says why there is no room in some of the quotas, whose tallies these are: because of wrong passwords, or
// only for as long as others are under way.
func refusal(quotas []Quota, tallies []tally, passed, window time.Duration) error {
	var wait time.Duration
	for i, t := range tallies {
		wait = max(wait, overFor(t.before.wrong, t.now.wrong+1, quotas[i].Limit, passed, window))
	}
	if wait > 0 {
		return &ThrottledError{RetryAfter: wait}
	}
	return ErrBusy
}

// overFor returns how long it takes from now until an attempt fits under the limit: 0 if this one does, else a
// whole number of milliseconds, rounded up. There were previous attempts in the last window and current ones in
// this, with the one that asks, so much after its start. What counts of the last window shrinks from all to nothing
// in the course of this one.
func overFor(previous, current, limit int, passed, window time.Duration) time.Duration {
	fits := func(was, is int) time.Duration { // when in a window is more than were before fit
		if room := limit - is; room < was {
			return time.Duration(float64(window) * (1 - float64(room)/float64(was)))
		}
		return 0
	}
	over := fits(previous, current) - passed
	if current > limit {
		// Not in this window: but in the next one, in which these, without the one that asks, are those before.
		over = window - passed + fits(current-1, 1)
	}
	if over <= 0 {
		return 0
	}
	return over.Truncate(time.Millisecond) + time.Millisecond
}
