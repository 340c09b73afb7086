package session_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/sessionhub/sessionhub/session"
)

// TestWhoMayReport has sessions report that ended in all ways, and some that prove nothing.
func TestWhoMayReport(t *testing.T) {
	end := func(reason session.Reason) func(*testing.T, *session.Registry, session.Credential) session.Credential {
		return func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
			_, err := r.End(t.Context(), own.Key, func(session.Session) bool { return true }, session.Ending{Reason: reason})
			must(t, err)
			return own
		}
	}
	for name, c := range map[string]struct {
		// happen does what happens to a session, and returns what is reported by.
		happen   func(*testing.T, *session.Registry, session.Credential) session.Credential
		forced   bool
		unknown  bool
		unforced session.Reason // empty with neither: it is live
	}{
		"forced out": {forced: true, happen: func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
			login(t, r, "alice", evict1)
			return own
		}},
		"replaced": {forced: true, happen: func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
			req := newLogin("alice")
			req.Device.ID = own.ID.String()
			_, err := r.Login(t.Context(), req, many)
			must(t, err)
			return own
		}},
		"ended from another device": {forced: true,
			happen: func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
				endAs(t, r, login(t, r, "alice", many), own.ID)
				return own
			}},
		"live":       {happen: func(_ *testing.T, _ *session.Registry, own session.Credential) session.Credential { return own }},
		"signed out": {unforced: session.SignedOut, happen: end(session.SignedOut)},
		"by an app":  {unforced: session.EndedByUser, happen: end(session.EndedByUser)},
		"by admin":   {unforced: session.EndedByAdmin, happen: end(session.EndedByAdmin)},
		"another secret": {unknown: true, happen: func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
			login(t, r, "alice", evict1)
			own.Digest[31] ^= 1
			return own
		}},
		"no secret": {unknown: true, happen: func(t *testing.T, r *session.Registry, own session.Credential) session.Credential {
			login(t, r, "alice", evict1)
			own.Digest = session.Digest{}
			return own
		}},
		"never issued": {unknown: true, happen: func(t *testing.T, r *session.Registry, _ session.Credential) session.Credential {
			login(t, r, "alice", evict1)
			return newCredential("alice")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			registry := session.NewRegistry(store)
			cred := c.happen(t, registry, login(t, registry, "alice", many))
			before := eventTypes(t, store)
			out, err := registry.Report(t.Context(), cred)
			unforced := new(session.UnforcedError)
			switch {
			case c.forced:
				must(t, err)
				if !out.Ended || out.User != "alice" || out.Session.Ended.By.SessionID != cred.ID {
					t.Errorf("got %+v, want the session ended by %s", out, cred.ID)
				}
				return
			case c.unknown:
				wantEnded(t, err, session.Unknown)
			case !errors.As(err, &unforced):
				t.Fatalf("got %v, want that nobody else has ended it", err)
			case (unforced.Session.Ended == nil) != (c.unforced == ""):
				t.Errorf("got %v, want it ended as %q", err, c.unforced)
			case unforced.Session.Ended != nil && unforced.Session.Ended.Reason != c.unforced:
				t.Errorf("it has ended as %s, want %s", unforced.Session.Ended.Reason, c.unforced)
			}
			if after := eventTypes(t, store); after != before {
				t.Errorf("events %s, and before %s", after, before)
			}
		})
	}
}

// endAs has one session of a user end another.
func endAs(t *testing.T, r *session.Registry, cred session.Credential, id session.ID) {
	t.Helper()
	_, _, err := r.EndAs(t.Context(), cred, func(own session.Session) (func(session.Session) bool, session.Ending) {
		is := func(s session.Session) bool { return s.ID == id }
		return is, session.Ending{Reason: session.EndedByUser, By: own.Actor()}
	})
	must(t, err)
}

