package session_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

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

// TestEndingTextIsPlain holds names to the table that web/sdk/test/words.test.js holds the pages to.
func TestEndingTextIsPlain(t *testing.T) {
	text, err := os.ReadFile("testdata/plain.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct{ Name, Text, Want string }
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 20 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			by := &session.Actor{Device: &session.Device{Name: tt.Text}}
			want := "Your account signed in on another device."
			if tt.Want != "" {
				want = "Your account signed in on " + tt.Want + "."
			}
			if got := (session.Ending{Reason: session.Superseded, By: by}).Text(); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestEndingTextIsOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := session.Ending{
			Reason: session.EndedByUser, Message: rapid.StringN(0, 600, -1).Draw(t, "message"),
			By: &session.Actor{Device: &session.Device{Name: rapid.String().Draw(t, "name")}},
		}
		got := e.Text()
		if n := utf8.RuneCountInString(got); n == 0 || n > 500 {
			t.Errorf("%d characters", n)
		}
		if strings.ContainsAny(got, "\n\r\t\x00\u2028\u2029\u202a\u202b\u202d\u202e\u2066\u2067\u2068\ufeff") {
			t.Errorf("it has what is not seen: %q", got)
		}
		if again := (session.Ending{Message: got}).Text(); again != got {
			t.Errorf("%q, again: %q", got, again)
		}
	})
}
