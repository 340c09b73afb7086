package session_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// TestAdmit holds every login, on any account and under any rule, to what a login may do.
func TestAdmit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, rule, req := accounts.Draw(t, "account"), rules.Draw(t, "rule"), requests.Draw(t, "request")
		check := unchanged(t, a)
		after, out := a.Admit(req, rule, start)
		check()
		checkAdmit(t, a, req, rule, start, after, out)
	})
}

// checkAdmit fails the test if a login did what it may not. It knows the rules only by what they promise.
func checkAdmit(
	t *rapid.T, before session.Account, req session.Request, rule session.Rule, now time.Time,
	after session.Account, out session.Outcome,
) {
	rule = spoken(rule, before.Limits, req.Limits)
	due, expired := before.Expire(now)
	if got, want := asJSON(out.Expired), asJSON(expired); got != want {
		t.Fatalf("expired %s, want %s", got, want)
	}
	rest := slices.DeleteFunc(slices.Clone(due.Live), func(s session.Session) bool {
		return s.Device.ID == req.Device.ID
	})
	may := rule.Policy == session.Evict || rule.Policy == session.Ask && req.Force
	switch {
	case may && len(req.End) == 0, !may && fitsOne(rest, req, rule):
		checkAdmitted(t, due, req, rule, now, after, out, may)
	case rule.Policy == session.Reject:
		checkRefused(t, session.Rejected, due, after, out)
		checkInTheWay(t, rest, due.Live, req, rule, out)
	case may: // what makes room is for the user to say
		named := slices.DeleteFunc(slices.Clone(rest), func(s session.Session) bool {
			return slices.Contains(req.End, s.ID)
		})
		if fitsOne(named, req, rule) {
			checkAdmitted(t, due, req, rule, now, after, out, may)
		} else {
			checkRefused(t, session.Challenged, due, after, out)
			checkInTheWay(t, rest, due.Live, req, rule, out)
		}
	default:
		checkRefused(t, session.Challenged, due, after, out)
		checkInTheWay(t, rest, due.Live, req, rule, out)
	}
}

// spoken returns the rule with what each speaker says, the last of whom has the last word.
func spoken(rule session.Rule, speakers ...session.Limits) session.Rule {
	for _, said := range speakers {
		if said.Limit != 0 {
			rule.Limit = said.Limit
		}
		if said.LimitByKind != nil {
			rule.LimitByKind = said.LimitByKind
		}
		if said.Policy != "" {
			rule.Policy = said.Policy
		}
	}
	return rule
}

// limitOf returns how many sessions of a kind the rule allows; of kind "" it is in all.
func limitOf(rule session.Rule, kind session.Kind) int {
	n := rule.Limit
	if kind != "" {
		n = session.Unlimited
		if limit, ok := rule.LimitByKind[kind]; ok {
			n = limit
		}
	}
	if n == session.Unlimited {
		return session.MaxSessions
	}
	return n
}

// countOf returns how many of the sessions are of a kind; of kind "" it is all.
func countOf(list []session.Session, kind session.Kind) int {
	n := 0
	for _, s := range list {
		if kind == "" || s.Device.Kind == kind {
			n++
		}
	}
	return n
}

// fitsOne reports whether one more session, of the request's kind, is within the limits.
func fitsOne(others []session.Session, req session.Request, rule session.Rule) bool {
	kind := req.Device.Kind
	return countOf(others, "") < limitOf(rule, "") && countOf(others, kind) < limitOf(rule, kind)
}

// checkRefused looks at a login that was not admitted: nothing has changed but the question.
func checkRefused(
	t *rapid.T, want session.Verdict, due, after session.Account, out session.Outcome,
) {
	if out.Verdict != want {
		t.Fatalf("verdict %v, want %v", out.Verdict, want)
	}
	if len(out.Ended) > 0 || out.Session.ID != (session.ID{}) {
		t.Fatalf("refused, and yet %s opened and %d ended", out.Session.ID, len(out.Ended))
	}
	if want == session.Challenged {
		last := after.Tickets[len(after.Tickets)-1]
		if got := asJSON(out.Ticket); got != asJSON(last) || last.Digest == (session.Digest{}) {
			t.Fatalf("ticket %s, want %s", got, asJSON(last))
		}
		after.Tickets, due.Tickets = nil, nil
	}
	if got, want := asJSON(after), asJSON(due); got != want {
		t.Fatalf("refused, and yet changed:\n was %s\n  is %s", want, got)
	}
}

