package checktest

import (
	"crypto/sha256"
	"math"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sessionhub/sessionhub/session"
)

// at makes an operation of a history: what was asked from one moment, and answered at another.
func at(began, returned int64, c call, a answer) porcupine.Operation {
	return porcupine.Operation{Input: c, Call: began, Output: a, Return: returned}
}

func signIn(id session.ID, limit int, policy session.Policy) call {
	return call{verb: login, id: id, device: int(id[0]), limit: limit, policy: policy, next: ticketOf(id)}
}

// signInWith is a login under a limit of 1 that says another itself.
func signInWith(id session.ID, own int) call {
	c := signIn(id, 1, session.Evict)
	c.own = own
	return c
}

// limit gives a user whose limit is 2 one of their own, or foresees that.
func limit(what verb, own int) call {
	return call{verb: what, limit: 2, own: own, reason: session.EndedByAdmin}
}

func ticketOf(id session.ID) session.Digest { return sha256.Sum256(id[:]) }

func ids(list ...session.ID) []session.ID { return list }

func TestModelTellsSoundFromUnsound(t *testing.T) {
	t.Parallel()
	a, b, c, d := session.ID{1}, session.ID{2}, session.ID{3}, session.ID{4}
	opened := map[session.ID]time.Time{
		a: time.UnixMilli(1), b: time.UnixMilli(2), c: time.UnixMilli(3), d: time.UnixMilli(4),
	}
	admitted := answer{verdict: session.Admitted}
	lost := answer{lost: true}
	never := int64(math.MaxInt64)

	// chosen answers a's question by which a may stay or go.
	chosen := func(id session.ID) call {
		return call{verb: choose, id: id, ticket: ticketOf(b), force: true, next: ticketOf(id)}
	}
	asked := at(3, 4, signIn(b, 1, session.Ask), answer{verdict: session.Challenged, standing: ids(a)})

	tests := map[string]struct {
		history []porcupine.Operation
		sound   bool
	}{
		"one evicts the other": {sound: true, history: []porcupine.Operation{
			at(1, 5, signIn(a, 1, session.Evict), admitted),
			at(1, 5, signIn(b, 1, session.Evict), answer{verdict: session.Admitted, ended: ids(a)}),
			at(6, 7, call{verb: check, id: a}, answer{reason: session.Superseded}),
			at(6, 7, call{verb: check, id: b}, answer{}),
		}},
		"both slip in": {history: []porcupine.Operation{
			at(1, 5, signIn(a, 1, session.Evict), admitted),
			at(1, 5, signIn(b, 1, session.Evict), admitted),
		}},
		"both slip in under reject": {history: []porcupine.Operation{
			at(1, 5, signIn(a, 1, session.Reject), admitted),
			at(1, 5, signIn(b, 1, session.Reject), admitted),
		}},
		"the wrong one is evicted": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Evict), admitted),
			at(3, 4, signIn(b, 2, session.Evict), admitted),
			at(5, 6, signIn(c, 2, session.Evict), answer{verdict: session.Admitted, ended: ids(b)}),
		}},
		"the ended comes back": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Evict), admitted),
			at(3, 4, call{verb: end, id: a, reason: session.SignedOut}, answer{ended: ids(a)}),
			at(5, 6, call{verb: check, id: a}, answer{}),
		}},
		"a check sees the past": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Evict), admitted),
			at(3, 4, signIn(b, 1, session.Evict), answer{verdict: session.Admitted, ended: ids(a)}),
			at(5, 6, call{verb: check, id: a}, answer{}),
		}},
		"a refusal without need": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Reject), admitted),
			at(3, 4, signIn(b, 2, session.Reject), answer{verdict: session.Rejected, standing: ids(a)}),
		}},
		"two are ended by two": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Evict), admitted),
			at(3, 9, call{verb: end, id: a, reason: session.SignedOut}, answer{ended: ids(a)}),
			at(3, 9, call{verb: endAll, reason: session.EndedByAdmin}, answer{ended: ids(a)}),
		}},
		"a ticket makes room": {sound: true, history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Ask), admitted), asked,
			at(5, 6, chosen(c), answer{verdict: session.Admitted, ended: ids(a)}),
			at(7, 8, call{verb: list}, answer{standing: ids(c)}),
		}},
		"a ticket is used twice": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Ask), admitted), asked,
			at(5, 9, chosen(c), answer{verdict: session.Admitted, ended: ids(a)}),
			at(5, 9, chosen(session.ID{4}), answer{verdict: session.Admitted, ended: ids(c)}),
		}},
		"a lost login that was made": {sound: true, history: []porcupine.Operation{
			at(1, never, signIn(a, 1, session.Evict), lost),
			at(3, 4, signIn(b, 1, session.Evict), answer{verdict: session.Admitted, ended: ids(a)}),
		}},
		"a lost login that was not": {sound: true, history: []porcupine.Operation{
			at(1, never, signIn(a, 1, session.Evict), lost),
			at(3, 4, signIn(b, 1, session.Evict), admitted),
			at(5, 6, call{verb: list}, answer{standing: ids(b)}),
		}},
		"a lost login sent again": {sound: true, history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Evict), admitted),
			at(3, never, signIn(b, 1, session.Evict), lost),
			at(5, 6, signIn(b, 1, session.Evict), answer{verdict: session.Admitted, ended: ids(a)}),
		}},
		"a limit that changes is held from then on": {sound: true, history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Evict), admitted), at(3, 4, signIn(b, 2, session.Evict), admitted),
			at(5, 6, limit(foresee, 1), answer{ended: ids(a)}), at(7, 8, limit(restrict, 1), answer{ended: ids(a)}),
			at(9, 10, signIn(c, 2, session.Evict), answer{verdict: session.Admitted, ended: ids(b)}),
			at(11, 12, limit(restrict, 0), answer{}),
			at(13, 14, signIn(d, 2, session.Evict), admitted),
		}},
		"a login that says its limit itself": {sound: true, history: []porcupine.Operation{
			at(1, 2, limit(restrict, 1), answer{}), at(3, 4, signIn(a, 1, session.Evict), admitted),
			at(5, 6, signInWith(b, 2), admitted),
			at(7, 8, signIn(c, 5, session.Evict), answer{verdict: session.Admitted, ended: ids(a, b)}),
		}},
		"a login slips in under the limit of before": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Evict), admitted), at(3, 4, limit(restrict, 1), answer{}),
			at(5, 6, signIn(b, 2, session.Evict), admitted),
		}},
		"a limit ends the wrong one": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Evict), admitted), at(3, 4, signIn(b, 2, session.Evict), admitted),
			at(5, 6, limit(restrict, 1), answer{ended: ids(b)}),
		}},
		"what was foreseen has been done": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 2, session.Evict), admitted), at(3, 4, signIn(b, 2, session.Evict), admitted),
			at(5, 6, limit(foresee, 1), answer{ended: ids(a)}), at(7, 8, call{verb: list}, answer{standing: ids(b)}),
		}},
		"a lost login that comes late": {history: []porcupine.Operation{
			at(1, 2, signIn(a, 1, session.Evict), answer{lost: true}),
			at(3, 4, call{verb: list}, answer{}),
			at(5, 6, call{verb: list}, answer{standing: ids(a)}),
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := judge(model{opened: opened}, test.history)
			if report.Violation == test.sound || report.Undecided {
				t.Errorf("violation: %t, undecided: %t, want sound: %t", report.Violation, report.Undecided, test.sound)
			}
		})
	}
}

// TestModelAllowsAnyVictimOfUnknownAge has a session whose login was never answered: nobody can tell whether it
// or the other is the older.
func TestModelAllowsAnyVictimOfUnknownAge(t *testing.T) {
	t.Parallel()
	a, b, c := session.ID{1}, session.ID{2}, session.ID{3}
	m := model{opened: map[session.ID]time.Time{a: time.UnixMilli(1), c: time.UnixMilli(1)}}
	s := state{live: []member{{a, 1}, {b, 2}}}
	if steps := m.steps(s, signIn(c, 2, session.Evict)); len(steps) != 2 {
		t.Errorf("%d ways to make room, want 2", len(steps))
	}
	m.opened[b] = time.UnixMilli(1)
	steps := m.steps(s, signIn(c, 2, session.Evict))
	if len(steps) != 1 || steps[0].state.isLive(a) {
		t.Errorf("ways to make room: %v, want the one that ends the smaller ID", steps)
	}
}
