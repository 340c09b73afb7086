package hub_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// A login commits just before, or just after, the store attaches the old device's new connection.
func TestAttachAgainstCommit(t *testing.T) {
	for name, order := range map[string]func(attach, login func()){
		"commit first": func(attach, login func()) { login(); attach() },
		"attach first": func(attach, login func()) { attach(); login() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
				first := s.login("alice", "laptop")
				s.store.set(func(call string, run func()) error {
					if call == "attach" {
						s.store.set(nil)
						order(run, func() { s.login("alice", "phone"); synctest.Wait() })
						return nil
					}
					run()
					return nil
				})
				c := s.dial(first)
				m := c.next()
				if m["type"] == "welcome" {
					m = c.next()
				}
				if m["type"] != "session.revoked" || m["reason"] != "superseded" {
					t.Fatalf("got %v, want session.revoked", m)
				}
				c.closedWith(hub.CodeRevoked, "superseded")
				if told := s.hub.Stats().Told; told != 1 {
					t.Errorf("told %d times, want once", told)
				}
			})
		})
	}
}

// The detach of a closed connection reaches the store after the attach of the next one.
func TestDetachAgainstAttach(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		s.connected(cred).CloseNow()
		synctest.Wait()
		next := s.connected(cred)
		time.Sleep(5 * time.Second) // the bubble's: the detach is flushed
		snap, err := s.reg.Load(context.Background(), cred.Key)
		if err != nil || snap.Routes.Connections(cred.ID) != 1 {
			t.Fatalf("routes %+v, %v; want one connection", snap.Routes, err)
		}
		next.CloseNow()
		time.Sleep(5 * time.Second)
		if snap, err = s.reg.Load(context.Background(), cred.Key); err != nil || len(snap.Routes) != 0 {
			t.Fatalf("routes %+v, %v; want none", snap.Routes, err)
		}
	})
}

func TestNoticesThatComeTwiceAreToldOnce(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.inbox.set(func([]byte) int { return 3 })
		old := s.connected(s.login("alice", "laptop"))
		s.login("alice", "phone")
		old.revoked(session.Superseded)
		if told := s.hub.Stats().Told; told != 1 {
			t.Errorf("told %d times, want once", told)
		}
	})
}

func TestLostNoticesAreMadeGood(t *testing.T) {
	lose := func(lost int) func([]byte) int {
		return func([]byte) int {
			if lost > 0 {
				lost--
				return 0
			}
			return 1
		}
	}
	for name, test := range map[string]struct {
		next   bool // whether a later notice of the same shard shows the gap
		missed func([]session.Notice) ([]session.Notice, error)
		within time.Duration
	}{
		"seen by the count":                {within: 10 * time.Second},
		"seen at the next notice":          {next: true, within: 0},
		"no longer kept":                   {within: 10 * time.Second, missed: trimmed},
		"no longer kept, seen at the next": {next: true, within: 10 * time.Second, missed: trimmed},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
				s.store.missed = test.missed
				first := s.login("alice", "laptop")
				old := s.connected(first)
				other := s.connected(s.login(sameShard("alice"), "laptop"))
				s.inbox.set(lose(1))
				took := since(func() {
					s.login("alice", "phone")
					if test.next {
						s.login(sameShard("alice"), "phone")
						other.revoked(session.Superseded)
					}
					if m := old.next(); m["reason"] != "superseded" {
						t.Errorf("got %v", m)
					}
				})
				if took > test.within+2*time.Second*b2d(test.next) || took > 10*time.Second {
					t.Errorf("told after %s, want within %s", took, test.within)
				}
				old.closedWith(hub.CodeRevoked, "superseded")
				if stats := s.hub.Stats(); stats.GapsFound == 0 || stats.GapsFilled == 0 {
					t.Errorf("stats %+v: want a gap found and filled", stats)
				}
			})
		})
	}
}

func trimmed([]session.Notice) ([]session.Notice, error) { return nil, session.ErrTrimmed }

func b2d(b bool) time.Duration {
	if b {
		return 1
	}
	return 0
}

// sameShard returns another user in the shard of the given one.
func sameShard(user string) string {
	for other := user + "'"; ; other += "'" {
		if session.KeyOf(other).Shard() == session.KeyOf(user).Shard() {
			return other
		}
	}
}

