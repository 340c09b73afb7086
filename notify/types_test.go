package notify

import (
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/session"
)

func endedFor(reason session.Reason) session.Event {
	return session.Event{Type: session.SessionEnded, Session: &session.Session{Ended: &session.Ending{Reason: reason}}}
}

func TestFilter(t *testing.T) {
	all := map[string]session.Event{"session.ended of nothing": {Type: session.SessionEnded}}
	for _, reason := range session.Reasons {
		all[string(reason)] = endedFor(reason)
	}
	for _, what := range session.EventTypes[2:] {
		all[string(what)] = session.Event{Type: what}
	}
	all["session.created"] = session.Event{Type: session.SessionCreated, Session: &session.Session{}}
	tests := []struct {
		types []string
		want  string
	}{
		{DefaultTypes, "session.reported superseded replaced ended_by_user ended_by_admin"},
		{[]string{"session.created"}, "session.created"},
		{[]string{" login.failed", "session.ended:idle"}, "login.failed idle"},
		{[]string{"session.ended", "session.ended:idle"},
			"superseded replaced signed_out ended_by_user ended_by_admin idle lifetime,session.ended of nothing"},
	}
	for _, test := range tests {
		f, err := parseFilter(test.types)
		must(t, err)
		first, rest, _ := strings.Cut(test.want, ",")
		want := make(map[string]bool)
		for _, name := range append(strings.Fields(first), rest) {
			want[name] = true
		}
		for name, event := range all {
			if got := f.wants(event); got != want[name] {
				t.Errorf("%v wants %s: %v, want %v", test.types, name, got, want[name])
			}
		}
		again, err := parseFilter(strings.Split(f.String(), ","))
		if err != nil || again.String() != f.String() {
			t.Errorf("%v reads as %q and then as %q, %v", test.types, f, again, err)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for _, test := range []struct{ types, want string }{
		{"", `no event type ""`},
		{"session.stolen", "session.ended"},
		{"session.ended:", "superseded"},
		{"session.ended:unknown", "superseded"},
		{"session.created:idle", "no reasons"},
		{"<b>\x00", "‹b›�"},
	} {
		if _, err := parseFilter([]string{test.types}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want an error that says %q", test.types, err, test.want)
		}
	}
	if _, err := parseFilter(nil); err == nil {
		t.Error("no types are some")
	}
}
