package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// outcomes says how logins ended: verified are those whose password was looked at.
type outcomes struct{ verified, throttled, busy int }

// loginsAtOnce makes n logins at the same time from one address, spread over throttles. Each is for the user that
// name returns, and ends as verify says.
func loginsAtOnce(t testing.TB, n int, name func(int) string, verify func() error, throttles ...*Throttle) outcomes {
	t.Helper()
	start := make(chan struct{})
	var mu sync.Mutex
	var got outcomes
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			attempt, err := throttles[i%len(throttles)].Begin(t.Context(), ip(1), name(i))
			if err == nil {
				attempt.End(verify())
			}
			mu.Lock()
			defer mu.Unlock()
			_, throttled := errors.AsType[*ThrottledError](err)
			switch {
			case err == nil:
				got.verified++
			case throttled:
				got.throttled++
			case errors.Is(err, ErrBusy):
				got.busy++
			default:
				t.Error(err)
			}
		})
	}
	close(start)
	group.Wait()
	return got
}

func alice(int) string       { return "alice" }
func colleague(i int) string { return fmt.Sprint("user ", i) }
func wrong() error           { return ErrCredentials }
func right() error           { return nil }

func TestGuessesAtOnceDoNotSlipThrough(t *testing.T) {
	for name, test := range map[string]struct {
		user  func(int) string
		limit int
	}{
		"for one user": {alice, 10},
		"for many":     {colleague, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttle := NewThrottle(Limits{}, nil)
				got := loginsAtOnce(t, 1000, test.user, wrong, throttle)
				if got.verified != test.limit {
					t.Errorf("of 1000 guesses at once %+v, want %d verified", got, test.limit)
				}
				if n := fail(t, throttle, ip(1), test.user(0), 50); n != 0 {
					t.Errorf("%d guesses more, want 0", n)
				}
			})
		})
	}
}

// An office behind one address comes to work.
func TestRightLoginsAtOnceAreNotThrottled(t *testing.T) {
	for name, test := range map[string]struct {
		user  func(int) string
		wrong int // passwords before
	}{
		"many users":               {colleague, 0},
		"many users, after errors": {colleague, 25},
		"one user":                 {alice, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttle := NewThrottle(Limits{}, nil)
				for i := range test.wrong {
					fail(t, throttle, ip(1), fmt.Sprint("typo ", i), 1)
				}
				slowly := func() error { wait(50 * time.Millisecond); return nil }
				if got := loginsAtOnce(t, 100, test.user, slowly, throttle); got.verified != 100 {
					t.Errorf("of 100 right logins at once %+v, want all verified", got)
				}
				if n := fail(t, throttle, ip(1), "mallory", 50); n != min(10, 30-test.wrong) {
					t.Errorf("%d guesses after them, want %d", n, min(10, 30-test.wrong))
				}
			})
		})
	}
}

func TestWaitingInLineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{PerPair: 1}, nil)
		slow, err := throttle.Begin(t.Context(), ip(1), "alice")
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := throttle.Begin(t.Context(), ip(1), "alice"); !errors.Is(err, ErrBusy) {
			t.Errorf("Begin behind one that does not end: %v, want ErrBusy", err)
		}
		if waited := time.Since(begun); waited != linePatience {
			t.Errorf("waited for %s, want %s", waited, linePatience)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = throttle.Begin(ctx, ip(1), "alice")
		if !errors.Is(err, ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Begin for a client that leaves: %v, want ErrBusy and why", err)
		}
		got := loginsAtOnce(t, lineLength+7, alice, right, throttle)
		if got != (outcomes{busy: lineLength + 7}) {
			t.Errorf("behind one that does not end %+v, want all busy", got)
		}

		// Who waits behind a wrong password is throttled by it, and behind a right one is let in.
		for _, test := range []struct {
			end  error
			want outcomes
		}{{nil, outcomes{verified: 5}}, {ErrCredentials, outcomes{throttled: 5}}} {
			time.AfterFunc(time.Second, func() { slow.End(test.end) })
			if got := loginsAtOnce(t, 5, alice, right, throttle); got != test.want {
				t.Errorf("behind one that ends with %v %+v, want %+v", test.end, got, test.want)
			}
			if slow, err = throttle.Begin(t.Context(), ip(1), "alice"); test.end == nil && err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := NewThrottle(Limits{PerPair: 1}, nil)
		if _, err := throttle.Begin(t.Context(), ip(1), "alice"); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range lineLength {
			group.Go(func() {
				if _, err := throttle.Begin(t.Context(), ip(1), "alice"); !errors.Is(err, ErrBusy) {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all stand in line
		begun := time.Now()
		if _, err := throttle.Begin(t.Context(), ip(1), "alice"); !errors.Is(err, ErrBusy) || time.Since(begun) != 0 {
			t.Errorf("Begin at the end of a full line: %v after %s, want ErrBusy at once", err, time.Since(begun))
		}
		if _, err := throttle.Begin(t.Context(), ip(2), "bob"); err != nil {
			t.Errorf("another user from elsewhere: %v", err)
		}
		group.Wait()
	})
}
