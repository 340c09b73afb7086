package session

import (
	"slices"
	"time"
)

// What an account keeps beside its live sessions.
const (
	// KeepEnded is how many ended sessions an account remembers, the latest.
	KeepEnded = 20
	// KeepEndedFor is how long it remembers them.
	KeepEndedFor = 7 * 24 * time.Hour
	// TicketLifetime is how long the question of a ticket stays open, and AskingLifetime how long a login waits for an
	// answer that makes room, however often the question is put again: what vouched for its user gets old.
	TicketLifetime = 2 * time.Minute
	AskingLifetime = 10 * time.Minute
	// maxTickets is how many questions may be open at a time; the oldest gives way.
	maxTickets = 8
)

// Account is all that is known of one user's sessions. It is a value: its methods leave it as it is and
// return a new one. They do no I/O and ask no clock.
type Account struct {
	User string `json:"user" cbor:"1,keyasint"`
	// Live sessions, oldest first.
	Live []Session `json:"live" cbor:"2,keyasint,omitempty"`
	// Ended sessions, oldest ending first: the tombstones.
	Ended []Session `json:"ended" cbor:"3,keyasint,omitempty"`
	// Tickets are the questions that wait for the user's choice, oldest first.
	Tickets []Ticket `json:"tickets" cbor:"4,keyasint,omitempty"`
	// Limits are the user's own, which come before those of the hub's rule. See Restrict.
	Limits Limits `json:"limits,omitzero" cbor:"5,keyasint,omitzero"`
}

// Ticket is a login that waits for the user to choose which sessions make room for it.
type Ticket struct {
	Digest    Digest    `json:"digest" cbor:"1,keyasint"`
	ExpiresAt time.Time `json:"expires_at" cbor:"2,keyasint"`
	Request   Request   `json:"request" cbor:"3,keyasint"`
	// Rule is the one that the login came under, without the limits of the user and of the login.
	Rule Rule `json:"rule" cbor:"4,keyasint"`
	// AskedAt is when the question was put for the first time.
	AskedAt time.Time `json:"asked_at,omitzero" cbor:"5,keyasint,omitzero"`
}

// Request is a login whose user has been authenticated.
type Request struct {
	User string `json:"-" cbor:"-"`
	// Credential is that of the token which the session will have.
	Credential Credential        `json:"-" cbor:"-"`
	Device     Device            `json:"device" cbor:"1,keyasint"`
	IP         string            `json:"ip,omitempty" cbor:"2,keyasint,omitempty"`
	UserAgent  string            `json:"user_agent,omitempty" cbor:"3,keyasint,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty" cbor:"4,keyasint,omitempty"`
	// Limits are what this login says itself. They come before the user's own.
	Limits Limits `json:"limits,omitzero" cbor:"5,keyasint,omitzero"`
	// SSO is set if an OpenID provider has vouched for the user; see Registry.LoginSSO.
	SSO *SSO `json:"sso,omitempty" cbor:"20,keyasint,omitempty"`
	// Force answers the question of policy Ask beforehand. The other policies ignore it.
	Force bool `json:"-" cbor:"-"`
	// End, with Force, names the sessions that are to make room, instead of the least recently active.
	End []ID `json:"-" cbor:"-"`
	// Ticket is the digest of the ticket that is issued if the user must choose.
	Ticket Digest `json:"-" cbor:"-"`

	askedAt time.Time // when the question was first put that this answers; zero is that it answers none
}

// Verdict is what became of a login.
type Verdict int

// The verdicts.
const (
	Admitted   Verdict = iota + 1 // the session is live
	Rejected                      // the user is at the limit, and the policy is Reject
	Challenged                    // the user is at the limit and must choose, by a ticket
	Declined                      // the user chose to keep the old sessions
)

