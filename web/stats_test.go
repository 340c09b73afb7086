package web

import (
	"testing"

	"github.com/sessionhub/sessionhub/session"
)

// TestStatesOfOtherVersions has an older version, which does not say how it is, and a later one, which has a word of its
// own for it.
func TestStatesOfOtherVersions(t *testing.T) {
	for said, want := range map[session.State]session.State{
		session.Ready: session.Ready, session.Draining: session.Draining, session.NotReady: session.NotReady,
		"": stateUnknown, "asleep": stateUnknown,
	} {
		if got := viewInstance(session.Instance{Health: session.Health{State: said}}).State; got != want {
			t.Errorf("%q is shown as %q, want %q", said, got, want)
		}
	}
}
