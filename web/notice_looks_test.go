package web_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// noticeStates are the steps of a notice, and what leads to each.
var noticeStates = []struct{ name, title, script, choose string }{
	{"warning", "Are you still there?", `say({type: "session.expiring", at: "", in_ms: 59_000})`, ""},
	{"told", "You were signed out here", `say(` + ending("superseded", byOther) + `)`, ""},
	{"password", "Sign the other device out", "", "It was not me"},
	{"reported", "It has been signed out", `{ const field = notice.shadowRoot.querySelector("#password");
		field.value = "secret"; field.form.requestSubmit(); }`, ""},
	{"quiet", "You are signed out here", "", "Close"},
	{"admin", "An administrator signed you out", `fake({shared: false}); hub.on("welcome", () =>
		say(` + ending("ended_by_admin", `message: "Your plan has changed. Please sign in again to go on."`) + `))`, ""},
}

// TestNoticeFitsEverywhere looks at each step on a desk and on a phone, in light, dark and forced colours.
func TestNoticeFitsEverywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	open := browser(t, s)
	for _, at := range []look{looks[0], looks[2]} {
		w := s.faked(open(), "")
		w.do(at.take)
		w.script(`hub.report = async () => ({status: 200, body: {ended: true,
			session: {device: {name: "Chrome on Windows"}, ip: "2001:db8::7"}, sessions: [
			{device: {name: "Samsung Internet on Android"}, ip: "192.0.2.8", last_active_at: new Date(Date.now() - 7e6)},
			{device: {name: "Living room"}, ip: "", last_active_at: new Date(Date.now() - 2e8)}]}})`)
		for _, state := range noticeStates {
			if state.choose != "" {
				w.choose(state.choose)
			} else {
				w.script("%s", state.script)
			}
			w.says(state.title)
			w.pictures("notice-"+state.name, at)
			if got := get(w, chromedp.Evaluate[[]string](fits)); len(got) > 0 {
				t.Errorf("%s at %s: %v", state.name, at, got)
			}
			if at == looks[0] {
				w.accessible()
				w.do(at.take)
			}
		}
	}
}

// fits lists what sticks out of the window, and what is too small for a finger (WCAG 2.2, 2.5.8).
const fits = `[...notice.shadowRoot.querySelectorAll("dialog[open] *, [popover]:not([hidden]) *")].flatMap((e) => {
	const { left, right, width, height } = e.getBoundingClientRect();
	const out = left < 0 || right > innerWidth || document.documentElement.scrollWidth > innerWidth;
	const small = e.matches("button, input:not([hidden])") && (width < 24 || height < 24);
	return out || small ? [e.localName + ": " + e.innerText] : [];
})`

func TestNoticeForScreenReaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := s.faked(browser(t, s)(), "")
	expect := func(want ...string) {
		t.Helper()
		got := w.spoken()
		for _, line := range want {
			if !strings.Contains(got, " "+line+"\n") && !strings.Contains(got, " "+line+" ") {
				t.Errorf("no %s in:\n%s", line, got)
			}
		}
	}
	w.script(`say({type: "session.expiring", at: "", in_ms: 40_000})`)
	w.says("Are you still there?")
	expect(`region "Are you still there?"`, "timer", `button "Stay signed in"`, `heading "My app"`)
	w.script(`say(%s)`, ending("superseded", byOther))
	w.says("You were signed out here")
	expect(`alertdialog "You were signed out here" "Your account signed in somewhere else, which ended the session here."`,
		`heading "You were signed out here"`, "DescriptionList", `button "It was me"`, `button "It was not me"`)
	if strings.Contains(w.spoken(), `"My app"`) {
		t.Error("the app behind the dialog is there too")
	}
	w.choose("It was not me")
	w.says("Sign the other device out")
	w.until(`$("#password") === notice.shadowRoot.activeElement`)
	expect(`textbox "Password" "To be sure that it is you who asks, your password is needed once more. Then Chrome on ` +
		`Windows is signed out at once, and its sign-in is reported."`)
}
