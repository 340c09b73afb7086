package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// openOn opens a session of a user on a device with a name, and returns its token.
func (s *site) openOn(user, device string) string {
	s.Helper()
	return s.admin("POST", "/v1/admin/sessions", encode(map[string]any{
		"user": user, "ip": "198.51.100.20", "device": map[string]any{"id": device, "name": device, "kind": "web"},
		"user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
	})).want(http.StatusCreated).at("token").(string)
}

// noticed opens a window with the app, whose notice tells of the session of a token.
func (s *site) noticed(w *window, token string) *window {
	s.Helper()
	w.do(chromedp.WaitReady("main[data-ready]"))
	w.script(`open_({token: %q})`, token)
	w.until(`hub.state.name === "live"`)
	w.saysNothing()
	return w
}

// TestNoticeItWasNotMe goes the whole way by keyboard.
func TestNoticeItWasNotMe(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	open := browser(t, s)
	own := s.noticed(open(), s.openOn("alice", "Firefox on Linux"))
	own.script(`document.querySelector("#draft").focus()`)
	token := s.openOn("alice", "Office")
	text := own.says("You were signed out here")
	own.contains(text, "Your account signed in somewhere else", "Office", "Firefox 140 on Windows", "198.51.100.20",
		"just now", "Was that you?")
	intruder := s.noticed(open(), token)
	if got := own.focused(); got != "title" {
		t.Errorf("the focus is in %q, want the heading", got)
	}
	for _, want := range []string{"It was me", "It was not me", "Sign in again"} {
		own.presses(kb.Tab)
		if got := own.focused(); got != want {
			t.Errorf("Tab leads to %q, want %q", got, want)
		}
	}
	own.presses(kb.Escape)
	own.says("You are signed out here")
	if got := own.focused(); got != "draft" {
		t.Errorf("after Escape the focus is in %q, want draft, where it was", got)
	}
	own.choose("Details")
	own.says("You were signed out here")
	own.presses(kb.Tab)
	own.presses(kb.Tab)
	own.presses(kb.Enter)
	own.contains(own.says("Sign the other device out"), "Office")
	own.presses("wrong" + kb.Enter)
	own.until(`$("#problem").innerText.includes("not your password")`)
	if got := own.focused(); got != "password" {
		t.Errorf("the focus is in %q, want password", got)
	}
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")
	own.presses("demo" + kb.Enter)
	own.contains(own.says("It has been signed out"), "Office", "Firefox 140 on Windows", "Change your password now",
		"Nothing else is signed in")
	intruder.contains(intruder.says("You were signed out here"), "Firefox on Linux")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
	events := s.admin("GET", "/v1/admin/events", "").want(http.StatusOK)
	if n := strings.Count(events.text, `"session.reported"`); n != 1 {
		t.Errorf("session.reported %d times, want once, in %s", n, events.text)
	}
	own.presses(kb.Escape)
	own.says("You are signed out here")
	if got := own.focused(); got != "draft" {
		t.Errorf("at last the focus is in %q, want draft", got)
	}
	if got := get(own, chromedp.Evaluate[[]string](`told`)); !slices.Equal(got, []string{"report", "reported"}) {
		t.Errorf("the app heard %v", got)
	}
	own.obeysPolicy()
}

// TestNoticeExample runs the page of the documentation as it stands there.
func TestNoticeExample(t *testing.T) {
	t.Parallel()
	s := newSite(t, withApp(sdkExamples(t, "html")[1], sdkExamples(t, "js")[2]))
	open := browser(t, s)
	w := open()
	w.signsIn("alice")
	w.until(`app.textContent === "Hello, alice."`)
	w.saysNothing()
	open().signsIn("alice")
	w.contains(w.says("You were signed out here"), "Your account signed in somewhere else", "on Linux", "just now")
	w.choose("Sign in again")
	w.until(`location.pathname === "/sign-in" && location.search + location.hash === "?return=%%2F#again"`)
}

