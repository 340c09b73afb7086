package checktest

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/sessionhub/sessionhub/session"
)

func TestModelOfReports(t *testing.T) {
	t.Parallel()
	a, b, c := session.ID{1}, session.ID{2}, session.ID{3}
	two := []porcupine.Operation{
		at(1, 2, signIn(a, 1, session.Evict), answer{verdict: session.Admitted}),
		at(3, 4, signIn(b, 1, session.Evict), answer{verdict: session.Admitted, ended: ids(a)}),
	}
	reported := func(id session.ID) call { return call{verb: report, id: id} }
	done := answer{ended: ids(b), reason: session.EndedByUser}
	tests := map[string]struct {
		then  []porcupine.Operation
		sound bool
	}{
		"it ends the one that ended it": {sound: true, then: []porcupine.Operation{
			at(5, 6, reported(a), done), at(7, 8, reported(a), done),
			at(9, 10, call{verb: check, id: b}, answer{reason: session.EndedByUser}),
		}},
		"of one that has left": {sound: true, then: []porcupine.Operation{
			at(5, 6, call{verb: end, id: b, reason: session.SignedOut}, answer{ended: ids(b)}),
			at(7, 8, reported(a), answer{reason: session.SignedOut}),
		}},
		"by one that is live, or unknown, or left": {sound: true, then: []porcupine.Operation{
			at(5, 6, reported(b), answer{unforced: true}),
			at(7, 8, reported(c), answer{reason: session.Unknown}),
			at(9, 10, call{verb: end, id: b, reason: session.SignedOut}, answer{ended: ids(b)}),
			at(11, 12, reported(b), answer{unforced: true}),
		}},
		"the reported one stays": {then: []porcupine.Operation{
			at(5, 6, reported(a), done), at(7, 8, call{verb: check, id: b}, answer{}),
		}},
		"said again it is another answer": {then: []porcupine.Operation{
			at(5, 6, reported(a), done), at(7, 8, reported(a), answer{reason: session.EndedByUser}),
		}},
		"it ends one that has left": {then: []porcupine.Operation{
			at(5, 6, call{verb: end, id: b, reason: session.SignedOut}, answer{ended: ids(b)}),
			at(7, 8, reported(a), done),
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := judge(model{}, append(append([]porcupine.Operation(nil), two...), test.then...))
			if result.Violation == test.sound || result.Undecided {
				t.Errorf("violation: %t, undecided: %t, want sound: %t", result.Violation, result.Undecided, test.sound)
			}
		})
	}
}
