package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// TestPolicies spells out single logins. Sessions are named by kind and by when they were last active: w3 is
// on the web, and was active three minutes ago.
func TestPolicies(t *testing.T) {
	kinds := map[byte]session.Kind{'w': session.Web, 'm': session.Mobile, 't': session.TV}
	rule := func(policy session.Policy, limit int, byKind ...any) session.Rule {
		r := session.Rule{Limit: limit, Policy: policy, LimitByKind: make(map[session.Kind]int)}
		for i := 0; i < len(byKind); i += 2 {
			r.LimitByKind[byKind[i].(session.Kind)] = byKind[i+1].(int)
		}
		return r
	}
	for _, c := range []struct {
		name     string
		live     string
		newcomer string
		rule     session.Rule
		force    bool
		want     string // who ends; or a verdict
	}{
		{"room for one more", "w9", "w0", rule(session.Evict, 2), false, ""},
		{"the only one goes", "w9", "w0", rule(session.Evict, 1), false, "w9"},
		{"the least recently active goes", "w2 w7 w4", "w0", rule(session.Evict, 3), false, "w7"},
		{"the limit was lowered", "w2 w7 w4 w9", "w0", rule(session.Evict, 2), false, "w9 w7 w4"},
		{"no limit", "w1 w2 w3 w4 w5", "w0", rule(session.Evict, session.Unlimited), false, ""},
		{"of the newcomer's kind", "w9 m2", "m0", rule(session.Evict, 5, session.Mobile, 1), false, "m2"},
		{"not of another kind", "w2 m9", "w0", rule(session.Evict, 5, session.Mobile, 1), false, ""},
		{"one for its kind makes room in all", "w9 m2", "m0", rule(session.Evict, 2, session.Mobile, 1), false,
			"m2"},
		{"one for its kind, another for all", "w9 w8 m2", "m0", rule(session.Evict, 2, session.Mobile, 1), false,
			"w9 m2"},
		{"another kind's limit was lowered", "t9 t3 w2", "w0", rule(session.Evict, 9, session.TV, 1), false, "t9"},
		{"a kind without a limit of its own", "w9 w8", "w0", rule(session.Evict, 2, session.Web, session.Unlimited),
			false, "w9"},
		{"a kind's limit above that of all", "w9", "w0", rule(session.Evict, 1, session.Web, 5), false, "w9"},
		{"no limit but a kind's", "w9 m8", "m0", rule(session.Evict, session.Unlimited, session.Mobile, 1), false,
			"m8"},

		{"reject", "w9", "w0", rule(session.Reject, 1), false, "rejected"},
		{"reject, forced", "w9", "w0", rule(session.Reject, 1), true, "rejected"},
		{"reject with room", "w9", "w0", rule(session.Reject, 2), false, ""},
		{"reject for the kind", "m9", "m0", rule(session.Reject, 5, session.Mobile, 1), false, "rejected"},
		{"reject does not look at other kinds", "t9 t8", "m0", rule(session.Reject, 5, session.TV, 1), false, ""},

		{"ask", "w9", "w0", rule(session.Ask, 1), false, "challenged"},
		{"ask, forced", "w9", "w0", rule(session.Ask, 1), true, "w9"},
		{"ask with room", "w9", "w0", rule(session.Ask, 2), false, ""},
		{"ask for the kind", "m9 w3", "m0", rule(session.Ask, 5, session.Mobile, 1), false, "challenged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := make(map[session.ID]string)
			a := session.Account{User: "alice"}
			for _, name := range strings.Fields(c.live) {
				s := session.Session{
					ID:           newID(),
					Device:       session.Device{ID: name, Kind: kinds[name[0]]},
					CreatedAt:    start.Add(-time.Hour),
					LastActiveAt: start.Add(-time.Duration(name[1]-'0') * time.Minute),
				}
				names[s.ID] = name
				a.Live = append(a.Live, s)
			}
			_, out := a.Admit(session.Request{
				User:       "alice",
				Credential: session.Credential{ID: newID()},
				Device:     session.Device{ID: c.newcomer, Kind: kinds[c.newcomer[0]]},
				Force:      c.force,
			}, c.rule, start)

			refusals := map[session.Verdict]string{session.Rejected: "rejected", session.Challenged: "challenged"}
			got, refused := refusals[out.Verdict]
			if !refused {
				var gone []string
				for _, s := range out.Ended {
					gone = append(gone, names[s.ID])
				}
				got = sorted(gone)
			}
			if want := sorted(strings.Fields(c.want)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestMostSessions fills an account of a user without a limit: the bound is MaxSessions, and the policy holds
// there too.
func TestMostSessions(t *testing.T) {
	full := session.Account{User: "alice"}
	for i := range session.MaxSessions {
		s := session.Session{
			ID:           newID(),
			Device:       session.Device{ID: fmt.Sprint("device ", i), Kind: session.Web},
			LastActiveAt: start.Add(-time.Duration(i) * time.Second),
		}
		full.Live = append(full.Live, s)
	}
	oldest := full.Live[session.MaxSessions-1]
	login := func(a session.Account, policy session.Policy, limit int) (session.Account, session.Outcome) {
		req := session.Request{
			User:       "alice",
			Credential: session.Credential{ID: newID()},
			Device:     session.Device{ID: "new", Kind: session.Mobile},
		}
		return a.Admit(req, session.Rule{Limit: limit, Policy: policy}, start)
	}

	after, out := login(full, session.Evict, session.Unlimited)
	if len(after.Live) != session.MaxSessions || len(out.Ended) != 1 || out.Ended[0].ID != oldest.ID {
		t.Errorf("%d live, %d ended; want the least recently active to make room", len(after.Live), len(out.Ended))
	}
	if _, out = login(full, session.Reject, session.Unlimited); out.Verdict != session.Rejected {
		t.Errorf("verdict %v under reject, want it rejected", out.Verdict)
	}
	if _, out = login(full, session.Ask, session.Unlimited); out.Verdict != session.Challenged {
		t.Errorf("verdict %v under ask, want it challenged", out.Verdict)
	}
	after, out = login(full, session.Evict, 3)
	if len(after.Live) != 3 || len(out.Ended) != session.MaxSessions-2 || len(after.Ended) != session.KeepEnded {
		t.Errorf("%d live, %d ended, %d remembered after the limit was lowered to 3",
			len(after.Live), len(out.Ended), len(after.Ended))
	}
}

// TestTicketLifetime answers a question at its last moment, and too late.
func TestTicketLifetime(t *testing.T) {
	rule := session.Rule{Limit: 1, Policy: session.Ask}
	a, _ := (session.Account{}).Admit(session.Request{
		User:       "alice",
		Credential: session.Credential{ID: newID()},
		Device:     session.Device{ID: "old", Kind: session.Web},
	}, rule, start)
	a, asked := a.Admit(session.Request{
		User:       "alice",
		Credential: session.Credential{ID: newID()},
		Device:     session.Device{ID: "new", Kind: session.Web},
		Ticket:     session.Digest{7},
	}, rule, start)
	if asked.Verdict != session.Challenged || asked.Limit != 1 || len(asked.Standing) != 1 {
		t.Fatalf("got %+v, want a question", asked)
	}
	for after, want := range map[time.Duration]bool{
		0:                                       true,
		session.TicketLifetime - 1:              true,
		session.TicketLifetime:                  false,
		session.TicketLifetime + 24*7*time.Hour: false,
	} {
		choice := session.Choice{
			Ticket:     session.Digest{7},
			Force:      true,
			Credential: session.Credential{ID: newID(), Digest: session.Digest{8}},
		}
		_, out, ok := a.Choose(choice, start.Add(after))
		if ok != want {
			t.Errorf("taken %v after %v, want %v", ok, after, want)
		}
		opened := out.Session.Device.ID == "new" && out.Session.Digest == session.Digest{8}
		if ok && (!opened || len(out.Ended) != 1) {
			t.Errorf("got %+v, want the new device admitted in place of the old", out)
		}
	}
}

func TestRuleValidate(t *testing.T) {
	valid := session.Rule{Limit: 1, Policy: session.Evict}
	for _, c := range []struct {
		change func(*session.Rule)
		want   string // in the error; empty is none
	}{
		{func(*session.Rule) {}, ""},
		{func(r *session.Rule) { r.Limit = session.MaxSessions }, ""},
		{func(r *session.Rule) { r.Limit = session.Unlimited }, ""},
		{func(r *session.Rule) { r.Limit = 0 }, "limit 0"},
		{func(r *session.Rule) { r.Limit = -2 }, "limit -2"},
		{func(r *session.Rule) { r.Limit = session.MaxSessions + 1 }, "limit 1001"},
		{func(r *session.Rule) { r.LimitByKind = map[session.Kind]int{session.TV: 2} }, ""},
		{func(r *session.Rule) { r.LimitByKind = map[session.Kind]int{session.TV: 0} }, "kind tv: limit 0"},
		{func(r *session.Rule) { r.LimitByKind = map[session.Kind]int{"fridge": 2} }, `kind "fridge"`},
		{func(r *session.Rule) { r.Policy = session.Reject }, ""},
		{func(r *session.Rule) { r.Policy = session.Ask }, ""},
		{func(r *session.Rule) { r.Policy = "" }, `policy ""`},
		{func(r *session.Rule) { r.Policy = "Evict" }, `policy "Evict"`},
		{func(r *session.Rule) { r.IdleTimeout = time.Second }, ""},
		{func(r *session.Rule) { r.IdleTimeout = time.Millisecond }, "idle timeout 1ms"},
		{func(r *session.Rule) { r.IdleTimeout = -time.Second }, "idle timeout -1s"},
		{func(r *session.Rule) { r.MaxLifetime = time.Second }, ""},
		{func(r *session.Rule) { r.MaxLifetime = time.Millisecond }, "maximum lifetime 1ms"},
		{func(r *session.Rule) { r.MaxLifetime = -time.Second }, "maximum lifetime -1s"},
	} {
		rule := valid
		c.change(&rule)
		err := rule.Validate()
		if ok := err == nil; ok != (c.want == "") || !ok && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", rule, err, c.want)
		}
	}
}

// TestQuestionsEnd answers each question such that it is put again. That does not keep a login waiting for ever.
func TestQuestionsEnd(t *testing.T) {
	rule := session.Rule{Limit: 1, Policy: session.Ask}
	login := func(device string) session.Request {
		return session.Request{
			User: "alice", Credential: session.Credential{ID: newID()}, Ticket: session.Digest{1},
			Device: session.Device{ID: device, Kind: session.Web},
		}
	}
	a, _ := (session.Account{}).Admit(login("old"), rule, start)
	a, out := a.Admit(login("new"), rule, start)
	now := start
	for n := byte(1); ; n++ {
		now = now.Add(session.TicketLifetime - time.Second)
		choice := session.Choice{
			Ticket: session.Digest{n}, Next: session.Digest{n + 1}, Force: true, End: []session.ID{newID()},
			Credential: session.Credential{ID: newID()},
		}
		var open bool
		if a, out, open = a.Choose(choice, now); !open {
			break
		}
		if out.Verdict != session.Challenged || now.Sub(start) >= session.AskingLifetime {
			t.Fatalf("verdict %v after %s, want the question put again until %s", out.Verdict, now.Sub(start),
				session.AskingLifetime)
		}
	}
	if left := session.AskingLifetime - now.Sub(start); left > session.TicketLifetime {
		t.Errorf("the last ticket was good for too short: %s were left", left)
	}
}
