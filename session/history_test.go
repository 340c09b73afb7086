package session_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// history is an account that lives through anything, and what the test remembers of it.
type history struct {
	account session.Account
	now     time.Time
	ended   map[session.ID]bool // whatever was ever said to have ended
}

// TestHistory lives through long histories. What has ended stays so, a ticket works once, and the account
// never grows without bound.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{
			account: session.Account{User: "alice"},
			now:     start,
			ended:   make(map[session.ID]bool),
		}
		t.Repeat(map[string]func(*rapid.T){
			"login":       h.login,
			"choose":      h.choose,
			"end":         h.end,
			"restrict":    h.restrict,
			"report":      h.report,
			"expire":      h.expire,
			"acknowledge": h.acknowledge,
			"active":      h.active,
			"wait":        h.wait,
			"":            h.check,
		})
	})
}

func (h *history) login(t *rapid.T) {
	req, rule := requests.Draw(t, "request"), rules.Draw(t, "rule")
	if _, known := h.account.Find(req.Credential.ID); known {
		return // rapid likes to repeat itself
	}
	before := h.account
	after, out := before.Admit(req, rule, h.now)
	checkAdmit(t, before, req, rule, h.now, after, out)
	h.become(after, out)
	if out.Verdict != session.Admitted {
		return
	}
	again, repeated := after.Admit(req, rule, h.now.Add(time.Second))
	if !repeated.Repeated || repeated.Session.ID != out.Session.ID || asJSON(again) != asJSON(after) {
		t.Fatalf("a login that was sent again is %+v", repeated)
	}
}

// become takes over the account after a login, with what came of it.
func (h *history) become(after session.Account, out session.Outcome) {
	h.account = after
	h.bury(out.Expired)
	h.bury(out.Ended)
}

func (h *history) bury(ended []session.Session) {
	for _, s := range ended {
		h.ended[s.ID] = true
	}
}

func (h *history) choose(t *rapid.T) {
	choice := session.Choice{
		Ticket:     digests.Draw(t, "unknown ticket"),
		Force:      rapid.Bool().Draw(t, "force"),
		Credential: session.Credential{ID: newID()},
		Next:       digests.Draw(t, "next"),
	}
	var known []session.Digest
	for _, ticket := range h.account.Tickets {
		known = append(known, ticket.Digest)
	}
	if len(known) > 0 && rapid.IntRange(0, 9).Draw(t, "unknown") > 0 {
		choice.Ticket = rapid.SampledFrom(known).Draw(t, "ticket")
	}
	for _, id := range append(idsOf(h.account.Live), newID()) {
		if rapid.IntRange(0, 3).Draw(t, "name it") == 0 {
			choice.End = append(choice.End, id)
		}
	}
	before := h.account
	var ticket session.Ticket
	for _, t := range before.Tickets {
		if t.Digest == choice.Ticket {
			ticket = t
			break
		}
	}
	after, out, ok := before.Choose(choice, h.now)
	if open := ticket.Digest == choice.Ticket && h.now.Before(ticket.ExpiresAt); ok != open {
		t.Fatalf("the ticket was taken: %v, and open: %v", ok, open)
	}
	if !ok {
		if asJSON(after) != asJSON(before) {
			t.Fatal("a ticket that was not open has changed the account")
		}
		return
	}
	h.become(after, out)
	again := choice
	again.Credential.ID = newID()
	if _, _, twice := after.Choose(again, h.now); twice && !holds(after, choice.Ticket) {
		t.Fatal("the ticket works twice")
	}
	if !choice.Force {
		before.Tickets, after.Tickets = nil, nil
		if out.Verdict != session.Declined || asJSON(after) != asJSON(before) {
			t.Fatalf("declined, and yet %+v", out)
		}
		return
	}
	h.checkForced(t, before, after, ticket, choice, out)
}

