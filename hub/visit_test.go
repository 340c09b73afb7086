package hub_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

func (f *faultyStore) Touch(ctx context.Context, marks ...session.Mark) (err error) {
	if fault := f.do("touch", func() { err = f.Store.Touch(ctx, marks...) }); fault != nil {
		return fault
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marks = append(f.marks, marks...)
	return err
}

// marked returns what the store was told by Touch.
func (f *faultyStore) marked() []session.Mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.marks)
}

// visit is what package web does where a proxy says that the user is active: check, then tell the hub. It returns
// the time of the check.
func (s *site) visit(cred session.Credential) time.Time {
	s.t.Helper()
	live, snap, err := s.reg.Check(context.Background(), cred)
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub.Active(live, snap)
	return snap.Now
}

// activeAt returns the last activity that the store knows of.
func (s *site) activeAt(cred session.Credential) time.Time {
	s.t.Helper()
	live, _, err := s.reg.Check(context.Background(), cred)
	if err != nil {
		s.t.Fatal(err)
	}
	return live.LastActiveAt
}

// touches counts the store's Touch calls, and hands them on while it answers.
type touches struct {
	n    atomic.Int64
	away error // set before the store is used
}

func (c *touches) around(call string, run func()) error {
	if call == "touch" {
		c.n.Add(1)
		if c.away != nil {
			return c.away
		}
	}
	run()
	return nil
}

// wantAt wants a time as exact as the store keeps it.
func wantAt(t *testing.T, what string, got, want time.Time) {
	t.Helper()
	if d := got.Sub(want).Abs(); d > time.Millisecond {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestVisitsAreWrittenTogether(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		creds := []session.Credential{s.login("alice", "laptop"), s.login("bob", "laptop"), s.login("carol", "laptop")}
		var calls touches
		s.store.set(calls.around)
		time.Sleep(time.Minute + 100*time.Millisecond) // between two flushes
		at := make([]time.Time, len(creds))
		for range 5 {
			for i, cred := range creds {
				at[i] = s.visit(cred)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := calls.n.Load(); n != 0 {
			t.Errorf("%d calls of the store before the flush, want none", n)
		}
		time.Sleep(3 * time.Second)
		if n := calls.n.Load(); n != 1 {
			t.Errorf("%d calls of the store for all visits, want 1", n)
		}
		for i, cred := range creds {
			wantAt(t, "the last activity", s.activeAt(cred), at[i])
		}
	})
}

func TestVisitsKeepASessionAlive(t *testing.T) {
	// Down to timeouts that are shorter than what a flush waits for.
	for _, idle := range []time.Duration{time.Second, 30 * time.Second, 5 * time.Minute} {
		inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
			s.rule.IdleTimeout = idle
			cred := s.login("alice", "laptop")
			for range 5 {
				time.Sleep(idle - 100*time.Millisecond)
				s.visit(cred)
			}
			time.Sleep(idle + 3*time.Second)
			if _, _, err := s.reg.Check(context.Background(), cred); err == nil {
				t.Errorf("a session of %s outlives its last visit", idle)
			}
		})
	}
}

func TestVisitsWaitForTheStore(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		alice, bob := s.login("alice", "laptop"), s.login("bob", "laptop")
		carol := s.login("carol", "laptop")
		calls := touches{away: session.ErrUnavailable}
		s.store.set(calls.around)
		time.Sleep(time.Minute)
		s.visit(alice)
		bobAt := s.visit(bob)
		time.Sleep(time.Minute)
		aliceAt := s.visit(alice) // while the first waits
		time.Sleep(time.Minute)
		if calls.n.Load() == 0 {
			t.Fatal("nothing was to be written")
		}
		// And one while the store is being told, in vain, of the one before it.
		s.visit(carol)
		again := make(chan time.Time)
		var once sync.Once
		s.store.set(func(call string, run func()) error {
			if call == "touch" {
				time.Sleep(time.Second)
				once.Do(func() { again <- s.visit(carol) })
				return session.ErrUnavailable
			}
			run()
			return nil
		})
		carolAt := <-again
		s.store.set(nil)
		time.Sleep(5 * time.Second)
		wantAt(t, "alice's last activity", s.activeAt(alice), aliceAt)
		wantAt(t, "bob's last activity", s.activeAt(bob), bobAt)
		wantAt(t, "carol's last activity", s.activeAt(carol), carolAt)
	})
}

func TestAVisitRenewsAfterAWarning(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		one, two := s.twoTabs(cred)
		for _, tab := range []*socket{one, two} {
			if m := tab.next(); m["type"] != "session.expiring" {
				t.Fatalf("got %v, want session.expiring", m)
			}
		}
		if took := since(func() {
			at := s.visit(cred)
			for _, tab := range []*socket{one, two} {
				if m := tab.next(); m["type"] != "session.renewed" {
					t.Fatalf("got %v, want session.renewed", m)
				}
			}
			synctest.Wait()
			wantAt(t, "the last activity", s.activeAt(cred), at)
		}); took != 0 {
			t.Errorf("renewed after %s, want at once", took)
		}
	})
}

// TestAVisitWhileAConnectionIsAttached finds a connection that is there already, and of which nothing is known yet.
func TestAVisitWhileAConnectionIsAttached(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		s.store.set(func(call string, run func()) error {
			if call == "attach" {
				s.visit(cred)
				synctest.Wait()
			}
			run()
			return nil
		})
		s.connected(cred)
		time.Sleep(3 * time.Second)
		marks := s.store.marked()
		if len(marks) != 1 || marks[0].Session != cred.ID || marks[0].IdleTimeout != s.rule.IdleTimeout {
			t.Errorf("written: %+v; want the session's activity, with its idle timeout", marks)
		}
	})
}

func TestTheLastVisitsAreWrittenOnTheWayOut(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		var calls touches
		s.store.set(calls.around)
		time.Sleep(time.Minute + 100*time.Millisecond)
		s.visit(cred)
		s.stop()
		if n := calls.n.Load(); n != 1 {
			t.Errorf("%d calls of the store, want the one at the end", n)
		}
	})
}
