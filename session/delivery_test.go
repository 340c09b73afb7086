package session_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// TestDeliver gives ended sessions their delivery: those that are meant, and nothing else.
func TestDeliver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := accounts.Draw(t, "account")
		check := unchanged(t, before)
		var ended []session.Session
		var sent []session.ID
		for _, s := range slices.Concat(before.Live, before.Ended) {
			if rapid.Bool().Draw(t, "has ended") {
				ended = append(ended, s)
			}
			if rapid.Bool().Draw(t, "is sent") {
				sent = append(sent, s.ID)
			}
		}
		after := before.Deliver(ended, sent)
		check()
		for i, s := range after.Ended {
			want := before.Ended[i].Ended.Delivery
			switch {
			case session.Index(ended, s.ID) < 0:
			case slices.Contains(sent, s.ID):
				want = session.NoticeSent
			default:
				want = session.NoticeOffline
			}
			if s.Ended.Delivery != want || s.Ended.Sent() != (want == session.NoticeSent) {
				t.Fatalf("session %s is %v, want %v", s.ID, s.Ended.Delivery, want)
			}
			s.Ended.Delivery = before.Ended[i].Ended.Delivery
		}
		if got, want := asJSON(after), asJSON(before); got != want {
			t.Fatalf("beside the delivery\n got %s\nwant %s", got, want)
		}
	})
}

// TestDeliveryWords writes deliveries as people read them, and reads them back.
func TestDeliveryWords(t *testing.T) {
	for d, want := range map[session.NoticeDelivery]string{
		0: `""`, session.NoticeOffline: `"offline"`, session.NoticeSent: `"sent"`,
	} {
		text, err := json.Marshal(d)
		must(t, err)
		read := session.NoticeDelivery(7)
		must(t, json.Unmarshal(text, &read))
		if string(text) != want || read != d {
			t.Errorf("%d is %s, want %s, and then %d", d, text, want, read)
		}
	}
	later := session.NoticeSent
	must(t, later.UnmarshalText([]byte("of a later version")))
	if later != 0 || session.NoticeDelivery(200).String() != "" {
		t.Errorf("what is not known is %v", later)
	}
}

// scene is two sessions that are about to end, of which one has a connection, and one that is not.
type scene struct {
	*session.Registry
	store  session.Store
	doomed [2]session.Request // the first is connected
	own    session.Credential
	ended  []session.Session // as the answer to what has ended them says
}

func newScene(t *testing.T) *scene {
	store := openStore(t)
	s := &scene{Registry: session.NewRegistry(store), store: store}
	_, _, err := store.Beat(t.Context(), session.Instance{ID: "one"})
	must(t, err)
	for i := range s.doomed {
		s.doomed[i] = vouched("alice", "alice", "")
		loginSSO(t, s.Registry, s.doomed[i])
	}
	s.own = login(t, s.Registry, "alice", many)
	must(t, s.Touch(t.Context(), session.Mark{Key: s.own.Key, Session: s.own.ID, Ago: -time.Minute})) // the last to be active
	connected := s.doomed[0].Credential
	_, _, err = s.Attach(t.Context(), connected,
		session.Route{Session: connected.ID, Instance: "one", Epoch: 1, Connections: 1})
	must(t, err)
	return s
}

func (s *scene) notOwn(other session.Session) bool { return other.ID != s.own.ID }

func (s *scene) list(t *testing.T, ended []session.Ended, err error) {
	t.Helper()
	must(t, err)
	for _, e := range ended {
		s.ended = append(s.ended, e.Session)
	}
}

