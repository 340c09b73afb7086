package hub_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewerLoginTellsTheOlderDeviceAtOnce(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		first := s.login("alice", "laptop")
		old := s.connected(first)
		var second session.Credential
		if took := since(func() {
			second = s.login("alice", "phone")
			m := old.next()
			by, _ := m["by"].(map[string]any)
			if m["type"] != "session.revoked" || m["reason"] != "superseded" || m["session_id"] != first.ID.String() ||
				by["session_id"] != second.ID.String() || by["ip"] != "192.0.2.7" {
				t.Errorf("notice: %v", m)
			}
		}); took != 0 {
			t.Errorf("the notice took %s of the bubble's time, want none", took)
		}
		if took := since(func() { old.closedWith(hub.CodeRevoked, "superseded") }); took > 2*time.Second {
			t.Errorf("the close code came %s after the notice", took)
		}
		s.connected(second)
		back := s.dial(first)
		back.revoked(session.Superseded)
	})
}

func TestAckClosesAtOnceAndLeavesAReceipt(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		first := s.login("alice", "laptop")
		old := s.connected(first)
		s.login("alice", "phone")
		m := old.next()
		if took := since(func() {
			old.say(`{"type":"ack","id":"` + m["id"].(string) + `"}`)
			old.closedWith(hub.CodeRevoked, "superseded")
		}); took != 0 {
			t.Errorf("closed %s after the ack, want at once", took)
		}
		time.Sleep(5 * time.Second) // the bubble's: until the next flush
		snap, err := s.reg.Load(context.Background(), first.Key)
		if err != nil {
			t.Fatal(err)
		}
		found, _ := snap.Account.Find(first.ID)
		if found.Ended == nil || found.Ended.AckedAt.IsZero() {
			t.Errorf("no receipt in %+v", found.Ended)
		}
		if stats := s.hub.Stats(); stats.Told != 1 || stats.Acked != 1 {
			t.Errorf("stats: %+v", stats)
		}
	})
}

// A client that does not acknowledge its notice is closed when it has had the time to.
func TestCloseFollowsWithoutAnAck(t *testing.T) {
	for within, want := range map[time.Duration]time.Duration{0: time.Second, time.Minute: time.Minute} {
		inBubble(t, hub.Options{AckWithin: within}, func(t *testing.T, s *site) {
			old := s.connected(s.login("alice", "laptop"))
			s.login("alice", "phone")
			old.next()
			took := since(func() { old.closedWith(hub.CodeRevoked, "superseded") })
			if took < want || took > want+time.Second {
				t.Errorf("closed %s after the notice, want %s", took, want)
			}
		})
	}
}

func TestUnknownSessionsAreUpgradedToldAndClosed(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		live := s.login("alice", "laptop")
		forged := live
		forged.Digest[0]++
		for name, cred := range map[string]session.Credential{
			"never issued":                 credential("nobody"),
			"of a live session, forged":    forged,
			"of one user under another's":  {Key: session.KeyOf("bob"), ID: live.ID, Digest: live.Digest},
			"of another session's secrets": {Key: live.Key, ID: credential("alice").ID, Digest: live.Digest},
		} {
			c := s.dial(cred)
			m := c.revoked(session.Unknown)
			if m["by"] != nil {
				t.Errorf("%s: was told by whom: %v", name, m)
			}
		}
		s.connected(live)
	})
}

func TestLogoutIsToldToAllTabs(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		one, two := s.connected(cred), s.connected(cred)
		one.say(`{"type":"logout"}`)
		one.revoked(session.SignedOut)
		two.revoked(session.SignedOut)
	})
}

func TestIdleSessionsAreWarnedRenewedAndEnded(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		c, tab := s.twoTabs(cred)
		start := time.Now()
		m := c.next()
		if took := time.Since(start); m["type"] != "session.expiring" || took < 29*time.Minute || took > 29*time.Minute+time.Second {
			t.Fatalf("after %s: %v, want session.expiring a minute before the end", took, m)
		}
		tab.next()
		late := s.connected(s.login("bob", "laptop")) // who is not concerned
		time.Sleep(30 * time.Second)
		third := s.connected(cred)
		if m := third.next(); m["type"] != "session.expiring" || m["in_ms"].(float64) > 31_000 {
			t.Fatalf("a tab opened after the warning got %v, want the warning", m)
		}
		third.CloseNow()
		late.CloseNow()
		tab.say(`{"type":"activity"}`)
		for _, each := range []*socket{c, tab} {
			if m := each.next(); m["type"] != "session.renewed" {
				t.Fatalf("got %v, want session.renewed", m)
			}
		}
		start = time.Now()
		if m := c.next(); m["type"] != "session.expiring" {
			t.Fatalf("got %v, want session.expiring", m)
		}
		tab.next()
		c.revoked(session.Idle)
		tab.revoked(session.Idle)
		if took := time.Since(start); took < 30*time.Minute || took > 30*time.Minute+3*time.Second {
			t.Errorf("ended %s after the last activity, want 30m", took)
		}
	})
}

// TestAConnectionThatComesShortlyBeforeTheEnd finds nobody here who was warned: the session's other connections are gone,
// or at other instances.
func TestAConnectionThatComesShortlyBeforeTheEnd(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		time.Sleep(29*time.Minute + 35*time.Second)
		c := s.connected(cred)
		start := time.Now()
		m := c.next()
		if left := m["in_ms"]; m["type"] != "session.expiring" || left.(float64) < 24_000 || left.(float64) > 25_000 {
			t.Fatalf("got %v, want the warning with the 25 s that are left", m)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("warned after %s, want at once", took)
		}
		c.say(`{"type":"activity"}`)
		if m = c.next(); m["type"] != "session.renewed" {
			t.Fatalf("got %v, want session.renewed, and one warning alone", m)
		}
	})
}