// TestNoticeWarnsInAllTabs lets a tab be late, the counts be the same, and the last tab answer for all.
func TestNoticeWarnsInAllTabs(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	leader := browser(t, s)()
	ready := func(w *window) *window {
		w.do(chromedp.WaitReady("main[data-ready]"))
		w.script(`fake()`)
		w.until(`hub.state.name === "live"`)
		return w
	}
	ready(leader)
	follower := ready(leader.tab(s.server.URL))
	leader.saysNothing()
	leader.script(`say({type: "session.expiring", at: "", in_ms: 45_000})`)
	leader.contains(leader.says("Are you still there?"), "Nothing has happened here for a while.")
	follower.says("Are you still there?")
	late := ready(leader.tab(s.server.URL))
	late.says("Are you still there?")
	tabs := []*window{leader, follower, late}
	until := get(leader, chromedp.Evaluate[float64](`hub.warning.until`))
	for _, tab := range tabs {
		if got := get(tab, chromedp.Evaluate[float64](`hub.warning.until`)); got != until {
			t.Errorf("a tab counts to %f, another to %f", got, until)
		}
		tab.until(`$("[role=timer]").innerText === Math.ceil((hub.warning.until - Date.now()) / 1000) + " seconds"`)
		if !get(tab, chromedp.Evaluate[bool](`(() => {
			const [said, left] = ["alert", "timer"].map((role) =>
				parseInt(notice.shadowRoot.querySelector(`+"`[role=${role}]`"+`).innerText.match(/\d+/)[0]));
			return left <= said && said <= 45;
		})()`)) {
			t.Error("what was said of the time that is left is not so")
		}
	}
	if got := late.focused(); got != "body" {
		t.Errorf("the warning has taken the focus, to %q", got)
	}
	late.choose("Stay signed in")
	leader.until(`sent.some(({type}) => type === "activity")`)
	leader.script(`say({type: "session.renewed", idle_expires_at: ""})`)
	for _, tab := range tabs {
		tab.saysNothing()
		tab.until(`$("[role=status]").textContent === "You stay signed in."`)
		tab.obeysPolicy()
	}
	if got := get(leader, chromedp.Evaluate[int](`sent.length`)); got != 1 {
		t.Errorf("%d messages, want one", got)
	}
}

func TestNoticeSpeaksAndEndsAtItsTimes(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := s.faked(browser(t, s)(), "")
	w.script(`alerts = []; spoken = notice.shadowRoot.querySelector("[role=alert]");
		new MutationObserver(() => alerts.push(spoken.textContent)).observe(spoken, {childList: true})`)
	w.script(`say({type: "session.expiring", at: "", in_ms: 10_600})`)
	w.until(`parseInt($("[role=timer]").innerText) <= 10`)
	w.until(`/^(10|\d) seconds? left to stay signed in\.$/.test(alerts.at(-1))`)
	// With a connection that comes back, and warns anew with less, the count goes on.
	w.script(`say({type: "session.expiring", at: "", in_ms: 300})`)
	w.until(`$("#text").innerText === "Your time is up. One moment…"`)
	if got := get(w, chromedp.Evaluate[int](`alerts.length`)); got != 2 {
		t.Errorf("spoke %d times, want twice", got)
	}
	w.script(`say({type: "session.revoked", id: "s1", reason: "idle", message: ""})`)
	w.says("You were signed out")
	// It is acknowledged once it is painted.
	w.until(`sent.some(({type, id}) => type === "ack" && id === "s1")`)
}

// faked opens the app with a socket that the test speaks for.
func (s *site) faked(w *window, options string) *window {
	s.Helper()
	w.do(chromedp.WaitReady("main[data-ready]"))
	w.script(`fake({shared: false, %s})`, options)
	w.until(`hub.state.name === "live"`)
	return w
}

// ending is a message that a session has ended, as a script writes it.
func ending(reason, more string) string {
	return fmt.Sprintf(`{type: "session.revoked", id: "s1", session_id: "s1", reason: %q, message: "Over.",
		at: new Date(Date.now() - 120_000).toISOString(), %s}`, reason, more)
}

const byOther = `by: {session_id: "s2", ip: "2001:db8::7", device: {id: "x", name: "Chrome on Windows", kind: "web"}}`

func TestNoticeOfEachEnding(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := browser(t, s)()
	for _, tt := range []struct {
		reason, more, title, text string
		asks                      bool
	}{
		{"superseded", byOther, "You were signed out here", "Your account signed in somewhere else", true},
		{"superseded", "", "You were signed out here", "Your account signed in somewhere else", false},
		{"ended_by_user", byOther, "You were signed out here", "Another device that is signed in", true},
		{"replaced", byOther, "You were signed out here", "This device signed in again", false},
		{"ended_by_admin", `message: "See the desk, please."`, "An administrator signed you out", "See the desk, please.",
			false},
		{"ended_by_admin", `message: "An administrator ended this session at 08:30 UTC."`, "An administrator signed you out",
			"ask whoever looks after your account", false},
		{"idle", "", "You were signed out", "Nothing had happened here", false},
		{"lifetime", "", "Please sign in again", "lasts only so long", false},
		{"signed_out", `message: "You signed out at 08:30 UTC."`, "You were signed out", "in another tab or window", false},
		{"unknown", "at: undefined", "Please sign in again", "no longer known", false},
		{"of_tomorrow", "", "You were signed out", "Over.", false},
	} {
		s.faked(w, "")
		w.script(`say(%s)`, ending(tt.reason, tt.more))
		text := w.says(tt.title)
		w.contains(text, tt.text, "Sign in again")
		if asks := strings.Contains(text, "It was not me"); asks != tt.asks {
			t.Errorf("%s: asks whether it was me: %t, want %t", tt.reason, asks, tt.asks)
		}
		if at := !strings.Contains(tt.more, "undefined"); strings.Contains(text, "2 minutes ago") != at {
			t.Errorf("%s: does not say when: %s", tt.reason, text)
		}
	}
	s.faked(w, "")
	w.saysNothing() // with another connection, what was told is taken back
	w.obeysPolicy()
}

