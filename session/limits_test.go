package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// TestRestrict gives any user any limits, under any rule.
func TestRestrict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, own, rule := accounts.Draw(t, "account"), ownLimits.Draw(t, "own limits"), rules.Draw(t, "rule")
		check := unchanged(t, a)
		why := session.Ending{Reason: session.EndedByAdmin, Message: "why"}
		after, expired, ended := a.Restrict(own, rule, why, start.Add(time.Microsecond).Local())
		check()
		if _, due := a.Expire(start); asJSON(expired) != asJSON(due) {
			t.Fatalf("expired %s, want %s", asJSON(expired), asJSON(due))
		}
		checkRestricted(t, a, own, rule, start, after, ended)
		why.At = start
		for _, s := range ended {
			if asJSON(s.Ended) != asJSON(why) {
				t.Fatalf("%s ended %s, want %s", s.ID, asJSON(s.Ended), asJSON(why))
			}
		}
		again, _, more := after.Restrict(own, rule, why, start)
		if asJSON(again) != asJSON(after) || len(more) > 0 {
			t.Fatalf("restricted again: %s, then %s", asJSON(after), asJSON(again))
		}
		// The limits hold for the logins that follow.
		req := requests.Draw(t, "request")
		if admitted, out := after.Admit(req, rule, start); out.Verdict == session.Admitted && !out.Repeated {
			checkAdmit(t, after, req, rule, start, admitted, out)
		}
	})
}

// checkRestricted fails the test if new limits did what they may not. It knows who stays by another way than the rules
// find out who goes: of each kind those active last, as many as it may have, and of these all together likewise.
func checkRestricted(
	t *rapid.T, before session.Account, own session.Limits, rule session.Rule, now time.Time,
	after session.Account, ended []session.Session,
) {
	due, _ := before.Expire(now)
	rule = spoken(rule, own)
	latest := func(list []session.Session, n int) []session.Session {
		list = slices.SortedFunc(slices.Values(list), func(a, b session.Session) int {
			if c := b.LastActiveAt.Compare(a.LastActiveAt); c != 0 {
				return c
			}
			if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
				return c
			}
			return strings.Compare(string(b.ID[:]), string(a.ID[:]))
		})
		return list[:min(n, len(list))]
	}
	var stay []session.Session
	for _, kind := range session.Kinds {
		ofKind := slices.DeleteFunc(slices.Clone(due.Live), func(s session.Session) bool { return s.Device.Kind != kind })
		stay = append(stay, latest(ofKind, limitOf(rule, kind))...)
	}
	stay = latest(stay, limitOf(rule, ""))
	for _, s := range due.Live {
		stays := slices.Contains(idsOf(stay), s.ID)
		if slices.Contains(idsOf(after.Live), s.ID) != stays || slices.Contains(idsOf(ended), s.ID) == stays {
			t.Fatalf("%s stays: %v, and is not where it should be", s.ID, stays)
		}
	}
	if len(after.Live) != len(stay) || len(after.Live)+len(ended) != len(due.Live) {
		t.Fatalf("%d live and %d ended of %d, want %d live", len(after.Live), len(ended), len(due.Live), len(stay))
	}
	if asJSON(after.Limits) != asJSON(own) || asJSON(after.Tickets) != asJSON(due.Tickets) {
		t.Fatalf("limits %s, want %s; tickets %s, were %s",
			asJSON(after.Limits), asJSON(own), asJSON(after.Tickets), asJSON(due.Tickets))
	}
}