// Outcome is a login's verdict and what it did.
type Outcome struct {
	Verdict Verdict
	// User is whose login it was.
	User string
	// Session is the new one, if admitted.
	Session Session
	// Ended are the sessions that the login forced out.
	Ended []Session
	// Expired are the sessions that had run out by then.
	Expired []Session
	// Limit is the one that was in the way, if rejected or challenged: the kind's where room among the kind is
	// enough, else that of all. Standing are the live sessions that it counts.
	// Excess is how many of them must end for the login to fit.
	Limit    int
	Standing []Session
	Excess   Excess
	// Ticket is the question, if challenged.
	Ticket Ticket
	// Repeated says that the login had been admitted before, and its answer was lost.
	Repeated bool
	// Routes are those of the account when it was decided.
	Routes Routes
}

// Admit decides a login under the standard rule, the user's own limits and those of the login itself; of these three
// the later comes first, field by field. In turn: what is due expires; the same device gives up its own session;
// under the limit the login is admitted; over it, the policy decides. A login that is not admitted changes
// nothing but what had expired, and the ticket it may have been given.
func (a Account) Admit(req Request, standard Rule, now time.Time) (Account, Outcome) {
	now = now.UTC().Truncate(time.Millisecond)
	if done, ok := a.admitted(req); ok {
		return a, done
	}
	a, expired := a.Expire(now)
	rule := a.Rule(standard).With(req.Limits)
	out := Outcome{Expired: expired}
	newcomer := req.session(rule, now)

	same := func(s Session) bool { return s.Device.ID == req.Device.ID }
	others := slices.DeleteFunc(slices.Clone(a.Live), same)
	victims, fits := req.makeRoom(others, rule)
	if !fits {
		out.Limit, out.Standing, out.Excess = req.inTheWay(a.Live, others, rule)
		if rule.Policy == Reject {
			out.Verdict = Rejected
			return a, out
		}
		out.Verdict = Challenged
		out.Ticket = req.question(standard, now)
		a.Tickets = append(slices.Clone(a.Tickets), out.Ticket)
		a.Tickets = a.Tickets[max(0, len(a.Tickets)-maxTickets):]
		return a, out
	}

	by := newcomer.Actor()
	a, replaced := a.end(same, Ending{Reason: Replaced, At: now, By: by})
	a, superseded := a.end(among(victims), Ending{Reason: Superseded, At: now, By: by})
	a.User = req.User
	a.Live = append(slices.Clone(a.Live), newcomer)
	out.Verdict, out.Session, out.Ended = Admitted, newcomer, append(replaced, superseded...)
	return a, out
}

// admitted finds the session of a login that was decided before: a commit may have been applied and its
// answer lost.
func (a Account) admitted(req Request) (Outcome, bool) {
	s, ok := a.Find(req.Credential.ID)
	if !ok {
		return Outcome{}, false
	}
	out := Outcome{Verdict: Admitted, Session: s, Repeated: true}
	for _, e := range a.Ended {
		if e.Ended.By != nil && e.Ended.By.SessionID == s.ID && e.Ended.Reason != EndedByUser {
			out.Ended = append(out.Ended, e)
		}
	}
	return out, true
}

// makeRoom returns which of the other sessions must end for the login to fit, and whether it may end them.
func (req Request) makeRoom(others []Session, rule Rule) (victims []ID, ok bool) {
	forced := rule.Policy == Evict || rule.Policy == Ask && req.Force
	if forced && len(req.End) > 0 {
		rest := slices.DeleteFunc(slices.Clone(others), func(s Session) bool { return slices.Contains(req.End, s.ID) })
		return req.End, len(rule.excess(rest, 1, req.Device.Kind, false)) == 0
	}
	for _, s := range rule.excess(others, 1, req.Device.Kind, forced) {
		victims = append(victims, s.ID)
	}
	return victims, forced || len(victims) == 0
}