// TestNoticeReports has a hub answer a report in each way there is.
func TestNoticeReports(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := browser(t, s)()
	for _, tt := range []struct{ answer, title, text string }{
		{`{status: 429, after: 90_000}`, "Sign the other device out", "Please try again in 90 seconds"},
		{`{status: 429}`, "Sign the other device out", "Please try again in a while"},
		{`{status: 503}`, "Sign the other device out", "does not answer. Please try again"},
		{`undefined`, "Sign the other device out", "does not answer. Please try again"},
		{`{status: 401, body: {title: "Wrong"}}`, "Sign the other device out", "not your password"},
		{`{status: 401, body: {reason: "unknown"}}`, "It can no longer be reported here", "Sign in again"},
		{`{status: 409, body: {}}`, "It can no longer be reported here", "Sign in again"},
		{`{status: 404, body: {}}`, "Sign in again to end it", "Passwords are not checked here"},
		{`{status: 200, body: {ended: false, session: {device: {name: "Chrome"}, ip: "192.0.2.9"}, sessions:
			Array(7).fill({device: {name: "Tablet"}, ip: "192.0.2.8", last_active_at: new Date()})}}`,
			"It was signed out already", "and 2 more"},
	} {
		s.faked(w, "")
		w.script(`hub.report = async (proof) => {
			if (!(window.proof = proof)) return {status: 405, body: {}}; // as an older hub, which does not say how
			if (%[1]s) return %[1]s;
			throw new TypeError("net");
		}`, tt.answer)
		w.script(`say(%s)`, ending("superseded", byOther))
		w.choose("It was not me")
		w.says("Sign the other device out")
		w.presses("secret" + kb.Enter)
		w.until(`$("dialog").innerText.includes(%q)`, tt.text)
		w.says(tt.title)
		w.until(`proof.password === "secret"`)
		w.contains(w.noticeText(), "Sign in again")
	}
	w.choose("Close")
	w.says("You are signed out here")
	w.choose("Details")
	w.says("It was signed out already")

	// Nobody is asked for a password by a hub that cannot say whether it takes one. Who goes back is not called again.
	for _, answer := range []string{`{status: 503, body: {}}`, `Promise.reject(new TypeError("net"))`} {
		s.faked(w, "")
		w.script(`hub.report = async () => (%s)`, answer)
		w.script(`say(%s)`, ending("superseded", byOther))
		w.choose("It was not me")
		w.contains(w.says("Sign the other device out"), "does not answer. Please try again", "Back", "Sign in again")
		w.until(`!$("input")`)
		w.script(`hub.report = async () => ({status: 200, body: {password: true}})`)
		w.choose("It was not me")
		w.until(`!!$("input")`)
	}
	s.faked(w, "")
	w.script(`hub.report = () => new Promise((answer) => window.answer = answer)`)
	w.script(`say(%s)`, ending("superseded", byOther))
	w.choose("It was not me")
	w.until(`!!window.answer`)
	w.choose("It was me")
	w.says("You are signed out here")
	w.script(`answer({status: 200, body: {password: true}})`)
	w.do(chromedp.Evaluate[chromedp.Void](`new Promise((resolve) => setTimeout(resolve))`, chromedp.EvalAwaitPromise))
	w.says("You are signed out here")

	// The app may do it itself, with what proves the user to it; and without passwords there is advice.
	s.faked(w, "")
	w.script(`handled = (event) => event.type === "session-report" && (window.detail = event.detail)`)
	w.script(`hub.report = async (proof) =>
		({status: 200, body: {ended: proof?.id_token === "t", session: {}, sessions: []}})`)
	w.script(`say(%s)`, ending("superseded", byOther))
	w.choose("It was not me")
	w.says("You are signed out here")
	w.script(`detail.report({id_token: "t", nonce: "n"})`)
	w.says("It has been signed out")
	w.script(`handled = undefined; notice.toggleAttribute("no-password", true)`)
	s.faked(w, "")
	w.script(`say(%s)`, ending("superseded", byOther))
	w.choose("It was not me")
	w.says("Sign in again to end it")
	w.obeysPolicy()
}

