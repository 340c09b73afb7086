package auth

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"
)

// compareWith replaces bcrypt, as hashing is what takes time, and time what is seen from outside.
func compareWith(compare func(hash, password []byte) error) Option {
	return func(v *verifier) { v.compare = compare }
}

// hashOf returns the lowest cost's hash of a password.
func hashOf(t testing.TB, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func TestAccountsVerify(t *testing.T) {
	long := strings.Repeat("l", maxPassword)
	accounts, err := NewAccounts(map[string]string{
		"alice": "demo", "bob": "demo2", "with space": "p w", "ü👩‍💻": "пароль", "long": long,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		user, password string
		want           error
	}{
		{"alice", "demo", nil},
		{"bob", "demo2", nil},
		{"with space", "p w", nil},
		{"ü👩‍💻", "пароль", nil},
		{"long", long, nil},
		{"alice", "demo2", ErrCredentials},
		{"alice", "Demo", ErrCredentials},
		{"alice", "", ErrCredentials},
		{"Alice", "demo", ErrCredentials},
		{"alice ", "demo", ErrCredentials},
		{"", "", ErrCredentials},
		{"", "demo", ErrCredentials},
		{"carol", "demo", ErrCredentials},
		{"carol", "", ErrCredentials},
		// bcrypt alone would take these three.
		{"alice", "demo\x00demo", ErrCredentials},
		{"alice", "demo\x00", ErrCredentials},
		{"long", long + "x", ErrCredentials},
		{"alice", strings.Repeat("x", 1<<20), ErrCredentials},
	} {
		err := accounts.Verify(t.Context(), try.user, try.password)
		if err != try.want {
			t.Errorf("Verify(%q, %.20q) = %v, want %v", try.user, try.password, err, try.want)
		}
	}
}

func TestNewAccountsRefuses(t *testing.T) {
	for user, password := range map[string]string{"": "demo", "a:b": "demo", "alice": "", "bob": "a\x00"} {
		if _, err := NewAccounts(map[string]string{user: password}); err == nil {
			t.Errorf("%q with password %q was taken", user, password)
		}
	}
}

// The time of an answer is the sum of the rounds of its hashes, so that is what is counted.
func TestEachRefusalTakesTheSameTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := make(map[string]entry)
		costs := rapid.SliceOfN(rapid.IntRange(bcrypt.MinCost, maxCost), 0, 5).Draw(t, "costs")
		highest := 0
		for i, cost := range costs {
			entries[string(rune('a'+i))] = decoy(cost)
			highest = max(highest, cost)
		}
		if len(costs) == 0 {
			highest = newCost
		}
		rounds := 0
		v := newVerifier([]Option{compareWith(func(hash, password []byte) error {
			cost, err := bcrypt.Cost(hash)
			if err != nil {
				t.Fatalf("hash %q: %v", hash, err)
			}
			if len(password) > maxPassword {
				t.Fatalf("hashed %d bytes", len(password))
			}
			rounds += 1 << cost
			return bcrypt.ErrMismatchedHashAndPassword
		})})
		user := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "nobody", ""}).Draw(t, "user")
		password := rapid.SampledFrom([]string{"", "wrong", "a\x00b", strings.Repeat("x", 73)}).Draw(t, "password")
		if err := v.verify(newBook(entries), user, password); err != ErrCredentials {
			t.Fatalf("Verify(%q) = %v", user, err)
		}
		if rounds != 1<<highest {
			t.Fatalf("Verify(%q) took %d rounds, want %d", user, rounds, 1<<highest)
		}
	})
}

func TestNothingMatchesForAnUnknownUser(t *testing.T) {
	v := newVerifier([]Option{compareWith(func(_, _ []byte) error { return nil })})
	b := newBook(map[string]entry{"alice": decoy(bcrypt.MinCost)})
	if err := v.verify(b, "nobody", "x"); err != ErrCredentials {
		t.Errorf("an unknown user, should the decoy match: %v", err)
	}
	if err := v.verify(b, "alice", "x"); err != nil {
		t.Errorf("a known one: %v", err)
	}
}