// checkAdmitted looks at a login that was: who ended, why, and who did not.
func checkAdmitted(
	t *rapid.T, due session.Account, req session.Request, rule session.Rule, now time.Time,
	after session.Account, out session.Outcome, may bool,
) {
	if out.Verdict != session.Admitted || out.Repeated {
		t.Fatalf("verdict %v, repeated %v, want a login admitted now", out.Verdict, out.Repeated)
	}
	if n := len(after.Live); n == 0 || asJSON(after.Live[n-1]) != asJSON(out.Session) {
		t.Fatalf("the new session %s is not the last of %s", asJSON(out.Session), asJSON(after.Live))
	}
	for _, kind := range []session.Kind{"", req.Device.Kind} {
		if n, limit := countOf(after.Live, kind), limitOf(rule, kind); n > limit {
			t.Fatalf("%d live sessions of kind %q, want at most %d", n, kind, limit)
		}
	}
	checkNew(t, req, rule, now, out.Session)

	var victims []session.Session
	for _, s := range out.Ended {
		want := session.Superseded
		if s.Device.ID == req.Device.ID {
			want = session.Replaced
		} else {
			victims = append(victims, s)
		}
		by := asJSON(s.Ended.By)
		if s.Ended.Reason != want || !s.Ended.At.Equal(now) || by != asJSON(out.Session.Actor()) {
			t.Fatalf("%s ended by %s at %v as %s, want %s", s.ID, by, s.Ended.At, s.Ended.Reason, want)
		}
	}
	if got, want := len(after.Live)+len(out.Ended), len(due.Live)+1; got != want {
		t.Fatalf("%d sessions live or ended, want %d", got, want)
	}
	for _, s := range after.Live[:len(after.Live)-1] {
		if s.Device.ID == req.Device.ID || !slices.Contains(idsOf(due.Live), s.ID) {
			t.Fatalf("session %s on %s is still live", s.ID, s.Device.ID)
		}
	}
	switch {
	case !may && len(victims) > 0:
		t.Fatalf("%d sessions ended, under %s", len(victims), rule.Policy)
	case may && len(req.End) > 0:
		checkNamed(t, req, victims)
	case may:
		checkVictims(t, req, rule, victims, after.Live[:len(after.Live)-1])
	}
}

// checkNew looks at the session that a login opened.
func checkNew(t *rapid.T, req session.Request, rule session.Rule, now time.Time, s session.Session) {
	want := session.Session{
		ID: req.Credential.ID, Digest: req.Credential.Digest, Device: req.Device,
		IP: req.IP, UserAgent: req.UserAgent, Attributes: req.Attributes,
		CreatedAt: now, LastActiveAt: now, IdleTimeout: rule.IdleTimeout,
	}
	if rule.MaxLifetime > 0 {
		want.ExpiresAt = now.Add(rule.MaxLifetime)
	}
	if got := asJSON(s); got != asJSON(want) {
		t.Fatalf("the new session is %s, want %s", got, asJSON(want))
	}
}

func checkNamed(t *rapid.T, req session.Request, victims []session.Session) {
	for _, v := range victims {
		if !slices.Contains(req.End, v.ID) {
			t.Fatalf("session %s ended, and the user named others", v.ID)
		}
	}
}

// checkVictims holds the choice of victims to the rules: as many as each kind and then all together need, no
// more, and the least recently active.
func checkVictims(
	t *rapid.T, req session.Request, rule session.Rule, victims, survivors []session.Session,
) {
	others := append(slices.Clone(victims), survivors...)
	needed, ofKind := 0, make(map[session.Kind]int)
	for _, k := range session.Kinds {
		n := countOf(others, k) - limitOf(rule, k)
		if k == req.Device.Kind {
			n++
		}
		ofKind[k] = max(0, n)
		needed += ofKind[k]
	}
	needed += max(0, len(others)-needed+1-limitOf(rule, ""))
	if len(victims) != needed {
		t.Fatalf("%d of %d ended, want %d", len(victims), len(others), needed)
	}
	for _, v := range victims {
		// One that its own kind's limit did not need was of the least recently active of all.
		rank := 0
		for _, other := range victims {
			if other.Device.Kind == v.Device.Kind && other.LastActiveAt.Before(v.LastActiveAt) {
				rank++
			}
		}
		for _, s := range survivors {
			rivals := s.Device.Kind == v.Device.Kind || rank >= ofKind[v.Device.Kind]
			if rivals && s.LastActiveAt.Before(v.LastActiveAt) {
				t.Fatalf("%s, active at %v, ended before %s, active at %v",
					v.ID, v.LastActiveAt, s.ID, s.LastActiveAt)
			}
		}
	}
}

