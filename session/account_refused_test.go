package session_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// checkInTheWay looks at what a login that was not admitted is told: a limit that is reached, all of the sessions
// that it counts, and exactly how many of them make room.
func checkInTheWay(
	t *rapid.T, rest, live []session.Session, req session.Request, rule session.Rule, out session.Outcome,
) {
	kind := session.Kind("")
	if len(out.Standing) < len(live) || out.Limit != limitOf(rule, "") {
		kind = req.Device.Kind
	}
	want := slices.DeleteFunc(slices.Clone(live), func(s session.Session) bool {
		return kind != "" && s.Device.Kind != kind
	})
	if out.Limit != limitOf(rule, kind) || asJSON(idsOf(out.Standing)) != asJSON(idsOf(want)) {
		t.Fatalf("limit %d counts %v, want %d and %v", out.Limit, idsOf(out.Standing), limitOf(rule, kind), idsOf(want))
	}
	if n := countOf(rest, kind); n < out.Limit {
		t.Fatalf("%d beside the newcomer are in the way of a limit of %d", n, out.Limit)
	}
	without := func(gone []session.Session) []session.Session {
		return slices.DeleteFunc(slices.Clone(rest), func(s session.Session) bool {
			return slices.Contains(idsOf(gone), s.ID)
		})
	}
	if !fitsOne(without(out.Standing), req, rule) {
		t.Fatalf("there is no room without all of %v", idsOf(out.Standing))
	}
	standing := slices.DeleteFunc(slices.Clone(out.Standing), func(s session.Session) bool {
		return s.Device.ID == req.Device.ID
	})
	gone := rapid.Permutation(standing).Draw(t, "who goes")[:rapid.IntRange(0, len(standing)).Draw(t, "how many go")]
	enough := len(gone) >= out.Excess.Sessions && countOf(gone, out.Excess.Kind) >= out.Excess.OfKind
	if fits := fitsOne(without(gone), req, rule); fits != enough {
		t.Fatalf("excess %+v, and without %d, %d of them of the kind, there is room: %v",
			out.Excess, len(gone), countOf(gone, req.Device.Kind), fits)
	}
	if (out.Excess.Kind == "") != (out.Excess.OfKind == 0) {
		t.Fatalf("excess %+v", out.Excess)
	}
}

// TestInTheWay spells out which limit a login is told, and which sessions. They are named by their kind.
func TestInTheWay(t *testing.T) {
	kinds := map[rune]session.Kind{'w': session.Web, 'm': session.Mobile, 't': session.TV}
	byKind := func(web int) map[session.Kind]int { return map[session.Kind]int{session.Web: web} }
	for _, c := range []struct {
		name, live string // the newcomer is on the web
		limit      int
		byKind     map[session.Kind]int
		want       int
		standing   string
		gone       string // how many must, in all and of the web
	}{
		{"that of all", "wm", 2, nil, 2, "wm", "1"},
		{"that of the kind", "wmm", 5, byKind(1), 1, "w", "1 w1"},
		{"of the kind, without one of all", "wmm", session.Unlimited, byKind(1), 1, "w", "1 w1"},
		{"of all, under that of the kind", "wm", 2, byKind(2), 2, "wm", "1"},
		{"of all, with the kind's above it", "wwmm", 1, byKind(3), 1, "wwmm", "4"},
		{"of all, with none of the kind's", "wm", 2, byKind(session.Unlimited), 2, "wm", "1"},
		{"both, and room of the kind is enough", "wm", 2, byKind(1), 1, "w", "1 w1"},
		{"both, and room of the kind is not enough", "wmm", 2, byKind(1), 2, "wmm", "2 w1"},
		{"of another kind", "wt", 2, map[session.Kind]int{session.TV: 1}, 2, "wt", "1"},
	} {
		for _, policy := range []session.Policy{session.Reject, session.Ask} {
			t.Run(c.name+", "+string(policy), func(t *testing.T) {
				a := session.Account{User: "alice"}
				names := make(map[session.ID]rune)
				for i, name := range c.live {
					s := session.Session{ID: newID(), Device: session.Device{ID: fmt.Sprint(i), Kind: kinds[name]}}
					names[s.ID] = name
					a.Live = append(a.Live, s)
				}
				_, out := a.Admit(session.Request{
					User:       "alice",
					Credential: session.Credential{ID: newID()},
					Device:     session.Device{ID: "new", Kind: session.Web},
				}, session.Rule{Limit: c.limit, LimitByKind: c.byKind, Policy: policy}, start)
				standing := ""
				for _, s := range out.Standing {
					standing += string(names[s.ID])
				}
				gone := fmt.Sprint(out.Excess.Sessions)
				if out.Excess.OfKind > 0 {
					gone += fmt.Sprintf(" %.1s%d", out.Excess.Kind, out.Excess.OfKind)
				}
				if gone != c.gone {
					t.Errorf("%s must go, want %s", gone, c.gone)
				}
				if out.Limit != c.want || standing != c.standing {
					t.Errorf("limit %d of %q, want %d of %q", out.Limit, standing, c.want, c.standing)
				}
			})
		}
	}
}