// TestPrecedence spells out who has the last word on what: the login, then the user's own limits, then the rule.
func TestPrecedence(t *testing.T) {
	tv := func(n int) map[session.Kind]int { return map[session.Kind]int{session.TV: n} }
	none := map[session.Kind]int{}
	for _, c := range []struct {
		name       string
		own, login session.Limits
		want       session.Limits // beside a rule of 1, one tv, evict
	}{
		{"nobody says anything", session.Limits{}, session.Limits{},
			session.Limits{Limit: 1, LimitByKind: tv(1), Policy: session.Evict}},
		{"the user says all", session.Limits{Limit: 2, LimitByKind: tv(2), Policy: session.Ask}, session.Limits{},
			session.Limits{Limit: 2, LimitByKind: tv(2), Policy: session.Ask}},
		{"the login says all", session.Limits{Limit: 2, LimitByKind: tv(2), Policy: session.Ask},
			session.Limits{Limit: 3, LimitByKind: tv(3), Policy: session.Reject},
			session.Limits{Limit: 3, LimitByKind: tv(3), Policy: session.Reject}},
		{"each says something", session.Limits{Limit: 2}, session.Limits{Policy: session.Reject},
			session.Limits{Limit: 2, LimitByKind: tv(1), Policy: session.Reject}},
		{"the user has no limits by kind", session.Limits{LimitByKind: none}, session.Limits{},
			session.Limits{Limit: 1, LimitByKind: none, Policy: session.Evict}},
		{"the login has none", session.Limits{LimitByKind: tv(2)}, session.Limits{LimitByKind: none},
			session.Limits{Limit: 1, LimitByKind: none, Policy: session.Evict}},
		{"a kiosk has no limit", session.Limits{Limit: 2}, session.Limits{Limit: session.Unlimited},
			session.Limits{Limit: session.Unlimited, LimitByKind: tv(1), Policy: session.Evict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			standard := session.Rule{Limit: 1, LimitByKind: tv(1), Policy: session.Evict, IdleTimeout: time.Hour}
			got := session.Account{Limits: c.own}.Rule(standard).With(c.login)
			if want := spoken(standard, c.want); asJSON(got) != asJSON(want) {
				t.Errorf("got %s, want %s", asJSON(got), asJSON(want))
			}
		})
	}
}

func TestLimitsValidate(t *testing.T) {
	for _, c := range []struct {
		limits session.Limits
		want   string // in the error; empty is none
	}{
		{session.Limits{}, ""},
		{session.Limits{Limit: session.Unlimited, LimitByKind: map[session.Kind]int{}, Policy: session.Reject}, ""},
		{session.Limits{Limit: session.MaxSessions}, ""},
		{session.Limits{Limit: -2}, "limit -2"},
		{session.Limits{Limit: session.MaxSessions + 1}, "limit 1001"},
		{session.Limits{LimitByKind: map[session.Kind]int{session.TV: 0}}, "kind tv: limit 0"},
		{session.Limits{LimitByKind: map[session.Kind]int{"fridge": 1}}, `kind "fridge"`},
		{session.Limits{Policy: "pray"}, `policy "pray"`},
	} {
		err := c.limits.Validate()
		if ok := err == nil; ok != (c.want == "") || !ok && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.limits, err, c.want)
		}
	}
}

// TestTicketMeetsNewLimits changes a user's limits while a question is open: the answer comes under the new ones.
func TestTicketMeetsNewLimits(t *testing.T) {
	signIn := func(device string) session.Request {
		return session.Request{
			User: "alice", Credential: session.Credential{ID: newID()}, Ticket: session.Digest{7},
			Device: session.Device{ID: device, Kind: session.Web},
		}
	}
	for _, c := range []struct {
		name string
		own  session.Limits
		want int // live sessions in the end
	}{
		{"the same", session.Limits{}, 2},
		{"there is room now", session.Limits{Limit: 3}, 3},
		{"there is less room", session.Limits{Limit: 1}, 1},
		{"logins are refused from now on", session.Limits{Policy: session.Reject}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule := session.Rule{Limit: 2, Policy: session.Ask}
			a := session.Account{}
			for _, device := range []string{"one", "two", "three"} {
				a, _ = a.Admit(signIn(device), rule, start)
			}
			a, _, _ = a.Restrict(c.own, rule, session.Ending{Reason: session.EndedByAdmin}, start)
			choice := session.Choice{Ticket: session.Digest{7}, Force: true, Credential: session.Credential{ID: newID()}}
			a, out, open := a.Choose(choice, start)
			if !open || out.Verdict != session.Admitted || len(a.Live) != c.want {
				t.Errorf("open %v, verdict %v, %d live; want it admitted, and %d", open, out.Verdict, len(a.Live), c.want)
			}
		})
	}
}

