package session_test

import (
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

func TestEndingText(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 41, 7, 0, time.UTC)
	by := &session.Actor{Device: &session.Device{ID: "d", Name: "Firefox on Linux", Kind: session.Web}, IP: "192.0.2.7"}
	for _, tt := range []struct {
		name   string
		ending session.Ending
		want   string
	}{
		{"superseded", session.Ending{Reason: session.Superseded, At: at, By: by},
			"Your account signed in on Firefox on Linux at 10:41 UTC, from 192.0.2.7."},
		{"superseded by nobody known", session.Ending{Reason: session.Superseded, At: at},
			"Your account signed in on another device at 10:41 UTC."},
		{"replaced", session.Ending{Reason: session.Replaced, At: at, By: by},
			"This device signed in again at 10:41 UTC, from 192.0.2.7."},
		{"signed out", session.Ending{Reason: session.SignedOut, At: at}, "You signed out at 10:41 UTC."},
		{"ended by user", session.Ending{Reason: session.EndedByUser, At: at, By: by},
			"You ended this session from Firefox on Linux at 10:41 UTC, from 192.0.2.7."},
		{"ended by admin", session.Ending{Reason: session.EndedByAdmin, At: at},
			"An administrator ended this session at 10:41 UTC."},
		{"own message", session.Ending{Reason: session.EndedByAdmin, At: at, Message: "Please call us."}, "Please call us."},
		{"idle", session.Ending{Reason: session.Idle, At: at},
			"You were signed out at 10:41 UTC because this session had not been used for a while."},
		{"lifetime", session.Ending{Reason: session.Lifetime, At: at},
			"This session reached its maximum lifetime at 10:41 UTC. Please sign in again."},
		{"unknown", session.Ending{Reason: session.Unknown}, "This session is not known here. Please sign in again."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.ending.Text(); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