func TestDecoyIsARealHash(t *testing.T) {
	for cost := bcrypt.MinCost; cost <= maxCost; cost++ {
		if _, err := parseHash(string(decoy(cost).hash)); err != nil {
			t.Errorf("cost %d: %v", cost, err)
		}
	}
	err := bcrypt.CompareHashAndPassword(decoy(bcrypt.MinCost).hash, []byte("demo"))
	if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		t.Errorf("comparing with a decoy: %v, which takes no time", err)
	}
}

func TestHashingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const parallel, queue, logins = 2, 3, 10
		var hashing, most atomic.Int64
		next := make(chan struct{})
		accounts, err := NewAccounts(map[string]string{"alice": "demo"}, Parallel(parallel), Queue(queue),
			compareWith(func(_, _ []byte) error {
				now := hashing.Add(1)
				defer hashing.Add(-1)
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				<-next
				return nil
			}))
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		results := make(chan error, logins)
		for range logins {
			group.Go(func() { results <- accounts.Verify(t.Context(), "alice", "demo") })
		}
		synctest.Wait()
		if n := hashing.Load(); n != parallel {
			t.Errorf("%d are hashing, want %d", n, parallel)
		}
		if n := len(results); n != logins-parallel-queue {
			t.Errorf("%d were refused at once, want %d", n, logins-parallel-queue)
		}
		close(next)
		group.Wait()
		close(results)
		busy := 0
		for err := range results {
			if errors.Is(err, ErrBusy) {
				busy++
			} else if err != nil {
				t.Error(err)
			}
		}
		if busy != logins-parallel-queue {
			t.Errorf("%d were refused, want %d", busy, logins-parallel-queue)
		}
		if most.Load() != parallel {
			t.Errorf("%d were hashing at a time, want %d", most.Load(), parallel)
		}
		if err := accounts.Verify(t.Context(), "alice", "demo"); err != nil {
			t.Errorf("after the rush: %v", err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := make(chan struct{})
		accounts, err := NewAccounts(map[string]string{"alice": "demo"}, Parallel(1), Queue(1),
			compareWith(func(_, _ []byte) error { <-next; return nil }))
		if err != nil {
			t.Fatal(err)
		}
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- accounts.Verify(t.Context(), "alice", "demo") }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { second <- accounts.Verify(ctx, "alice", "demo") }()
		synctest.Wait()
		cancel()
		if err := <-second; !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
			t.Errorf("one that gave up waiting: %v", err)
		}
		if err := accounts.Verify(ctx, "alice", "demo"); !errors.Is(err, ErrBusy) {
			t.Errorf("one that had given up before: %v", err)
		}
		third := make(chan error, 1) // has the place in the queue that was given up
		go func() { third <- accounts.Verify(t.Context(), "alice", "demo") }()
		synctest.Wait()
		close(next)
		if err := errors.Join(<-first, <-third); err != nil {
			t.Error(err)
		}
	})
}

func TestOptionsAreKeptPossible(t *testing.T) {
	v := newVerifier([]Option{Parallel(0), Queue(-5)})
	if cap(v.slots) != 1 || v.queue != 0 {
		t.Errorf("%d at a time, %d waiting; want 1 and 0", cap(v.slots), v.queue)
	}
	v = newVerifier([]Option{Parallel(3)})
	if cap(v.slots) != 3 || v.queue != 48 {
		t.Errorf("%d at a time, %d waiting; want 3 and 48", cap(v.slots), v.queue)
	}
}

func TestTheLongestPasswordIsComparedWhole(t *testing.T) {
	want := strings.Repeat("p", maxPassword)
	var got []byte
	v := newVerifier([]Option{compareWith(func(_, password []byte) error {
		got = bytes.Clone(password)
		return nil
	})})
	b := newBook(map[string]entry{"alice": decoy(bcrypt.MinCost)})
	if err := v.verify(b, "alice", want); err != nil || string(got) != want {
		t.Errorf("compared %q (%v), want %q", got, err, want)
	}
}