// TestExpire ends what is due, each session at its own deadline, and nothing else.
func TestExpire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := accounts.Draw(t, "account")
		check := unchanged(t, a)
		after, expired := a.Expire(start)
		check()
		for _, s := range expired {
			was, _ := a.Find(s.ID)
			at, reason := was.Deadline()
			if at.After(start) || !s.Ended.At.Equal(at) || s.Ended.Reason != reason || s.Ended.By != nil {
				t.Fatalf("%s ended %s, want it to have its deadline %v, %s", s.ID, asJSON(s.Ended), at, reason)
			}
		}
		for _, s := range a.Live {
			at, _ := s.Deadline()
			due := !at.IsZero() && !at.After(start)
			if slices.Contains(idsOf(after.Live), s.ID) == due || slices.Contains(idsOf(expired), s.ID) != due {
				t.Fatalf("%s, due at %v, is not where it should be", s.ID, at)
			}
		}
		if next := after.Deadline(); !next.IsZero() && !next.After(start) {
			t.Fatalf("the next deadline is %v, and that is over", next)
		}
		for _, s := range after.Ended {
			if !s.Ended.At.Add(session.KeepEndedFor).After(start) {
				t.Fatalf("the tombstone of %v is kept", s.Ended.At)
			}
		}
		for _, ticket := range after.Tickets {
			if !ticket.ExpiresAt.After(start) {
				t.Fatalf("the ticket of %v is kept", ticket.ExpiresAt)
			}
		}
		again, more := after.Expire(start)
		if asJSON(again) != asJSON(after) || len(more) > 0 {
			t.Fatalf("expired again: %s, then %s", asJSON(after), asJSON(again))
		}
	})
}

// TestEnd ends the sessions that are named and live, and nothing else.
func TestEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := accounts.Draw(t, "account")
		named := []session.ID{newID()}
		for _, s := range append(slices.Clone(a.Live), a.Ended...) {
			if rapid.Bool().Draw(t, "name it") {
				named = append(named, s.ID)
			}
		}
		check := unchanged(t, a)
		why := session.Ending{Reason: session.EndedByAdmin, Message: "why"}
		after, ended := a.End(named, why, start.Add(time.Microsecond).Local())
		check()
		why.At = start
		for _, s := range a.Live {
			hit := slices.Contains(named, s.ID)
			if slices.Contains(idsOf(after.Live), s.ID) == hit || slices.Contains(idsOf(ended), s.ID) != hit {
				t.Fatalf("%s, named %v, is not where it should be", s.ID, hit)
			}
		}
		for _, s := range ended {
			if asJSON(s.Ended) != asJSON(why) {
				t.Fatalf("%s ended %s, want %s", s.ID, asJSON(s.Ended), asJSON(why))
			}
		}
		want := append(slices.Clone(a.Ended), ended...)
		want = want[max(0, len(want)-session.KeepEnded):]
		if asJSON(idsOf(after.Ended)) != asJSON(idsOf(want)) {
			t.Fatalf("tombstones %v, want the latest %d", idsOf(after.Ended), session.KeepEnded)
		}
	})
}

// TestAcknowledge records the first receipt of an ended session, and nothing else.
func TestAcknowledge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := accounts.Draw(t, "account")
		all := append(append([]session.ID{newID()}, idsOf(a.Live)...), idsOf(a.Ended)...)
		id := rapid.SampledFrom(all).Draw(t, "session")
		check := unchanged(t, a)
		once := a.Acknowledge(id, start)
		twice := once.Acknowledge(id, start.Add(time.Hour))
		check()
		if asJSON(once) != asJSON(twice) {
			t.Fatalf("the second receipt counts: %s, then %s", asJSON(once), asJSON(twice))
		}
		s, ok := once.Find(id)
		acked := ok && s.Ended != nil && s.Ended.AckedAt.Equal(start)
		if acked != slices.Contains(idsOf(a.Ended), id) {
			t.Fatalf("session %s has its receipt: %v", id, acked)
		}
	})
}

// TestKeepUntil looks for the account at the last moment: until then something in it matters, and after it
// nothing does.
func TestKeepUntil(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := accounts.Draw(t, "account").Expire(start)
		until, ok := a.KeepUntil()
		empty := len(a.Live)+len(a.Ended)+len(a.Tickets) == 0 && a.Limits.IsZero()
		if ok == empty || !a.Limits.IsZero() && !until.IsZero() {
			t.Fatalf("to be kept: %v until %v, empty: %v, limits %+v", ok, until, empty, a.Limits)
		}
		if !ok || until.IsZero() {
			return
		}
		for _, at := range []time.Time{until.Add(-time.Millisecond), until} {
			left, _ := a.Expire(at)
			if _, ok := left.KeepUntil(); ok != at.Before(until) {
				t.Fatalf("kept until %v, and at %v there is still %s", until, at, asJSON(left))
			}
		}
	})
}
