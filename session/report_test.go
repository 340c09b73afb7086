package session_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// TestReport has any session of any account reported, by any other, or by nobody who is known.
func TestReport(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := accounts.Draw(t, "account")
		known := append(idsOf(a.Live), idsOf(a.Ended)...)
		id := rapid.SampledFrom(append(known, newID())).Draw(t, "reported")
		var by *session.Actor
		if len(a.Ended) > 0 && rapid.Bool().Draw(t, "by a session") {
			by = rapid.SampledFrom(a.Ended).Draw(t, "reporter").Actor()
		}
		check := unchanged(t, a)
		after, out, ok := a.Report(id, by, start.Add(time.Microsecond).Local())
		check()
		checkReported(t, a, id, by, start, after, out, ok)
	})
}

// checkReported fails the test if a report did what it may not.
func checkReported(
	t *rapid.T, before session.Account, id session.ID, by *session.Actor, now time.Time,
	after session.Account, out session.Reported, ok bool,
) {
	due, expired := before.Expire(now)
	was, found := due.Find(id)
	if ok != found {
		t.Fatalf("reported: %v, and there is such a session: %v", ok, found)
	}
	if !ok {
		if asJSON(after) != asJSON(before) {
			t.Fatal("a session that is not known was reported, and the account has changed")
		}
		return
	}
	if asJSON(out.Expired) != asJSON(expired) || out.User != before.User {
		t.Fatalf("of %q %s expired, want %s", out.User, asJSON(out.Expired), asJSON(expired))
	}
	checkMark(t, was, by, now, out)
	kept, _ := after.Find(id)
	if asJSON(kept) != asJSON(out.Session) || asJSON(after.Live) != asJSON(out.Standing) {
		t.Fatalf("told %s and %s, and keeps %s and %s",
			asJSON(out.Session), asJSON(out.Standing), asJSON(kept), asJSON(after.Live))
	}
	others := slices.DeleteFunc(slices.Clone(due.Live), func(s session.Session) bool { return s.ID == id })
	if asJSON(after.Live) != asJSON(others) && len(others)+len(after.Live) > 0 {
		t.Fatalf("live are %s, want %s", asJSON(after.Live), asJSON(others))
	}
	if len(after.Ended) > session.KeepEnded || len(after.Ended) < len(due.Ended) {
		t.Fatalf("%d tombstones, of %d", len(after.Ended), len(due.Ended))
	}
	if by != nil {
		_, there := due.Find(by.SessionID)
		if _, still := after.Find(by.SessionID); there && !still {
			t.Fatal("the one that reports is forgotten")
		}
	}
	again, repeated, ok := after.Report(id, by, now.Add(time.Millisecond))
	if mayExpire, _ := after.Expire(now.Add(time.Millisecond)); !ok || asJSON(again) != asJSON(mayExpire) {
		t.Fatalf("said again: %v\n was %s\n  is %s", ok, asJSON(mayExpire), asJSON(again))
	}
	if !repeated.Repeated || repeated.Ended != out.Ended || asJSON(repeated.Session) != asJSON(out.Session) {
		t.Fatalf("said again it is %+v, and was %+v", repeated, out)
	}
}

// checkMark looks at what a report made of a session.
func checkMark(t *rapid.T, was session.Session, by *session.Actor, now time.Time, out session.Reported) {
	want := session.Ending{Reason: session.EndedByUser, At: now, By: by, ReportedAt: now, ByReport: true}
	switch {
	case was.Ended == nil:
	case was.Ended.ReportedAt.IsZero():
		want = *was.Ended
		want.ReportedAt = now
	default:
		want = *was.Ended
	}
	if asJSON(out.Session.Ended) != asJSON(want) {
		t.Fatalf("it has ended %s, want %s", asJSON(out.Session.Ended), asJSON(want))
	}
	if repeated := was.Ended != nil && !was.Ended.ReportedAt.IsZero(); out.Repeated != repeated || out.Ended != want.ByReport {
		t.Fatalf("ended by it: %v, reported before: %v; want %v and %v", out.Ended, out.Repeated, want.ByReport, repeated)
	}
	was.Ended, out.Session.Ended = nil, nil
	if asJSON(was) != asJSON(out.Session) {
		t.Fatalf("reported as %s, and was %s", asJSON(out.Session), asJSON(was))
	}
}

// report is a step of a history: a session that has ended reports the one that ended it, if there is one.
func (h *history) report(t *rapid.T) {
	if len(h.account.Ended) == 0 {
		return
	}
	victim := rapid.SampledFrom(h.account.Ended).Draw(t, "victim")
	intruder, forced := victim.Ended.Intruder()
	if !forced {
		return
	}
	before := h.account
	due, _ := before.Expire(h.now)
	if _, still := due.Find(victim.ID); !still {
		return // and so may the one be that has ended it
	}
	after, out, ok := before.Report(intruder, victim.Actor(), h.now)
	if !ok {
		t.Fatalf("%s was ended by %s, of which nothing is known", victim.ID, intruder)
	}
	checkReported(t, before, intruder, victim.Actor(), h.now, after, out, ok)
	h.account = after
	h.bury(out.Expired)
	h.bury([]session.Session{out.Session})
}

func TestIntruder(t *testing.T) {
	by := &session.Actor{SessionID: newID()}
	for _, c := range []struct {
		ending session.Ending
		want   bool
	}{
		{session.Ending{Reason: session.Superseded, By: by}, true},
		{session.Ending{Reason: session.Replaced, By: by}, true},
		{session.Ending{Reason: session.EndedByUser, By: by}, true},
		{session.Ending{Reason: session.EndedByUser}, false},
		{session.Ending{Reason: session.Superseded, By: &session.Actor{IP: "192.0.2.1"}}, false},
		{session.Ending{Reason: session.SignedOut, By: by}, false},
		{session.Ending{Reason: session.EndedByAdmin, By: by}, false},
		{session.Ending{Reason: session.Idle}, false},
		{session.Ending{Reason: session.Lifetime}, false},
		{session.Ending{Reason: session.Unknown, By: by}, false},
		{session.Ending{}, false},
	} {
		got, ok := c.ending.Intruder()
		if ok != c.want || ok && got != by.SessionID {
			t.Errorf("%+v: %s, %v; want %v", c.ending, got, ok, c.want)
		}
	}
}