// TestReportOfALiveSession looks at all that a report does, and at the same said again.
func TestReportOfALiveSession(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	two := session.Rule{Limit: 2, Policy: session.Evict}
	victim, other := login(t, registry, "alice", two), login(t, registry, "alice", two)
	intruder := login(t, registry, "alice", two)

	first, err := registry.Report(t.Context(), victim)
	must(t, err)
	if first.Session.ID != intruder.ID || !first.Ended || first.Repeated ||
		len(first.Standing) != 1 || first.Standing[0].ID != other.ID {
		t.Errorf("got %+v, want %s ended and %s standing", first, intruder.ID, other.ID)
	}
	_, _, err = registry.Check(t.Context(), intruder)
	wantEnded(t, err, session.EndedByUser)
	events := eventsOf(t, store)
	last := events[len(events)-1].View()
	if last.Type != session.SessionReported || last.Session.ID != intruder.ID || last.By.SessionID != victim.ID ||
		last.Reason != session.EndedByUser || events[len(events)-2].Type != session.SessionEnded {
		t.Errorf("the last event is %+v", last)
	}
	for _, cred := range []session.Credential{victim, victim} {
		again, err := registry.Report(t.Context(), cred)
		must(t, err)
		if !again.Repeated || !again.Ended || asJSON(again.Session) != asJSON(first.Session) {
			t.Errorf("said again it is %+v, and was %+v", again, first)
		}
	}
	if n := len(eventsOf(t, store)); n != len(events) {
		t.Errorf("%d events more for what was said again", n-len(events))
	}
	if counts := registry.Counts(); counts.Reported != 1 || counts.Ended[session.EndedByUser] != 1 {
		t.Errorf("counted %+v, want one report that ended one", counts)
	}
}

func eventsOf(t *testing.T, store session.Store) []session.Event {
	t.Helper()
	page, err := store.Events(t.Context(), "", 1000)
	must(t, err)
	return page.Events
}

// TestReportOfASessionThatHasEnded has the intruder leave before the report, and the app report in between.
func TestReportOfASessionThatHasEnded(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	victim := login(t, registry, "alice", evict1)
	intruder := login(t, registry, "alice", evict1)
	own := func(s session.Session) bool { return s.ID == intruder.ID }
	_, err := registry.End(t.Context(), intruder.Key, own, session.Ending{Reason: session.SignedOut})
	must(t, err)

	byApp, err := registry.ReportFor(t.Context(), "alice", intruder.ID)
	must(t, err)
	ending := byApp.Session.Ended
	if byApp.Ended || byApp.Repeated || ending.Reason != session.SignedOut || ending.ReportedAt.IsZero() {
		t.Errorf("got %+v with %+v, want it reported, as it has ended", byApp, ending)
	}
	byVictim, err := registry.Report(t.Context(), victim)
	must(t, err)
	if !byVictim.Repeated || asJSON(byVictim.Session) != asJSON(byApp.Session) {
		t.Errorf("got %+v, want what the app was told", byVictim)
	}
	if by := eventsOf(t, store)[len(eventsOf(t, store))-1].By; by == nil || by.SessionID != victim.ID {
		t.Errorf("reported by %+v, want the one it forced out", by)
	}
}

// TestReportFollowsTheDevice has the intruder sign in anew, twice, before the report.
func TestReportFollowsTheDevice(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	victim := login(t, registry, "alice", evict1)
	var last session.Request
	for range 3 {
		last = newLogin("alice")
		last.Device.ID = "the intruder's"
		_, err := registry.Login(t.Context(), last, evict1)
		must(t, err)
	}
	for range 2 {
		out, err := registry.Report(t.Context(), victim)
		must(t, err)
		if out.Session.ID != last.Credential.ID || !out.Ended || len(out.Standing) > 0 {
			t.Errorf("got %+v, want %s ended", out, last.Credential.ID)
		}
	}
	_, _, err := registry.Check(t.Context(), last.Credential)
	wantEnded(t, err, session.EndedByUser)
}

func TestReportOnTheWordOfAnApp(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	only := login(t, registry, "alice", evict1)
	for _, id := range []session.ID{newID(), {}} {
		if _, err := registry.ReportFor(t.Context(), "alice", id); !errors.Is(err, session.ErrForgotten) {
			t.Errorf("of a session that is not known: %v, want ErrForgotten", err)
		}
	}
	out, err := registry.ReportFor(t.Context(), "alice", only.ID)
	must(t, err)
	if !out.Ended || out.Session.Ended.By != nil || len(out.Standing) != 0 {
		t.Errorf("got %+v, want it ended by nobody who is known", out)
	}
}

// TestReportsTogether has two sessions that one login has forced out report it at once, at two instances.
func TestReportsTogether(t *testing.T) {
	store := openStore(t)
	registries := []*session.Registry{session.NewRegistry(store), session.NewRegistry(store)}
	victims := []session.Credential{login(t, registries[0], "alice", many), login(t, registries[0], "alice", many)}
	login(t, registries[0], "alice", evict1)
	for _, err := range together(20, func(i int) error {
		_, err := registries[i%2].Report(context.Background(), victims[i/2%2])
		return err
	}) {
		if err != nil && !errors.Is(err, session.ErrUnavailable) { // a slow machine's
			t.Error(err)
		}
	}
	reports := 0
	for _, e := range eventsOf(t, store) {
		if e.Type == session.SessionReported {
			reports++
		}
	}
	if reports != 1 {
		t.Errorf("it was reported %d times", reports)
	}
}