// holds reports whether a ticket with the digest is there: rapid likes to draw the same digest again.
func holds(a session.Account, digest session.Digest) bool {
	return slices.ContainsFunc(a.Tickets, func(t session.Ticket) bool { return t.Digest == digest })
}

// checkForced holds the login of a choice to the rules of all logins.
func (h *history) checkForced(
	t *rapid.T, before, after session.Account, ticket session.Ticket, choice session.Choice, out session.Outcome,
) {
	req := ticket.Request
	req.User, req.Credential, req.Ticket = before.User, choice.Credential, choice.Next
	req.Force, req.End = true, choice.End
	req.Limits.Policy = session.Ask
	taken := false
	var rest []session.Ticket
	for _, other := range before.Tickets {
		if other.Digest == ticket.Digest && !taken {
			taken = true
			continue
		}
		rest = append(rest, other)
	}
	before.Tickets = rest
	checkAdmit(t, before, req, ticket.Rule, h.now, after, out)
}

func (h *history) end(t *rapid.T) {
	if len(h.account.Live) == 0 {
		return
	}
	named := rapid.SliceOf(rapid.SampledFrom(idsOf(h.account.Live))).Draw(t, "sessions")
	after, ended := h.account.End(named, session.Ending{Reason: session.SignedOut}, h.now)
	h.account = after
	h.bury(ended)
}

func (h *history) restrict(t *rapid.T) {
	own, rule := ownLimits.Draw(t, "own limits"), rules.Draw(t, "rule")
	before := h.account
	why := session.Ending{Reason: session.EndedByAdmin}
	after, expired, ended := before.Restrict(own, rule, why, h.now)
	checkRestricted(t, before, own, rule, h.now, after, ended)
	h.account = after
	h.bury(expired)
	h.bury(ended)
}

func (h *history) expire(*rapid.T) {
	after, expired := h.account.Expire(h.now)
	h.account = after
	h.bury(expired)
}

func (h *history) acknowledge(t *rapid.T) {
	if len(h.account.Ended) > 0 {
		id := rapid.SampledFrom(idsOf(h.account.Ended)).Draw(t, "session")
		h.account = h.account.Acknowledge(id, h.now)
	}
}

// active is what a store does with activity.
func (h *history) active(t *rapid.T) {
	if len(h.account.Live) == 0 {
		return
	}
	live := append([]session.Session(nil), h.account.Live...)
	i := rapid.IntRange(0, len(live)-1).Draw(t, "session")
	live[i].LastActiveAt = h.now
	h.account.Live = live
}

func (h *history) wait(t *rapid.T) {
	h.now = h.now.Add(rapid.SampledFrom([]time.Duration{
		time.Millisecond, time.Second, time.Minute, session.TicketLifetime, 20 * time.Minute, 3 * 24 * time.Hour,
	}).Draw(t, "time"))
}

// check runs after every step.
func (h *history) check(t *rapid.T) {
	seen := make(map[session.ID]bool)
	onDevice := make(map[string]bool)
	for _, s := range h.account.Live {
		if h.ended[s.ID] || s.Ended != nil {
			t.Fatalf("session %s has ended, and is live again", s.ID)
		}
		if seen[s.ID] || onDevice[s.Device.ID] {
			t.Fatalf("session %s, or its device %s, is there twice", s.ID, s.Device.ID)
		}
		seen[s.ID], onDevice[s.Device.ID] = true, true
	}
	for _, s := range h.account.Ended {
		if !h.ended[s.ID] || s.Ended == nil || seen[s.ID] {
			t.Fatalf("session %s should not be among the ended", s.ID)
		}
		seen[s.ID] = true
	}
	if n := len(h.account.Ended); n > session.KeepEnded {
		t.Fatalf("%d tombstones, want at most %d", n, session.KeepEnded)
	}
	if n := len(h.account.Tickets); n > 8 {
		t.Fatalf("%d open tickets, want at most 8", n)
	}
}
