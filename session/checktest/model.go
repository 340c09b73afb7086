package checktest

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sessionhub/sessionhub/session"
)

// verb is what an operation does.
type verb string

const (
	login  verb = "login"
	choose verb = "choose"  // answer the question of a ticket
	end    verb = "end"     // one session: a logout, or an end from outside
	endAll verb = "end all" // every live session
	check  verb = "check"   // of a token
	list   verb = "list"    // the live sessions

	restrict verb = "restrict" // give the user a limit of their own, or take it away
	foresee  verb = "foresee"  // what that would end
	report   verb = "report"   // that whoever ended a session was not its user
)

// call is one operation as it was asked for.
type call struct {
	verb verb
	user int
	// id is the session meant; of a login and a choice, the one that may open.
	id     session.ID
	device int
	limit  int // of the rule that a login or a limit of the user comes under
	own    int // the limit that a login says itself, or that becomes the user's own; 0 is none
	policy session.Policy
	force  bool
	// ticket is the one to spend, and next the one to issue if the user must choose.
	ticket, next session.Digest
	named        []session.ID   // the sessions that a choice ends
	reason       session.Reason // for which an end ends
}

// answer is what was answered to a call.
type answer struct {
	// lost says that no answer came by the time that the call counts as over: it has done its work by then,
	// or never will.
	lost    bool
	verdict session.Verdict
	// ended are the sessions that the call ended, standing those that were in its way, or the live ones.
	ended, standing []session.ID
	reason          session.Reason // of a check: empty for a live session
	noTicket        bool           // the ticket was not open
	unforced        bool           // the session has nobody to report
}

func (a answer) equal(other answer) bool {
	return a.verdict == other.verdict && a.reason == other.reason && a.noTicket == other.noTicket &&
		a.unforced == other.unforced &&
		slices.Equal(a.ended, other.ended) && slices.Equal(a.standing, other.standing)
}

// step is one way in which a call can go.
type step struct {
	state  state
	answer answer
}

// model says which steps a call can take. There is more than one only where an answer that was lost hid when
// a session was opened, so that the model cannot tell which one is the older.
type model struct {
	// opened are the times at which sessions were opened, as far as any answer told; zero is unknown.
	opened map[session.ID]time.Time
}

// porcupine returns the model in the checker's form, partitioned by user.
func (m model) porcupine() porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Partition: byUser,
		Init:      func() []any { return []any{state{}} },
		Step: func(from, input, output any) []any {
			var next []any
			want := output.(answer)
			if want.lost {
				next = append(next, from)
			}
			for _, s := range m.steps(from.(state), input.(call)) {
				if want.lost || want.equal(s.answer) {
					next = append(next, s.state)
				}
			}
			return next
		},
		Equal:             func(a, b any) bool { return a.(state).equal(b.(state)) },
		Hash:              func(s any) uint64 { return s.(state).hash() },
		DescribeOperation: describe,
		DescribeState:     func(s any) string { return s.(state).String() },
	}
	return nondeterministic.ToModel()
}

func byUser(history []porcupine.Operation) [][]porcupine.Operation {
	users := make(map[int][]porcupine.Operation)
	for _, op := range history {
		user := op.Input.(call).user
		users[user] = append(users[user], op)
	}
	var parts [][]porcupine.Operation
	for _, part := range users {
		parts = append(parts, part)
	}
	return parts
}

// steps returns the ways in which a call can go from a state.
func (m model) steps(s state, c call) []step {
	switch c.verb {
	case login:
		if again, ok := repeated(s, c); ok {
			return []step{again}
		}
		return m.admit(s, c)
	case choose:
		return m.choose(s, c)
	case end:
		next, graves := s.end(func(m member) bool { return m.id == c.id }, c.reason, session.ID{})
		return []step{{next, answer{ended: idsOf(graves)}}}
	case endAll:
		next, graves := s.end(func(member) bool { return true }, c.reason, session.ID{})
		return []step{{next, answer{ended: idsOf(graves)}}}
	case check:
		if s.isLive(c.id) {
			return []step{{s, answer{}}}
		}
		if g, ok := s.tombstone(c.id); ok {
			return []step{{s, answer{reason: g.reason}}}
		}
		return []step{{s, answer{reason: session.Unknown}}}
	case list:
		return []step{{s, answer{standing: s.members()}}}
	case restrict, foresee:
		return m.restrict(s, c)
	case report:
		return []step{s.report(c.id)}
	}
	panic(fmt.Sprintf("the model knows no %q", c.verb))
}

// repeated answers a login whose session has been opened before.
func repeated(s state, c call) (step, bool) {
	if _, ended := s.tombstone(c.id); !ended && !s.isLive(c.id) {
		return step{}, false
	}
	a := answer{verdict: session.Admitted}
	for _, g := range s.ended {
		if g.by == c.id && g.reason != session.EndedByUser {
			a.ended = append(a.ended, g.id)
		}
	}
	return step{s, a}, true
}

