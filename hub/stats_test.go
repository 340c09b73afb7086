package hub_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// at returns a histogram with n at one place.
func at(place int, n uint64) (h session.Histogram) {
	h[place] = n
	return h
}

func TestNoticesAreTimed(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.Limit = 1
		first := s.login("alice", "laptop")
		old := s.connected(first)
		s.login("alice", "phone")
		m := old.next()
		time.Sleep(40 * time.Millisecond)
		old.say(`{"type":"ack","id":"` + m["id"].(string) + `"}`)
		old.closedWith(hub.CodeRevoked, "superseded")
		stats := s.hub.Stats()
		want := session.NoticeTimes{Told: at(session.NoticeBound(0), 1), Acked: at(session.NoticeBound(40*time.Millisecond), 1)}
		if stats.Notices != want || stats.ToldIn > time.Millisecond || stats.AckedIn.Round(time.Millisecond) != 40*time.Millisecond {
			t.Errorf("%+v in %s and %s, want %+v", stats.Notices, stats.ToldIn, stats.AckedIn, want)
		}
		if stats.Forced != 1 || stats.Ended != 1 {
			t.Errorf("%d forced of %d", stats.Forced, stats.Ended)
		}
		// Who comes back with it hears of it again, and that is no news.
		s.dial(first).revoked(session.Superseded)
		if got := s.hub.Stats(); got.Notices != want || got.Told != 2 {
			t.Errorf("told %d times, timed %+v", got.Told, got.Notices)
		}
	})
}

func TestEndingsWithoutAMomentAreNotTimed(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = time.Minute
		c := s.connected(s.login("alice", "laptop"))
		if m := c.next(); m["type"] != "session.expiring" {
			t.Errorf("got %v", m)
		}
		c.revoked(session.Idle)
		stats := s.hub.Stats()
		if stats.Told != 1 || stats.Notices != (session.NoticeTimes{}) || stats.Forced != 0 || stats.Ended != 1 {
			t.Errorf("%+v", stats)
		}
		s.rule.IdleTimeout = 0
		bob := s.login("bob", "laptop")
		c = s.connected(bob)
		_, err := s.reg.End(context.Background(), bob.Key, func(session.Session) bool { return true },
			session.Ending{Reason: session.SignedOut})
		if err != nil {
			t.Fatal(err)
		}
		c.revoked(session.SignedOut)
		if stats := s.hub.Stats(); stats.Forced != 0 || stats.Notices.Told != at(0, 1) {
			t.Errorf("%+v", stats)
		}
	})
}

func TestInstancesSayHowTheyAre(t *testing.T) {
	inBubble(t, hub.Options{MaxConnections: 7}, func(t *testing.T, s *site) {
		self := func() session.Instance {
			t.Helper()
			all, err := s.hub.Instances()
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			return all[0]
		}
		time.Sleep(4 * time.Second) // past the second beat
		in := self()
		if in.State != session.Ready || in.Detail != "" || in.MaxConnections != 7 || in.Goroutines < 5 ||
			in.Memory < 1<<20 || in.Memory > 1<<36 || in.CPU < 0 || in.CPU > 64 {
			t.Errorf("%+v", in.Health)
		}
		// Told by itself, it is what it is now; and told by the others, what it was at its last beat.
		s.store.set(func(call string, run func()) error {
			if call == "beat" {
				return session.ErrUnavailable
			}
			run()
			return nil
		})
		time.Sleep(9 * time.Second)
		if in := self(); in.State != session.NotReady || in.Detail != "the store does not answer" {
			t.Errorf("without a store: %+v", in.Health)
		}
		s.store.set(nil)
		time.Sleep(3 * time.Second)
		if in := self(); in.State != session.Ready {
			t.Errorf("with it again: %+v", in.Health)
		}
		told := make(chan session.Instance, 1)
		s.store.hear(func(i session.Instance) { told <- i })
		s.hub.Drain(context.Background(), 0)
		if took := since(func() {
			if i := <-told; i.State != session.Draining || i.Detail != "" {
				t.Errorf("the others hear %+v", i.Health)
			}
		}); took != 0 {
			t.Errorf("they hear it after %s, want at once", took)
		}
		if in := self(); in.State != session.Draining {
			t.Errorf("%+v", in.Health)
		}
	})
}

func TestHistoryIsBoundedAndSaysWhereItGoesOn(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		beat := func(id string, started time.Time, admitted uint64) {
			t.Helper()
			_, _, err := s.store.Beat(context.Background(), session.Instance{
				ID: id, StartedAt: started, Counters: session.Counters{Connections: 1, Admitted: admitted},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		const beats = hub.HistoryEvery
		start := time.Now()
		time.Sleep(beats + time.Second) // the first beat and the second
		s.login("alice", "laptop")
		beat("new", time.Now(), 5)
		time.Sleep(beats)
		time.Sleep(12 * time.Second) // its lease runs out
		beat("new", start, 7)
		time.Sleep(beats)

		points := s.hub.History()
		var continues []bool
		for i, p := range points {
			if want := start.Add(time.Duration(i) * beats); p.At.Sub(want).Abs() > 2*time.Millisecond {
				t.Errorf("point %d is of %s, want %s", i, p.At, want)
			}
			continues = append(continues, p.Continues)
		}
		want := []bool{false, true, true, true, true, false, true, false}
		if len(points) != len(want) {
			t.Fatalf("%d points: %v", len(points), continues)
		}
		for i := range want {
			if continues[i] != want[i] {
				t.Errorf("point %d continues %v, of %+v", i, continues[i], points[i].Totals)
			}
		}
		if p := points[2]; p.Instances != 2 || p.Admitted != 6 || p.Connections != 1 {
			t.Errorf("sums: %+v", p)
		}
		if p := points[6]; p.Instances != 1 || p.Admitted != 1 || p.Connections != 0 {
			t.Errorf("sums after it has gone: %+v", p)
		}

		time.Sleep(11 * time.Minute)
		points = s.hub.History()
		if n, first := len(points), points[0].At; n != 200 || time.Since(first).Round(time.Minute) != 10*time.Minute {
			t.Errorf("%d points from %s on, at %s", n, first, time.Now())
		}
		if text, err := json.Marshal(points); err != nil || len(text) > 150<<10 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	})
}
