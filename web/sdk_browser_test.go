package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/web"
)

// sdkApp is a page that keeps a connection for the tests to look at, with options of theirs. Its text is all that
// the app was told, a line each.
const sdkApp = `
import { connect } from "/sdk/sessionhub.js";
window.open_ = (options) => {
  const hub = (window.hub = connect(options));
  const say = (...words) => (document.querySelector("main").append(words.join(" "), document.createElement("br")));
  hub.on("state", ({ name, via, shared, code }) => say(name, via, shared ? "shared" : "own", code ?? ""));
  hub.on("welcome", ({ session }) => say("welcome", session.user));
  hub.on("revoked", ({ reason, message }) => say("revoked", reason, message));
};
document.querySelector("main").dataset.ready = "";
`

// withApp replaces the sign-in page by one with a module.
func withApp(html, module string) func(*web.Options) {
	return func(o *web.Options) {
		o.Page = fstest.MapFS{"index.html": {Data: []byte(html)}, "app.js": {Data: []byte(module)}}
	}
}

var withSDK = withApp(`<!doctype html><title>App</title><main></main><script type="module" src="/app.js"></script>`, sdkApp)

// tab opens one more tab of a window's browser: with the same cookies, storage and locks.
func (w *window) tab(url string) *window {
	w.Helper()
	ctx, stop := chromedp.NewContext(w.ctx)
	w.Cleanup(stop)
	t := newWindow(w.T, ctx)
	t.do(chromedp.Navigate(url))
	return t
}

// script runs a script that has no result.
func (w *window) script(format string, args ...any) {
	w.Helper()
	w.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(format, args...)))
}

// connects opens a connection with the SDK's options, as a script writes them.
func (w *window) connects(options string) {
	w.Helper()
	w.do(chromedp.WaitReady("main[data-ready]"))
	w.script("open_(%s)", options)
}

// hears waits until the app has been told something.
func (w *window) hears(line string) {
	w.Helper()
	condition := fmt.Sprintf(`document.querySelector("main").innerText.split("\n").some((l) => l.startsWith(%q))`, line)
	if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(20*time.Millisecond),
		chromedp.WithPollingTimeout(patience))); err != nil {
		w.Fatalf("%q is not heard, but: %s (%v)", line, get(w, chromedp.Evaluate[string](`document.body.innerText`)), err)
	}
}

// connections asks how many sockets a user has, until there are as many as there should be.
func (s *site) connections(user string, want int) {
	s.Helper()
	await(s, fmt.Sprintf("%s has %d connections", user, want), func() bool {
		r := s.admin("GET", "/v1/admin/users/"+user+"/sessions", "").want(http.StatusOK)
		got, ok := r.at("sessions", 0, "connections").(float64)
		return ok && int(got) == want
	})
}

// receipt waits until a device has said that it has shown the notice of the user's first session that has ended, and
// returns the list of all sessions.
func (s *site) receipt(user string) (list *reply) {
	s.Helper()
	await(s, "a receipt of "+user, func() bool {
		list = s.admin("GET", "/v1/admin/users/"+user+"/sessions?ended=true", "").want(http.StatusOK)
		return list.at("ended", 0, "receipt") != nil
	})
	return list
}

func TestSDKSharesOneSocketAmongTabs(t *testing.T) {
	t.Parallel()
	s := newSiteOn(t, unhurried, withSDK)
	token, _ := s.open("alice")
	options := fmt.Sprintf(`{token: %q}`, token)
	leader := browser(t, s)()
	leader.connects(options)
	leader.hears("live socket own")
	follower := leader.tab(s.server.URL)
	follower.connects(options)
	follower.hears("live socket shared")
	s.connections("alice", 1)

	// One that is closed hands the socket over.
	leader.do(chromedp.Navigate("about:blank"))
	follower.hears("live socket own")
	s.connections("alice", 1)

	// One with a socket of its own does not share. All are told of the end, and it is acknowledged.
	alone := leader.tab(s.server.URL)
	alone.connects(fmt.Sprintf(`{token: %q, shared: false}`, token))
	alone.hears("live socket own")
	s.connections("alice", 2)
	third := leader.tab(s.server.URL)
	third.connects(options)
	third.hears("live socket shared")
	s.open("alice")
	for _, w := range []*window{follower, third, alone} {
		w.hears("revoked superseded Your account signed in")
		w.hears("ended socket")
	}
	s.receipt("alice")
	for _, w := range []*window{follower, third, alone} {
		kept := get(w, chromedp.Evaluate[string](`JSON.stringify([Object.entries(localStorage), location.href,
			document.cookie, performance.getEntries().map((e) => e.name)])`))
		if strings.Contains(kept, token[50:]) {
			t.Errorf("the page keeps the token: %s", kept)
		}
		names := get(w, chromedp.Evaluate[string](`navigator.locks.query().then((l) => JSON.stringify(l))`, chromedp.EvalAwaitPromise))
		if strings.Contains(names, token[50:]) {
			t.Errorf("the token is in a lock's name: %s", names)
		}
	}
}

