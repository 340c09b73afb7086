package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// ip returns the n-th of some addresses.
func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) }

// fail makes n attempts with a wrong password and returns how many were let through.
func fail(t testing.TB, throttle *Throttle, address netip.Addr, user string, n int) int {
	t.Helper()
	through := 0
	for range n {
		attempt, err := throttle.Begin(t.Context(), address, user)
		if err == nil {
			attempt.End(ErrCredentials)
			through++
		} else if _, ok := errors.AsType[*ThrottledError](err); !ok {
			t.Fatal(err)
		}
	}
	return through
}

func TestThrottleLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
			t.Errorf("%d guesses for one user from one address, want 10", n)
		}
		if n := fail(t, throttle, ip(1), "bob", 50); n != 10 {
			t.Errorf("%d guesses for another user, want 10", n)
		}
		through := 0
		for i := range 50 {
			through += fail(t, throttle, ip(1), fmt.Sprint("user", i), 1)
		}
		if through != 10 {
			t.Errorf("%d guesses for all other users, want the 10 that are left of 30", through)
		}
		// alice, who lives elsewhere, does not notice.
		if n := fail(t, throttle, ip(2), "alice", 1); n != 1 {
			t.Error("one address has locked a user out")
		}
		through = 0
		for i := range 50 {
			through += fail(t, throttle, ip(3+i), "alice", 20)
		}
		if through != 100-11 {
			t.Errorf("%d guesses for one user from everywhere, want the 89 that are left of 100", through)
		}
	})
}

func TestThrottleLimitsCanBeLifted(t *testing.T) {
	throttle := NewThrottle(Limits{PerPair: -1, PerAddress: -1, PerUser: -1}, nil)
	if n := fail(t, throttle, ip(1), "alice", 1000); n != 1000 {
		t.Errorf("%d guesses without a limit, want 1000", n)
	}
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{PerPair: 2, PerAddress: 3, PerUser: 4, Window: time.Nanosecond}, nil)
		if throttle.limits.Window != time.Second {
			t.Errorf("a window of %s, want 1s", throttle.limits.Window)
		}
		if n := fail(t, throttle, ip(1), "alice", 5); n != 2 {
			t.Errorf("%d guesses for one user from one address, want 2", n)
		}
		if n := fail(t, throttle, ip(1), "bob", 5); n != 1 {
			t.Errorf("%d guesses for another user, want 1", n)
		}
		if n := fail(t, throttle, ip(2), "alice", 5) + fail(t, throttle, ip(3), "alice", 5); n != 2 {
			t.Errorf("%d guesses from elsewhere, want 2", n)
		}
	})
}

func TestOnlyWrongPasswordsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		for i := range 1000 { // an office behind one address
			attempt, err := throttle.Begin(t.Context(), ip(1), fmt.Sprint("user ", i%7))
			if err != nil {
				t.Fatalf("login %d: %v", i, err)
			}
			attempt.End([]error{nil, fmt.Errorf("full: %w", ErrBusy)}[i%2])
			attempt.End(ErrCredentials) // does nothing
		}
		if n := fail(t, throttle, ip(1), "user 1", 50); n != 10 {
			t.Errorf("%d guesses after many logins, want 10", n)
		}
	})
}

func TestWhatIsRefusedIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		fail(t, throttle, ip(1), "alice", 10_000)
		if n := fail(t, throttle, ip(1), "bob", 50) + fail(t, throttle, ip(1), "carol", 50); n != 20 {
			t.Errorf("%d guesses are left to the address, want 20", n)
		}
		through := 0
		for i := range 50 {
			through += fail(t, throttle, ip(2+i), "alice", 20)
		}
		if through != 90 {
			t.Errorf("%d guesses are left for the user, want 90", through)
		}
		wait(2 * time.Minute)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
			t.Errorf("%d guesses two minutes later, want 10", n)
		}
	})
}

func TestThrottleByNetwork(t *testing.T) {
	for _, pair := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		a, b := network(netip.MustParseAddr(pair.a)), network(netip.MustParseAddr(pair.b))
		if (a == b) != pair.same {
			t.Errorf("%s counts as %s, %s as %s", pair.a, a, pair.b, b)
		}
	}
	throttle := NewThrottle(Limits{}, nil)
	if n := fail(t, throttle, netip.Addr{}, "alice", 1); n != 1 {
		t.Error("an unknown address is refused")
	}
}

