package auth

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/go-chi/httprate"
)

// Limits are how many wrong passwords are taken in a window of time. For each, 0 is the default and a
// negative number is no limit.
type Limits struct {
	// PerPair is for one user from one address; the default is 10.
	PerPair int
	// PerAddress is for one address and all users; the default is 30. An IPv6 address counts as its /64, all of
	// which is one customer's.
	PerAddress int
	// PerUser is for one user from all addresses; the default is 100. It is this high because whoever reaches it
	// locks the user out: one address alone cannot, as PerPair stops it before.
	PerUser int
	// Window is the length of time; the default is a minute, and the least a second.
	Window time.Duration
}

func (l Limits) withDefaults() Limits {
	for _, set := range []struct {
		limit    *int
		standard int
	}{{&l.PerPair, 10}, {&l.PerAddress, 30}, {&l.PerUser, 100}} {
		if *set.limit == 0 {
			*set.limit = set.standard
		}
	}
	if l.Window == 0 {
		l.Window = time.Minute
	}
	l.Window = max(l.Window, time.Second)
	return l
}

// ThrottledError says that too many wrong passwords were tried.
type ThrottledError struct {
	// RetryAfter is when to try again: sooner is in vain.
	RetryAfter time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many wrong passwords: try again in %s", e.RetryAfter.Round(time.Second))
}

// Throttle slows down those who guess passwords. It counts wrong ones only, so that any number of people may
// sign in from behind one address, in windows that slide: the window before counts as much as it still
// overlaps the last minute. It may be used concurrently.
type Throttle struct {
	limits  Limits
	counter httprate.LimitCounter
	now     func() time.Time
}

// NewThrottle returns a Throttle that counts in counter, which must not be in use elsewhere and must take
// negative amounts for the window that is current or the one before; nil is this process's memory.
func NewThrottle(limits Limits, counter httprate.LimitCounter) *Throttle {
	limits = limits.withDefaults()
	if counter == nil {
		counter = newMemoryCounter()
	}
	counter.Config(limits.PerPair, limits.Window)
	return &Throttle{limits: limits, counter: counter, now: time.Now}
}

// Attempt is a login that has been counted as if its password were wrong. It is for one goroutine.
type Attempt struct {
	throttle *Throttle
	window   time.Time
	keys     []string // those it is counted under
}

// Begin counts a login before its password is looked at. It returns a *ThrottledError, and counts nothing, if
// there were too many wrong ones from this address, for this user, or both; other errors are the counter's.
// An address that is not valid stands for all that are not known.
//
// As each is counted first and looked at then, no more than the limit get through however many come at once.
// Of those that come at the same instant when fewer are left, all may be refused.
func (t *Throttle) Begin(address netip.Addr, user string) (*Attempt, error) {
	now := t.now().UTC()
	a := &Attempt{throttle: t, window: now.Truncate(t.limits.Window)}
	from := network(address)
	// The pair goes first, and what is refused is not counted further: so an address that hammers one user uses
	// up its own share of that user's limit, and no more.
	for _, count := range []struct {
		key   string
		limit int
	}{
		{"pair " + from + " " + user, t.limits.PerPair},
		{"address " + from, t.limits.PerAddress},
		{"user " + user, t.limits.PerUser},
	} {
		if count.limit < 0 {
			continue
		}
		wait, err := a.count(count.key, count.limit, now.Sub(a.window))
		if err == nil && wait > 0 {
			err = &ThrottledError{RetryAfter: wait}
		}
		if err != nil {
			a.GiveBack()
			return nil, err
		}
	}
	return a, nil
}

// GiveBack takes the attempt back: its password was right, or was not looked at. Without it the attempt
// counts as a wrong password. Called again, it does nothing.
func (a *Attempt) GiveBack() {
	for _, key := range a.keys {
		// One that is not given back is one wrong password too many, and forgotten in two windows.
		_ = a.throttle.counter.IncrementBy(key, a.window, -1)
	}
	a.keys = nil
}

// count counts the attempt under key, and returns for how long the key is over its limit: 0 if it is not.
func (a *Attempt) count(key string, limit int, elapsed time.Duration) (time.Duration, error) {
	counter, window := a.throttle.counter, a.throttle.limits.Window
	if err := counter.IncrementBy(key, a.window, 1); err != nil {
		return 0, fmt.Errorf("count a login: %w", err)
	}
	a.keys = append(a.keys, key)
	current, previous, err := counter.Get(key, a.window, a.window.Add(-window))
	if err != nil {
		return 0, fmt.Errorf("count logins: %w", err)
	}
	return overFor(max(0, previous), max(1, current), limit, elapsed, window), nil
}

// overFor returns how long it takes from now until an attempt fits under the limit: 0 if this one does. There
// were previous attempts in the last window and current ones in this, with the one that asks, elapsed after
// its start. What counts of the last window shrinks from all to nothing in the course of this one.
func overFor(previous, current, limit int, elapsed, window time.Duration) time.Duration {
	fits := func(was, is int) time.Duration { // when in a window is more than were before fit
		if room := limit - is; room < was {
			return time.Duration(float64(window) * (1 - float64(room)/float64(was)))
		}
		return 0
	}
	if current <= limit {
		return max(0, fits(previous, current)-elapsed)
	}
	// Not in this window: but in the next one, in which these, without the one that asks, are those before.
	return window - elapsed + fits(current-1, 1)
}

// network returns the addresses that are one client's: an IPv4 address, or the /64 of an IPv6 one.
func network(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	if address.Is6() {
		if prefix, err := address.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return address.String()
}