// endings are the ways in which the sessions of a scene can end.
var endings = []struct {
	reason session.Reason
	name   string
	end    func(t *testing.T, s *scene)
}{
	{session.Superseded, "a login over the limit", func(t *testing.T, s *scene) {
		out, err := s.Login(t.Context(), newLogin("alice"), session.Rule{Limit: 2, Policy: session.Evict})
		must(t, err)
		s.ended = out.Ended
	}},
	{session.Superseded, "a login that the user has made room for", func(t *testing.T, s *scene) {
		req := newLogin("alice")
		out, err := s.Login(t.Context(), req, session.Rule{Limit: 3, Policy: session.Ask})
		must(t, err)
		out, err = s.Choose(t.Context(), session.Choice{
			Ticket: out.Ticket.Digest, Force: true, Credential: req.Credential,
			End: []session.ID{s.doomed[0].Credential.ID, s.doomed[1].Credential.ID},
		})
		must(t, err)
		s.ended = out.Ended
	}},
	{session.Replaced, "logins on the same devices", func(t *testing.T, s *scene) {
		for _, before := range s.doomed {
			req := newLogin("alice")
			req.Device = before.Device
			out, err := s.Login(t.Context(), req, many)
			must(t, err)
			again, err := s.Login(t.Context(), req, many) // the answer was lost
			must(t, err)
			if got, want := asJSON(again.Ended), asJSON(out.Ended); got != want || !again.Repeated {
				t.Errorf("said again\n got %s\nwant %s", got, want)
			}
			s.ended = append(s.ended, out.Ended...)
		}
	}},
	{session.EndedByUser, "another session", func(t *testing.T, s *scene) {
		_, ended, err := s.EndAs(t.Context(), s.own, func(session.Session) (func(session.Session) bool, session.Ending) {
			return s.notOwn, session.Ending{Reason: session.EndedByUser}
		})
		s.list(t, ended, err)
	}},
	{session.EndedByUser, "reports", func(t *testing.T, s *scene) {
		for _, req := range s.doomed {
			out, err := s.ReportFor(t.Context(), "alice", req.Credential.ID)
			must(t, err)
			again, err := s.ReportFor(t.Context(), "alice", req.Credential.ID)
			must(t, err)
			if got, want := asJSON(again.Session), asJSON(out.Session); got != want || !again.Repeated {
				t.Errorf("said again\n got %s\nwant %s", got, want)
			}
			s.ended = append(s.ended, out.Session)
		}
	}},
	{session.EndedByAdmin, "an operator", func(t *testing.T, s *scene) {
		ended, err := s.End(t.Context(), s.own.Key, s.notOwn, session.Ending{Reason: session.EndedByAdmin})
		s.list(t, ended, err)
	}},
	{session.EndedByAdmin, "a lower limit", func(t *testing.T, s *scene) {
		why, lower := session.Ending{Reason: session.EndedByAdmin}, session.Limits{Limit: 1}
		foreseen, err := s.Foresee(t.Context(), "alice", lower, many)
		must(t, err)
		ended, err := s.Restrict(t.Context(), "alice", lower, many, why)
		s.list(t, ended, err)
		for i, e := range foreseen {
			if e.Session.Ended.Delivery != ended[i].Session.Ended.Delivery {
				t.Errorf("%+v was foreseen, and has come as %+v", e.Session.Ended, ended[i].Session.Ended)
			}
		}
	}},
	{session.SignedOut, "a sign-out at the provider", func(t *testing.T, s *scene) {
		ended, err := s.SignOut(t.Context(), newSignOut("alice", ""), session.Ending{Reason: session.SignedOut})
		s.list(t, ended, err)
	}},
	{session.Idle, "time", func(t *testing.T, s *scene) {
		snap, err := s.Load(t.Context(), s.own.Key)
		must(t, err)
		for i := range snap.Account.Live[:2] {
			snap.Account.Live[i].LastActiveAt = snap.Now.Add(-time.Hour)
			snap.Account.Live[i].IdleTimeout = time.Minute
		}
		_, err = s.store.Commit(t.Context(), s.own.Key, session.Change{ID: newID(), From: snap.Version, Account: snap.Account})
		must(t, err)
		must(t, s.Expire(t.Context(), s.own.Key))
	}},
}

// TestEveryEndingKeepsItsDelivery ends sessions in each way that there is. What is returned says the same as what is
// kept.
func TestEveryEndingKeepsItsDelivery(t *testing.T) {
	for _, way := range endings {
		t.Run(way.name, func(t *testing.T) {
			s := newScene(t)
			way.end(t, s)
			snap, err := s.Load(t.Context(), s.own.Key)
			must(t, err)
			if len(snap.Account.Ended) != 2 {
				t.Fatalf("%d sessions have ended", len(snap.Account.Ended))
			}
			for _, kept := range snap.Account.Ended {
				want := session.NoticeOffline
				if kept.ID == s.doomed[0].Credential.ID {
					want = session.NoticeSent
				}
				if kept.Ended.Reason != way.reason || kept.Ended.Delivery != want {
					t.Errorf("ended as %+v, want %s and %s", kept.Ended, way.reason, want)
				}
				i := session.Index(s.ended, kept.ID)
				if way.reason != session.Idle && (i < 0 || asJSON(s.ended[i].Ended) != asJSON(kept.Ended)) {
					t.Errorf("%s is kept, and of %s returned", asJSON(kept.Ended), asJSON(s.ended))
				}
			}
		})
	}
}