// TestReportWhoseAnswerIsLost says it again.
func TestReportWhoseAnswerIsLost(t *testing.T) {
	store := &forgetful{Store: openStore(t)}
	registry := session.NewRegistry(store)
	victim := login(t, registry, "alice", evict1)
	login(t, registry, "alice", evict1)
	store.forget = true
	if _, err := registry.Report(t.Context(), victim); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	out, err := registry.Report(t.Context(), victim)
	must(t, err)
	want := "[session.created session.ended session.created session.ended session.reported]"
	if got := eventTypes(t, store); !out.Repeated || !out.Ended || got != want {
		t.Errorf("got %+v with events %s, want it once", out, got)
	}
}

// TestReportByVoucher has the provider vouch for the one who reports.
func TestReportByVoucher(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	used := newVoucher()
	req := vouched("alice", "alice", "s-1")
	_, err := registry.LoginSSO(t.Context(), req, many, used)
	must(t, err)
	victim := req.Credential
	sso := session.SSO{Issuer: issuer, Subject: "alice", ID: "s-2", VouchedAt: vouchedAt}
	login(t, registry, "alice", evict1)

	if _, err := registry.ReportSSO(t.Context(), victim, sso, used); !errors.Is(err, session.ErrTokenUsed) {
		t.Errorf("by the token of its login: %v, want ErrTokenUsed", err)
	}
	voucher := newVoucher()
	for range 2 { // whoever lost the answer asks again
		_, err = registry.ReportSSO(t.Context(), victim, sso, voucher)
		must(t, err)
	}
	if _, err := registry.LoginSSO(t.Context(), vouched("alice", "alice", "s-2"), many, voucher); !errors.Is(err, session.ErrTokenUsed) {
		t.Errorf("a login by the token of a report: %v, want ErrTokenUsed", err)
	}
	_, err = registry.SignOut(t.Context(), newSignOut("", "s-2"), session.Ending{Reason: session.SignedOut})
	must(t, err)
	if _, err := registry.ReportSSO(t.Context(), victim, sso, newVoucher()); !errors.Is(err, session.ErrProviderSession) {
		t.Errorf("after the sign-out at the provider: %v, want ErrProviderSession", err)
	}
}

// recordBefore is an account as hubs wrote it that knew of no reports: alice's phone has forced her laptop out.
const recordBefore = "a30165616c6963650281a601500200000000000000000000000000000002a2016570686f6e6503666d6f62696c65036c313938" +
	"2e35312e3130302e3905582002000000000000000000000000000000000000000000000000000000000000000674323032362d30352d31375430" +
	"393a33303a30305a0774323032362d30352d31375430393a33303a30305a0381a801500100000000000000000000000000000002a301666c6170" +
	"746f7002664c6170746f70036377656203693139322e302e322e3705582001000000000000000000000000000000000000000000000000000000" +
	"000000000674323032362d30352d31375430383a33303a30305a0774323032362d30352d31375430393a33303a30305a081b000001a3185c5000" +
	"0ba4016a737570657273656465640274323032362d30352d31375430393a33303a30305a03a301500200000000000000000000000000000002a2" +
	"016570686f6e6503666d6f62696c65036c3139382e35312e3130302e390574323032362d30352d31375430393a33303a30315a"

// TestReportInAnOlderRecord reports what happened before there were reports.
func TestReportInAnOlderRecord(t *testing.T) {
	record, err := hex.DecodeString(recordBefore)
	must(t, err)
	a, err := session.DecodeAccount(record)
	must(t, err)
	if ending := a.Ended[0].Ended; !ending.ReportedAt.IsZero() || ending.AckedAt.IsZero() {
		t.Errorf("it has ended %+v, want it acknowledged and not reported", ending)
	}
	intruder, forced := a.Ended[0].Ended.Intruder()
	after, out, ok := a.Report(intruder, a.Ended[0].Actor(), start)
	if !forced || !ok || !out.Ended {
		t.Fatalf("forced: %v, got %+v, %v", forced, out, ok)
	}
	record, err = session.EncodeAccount(after)
	must(t, err)
	again, err := session.DecodeAccount(record)
	must(t, err)
	if asJSON(again) != asJSON(after) || again.Ended[1].Ended.ReportedAt != start {
		t.Errorf("written and read it is %s, want %s", asJSON(again), asJSON(after))
	}
}