func TestThrottleWindowSlides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		wait(50 * time.Second)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
			t.Errorf("%d guesses, want 10", n)
		}
		wait(10 * time.Second)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 0 {
			t.Errorf("%d guesses as the next window starts, want 0", n)
		}
		wait(30 * time.Second)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 5 {
			t.Errorf("%d guesses in the middle of it, want 5", n)
		}
		wait(90 * time.Second)
		if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
			t.Errorf("%d guesses when all is forgotten, want 10", n)
		}
	})
}

func TestRetryAfterIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{PerPair: rapid.IntRange(1, 20).Draw(t, "limit"), PerAddress: -1, PerUser: -1}
		now := time.Unix(1e9, 0)
		throttle := NewThrottle(limits, newMemoryCounter(func() time.Time { return now }))
		guess := func() error {
			attempt, err := throttle.Begin(context.Background(), ip(1), "alice")
			if err == nil {
				attempt.End(ErrCredentials)
			}
			return err
		}
		for range rapid.IntRange(0, 60).Draw(t, "attempts") {
			throttled, ok := errors.AsType[*ThrottledError](guess())
			if !ok {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")))
				continue
			}
			was := now
			if throttled.RetryAfter <= 0 || throttled.RetryAfter > 2*throttle.limits.Window+time.Millisecond {
				t.Fatalf("retry after %s", throttled.RetryAfter)
			}
			now = was.Add(throttled.RetryAfter - 2*time.Millisecond)
			if now.After(was) && guess() == nil {
				t.Fatal("could have retried sooner")
			}
			now = was.Add(throttled.RetryAfter)
			if err := guess(); err != nil {
				t.Fatalf("retried when told to: %v", err)
			}
		}
	})
}

// A right password that is answered in the next window must set nobody free.
func TestGivingBackLateForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		wait(59 * time.Second)
		slow, err := throttle.Begin(t.Context(), ip(1), "mallory")
		if err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		fail(t, throttle, ip(1), "alice", 10)
		slow.End(nil)
		if n := fail(t, throttle, ip(1), "alice", 10); n != 0 {
			t.Errorf("%d more guesses after a late answer, want 0", n)
		}
		if n := fail(t, throttle, ip(1), "mallory", 50); n > 10 {
			t.Errorf("%d guesses for the one who was given back, want at most 10", n)
		}
	})
}

// brokenCounter cannot count.
type brokenCounter struct{ err error }

func (c brokenCounter) Begin(context.Context, time.Duration, []Quota) (func(bool), error) {
	return nil, c.err
}

func TestThrottleReportsItsCounter(t *testing.T) {
	broken := errors.New("broken")
	attempt, err := NewThrottle(Limits{}, brokenCounter{broken}).Begin(t.Context(), ip(1), "alice")
	if attempt != nil || !errors.Is(err, broken) {
		t.Errorf("Begin = %v, %v; want the counter's error", attempt, err)
	}
}

// TestThrottleOfOneAddress counts those who say nothing of a user beforehand, with those who do.
func TestThrottleOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{}, nil)
		guess := func(address, n int) (taken int) {
			for range n {
				attempt, err := throttle.BeginFrom(t.Context(), ip(address))
				if err != nil {
					if !errors.As(err, new(*ThrottledError)) {
						t.Fatal(err)
					}
					continue
				}
				attempt.End(&TokenError{Fault: TokenInvalid, Err: errors.New("forged")})
				taken++
			}
			return taken
		}
		if n := fail(t, throttle, ip(1), "alice", 50) + guess(1, 50); n != 30 {
			t.Errorf("%d guesses from one address, want 30", n)
		}
		if n := guess(2, 50); n != 30 {
			t.Errorf("%d guesses from another, want 30", n)
		}
		for range 100 {
			attempt, err := throttle.BeginFrom(t.Context(), ip(3))
			if err != nil {
				t.Fatalf("after good ones: %v", err)
			}
			attempt.End(nil)
		}
	})
	lifted := NewThrottle(Limits{PerAddress: -1}, nil)
	for range 100 {
		attempt, err := lifted.BeginFrom(t.Context(), ip(1))
		if err != nil {
			t.Fatal(err)
		}
		attempt.End(ErrCredentials)
	}
}