// Excess is how many sessions must end for a login to fit that was not admitted.
type Excess struct {
	// Sessions is how many of those that are in the way, beside one of the login's own device, which goes anyway.
	Sessions int `json:"sessions"`
	// Kind is that of the login's device if its limit is reached, and OfKind how many of Sessions must be of it.
	Kind   Kind `json:"kind,omitempty"`
	OfKind int  `json:"of_kind,omitempty"`
}

// inTheWay returns the limit that keeps the login out, which of the live sessions it counts, and how many of these
// must end. Where both the kind's limit and that of all do, it is the one under which the user can make room for both.
func (req Request) inTheWay(live, others []Session, rule Rule) (limit int, standing []Session, excess Excess) {
	otherKind := func(s Session) bool { return s.Device.Kind != req.Device.Kind }
	excess.Sessions = len(others) + 1 - rule.limit()
	if limit, ok := rule.LimitByKind[req.Device.Kind]; ok && limit != Unlimited {
		if n := len(drop(others, otherKind)) + 1 - limit; n > 0 {
			excess.Kind, excess.OfKind = req.Device.Kind, n
			if n >= excess.Sessions {
				excess.Sessions = n
				return limit, drop(live, otherKind), excess
			}
		}
	}
	return rule.limit(), live, excess
}

// session returns the session that the login opens.
func (req Request) session(rule Rule, now time.Time) Session {
	s := Session{
		ID:           req.Credential.ID,
		Digest:       req.Credential.Digest,
		Device:       req.Device,
		IP:           req.IP,
		UserAgent:    req.UserAgent,
		Attributes:   req.Attributes,
		CreatedAt:    now,
		LastActiveAt: now,
		IdleTimeout:  rule.IdleTimeout,
		SSO:          req.SSO,
	}
	if rule.MaxLifetime > 0 {
		s.ExpiresAt = now.Add(rule.MaxLifetime)
	}
	return s
}

// Choice is a user's answer to a ticket's question.
type Choice struct {
	// Ticket is the digest of the ticket.
	Ticket Digest
	// Force makes room and signs in; without it, the old sessions stay and no new one opens.
	Force bool
	// End names the sessions that make room; empty leaves it to the least recently active.
	End []ID
	// Credential is for the session that may open, and Next for the ticket that is issued if End does
	// not make room.
	Credential Credential
	Next       Digest
}

// question returns the ticket of a login that must choose.
func (req Request) question(standard Rule, now time.Time) Ticket {
	asked := req.askedAt
	if asked.IsZero() {
		asked = now
	}
	req.askedAt = time.Time{} // it is the ticket's
	t := Ticket{Digest: req.Ticket, ExpiresAt: now.Add(TicketLifetime), Request: req, Rule: standard, AskedAt: asked}
	if last := asked.Add(AskingLifetime); last.Before(t.ExpiresAt) {
		t.ExpiresAt = last
	}
	return t
}

// Choose spends a ticket and does what the user chose. It reports false if the ticket is not open: spent,
// expired or never issued. The limits are those of now: they may have changed since the question was put. The policy is
// still Ask, whatever it has become: who was asked may answer.
func (a Account) Choose(choice Choice, now time.Time) (Account, Outcome, bool) {
	if done, ok := a.admitted(Request{Credential: choice.Credential}); ok {
		return a, done, true
	}
	i := slices.IndexFunc(a.Tickets, func(t Ticket) bool { return t.Digest == choice.Ticket })
	if i < 0 || !now.Before(a.Tickets[i].ExpiresAt) {
		return a, Outcome{}, false
	}
	ticket := a.Tickets[i]
	a.Tickets = slices.Delete(slices.Clone(a.Tickets), i, i+1)
	if !choice.Force {
		return a, Outcome{Verdict: Declined}, true
	}
	req := ticket.Request
	req.User, req.Credential, req.Ticket = a.User, choice.Credential, choice.Next
	req.Force, req.End = true, choice.End
	req.Limits.Policy = Ask
	req.askedAt = ticket.AskedAt
	a, out := a.Admit(req, ticket.Rule, now)
	return a, out, true
}

