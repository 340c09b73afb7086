package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/httprate"
	"pgregory.net/rapid"
)

// ip returns the n-th of some addresses.
func ip(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), byte(n)}) }

// fail makes n attempts with a wrong password and returns how many were let through.
func fail(t testing.TB, throttle *Throttle, address netip.Addr, user string, n int) int {
	t.Helper()
	through := 0
	for range n {
		_, err := throttle.Begin(address, user)
		if err == nil {
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
			attempt, err := throttle.Begin(ip(1), fmt.Sprint("user ", i%7))
			if err != nil {
				t.Fatalf("login %d: %v", i, err)
			}
			attempt.GiveBack()
			attempt.GiveBack() // as one
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
		begin := time.Now()
		if !begin.Equal(begin.Truncate(time.Minute)) {
			t.Fatalf("the bubble starts at %s, within a window", begin)
		}
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
		throttle := NewThrottle(limits, nil)
		throttle.now = func() time.Time { return now }
		for range rapid.IntRange(0, 60).Draw(t, "attempts") {
			_, err := throttle.Begin(ip(1), "alice")
			throttled, ok := errors.AsType[*ThrottledError](err)
			if !ok {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")))
				continue
			}
			was := now
			if throttled.RetryAfter <= 0 || throttled.RetryAfter > 2*throttle.limits.Window {
				t.Fatalf("retry after %s", throttled.RetryAfter)
			}
			now = was.Add(throttled.RetryAfter - time.Nanosecond)
			if _, err := throttle.Begin(ip(1), "alice"); err == nil {
				t.Fatal("could have retried sooner")
			}
			now = was.Add(throttled.RetryAfter)
			if _, err := throttle.Begin(ip(1), "alice"); err != nil {
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
		slow, err := throttle.Begin(ip(1), "mallory")
		if err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Second)
		fail(t, throttle, ip(1), "alice", 10)
		slow.GiveBack()
		if n := fail(t, throttle, ip(1), "alice", 10); n != 0 {
			t.Errorf("%d more guesses after a late answer, want 0", n)
		}
		if n := fail(t, throttle, ip(1), "mallory", 50); n > 10 {
			t.Errorf("%d guesses for the one who was given back, want at most 10", n)
		}
	})
}

// guessAtOnce makes n attempts at the same time, spread over throttles, and returns how many got through.
func guessAtOnce(t testing.TB, n int, throttles ...*Throttle) int {
	t.Helper()
	start := make(chan struct{})
	results := make(chan error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			_, err := throttles[i%len(throttles)].Begin(ip(1), "alice")
			results <- err
		})
	}
	close(start)
	group.Wait()
	close(results)
	through := 0
	for err := range results {
		if err == nil {
			through++
		} else if _, ok := errors.AsType[*ThrottledError](err); !ok {
			t.Error(err)
		}
	}
	return through
}

func TestGuessesAtOnceDoNotSlipThrough(t *testing.T) {
	fixed := time.Unix(1e9, 0)
	throttle := NewThrottle(Limits{}, nil)
	throttle.now = func() time.Time { return fixed }
	through := guessAtOnce(t, 1000, throttle)
	if through > 10 {
		t.Errorf("%d of 1000 guesses at once got through, want at most 10", through)
	}
	if rest := fail(t, throttle, ip(1), "alice", 50); through+rest != 10 {
		t.Errorf("%d guesses at once and %d after, want 10 in all", through, rest)
	}
}

// brokenCounter fails.
type brokenCounter struct{ err error }

func (brokenCounter) Config(int, time.Duration)                            {}
func (c brokenCounter) Increment(string, time.Time) error                  { return c.err }
func (c brokenCounter) IncrementBy(string, time.Time, int) error           { return c.err }
func (c brokenCounter) Get(string, time.Time, time.Time) (int, int, error) { return 0, 0, c.err }

func TestThrottleReportsItsCounter(t *testing.T) {
	broken := errors.New("broken")
	throttle := NewThrottle(Limits{}, brokenCounter{broken})
	attempt, err := throttle.Begin(ip(1), "alice")
	if attempt != nil || !errors.Is(err, broken) {
		t.Errorf("Begin = %v, %v; want the counter's error", attempt, err)
	}
}

func TestMemoryCounterKeepsItsWindows(t *testing.T) {
	const minute = time.Minute
	w1 := time.Unix(6000, 0)
	w2 := w1.Add(minute)
	fresh := func() httprate.LimitCounter {
		c := newMemoryCounter()
		c.Config(0, minute)
		return c
	}
	check := func(name string, c httprate.LimitCounter, window time.Time, current, previous int) {
		t.Helper()
		is, was, err := c.Get("k", window, window.Add(-minute))
		if err != nil || is != current || was != previous {
			t.Errorf("%s: counts %d and %d (%v), want %d and %d", name, is, was, err, current, previous)
		}
	}
	add := func(c httprate.LimitCounter, window time.Time, n int) {
		t.Helper()
		if err := c.IncrementBy("k", window, n); err != nil {
			t.Error(err)
		}
	}
	c := fresh()
	add(c, w1, 3)
	add(c, w1, -1)
	if err := c.Increment("k", w1); err != nil {
		t.Error(err)
	}
	check("one window", c, w1, 3, 0)
	add(c, w2, 1)
	check("the next", c, w2, 1, 3)
	add(c, w1, 1)
	check("late", c, w2, 2, 3)
	check("late reader", c, w1, 2, 3)
	add(c, w1, -1)
	check("late giving back", c, w2, 2, 3)
	add(c, w2, -5)
	check("more than was counted", c, w2, 0, 3)
	add(c, w1.Add(-time.Hour), 1)
	check("the clock was set back", c, w1.Add(-time.Hour), 1, 0)
}
