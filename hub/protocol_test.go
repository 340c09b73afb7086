package hub_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

func TestMessagesAreWhatTheirTypeSays(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range hub.Messages() {
		text, err := json.Marshal(m.Example)
		if err != nil {
			t.Fatal(err)
		}
		var example struct{ Type string }
		if err := json.Unmarshal(text, &example); err != nil || example.Type != m.Type || seen[m.Type] || m.When == "" {
			t.Errorf("%s: %s", m.Type, text)
		}
		seen[m.Type] = true
	}
}

func TestClosingsSayWhoMayComeBack(t *testing.T) {
	closings := hub.Closings()
	for i, c := range closings {
		if terminal := c.Code >= 4000 && c.Code < 4100; terminal && c.Reconnect || c.Means == "" {
			t.Errorf("%+v", c)
		}
		if i > 0 && c.Code < closings[i-1].Code {
			t.Errorf("%d comes after %d", c.Code, closings[i-1].Code)
		}
	}
	for _, reason := range []session.Reason{
		session.Superseded, session.Replaced, session.SignedOut, session.EndedByUser, session.EndedByAdmin,
		session.Idle, session.Lifetime, session.Unknown,
	} {
		told := slices.ContainsFunc(closings, func(c hub.Closing) bool {
			return c.Code == hub.CodeFor(reason) && slices.Contains(c.Reasons, string(reason))
		})
		if !told {
			t.Errorf("%s closes with %d, which is not told of", reason, hub.CodeFor(reason))
		}
	}
}