func TestNoticeLeavesTheRestToTheApp(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := s.faked(browser(t, s)(), "")
	w.script(`handled = ({type}) => type === "session-sign-in"`)
	w.script(`say(%s)`, ending("superseded", byOther))
	w.choose("It was me")
	w.says("You are signed out here")
	w.choose("Sign in again")
	w.saysNothing()
	if got := get(w, chromedp.Evaluate[[]string](`told`)); !slices.Equal(got, []string{"was-me", "sign-in"}) {
		t.Errorf("the app heard %v", got)
	}

	// A sign-out of its own that has failed is not taken for one of another tab.
	s.faked(w, `platform: {...made.platform, fetch: async () => new Response(null, {status: 503})}`)
	w.script(`hub.logout().catch(() => say(%s))`, ending("signed_out", `message: "You signed out."`))
	w.contains(w.says("You were signed out"), "in another tab or window")

	// Its own sign-out is no news. One that is given late is shown what there is.
	s.faked(w, `platform: {...made.platform, fetch: async () => new Response(null, {status: 204})}`)
	w.script(`hub.logout()`)
	w.until(`hub.state.name === "ended"`)
	w.saysNothing()
	s.faked(w, "")
	w.script(`notice.connection = undefined; say({type: "session.expiring", at: "", in_ms: 30_000})`)
	w.script(`notice.connection = hub`)
	w.says("Are you still there?")
	w.script(`notice.remove()`)
	w.script(`document.body.append(notice)`)
	w.says("Are you still there?")
	w.script(`notice.connection = undefined; say(%s); notice.connection = hub`, ending("idle", ""))
	w.says("You were signed out")

	// Where signing in leads is an address of the web, or nowhere.
	w.script(`handled = undefined; notice.setAttribute("sign-in", "javascript:violations.push('ran')")`)
	w.choose("Sign in again")
	w.says("You were signed out")
	w.obeysPolicy()
	w.script(`notice.setAttribute("sign-in", "/?elsewhere")`)
	w.choose("Sign in again")
	w.until(`location.search === "?elsewhere"`)
}

// TestNoticeOverAModalDialog finds a dialog of the app open, which makes everything else inert.
func TestNoticeOverAModalDialog(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := s.faked(browser(t, s)(), "")
	w.script(`document.body.append(Object.assign(document.createElement("dialog"), {id: "own", tabIndex: -1}))`)
	w.script(`own.showModal()`)
	w.script(`say({type: "session.expiring", at: "", in_ms: 40_000})`)
	w.says("Are you still there?")
	w.presses(kb.Tab)
	if got := w.focused(); got != "Stay signed in" {
		t.Errorf("the focus is in %q", got)
	}
	w.presses(kb.Enter)
	w.until(`sent.length === 1 && sent[0].type === "activity"`)
	w.script(`say({type: "session.renewed", idle_expires_at: ""})`)
	w.saysNothing()
	if got := w.focused(); got != "own" {
		t.Errorf("after it the focus is in %q, want own, where it was", got)
	}
}

// TestNoticeOfHostileNames shows names that try to be more than text.
func TestNoticeOfHostileNames(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := browser(t, s)()
	w.do(chromedp.EmulateViewport(360, 640))
	for _, name := range []string{
		`<img src=x onerror="violations.push('ran')"><script>violations.push('ran')</script>`,
		"\u202egnp.exe\u2066 \u200f\u0000\u0007 two\nlines", strings.Repeat("W", 10_000), "",
		strings.Repeat("e\u0301\u0317", 3000),
	} {
		by := fmt.Sprintf(`by: {session_id: "s2", ip: %[1]s, device: {id: "x", name: %[1]s, kind: "web"},
			client: {browser: %[1]s, system: %[1]s}}, message: %[1]s`, encode(name))
		for _, reason := range []string{"superseded", "ended_by_admin"} {
			s.faked(w, "")
			w.script(`say(%s)`, ending(reason, by))
			w.until(`$("dialog").open`)
			text := w.noticeText()
			if strings.ContainsAny(text, "\u202e\u2066\u200f\u0000\u0007") || len([]rune(text)) > 1500 {
				t.Errorf("%s of %.20q shows: %q", reason, name, text)
			}
			if get(w, chromedp.Evaluate[bool](`notice.shadowRoot.querySelector("dialog").scrollWidth > 360 ||
				document.documentElement.scrollWidth > 360 || notice.shadowRoot.querySelector("img, script") !== null`)) {
				t.Errorf("%s of %.20q breaks out", reason, name)
			}
		}
	}
	w.obeysPolicy()
}