// TestRegistryRestricts changes limits in a store: what they end is told, each change is one, and a change that changes
// nothing is none.
func TestRegistryRestricts(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	five := session.Rule{Limit: 5, Policy: session.Evict}
	first := login(t, registry, "alice", five)
	for opened := true; opened; { // until the clock has gone on: the second is the later one
		s, snap, err := registry.Check(t.Context(), first)
		must(t, err)
		opened = snap.Now.Equal(s.CreatedAt)
	}
	last := login(t, registry, "alice", five)
	_, _, err := store.Beat(t.Context(), session.Instance{ID: "one"})
	must(t, err)
	_, _, err = registry.Attach(t.Context(), first, session.Route{Session: first.ID, Instance: "one", Epoch: 1, Connections: 1})
	must(t, err)
	restrict := func(own session.Limits, want ...session.ID) session.Snapshot {
		t.Helper()
		why := session.Ending{Reason: session.EndedByAdmin}
		ended, err := registry.Restrict(t.Context(), "alice", own, five, why)
		must(t, err)
		if len(ended) != len(want) {
			t.Fatalf("%d ended, want %v", len(ended), want)
		}
		for i, e := range ended {
			if e.Session.ID != want[i] || e.User != "alice" || e.Session.Ended.Sent() != (e.Session.ID == first.ID) {
				t.Errorf("ended %+v, want %s", e, want[i])
			}
		}
		snap, err := registry.Load(t.Context(), session.KeyOf("alice"))
		must(t, err)
		if !snap.Account.Limits.Equal(own) {
			t.Errorf("limits %+v, want %+v", snap.Account.Limits, own)
		}
		return snap
	}
	byKind := map[session.Kind]int{session.Web: 1}
	once := restrict(session.Limits{LimitByKind: byKind}, first.ID)
	byKind[session.Web] = 7 // the map stays the caller's
	twice := restrict(session.Limits{LimitByKind: map[session.Kind]int{session.Web: 1}})
	if once.Version != twice.Version {
		t.Error("the same limits again are a change")
	}
	_, _, err = registry.Check(t.Context(), last)
	must(t, err)
	_, _, err = registry.Check(t.Context(), first)
	wantEnded(t, err, session.EndedByAdmin)
	restrict(session.Limits{})
	want := "[session.created session.created session.ended]"
	if got := eventTypes(t, store); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	for _, call := range []func(session.Limits) error{
		func(own session.Limits) error {
			_, err := registry.Restrict(t.Context(), "alice", own, five, session.Ending{})
			return err
		},
		func(own session.Limits) error {
			_, err := registry.Foresee(t.Context(), "alice", own, five)
			return err
		},
	} {
		if err := call(session.Limits{Limit: -2}); err == nil || errors.Is(err, session.ErrUnavailable) {
			t.Errorf("limits that cannot be: %v", err)
		}
	}
}

// TestForesee asks on any account what new limits would end, and then has them end it.
func TestForesee(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		a, own, rule := accounts.Draw(t, "account"), ownLimits.Draw(t, "own limits"), rules.Draw(t, "rule")
		n++
		a.User = fmt.Sprint("user ", n)
		key := session.KeyOf(a.User)
		now := time.Now().UTC().Truncate(time.Millisecond)
		for i := range a.Live { // as long ago as they were before the tests' own time
			a.Live[i].LastActiveAt = now.Add(a.Live[i].LastActiveAt.Sub(start))
		}
		if _, err := store.Commit(context.Background(), key, session.Change{ID: newID(), Account: a}); err != nil {
			t.Fatal(err)
		}
		load := func() session.Snapshot {
			snap, err := registry.Load(context.Background(), key)
			if err != nil {
				t.Fatal(err)
			}
			return snap
		}
		before := load()
		foreseen, err := registry.Foresee(context.Background(), a.User, own, rule)
		if err != nil {
			t.Fatal(err)
		}
		if after := load(); after.Version != before.Version || asJSON(after.Account) != asJSON(before.Account) {
			t.Fatalf("to foresee has changed %s to %s", asJSON(before.Account), asJSON(after.Account))
		}
		why := session.Ending{Reason: session.EndedByAdmin}
		ended, err := registry.Restrict(context.Background(), a.User, own, rule, why)
		if err != nil {
			t.Fatal(err)
		}
		ids := func(list []session.Ended) []session.ID {
			all := make([]session.ID, len(list))
			for i := range list {
				all[i] = list[i].Session.ID
			}
			return all
		}
		if asJSON(ids(foreseen)) != asJSON(ids(ended)) {
			t.Fatalf("foreseen %v, ended %v", ids(foreseen), ids(ended))
		}
	})
}
