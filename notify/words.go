package notify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// listed is how many events a message tells one by one.
	listed = 5
	// maxName bounds, in characters, each name that somebody else has chosen.
	maxName = 40
)

// message is what a person is told: a headline in ASCII that holds nothing anybody has chosen, and a text.
type message struct{ headline, text string }

// compose puts into words what has happened: what was reported before all else, and then the earliest first.
func compose(events []session.Event) message {
	slices.SortStableFunc(events, func(a, b session.Event) int {
		return cmp.Or(urgency(a)-urgency(b), a.At.Compare(b.At))
	})
	kinds := make(map[string]int)
	for _, e := range events {
		kinds[kindOf(e)]++
	}
	type kind struct {
		name string
		n    int
	}
	var byCount []kind
	for name, n := range kinds {
		byCount = append(byCount, kind{name, n})
	}
	slices.SortFunc(byCount, func(a, b kind) int { return cmp.Or(b.n-a.n, cmp.Compare(a.name, b.name)) })

	m := message{headline: "Session Hub: " + plural(len(events), "event")}
	switch reports := kinds[reported]; {
	case len(byCount) == 1:
		m.headline = "Session Hub: " + strings.ReplaceAll(byCount[0].name, "#", grouped(byCount[0].n))
	case reports > 0:
		m.headline = "Session Hub: " + strings.ReplaceAll(reported, "#", grouped(reports)) +
			", and " + plural(len(events)-reports, "other event")
	}
	var text strings.Builder
	text.WriteString(m.headline + "\n")
	if len(byCount) > 1 {
		for _, k := range byCount {
			text.WriteString("- " + strings.ReplaceAll(k.name, "#", grouped(k.n)) + "\n")
		}
	}
	for _, e := range events[:min(listed, len(events))] {
		text.WriteString("\n" + sentence(e))
	}
	if more := len(events) - listed; more > 0 {
		text.WriteString("\n… and " + grouped(more) + " more.")
	}
	m.text = text.String()
	return m
}

// reported is what counts as a session that was not its user's own.
const reported = "sessions that their users say were not theirs (#)"

// urgency is 0 for what must not wait behind the others of a storm.
func urgency(e session.Event) int {
	if e.Type == session.SessionReported {
		return 0
	}
	return 1
}

// kindOf returns what an event counts as, with # for the number.
func kindOf(e session.Event) string {
	switch e.Type {
	case session.SessionEnded:
		return "sessions ended (#): " + because(e)
	case session.SessionCreated:
		return "logins (#)"
	case session.SessionReported:
		return reported
	case session.LoginFailed:
		return "logins with wrong credentials (#)"
	case session.LoginRejected:
		return "logins refused at the limit (#)"
	case session.LoginChallenged:
		return "logins asked which session to end (#)"
	}
	return plain(string(e.Type), maxName) + " (#)"
}

func because(e session.Event) string {
	if e.Session == nil || e.Session.Ended == nil {
		return "for an unknown reason"
	}
	switch e.Session.Ended.Reason {
	case session.Superseded:
		return "a newer login took their place"
	case session.Replaced:
		return "the same device signed in again"
	case session.SignedOut:
		return "signed out"
	case session.EndedByUser:
		return "by the user, from another device"
	case session.EndedByAdmin:
		return "by an administrator"
	case session.Idle:
		return "no activity for too long"
	case session.Lifetime:
		return "their time was over"
	}
	return "for an unknown reason"
}

// sentence tells one event on one line.
func sentence(e session.Event) string {
	line := e.At.UTC().Format("2006-01-02 15:04:05 UTC") + ": " + quoted(e.User)
	var by *session.Actor
	switch s := e.Session; {
	case s != nil && e.Type == session.SessionReported:
		line += " says that the session on " + device(&s.Device, s.IP) + " was not theirs"
		if e.By != nil {
			line += ", from " + device(e.By.Device, e.By.IP)
		}
	case s != nil && s.Ended != nil:
		line += ", session on " + device(&s.Device, s.IP) + ", ended: " + string(s.Ended.Reason)
		by = s.Ended.By
	case s != nil:
		line += " signed in on " + device(&s.Device, s.IP)
	case e.By != nil:
		line += ", " + plain(string(e.Type), maxName) + " on " + device(e.By.Device, e.By.IP)
	default:
		line += ", " + plain(string(e.Type), maxName)
	}
	if by != nil && (by.Device != nil || by.IP != "") {
		line += ", by " + device(by.Device, by.IP)
	}
	return line
}

func device(d *session.Device, ip string) string {
	name := "an unknown device"
	if d != nil {
		name = quoted(cmp.Or(d.Name, d.ID))
	}
	if ip != "" {
		name += " (" + plain(ip, maxName) + ")"
	}
	return name
}

func quoted(name string) string { return "“" + plain(name, maxName) + "”" }

// lookalikes stand in for the characters that some channel takes for markup: HTML, Slack's links and mentions, the links
// and code of Markdown.
var lookalikes = map[rune]rune{
	'<': '‹', '>': '›', '&': '＆', '[': '［', ']': '］', '`': 'ˋ', '“': '"', '”': '"',
}

// plain makes a text that somebody else has chosen harmless in a message of any channel: one line of at most max
// characters, in which nothing is markup, calls anybody, is an address to click on, or shows other than it is written.
func plain(text string, max int) string {
	var out strings.Builder
	n, before := 0, ' '
	for i, r := range text {
		if n == max {
			out.WriteRune('…')
			break
		}
		n++
		switch other, ok := lookalikes[r]; {
		case ok:
			out.WriteRune(other)
		case r == '@' && calls(before, text[i+1:]):
			out.WriteRune('＠')
		case r == ':' && strings.HasPrefix(text[i+1:], "//"):
			out.WriteRune('：')
		case r != ' ' && !unicode.IsGraphic(r) || r == utf8.RuneError || unicode.Is(unicode.Zs, r) && r != ' ':
			out.WriteRune('�')
		default:
			out.WriteRune(r)
		}
		before = r
	}
	return out.String()
}

// calls reports whether an @ would call somebody: at the beginning of a word, or before a word for all. In an address
// such as alice@example.com it does not.
func calls(before rune, after string) bool {
	for _, all := range []string{"everyone", "here", "channel", "all", "room"} {
		if len(after) >= len(all) && strings.EqualFold(after[:len(all)], all) {
			return true
		}
	}
	return !unicode.IsLetter(before) && !unicode.IsDigit(before)
}

// clip shortens a text for an error.
func clip(text string, max int) string { return plain(text, max) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return grouped(n) + " " + what + "s"
}

// grouped writes a number with commas between its thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// testMessage is what `hub notify test` sends.
func testMessage(e session.Event) message {
	return message{
		headline: "Session Hub: a test",
		text: fmt.Sprintf("Session Hub: a test\n\nIf you can read this, notifications reach you here. Sent at %s.",
			e.At.UTC().Format("2006-01-02 15:04:05 UTC")),
	}
}