// TestSDKTakesTheSocketFromATabThatSleeps holds the lock as a tab does that is frozen: without a word.
func TestSDKTakesTheSocketFromATabThatSleeps(t *testing.T) {
	t.Parallel()
	s := newSite(t, withSDK)
	token, _ := s.open("alice")
	frozen := browser(t, s)()
	frozen.script(`navigator.locks.request("sessionhub " + location.origin + " s1", () => new Promise(() => {})).catch(() => {})`)
	awake := frozen.tab(s.server.URL)
	awake.connects(fmt.Sprintf(`{token: %q, session: "s1"}`, token))
	awake.hears("live socket own")
}

func TestSDKAsksOverHTTPWhereSocketsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSiteOn(t, hub.Options{MaxConnections: 1}, withSDK)
	other, _ := s.open("bob")
	last := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+other)
	last.next("welcome")
	token, _ := s.open("alice")
	w := browser(t, s)()
	// Chance is the shortest wait there is: what follows takes no time.
	w.connects(fmt.Sprintf(`{token: %q, platform: {random: () => 0}}`, token))
	w.hears("waiting socket own 1006")
	w.hears("live heartbeat own 1006")
	s.open("alice")
	w.script(`hub.wake()`)
	w.hears("revoked superseded Your account signed in")
	w.hears("ended heartbeat own 4001")
}

// TestSDKOfAnotherOrigin imports the SDK from the hub into a page of somebody else's, and connects with a token.
func TestSDKOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _ := s.open("alice")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>Elsewhere</title><main></main><script type="module">
			import { connect } from %q;
			const hub = connect({ url: %q, token: %q });
			hub.on("welcome", (m) => document.querySelector("main").append("welcome " + m.session.user));
			</script>`, s.server.URL+"/sdk/sessionhub.js", s.server.URL, token)
	}))
	t.Cleanup(elsewhere.Close)
	w := browser(t, s)()
	w.do(chromedp.Navigate(elsewhere.URL))
	w.hears("welcome alice")
}

// examples are the pieces of code in the SDK's page of the documentation, by language.
func sdkExamples(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("no %s in docs/sdk.md", language)
	}
	return found
}

// signsIn signs in by the API, with the cookie, and opens the page anew.
func (w *window) signsIn(user string) {
	w.Helper()
	get(w, chromedp.Evaluate[int](fmt.Sprintf(`fetch("/v1/login", {method: "POST",
		headers: {"Content-Type": "application/json"},
		body: JSON.stringify({username: %q, password: "demo", deliver: "cookie"})}).then((r) => r.status)`, user),
		chromedp.EvalAwaitPromise))
	w.do(chromedp.Reload())
}

func TestSDKExampleForPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, withApp(sdkExamples(t, "html")[0], sdkExamples(t, "js")[0]))
	w := browser(t, s)()
	w.signsIn("alice")
	text := func(condition string) {
		t.Helper()
		if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(20*time.Millisecond),
			chromedp.WithPollingTimeout(patience))); err != nil {
			t.Fatalf("not %s, but: %s", condition, get(w, chromedp.Evaluate[string](`document.body.innerText`)))
		}
	}
	text(`document.title === "alice" && line.textContent === "live (socket)"`)
	w.do(chromedp.Click("#out"))
	text(`line.textContent === "ended (socket)" && notice.textContent.startsWith("You signed out")`)
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
}
