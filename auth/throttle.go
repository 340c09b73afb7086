package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
)

// How long a login waits while those that are under way leave no room for it.
const (
	// lineLength is how many may wait at a time.
	lineLength = 128
	// linePause is how long each waits before it asks again: about the time in which a password is checked.
	linePause = 100 * time.Millisecond
	// linePatience is after how long it is told to come back.
	linePatience = 3 * time.Second
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
	// Window is the length of time, in whole milliseconds; the default is a minute, and the least a second.
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
	l.Window = max(l.Window.Truncate(time.Millisecond), time.Second)
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
//
// A login takes a place under its limits before its password is looked at, and gives it back if that was right.
// So of guesses that come at once no more are looked at than the limit, however many they are, over all that
// share a [Counter]. Nor are more right ones looked at at a time; the others wait for their turn.
type Throttle struct {
	limits  Limits
	counter Counter
	waiting atomic.Int64
}

// NewThrottle returns a Throttle that counts in counter, which must not be in use by another Throttle with other
// limits; nil is this process's memory.
func NewThrottle(limits Limits, counter Counter) *Throttle {
	if counter == nil {
		counter = newMemoryCounter(time.Now)
	}
	return &Throttle{limits: limits.withDefaults(), counter: counter}
}

// Attempt is a login whose password may be looked at. It is for one goroutine, and must be ended.
type Attempt struct {
	end func(wrong bool) // nil once called
}

// Begin counts a login before its password is looked at. It returns a *ThrottledError if there were too many wrong
// passwords from this address, for this user, or both. Where there is no room only because others are under way, it
// waits until one of them ends; it returns ErrBusy, wrapped, if ctx ends before, or three seconds, or if too many
// wait already. Other errors are the counter's. What is refused is not counted. An address that is not valid stands
// for all that are not known.
func (t *Throttle) Begin(ctx context.Context, address netip.Addr, user string) (*Attempt, error) {
	return t.begin(ctx, t.quotas(address, user))
}

// BeginFrom is Begin for a login that says nothing of a user before it is looked at: only wrong ones from this
// address, for whomever, count against it.
func (t *Throttle) BeginFrom(ctx context.Context, address netip.Addr) (*Attempt, error) {
	if t.limits.PerAddress <= 0 {
		return &Attempt{}, nil
	}
	return t.begin(ctx, []Quota{{"address " + network(address), t.limits.PerAddress}})
}

func (t *Throttle) begin(ctx context.Context, quotas []Quota) (*Attempt, error) {
	if len(quotas) == 0 {
		return &Attempt{}, nil
	}
	end, err := t.counter.Begin(ctx, t.limits.Window, quotas)
	if errors.Is(err, ErrBusy) {
		end, err = t.wait(ctx, quotas)
	}
	if err != nil {
		return nil, err
	}
	return &Attempt{end: end}, nil
}

// End says what came of the attempt, with the error of [Passwords.Verify]. If that is ErrCredentials, it counts as a
// wrong password; with any other, or none, the password was right or was not looked at, and the attempt is taken
// back. Called again, it does nothing. An attempt that is not ended counts until its window is over.
func (a *Attempt) End(err error) {
	if a.end != nil {
		a.end(errors.Is(err, ErrCredentials))
		a.end = nil
	}
}

// wait waits in line until there is room, and then begins. It asks from time to time, since those under way may be
// at another instance. The line has no order: who asks first when there is room gets it.
func (t *Throttle) wait(ctx context.Context, quotas []Quota) (end func(wrong bool), err error) {
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > lineLength {
		return nil, ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, linePatience)
	defer cancel()
	again := time.NewTicker(linePause)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w (%w)", ErrBusy, ctx.Err())
		case <-again.C:
			if end, err = t.counter.Begin(ctx, t.limits.Window, quotas); !errors.Is(err, ErrBusy) {
				return end, err
			}
		}
	}
}

// quotas returns what a login is counted under, without what has no limit.
func (t *Throttle) quotas(address netip.Addr, user string) []Quota {
	from := network(address)
	quotas := make([]Quota, 0, 3)
	for _, quota := range []Quota{
		{"address " + from, t.limits.PerAddress},
		{"pair " + from + " " + user, t.limits.PerPair},
		{"user " + user, t.limits.PerUser},
	} {
		if quota.Limit > 0 {
			quotas = append(quotas, quota)
		}
	}
	return quotas
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