// The store counts fewer notices than it had sent: it was reset, and has lost what it knew.
func TestAfterAResetEachSessionIsLookedUp(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		shown := s.connected(s.login("alice", "laptop"))
		s.login("alice", "phone")
		shown.revoked(session.Superseded)
		first := s.login(sameShard("alice"), "laptop")
		old := s.connected(first)
		s.inbox.set(func([]byte) int { return 0 })
		s.store.told = func([session.Shards]session.Mailed) (none [session.Shards]session.Mailed) { return none }
		s.login(sameShard("alice"), "phone")
		if took := since(func() { old.revoked(session.Superseded) }); took > 10*time.Second {
			t.Errorf("told after %s", took)
		}
		if late := s.hub.Stats().Late; late != 1 {
			t.Errorf("%d late, want 1", late)
		}
	})
}

func TestSocketsStayOpenWhileTheStoreIsAway(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		c := s.connected(cred)
		away := errors.Join(session.ErrUnavailable, errors.New("it is away"))
		s.store.set(func(string, func()) error { return away })
		time.Sleep(time.Minute)
		if err := s.hub.Ready(); err == nil {
			t.Error("ready without a store")
		}
		if _, err := s.hub.Attach(context.Background(), cred); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("attach: %v, want ErrUnavailable", err)
		}
		s.store.set(nil)
		time.Sleep(4 * time.Second)
		if err := s.hub.Ready(); err != nil {
			t.Errorf("not ready again: %v", err)
		}
		s.login("alice", "phone")
		c.revoked(session.Superseded)
	})
}

func TestDeadPeersAreFound(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		s.connected(cred)
		silent := s.silent(cred)
		defer silent.Close()
		time.Sleep(61 * time.Second)
		if stats := s.hub.Stats(); stats.Connections != 1 || stats.DeadPeers != 1 {
			t.Errorf("stats %+v: want the silent connection gone and the other one kept", stats)
		}
	})
}

// A peer that dies just after it has answered a ping has the longest to be found.
func TestAPeerThatDiesAfterItsPongIsFoundInAMinute(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		conn, buf := s.handshake(s.login("alice", "laptop"))
		defer conn.Close()
		var answered time.Time
		for pongs := 0; ; {
			opcode, _, err := readFrame(buf)
			if err != nil {
				break
			}
			if opcode == opPing && pongs < 3 {
				if _, err := conn.Write(frame(fin|opPong, nil)); err != nil {
					t.Fatal(err)
				}
				pongs++
				answered = time.Now()
			}
		}
		if took := time.Since(answered); took > time.Minute {
			t.Errorf("cut %s after its last pong, want at most a minute", took)
		}
		synctest.Wait()
		if dead := s.hub.Stats().DeadPeers; dead != 1 {
			t.Errorf("%d dead peers, want 1", dead)
		}
	})
}

func TestOneThatNeverReadsDelaysNobody(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		silent := s.silent(cred)
		defer silent.Close()
		tab := s.connected(cred)
		if took := since(func() {
			s.login("alice", "phone")
			tab.revoked(session.Superseded)
		}); took > 2*time.Second {
			t.Errorf("the tab was told after %s", took)
		}
		bob := s.connected(s.login("bob", "laptop"))
		if took := since(func() {
			s.login("bob", "phone")
			if m := bob.next(); m["type"] != "session.revoked" {
				t.Errorf("got %v", m)
			}
		}); took != 0 {
			t.Errorf("another session was told after %s", took)
		}
		time.Sleep(30 * time.Second)
		if n := s.hub.Stats().Connections; n != 0 {
			t.Errorf("%d connections left, want the silent one cut", n)
		}
	})
}

// A connection with a forged claim to the same session ID, of another user, comes first and goes while the genuine one
// is there.
func TestForgedClaimsDoNotHideTheGenuine(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		forged := cred
		forged.Key = session.KeyOf("mallory")
		var genuine *socket
		s.store.set(func(call string, run func()) error {
			if call == "attach" {
				s.store.set(nil)
				genuine = s.connected(cred)
			}
			run()
			return nil
		})
		s.dial(forged).revoked(session.Unknown)
		s.login("alice", "phone")
		genuine.revoked(session.Superseded)
	})
}

// Another instance, or a beat that was carried out late, has seen the end of this one's lease: the beat itself says
// that all is well.
func TestALeaseLostWhileAwayIsNoticed(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		cred := s.login("alice", "laptop")
		s.connected(cred)
		away := errors.Join(session.ErrUnavailable, errors.New("it is away"))
		s.store.set(func(string, func()) error { return away })
		time.Sleep(13500 * time.Millisecond) // between two beats
		s.store.set(nil)
		if _, _, err := s.store.Store.Beat(context.Background(), session.Instance{ID: "here"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		snap, err := s.reg.Load(context.Background(), cred.Key)
		if err != nil || len(snap.Routes) != 1 || snap.Routes[0].Epoch == 1 {
			t.Errorf("routes %+v, %v; want the connection's written again", snap.Routes, err)
		}
	})
}