func (s *site) twoTabs(cred session.Credential) (one, two *socket) {
	return s.connected(cred), s.connected(cred)
}

func TestActivityElsewhereIsAskedFor(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 10 * time.Minute
		cred := s.login("alice", "laptop")
		c := s.connected(cred)
		time.Sleep(8 * time.Minute)
		err := s.reg.Touch(context.Background(), session.Mark{Key: cred.Key, Session: cred.ID, IdleTimeout: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if m := c.next(); m["type"] != "session.expiring" || time.Since(start) < 9*time.Minute {
			t.Fatalf("after %s: %v, want the warning a minute before ten have passed since the activity", time.Since(start), m)
		}
		if err = s.reg.Touch(context.Background(), session.Mark{Key: cred.Key, Session: cred.ID, IdleTimeout: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if m := c.next(); m["type"] != "session.renewed" || time.Since(start) > 3*time.Second {
			t.Fatalf("after %s: %v, want session.renewed soon after the activity", time.Since(start), m)
		}
	})
}

// A tab that opens after a warning, and after activity that only the store has heard of, must not hide that from the
// first one, nor the next warning from both.
func TestATabThatOpensAfterAWarning(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = 30 * time.Minute
		cred := s.login("alice", "laptop")
		first := s.connected(cred)
		if m := first.next(); m["type"] != "session.expiring" {
			t.Fatalf("got %v, want session.expiring", m)
		}
		err := s.reg.Touch(context.Background(), session.Mark{Key: cred.Key, Session: cred.ID, IdleTimeout: 30 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		second := s.connected(cred)
		if m := first.next(); m["type"] != "session.renewed" {
			t.Fatalf("got %v, want session.renewed", m)
		}
		start := time.Now()
		for _, tab := range []*socket{first, second} {
			m := tab.next()
			if m["type"] == "session.renewed" { // it opened just before that was told
				m = tab.next()
			}
			if m["type"] != "session.expiring" || time.Since(start) < 28*time.Minute {
				t.Fatalf("after %s: %v, want the next warning in its time", time.Since(start), m)
			}
		}
	})
}

func TestLifetimeEndsAnActiveSession(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.MaxLifetime = time.Hour
		c := s.connected(s.login("alice", "laptop"))
		took := since(func() { c.revoked(session.Lifetime) })
		if took < time.Hour || took > time.Hour+3*time.Second {
			t.Errorf("ended after %s, want 1h", took)
		}
	})
}

func TestSessionsWithoutASocketExpire(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = time.Minute
		cred := s.login("alice", "laptop")
		time.Sleep(time.Minute + 5*time.Second)
		snap, err := s.reg.Load(context.Background(), cred.Key)
		if err != nil {
			t.Fatal(err)
		}
		if found, _ := snap.Account.Find(cred.ID); found.Ended == nil || found.Ended.Reason != session.Idle {
			t.Errorf("session: %+v, want it ended as idle", found)
		}
	})
}

func TestLimits(t *testing.T) {
	inBubble(t, hub.Options{MaxConnections: 3, MaxConnectionsPerSession: 2}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		s.twoTabs(cred)
		third := s.dial(cred)
		if m := third.next(); m["type"] != "reconnect" || m["after_ms"] == 0.0 {
			t.Errorf("got %v, want to be asked to come back later", m)
		}
		third.closedWith(hub.CodeOverloaded, "")
		synctest.Wait()
		s.connected(s.login("bob", "laptop"))
		_, resp, err := s.tryDial(s.login("carol", "laptop"))
		if err == nil || resp == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("the fourth connection: %v, want 503", err)
		}
	})
}

func TestDrainAsksThenCloses(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		var clients []*socket
		for _, user := range []string{"alice", "bob", "carol", "dave"} {
			clients = append(clients, s.connected(s.login(user, "laptop")))
		}
		start := time.Now()
		drained := make(chan time.Duration, 1)
		go func() {
			s.hub.Drain(context.Background(), 20*time.Second)
			drained <- time.Since(start)
		}()
		turns := make(map[*socket]time.Duration)
		for _, c := range clients {
			m := c.next()
			after, _ := m["after_ms"].(float64)
			if m["type"] != "reconnect" || after < 0 || after >= 20_000 {
				t.Errorf("got %v, want reconnect within the window", m)
			}
			turns[c] = time.Duration(after) * time.Millisecond
		}
		if err := s.hub.Ready(); !errors.Is(err, hub.ErrDraining) {
			t.Errorf("ready: %v, want ErrDraining", err)
		}
		if _, err := s.hub.Attach(context.Background(), s.login("eve", "laptop")); !errors.Is(err, hub.ErrDraining) {
			t.Errorf("attach: %v, want ErrDraining", err)
		}
		slices.SortFunc(clients, func(a, b *socket) int { return cmp.Compare(turns[a], turns[b]) })
		for _, c := range clients {
			c.closedWith(hub.CodeGoingAway, "going away")
			if gone := time.Since(start); gone < turns[c] || gone > turns[c]+time.Second {
				t.Errorf("closed after %s, want its turn at %s", gone, turns[c])
			}
		}
		if took := <-drained; took > 21*time.Second {
			t.Errorf("drained after %s, want within the window of 20s", took)
		}
	})
}
