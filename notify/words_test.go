package notify

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

func TestCompose(t *testing.T) {
	at := time.Date(2026, 11, 22, 2, 30, 5, 0, time.UTC)
	alone := compose([]session.Event{ended("alice", at)})
	want := message{
		headline: "Session Hub: sessions ended (1): a newer login took their place",
		text: "Session Hub: sessions ended (1): a newer login took their place\n\n" +
			"2026-11-22 02:30:05 UTC: “alice”, session on “Firefox on Linux” (192.0.2.7), ended: superseded, " +
			"by “Chrome on Windows” (198.51.100.9)",
	}
	if alone != want {
		t.Errorf("got\n%s\n%s\nwant\n%s\n%s", alone.headline, alone.text, want.headline, want.text)
	}

	admin := ended("bob", at.Add(-time.Second))
	admin.Session.Ended = &session.Ending{Reason: session.EndedByAdmin}
	created := ended("carol", at)
	created.Type, created.Session.Ended = session.SessionCreated, nil
	created.Session.Device.Name = ""
	by := &session.Actor{IP: "192.0.2.1", Device: &session.Device{Name: "Phone"}}
	failed := session.Event{Type: session.LoginFailed, At: at.Add(time.Second), User: "dave", By: by}
	mixed := compose([]session.Event{ended("alice", at), ended("eve", at), admin, created, failed,
		{Type: session.LoginRejected, At: at.Add(time.Minute)}, {Type: "notes.<b>", At: at.Add(time.Minute)}})
	const text = `Session Hub: 7 events
- sessions ended (2): a newer login took their place
- logins (1)
- logins refused at the limit (1)
- logins with wrong credentials (1)
- notes.‹b› (1)
- sessions ended (1): by an administrator

2026-11-22 02:30:04 UTC: “bob”, session on “Firefox on Linux” (192.0.2.7), ended: ended_by_admin
2026-11-22 02:30:05 UTC: “alice”, session on “Firefox on Linux” (192.0.2.7), ended: superseded, by “Chrome on Windows” (198.51.100.9)
2026-11-22 02:30:05 UTC: “eve”, session on “Firefox on Linux” (192.0.2.7), ended: superseded, by “Chrome on Windows” (198.51.100.9)
2026-11-22 02:30:05 UTC: “carol” signed in on “a” (192.0.2.7)
2026-11-22 02:30:06 UTC: “dave”, login.failed on “Phone” (192.0.2.1)
… and 2 more.`
	if mixed.text != text {
		t.Errorf("got\n%s\nwant\n%s", mixed.text, text)
	}
}

// A report comes before all else, however much else there is.
func TestComposeReports(t *testing.T) {
	at := time.Date(2026, 11, 22, 2, 30, 5, 0, time.UTC)
	report := ended("alice", at.Add(time.Minute))
	report.Type = session.SessionReported
	report.By = &session.Actor{IP: "192.0.2.1", Device: &session.Device{Name: "Phone"}}
	const says = "2026-11-22 02:31:05 UTC: “alice” says that the session on “Firefox on Linux” (192.0.2.7) was not theirs, " +
		"from “Phone” (192.0.2.1)"
	alone := compose([]session.Event{report})
	if want := "Session Hub: sessions that their users say were not theirs (1)"; alone.headline != want ||
		alone.text != want+"\n\n"+says {
		t.Errorf("alone: %s\n%s", alone.headline, alone.text)
	}
	storm := []session.Event{report}
	for range 1000 {
		storm = append(storm, ended("bob", at))
	}
	told := compose(storm)
	want := "Session Hub: sessions that their users say were not theirs (1), and 1,000 other events"
	if told.headline != want || !strings.Contains(told.text, "\n\n"+says+"\n") {
		t.Errorf("in a storm: %s\n%s", told.headline, told.text)
	}
}

// Whatever happens has a name of its own in the list.
func TestEveryKindHasWords(t *testing.T) {
	names := make(map[string]bool)
	for _, reason := range session.Reasons {
		names[kindOf(endedFor(reason))] = true
	}
	for _, what := range session.EventTypes {
		if what != session.SessionEnded {
			names[kindOf(session.Event{Type: what})] = true
		}
	}
	if len(names) != len(session.Reasons)+len(session.EventTypes)-1 {
		t.Errorf("%d names: %v", len(names), names)
	}
	if name := kindOf(session.Event{Type: session.SessionEnded}); names[name] || !strings.Contains(name, "unknown") {
		t.Errorf("an ending without a session is %q", name)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"alice":                      "alice",
		"Zoë Ōno 太郎":                 "Zoë Ōno 太郎",
		"alice@example.com":          "alice@example.com",
		"@alice":                     "＠alice",
		"x @bob":                     "x ＠bob",
		"x@everyone @HERE":           "x＠everyone ＠HERE",
		"<!channel> <b>&amp;":        "‹!channel› ‹b›＆amp;",
		"[a](http://evil)":           "［a］(http：//evil)",
		"https://evil.example/a://":  "https：//evil.example/a：//",
		"`code`":                     "ˋcodeˋ",
		"“quoted”":                   `"quoted"`,
		"a\r\nBcc: all@example.com":  "a��Bcc: all@example.com",
		"a\u202egnp.exe":             "a�gnp.exe",
		"a\u200bb\u00a0c\u2028d\x00": "a�b�c�d�",
		"bad \xff utf-8":             "bad � utf-8",
		"":                           "",
	} {
		if got := plain(text, maxName); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := plain("12345", 4); got != "1234…" {
		t.Errorf("clipped to %q", got)
	}
}

// Nothing anybody can call themselves makes a second line, markup or a call, or is longer than it may be.
func TestPlainIsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("ab @<>&[]`\r\n\u202e\u2028“”")))).Draw(t, "name")
		got := plain(name, maxName)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxName+1 || strings.ContainsAny(got, "<>&[]`“”\r\n") {
			t.Errorf("%q becomes %q", name, got)
		}
		before := ' '
		for _, r := range got {
			if !unicode.IsPrint(r) || r == '@' && !unicode.IsLetter(before) && !unicode.IsDigit(before) {
				t.Errorf("%q becomes %q, with %U", name, got, r)
			}
			before = r
		}
		if again := plain(got, maxName+1); again != got {
			t.Errorf("%q becomes %q and then %q", name, got, again)
		}
	})
}

// A message stays far below what the strictest of the services takes, Discord's 2,000 characters.
func TestMessagesAreShort(t *testing.T) {
	long := ended(strings.Repeat("太", 256), time.Time{}) // the earliest are told one by one
	long.Session.Device.Name = strings.Repeat("太", 128)
	long.Session.IP, long.Session.Ended.By.IP = strings.Repeat("f", 45), strings.Repeat("f", 45)
	long.Session.Ended.By.Device.Name = long.Session.Device.Name
	events := make([]session.Event, 10_000)
	for i := range events {
		events[i] = long
		if i < len(session.Reasons) {
			events[i] = endedFor(session.Reasons[i])
			events[i].At = time.Now()
		}
	}
	for _, what := range session.EventTypes {
		events = append(events, session.Event{Type: what, At: time.Now()})
	}
	m := compose(events)
	for _, line := range strings.Split(m.text, "\n") {
		if len(line) > 998 { // RFC 5322, section 2.1.1
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	if n := utf8.RuneCountInString(m.text); n > 2000 || len(m.text) > 4096 {
		t.Errorf("a message of %d characters and %d bytes:\n%s", n, len(m.text), m.text)
	}
	for _, r := range m.headline {
		if r > unicode.MaxASCII {
			t.Errorf("the headline is %q", m.headline)
		}
	}
}