// End ends the live sessions among ids and returns them, ended.
func (a Account) End(ids []ID, why Ending, now time.Time) (Account, []Session) {
	why.At = now.UTC().Truncate(time.Millisecond)
	return a.end(among(ids), why)
}

// Expire ends what is due by now, each session at its own deadline, and forgets tombstones and tickets that
// are past their time. It returns the sessions that ended.
func (a Account) Expire(now time.Time) (Account, []Session) {
	var expired []Session
	for _, s := range a.Live {
		at, reason := s.Deadline()
		if at.IsZero() || now.Before(at) {
			continue
		}
		var ended []Session
		a, ended = a.end(func(other Session) bool { return other.ID == s.ID }, Ending{Reason: reason, At: at})
		expired = append(expired, ended...)
	}
	a.Ended = drop(a.Ended, func(s Session) bool { return !now.Before(s.Ended.At.Add(KeepEndedFor)) })
	a.Tickets = drop(a.Tickets, func(t Ticket) bool { return !now.Before(t.ExpiresAt) })
	return a, expired
}

// Acknowledge records when the notice of an ended session was shown, the first time only.
func (a Account) Acknowledge(id ID, at time.Time) Account {
	i := slices.IndexFunc(a.Ended, func(s Session) bool { return s.ID == id && s.Ended.AckedAt.IsZero() })
	if i < 0 {
		return a
	}
	ending := *a.Ended[i].Ended
	ending.AckedAt = at
	a.Ended = slices.Clone(a.Ended)
	a.Ended[i].Ended = &ending
	return a
}

// Find returns the session with the given ID, live or ended.
func (a Account) Find(id ID) (Session, bool) {
	if i := Index(a.Live, id); i >= 0 {
		return a.Live[i], true
	}
	if i := Index(a.Ended, id); i >= 0 {
		return a.Ended[i], true
	}
	return Session{}, false
}

// Deadline returns when the account next has something to expire, if there is no activity until then;
// zero is never.
func (a Account) Deadline() time.Time {
	var next time.Time
	for _, s := range a.Live {
		if at, _ := s.Deadline(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// KeepUntil returns when the account can no longer matter to anyone; zero is never, as for a user with limits of their
// own. It reports false for an account with nothing in it, which need not be kept at all.
func (a Account) KeepUntil() (until time.Time, ok bool) {
	if !a.Limits.IsZero() {
		return time.Time{}, true
	}
	for _, s := range a.Live {
		at, _ := s.Deadline()
		if at.IsZero() {
			return time.Time{}, true
		}
		until = later(until, at.Add(KeepEndedFor))
	}
	for _, s := range a.Ended {
		until = later(until, s.Ended.At.Add(KeepEndedFor))
	}
	for _, t := range a.Tickets {
		until = later(until, t.ExpiresAt)
	}
	return until, !until.IsZero()
}

// end moves the live sessions that match to the tombstones, with the given ending, and returns them.
func (a Account) end(match func(Session) bool, why Ending) (Account, []Session) {
	var live, ended []Session
	for _, s := range a.Live {
		if match(s) {
			ending := why
			s.Ended = &ending
			ended = append(ended, s)
		} else {
			live = append(live, s)
		}
	}
	if len(ended) == 0 {
		return a, nil
	}
	a.Live = live
	a.Ended = append(slices.Clone(a.Ended), ended...)
	a.Ended = a.Ended[max(0, len(a.Ended)-KeepEnded):]
	return a, ended
}

// among matches the sessions with one of the given IDs.
func among(ids []ID) func(Session) bool {
	return func(s Session) bool { return slices.Contains(ids, s.ID) }
}

// drop returns list without the elements that match, and leaves list as it is.
func drop[T any](list []T, match func(T) bool) []T {
	if !slices.ContainsFunc(list, match) {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), match)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