func (m model) choose(s state, c call) []step {
	if again, ok := repeated(s, c); ok {
		return []step{again}
	}
	spent, t, open := s.spend(c.ticket)
	switch {
	case !open:
		return []step{{s, answer{noTicket: true}}}
	case !c.force:
		return []step{{spent, answer{verdict: session.Declined}}}
	}
	c.device, c.limit, c.own, c.policy = t.device, t.limit, t.own, session.Ask
	return m.admit(spent, c)
}

// admit decides a login: a session on the same device gives way, and then as many others as the limit asks for.
func (m model) admit(s state, c call) []step {
	others := slices.DeleteFunc(slices.Clone(s.live), func(m member) bool { return m.device == c.device })
	excess := len(others) + 1 - cmp.Or(c.own, s.own, c.limit)
	forced := c.policy == session.Evict || c.policy == session.Ask && c.force
	switch {
	case forced && len(c.named) > 0:
		among := func(m member) bool { return slices.Contains(c.named, m.id) }
		named := slices.DeleteFunc(slices.Clone(others), func(m member) bool { return !among(m) })
		if len(named) >= excess {
			return []step{s.replace(c, named)}
		}
	case forced || excess <= 0:
		var steps []step
		for _, victims := range m.victims(others, max(0, excess)) {
			steps = append(steps, s.replace(c, victims))
		}
		return steps
	case c.policy == session.Reject:
		return []step{{s, answer{verdict: session.Rejected, standing: s.members()}}}
	}
	asked := s.ask(ticket{digest: c.next, device: c.device, limit: c.limit, own: c.own})
	return []step{{asked, answer{verdict: session.Challenged, standing: s.members()}}}
}

// restrict gives the user a limit and ends what is over the one that holds then; to foresee it changes nothing.
func (m model) restrict(s state, c call) []step {
	var steps []step
	for _, victims := range m.victims(s.live, max(0, len(s.live)-cmp.Or(c.own, c.limit))) {
		next, graves := s.end(func(m member) bool { return slices.Contains(victims, m) }, c.reason, session.ID{})
		if next.own = c.own; c.verb == foresee {
			next = s
		}
		steps = append(steps, step{next, answer{ended: idsOf(graves)}})
	}
	return steps
}

// replace opens the session of a login in place of that on the same device and of the victims.
func (s state) replace(c call, victims []member) step {
	s, replaced := s.end(func(m member) bool { return m.device == c.device }, session.Replaced, c.id)
	s, superseded := s.end(func(m member) bool { return slices.Contains(victims, m) }, session.Superseded, c.id)
	gone := append(idsOf(replaced), idsOf(superseded)...)
	return step{s.admit(member{c.id, c.device}), answer{verdict: session.Admitted, ended: gone}}
}

// victims returns the choices of n sessions that leave none alive that is older than a chosen one.
func (m model) victims(live []member, n int) [][]member {
	var choices [][]member
	for set := range uint(1) << len(live) {
		if bits.OnesCount(set) != n {
			continue
		}
		var victims, rest []member
		for i, member := range live {
			if set&(1<<i) != 0 {
				victims = append(victims, member)
			} else {
				rest = append(rest, member)
			}
		}
		if !m.anyOlder(rest, victims) {
			choices = append(choices, victims)
		}
	}
	return choices
}

// anyOlder reports whether one of the first is surely older than one of the second. Without activity a session
// is as old as its login, and of two in one millisecond the smaller ID counts as the older.
func (m model) anyOlder(first, second []member) bool {
	for _, a := range first {
		for _, b := range second {
			at, bt := m.opened[a.id], m.opened[b.id]
			if at.IsZero() || bt.IsZero() {
				continue
			}
			if c := at.Compare(bt); c < 0 || c == 0 && compareIDs(a.id, b.id) < 0 {
				return true
			}
		}
	}
	return false
}

func describe(input, output any) string {
	c, a := input.(call), output.(answer)
	text := string(c.verb)
	switch c.verb {
	case login:
		text = fmt.Sprintf("login %s (limit %d, own %d, %s, force %t)", short(c.id), c.limit, c.own, c.policy, c.force)
	case choose:
		text = fmt.Sprintf("choose %s (ticket %x, force %t, %d named)", short(c.id), c.ticket[:4], c.force, len(c.named))
	case restrict, foresee:
		text = fmt.Sprintf("%s (limit %d, own %d)", c.verb, c.limit, c.own)
	case end, check, report:
		text = fmt.Sprintf("%s %s", c.verb, short(c.id))
	}
	switch {
	case a.lost:
		return text + " → no answer"
	case a.noTicket:
		return text + " → no such ticket"
	case a.unforced:
		return text + " → nobody to report"
	case c.verb == check:
		return fmt.Sprintf("%s → %q", text, a.reason)
	}
	return fmt.Sprintf("%s → verdict %d, ended %s, standing %s", text, a.verdict, shorts(a.ended), shorts(a.standing))
}

func shorts(ids []session.ID) []string {
	var texts []string
	for _, id := range ids {
		texts = append(texts, short(id))
	}
	return texts
}
