package web_test

import (
	"context"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/web"
)

// offline takes the window's network away, or gives it back; the page is told of it.
func (w *window) offline(off bool) {
	w.Helper()
	_, err := chromedp.Call(w.ctx, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
		MatchedNetworkConditions: []*network.Conditions{{Offline: off, DownloadThroughput: -1, UploadThroughput: -1}},
	})
	if err == nil {
		_, err = chromedp.Call(w.ctx, network.OverrideNetworkState,
			network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	}
	if err != nil {
		w.Fatal(err)
	}
}

// arrives waits until the window is at an address.
func (w *window) arrives(address string) {
	w.Helper()
	await(w, "the window is at "+address, func() bool { return get(w, chromedp.Location()) == address })
}

// slowAccounts are accounts whose passwords are looked at when the test says so.
type slowAccounts struct {
	accounts
	asked atomic.Int64
	turn  chan struct{}
}

func (a *slowAccounts) Verify(ctx context.Context, user, password string) error {
	a.asked.Add(1)
	select {
	case <-a.turn:
	case <-ctx.Done():
	}
	return a.accounts.Verify(ctx, user, password)
}

func TestFormIsSentOnce(t *testing.T) {
	t.Parallel()
	slow := &slowAccounts{accounts: accounts{"alice": "demo"}, turn: make(chan struct{})}
	s := newSite(t, func(o *web.Options) { o.Passwords = slow })
	w := browser(t, s)()
	w.do(chromedp.WaitVisible("#username"))
	if !w.has(`document.activeElement.id === "username" && login.method === "post" &&
		username.autocomplete === "username" && password.autocomplete === "current-password"`) {
		t.Error("the form is not one that a password manager fills in")
	}
	w.do(chromedp.SendKeys("#username", "alice"), chromedp.SendKeys("#password", "demo"), chromedp.Click("#reveal"))
	if !w.has(`password.type === "text" && reveal.textContent.trim() === "Hide password"`) {
		t.Error("the password does not show")
	}
	w.see("#login", "signin-shown")
	w.do(chromedp.SendKeys("#password", "\r"))
	w.shows("#submit", "Signing in…")
	if !w.has(`password.type === "password" && submit.ariaBusy === "true"`) {
		t.Error("the password still shows, or the button does not say that it works")
	}
	w.do(chromedp.Click("#submit"), chromedp.SendKeys("#password", "\r"))
	close(slow.turn)
	w.see(live, "signin-live")
	if n := slow.asked.Load(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	if !w.has(`password.value === "" && document.activeElement.id === "live-title" &&
		document.title.startsWith("Hello, alice")`) {
		t.Error("the password is kept, or the focus is not on the heading")
	}
}

// fedUp is a counter that has had enough of wrong passwords when the test says so, and once.
type fedUp struct{ now atomic.Bool }

func (f *fedUp) Begin(context.Context, time.Duration, []auth.Quota) (func(bool), error) {
	if f.now.Swap(false) {
		return nil, &auth.ThrottledError{RetryAfter: 9 * time.Second}
	}
	return func(bool) {}, nil
}

func TestFormSaysWhatToDo(t *testing.T) {
	t.Parallel()
	counter := new(fedUp)
	s := newSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{}, counter) })
	w := browser(t, s)()
	w.signInBy("alice", "wrong")
	w.shows("#problem", "Wrong user name or password.")
	w.until(`document.activeElement.id === "password" && password.ariaInvalid === "true"`)
	w.see("#problem", "wrong")
	w.do(chromedp.SendKeys("#password", "wrong again\r"))
	w.until(`!submit.ariaBusy && password.ariaInvalid === "true" && password.value === "wrong again"`)
	counter.now.Store(true)
	w.do(chromedp.SendKeys("#password", "\r"))
	w.shows("#problem", "There were too many wrong passwords. Please wait")
	w.shows("#submit", "Try again in 0:0")
	w.see("#problem", "throttled")
	// Somebody else need not wait.
	w.do(chromedp.SendKeys("#username", "x"))
	w.shows("#submit", "Sign in")
	w.until(`problem.hidden`)
	counter.now.Store(true)
	w.signInBy("alice", "wrong")
	w.shows("#submit", "Try again in 0:0")
	w.shows("#submit", "Sign in")
	w.until(`submit.ariaDisabled === null && news.textContent === "You can try again now."`)

	w.offline(true)
	w.signInBy("bob", "demo")
	w.shows("#problem", "The hub does not answer.")
	w.see("#problem", "unreachable")
	w.offline(false)
	s.faults.gone.Store(true)
	w.do(chromedp.Click("#submit"))
	w.shows("#problem", "That is not possible at the moment.")
	s.faults.gone.Store(false)
	if !w.has(`username.value === "bob" && password.value === "demo"`) {
		t.Error("what was typed is lost")
	}
	w.do(chromedp.Click("#submit"))
	w.see(live, "reached")
}

// TestPageWaitsForTheHub opens the page while the store is away, and without the network.
func TestPageWaitsForTheHub(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := browser(t, s)()
	w.signInBy("alice", "demo")
	w.see(live, "before")
	s.faults.gone.Store(true)
	w.do(chromedp.Reload())
	w.shows("#away", "No answer from the hub", "cannot look up sessions at the moment", "Next attempt in 0:0")
	w.accessible(looks[0], looks[3])
	w.shot("away")
	s.faults.gone.Store(false)
	w.see(live, "by-itself")

	s.faults.gone.Store(true)
	w.do(chromedp.Reload())
	w.do(chromedp.WaitVisible("#away"))
	w.offline(true)
	w.do(chromedp.Click("#away-now"))
	w.shows("#away", "cannot be reached")
	s.faults.gone.Store(false)
	w.offline(false) // which the browser tells the page
	w.see(live, "back-online")
}

func TestPageNeedsCookiesAndScripts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	open := browser(t, s)
	w := open()
	if _, err := chromedp.Call(w.ctx, emulation.SetDocumentCookieDisabled,
		emulation.SetDocumentCookieDisabledParams{Disabled: true}); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Reload())
	w.signInBy("alice", "demo")
	w.shows("#problem", "Your browser keeps no cookies of 127.0.0.1", "Please allow cookies for this site")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")

	// It says that it does, and does not.
	w = open()
	if _, err := chromedp.Call(w.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{ const real = fetch; window.fetch = (path, init) => real(path, { ...init, credentials: "omit" }); }`,
	}); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Reload())
	w.signInBy("alice", "demo")
	w.shows("#problem", "Your browser keeps no cookies")
	w.see("#problem", "cookies")

	// A script does not arrive.
	w = open()
	if _, err := chromedp.Call(w.ctx, network.SetBlockedURLs, network.SetBlockedURLsParams{
		URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/ui/signin/away.js", Block: true}},
	}); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Reload())
	w.script(`document.getAnimations().forEach((a) => a.finish())`) // ten seconds later
	w.shows("#loading .late", "Please load the page again.")
	w.collect()

	w = open()
	if _, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled,
		emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Reload())
	text := w.see("noscript h1", "noscript")
	if !strings.Contains(text, "Please turn on JavaScript") || strings.Contains(text, "One moment") {
		t.Errorf("without scripts the page says: %s", text)
	}
	for _, page := range []string{"devices", "admin"} {
		w.do(chromedp.Navigate(s.server.URL + "/" + page))
		text = w.see("noscript p", "noscript-"+page)
		if !strings.Contains(text, "needs JavaScript. Turn it on") || strings.Contains(text, "One moment") {
			t.Errorf("without scripts /%s says: %s", page, text)
		}
	}
}

// hostile are return addresses that are to lead nowhere.
var hostile = []string{
	"//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "https:evil.example", "https://evil.example/",
	"javascript:document.title='evil'", "/\t/evil.example", "/\n/evil.example", "/.//evil.example", "data:text/html,evil",
	"http://127.0.0.1@evil.example/", "blob:http://127.0.0.1/1", "//127.0.0.1:1/", "/" + strings.Repeat("x", 2000),
}

func TestPageGoesOnWithinItsSite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := browser(t, s)()
	elsewhere := make(chan string, 1)
	if err := chromedp.Listen(w.ctx, func(ev any) {
		if sent, ok := ev.(*network.EventRequestWillBeSent); ok && !strings.HasPrefix(sent.Request.URL, s.server.URL+"/") {
			select {
			case elsewhere <- sent.Request.URL:
			default:
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(w.ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	to := func(path string) string { return s.server.URL + "/?return=" + url.QueryEscape(path) }
	w.do(chromedp.Navigate(to(hostile[0])))
	w.signInBy("alice", "demo")
	w.do(chromedp.WaitVisible(live))
	w.collect()
	for _, path := range hostile {
		w.do(chromedp.Navigate(to(path)), chromedp.WaitVisible("#live"))
		if said := w.collect(); len(said) != 1 || !strings.Contains(said[0], "not a path of this site") {
			t.Errorf("%q: the console says %q", path, said)
		}
		if !w.has(`location.pathname === "/" && onward.hidden && !document.title.includes("evil")`) {
			t.Errorf("%q leads to %s", path, get(w, chromedp.Location()))
		}
	}
	select {
	case at := <-elsewhere:
		t.Errorf("the page went to %s", at)
	default:
	}

	// Who is signed in already goes on at once; who comes back from there at once stays, and may choose to go.
	const there, arrived = "/docs?a=b c#top", "/docs?a=b%20c#top"
	w.do(chromedp.Navigate(to(there)))
	w.arrives(s.server.URL + arrived)
	w.do(chromedp.Navigate(to(there)))
	w.shows("#onward", "You are signed in. Go on to /docs")
	w.see("#onward", "onward")
	w.script(`sessionStorage.setItem("hub-onward", sessionStorage.getItem("hub-onward").replace(/"at":\d+/, '"at":1'))`)
	w.do(chromedp.Reload())
	w.arrives(s.server.URL + arrived)

	// A session that has ended is told of first, and after the next sign-in the page goes on.
	s.admin("DELETE", "/v1/admin/users/alice/sessions", "")
	w.do(chromedp.Navigate(to(there)))
	w.says("An administrator signed you out")
	w.choose("Sign in again")
	w.signInBy("alice", "demo")
	w.arrives(s.server.URL + arrived)
	if steps := get(w, chromedp.NavigationEntries()); strings.Contains(steps.Entries[steps.CurrentIndex-1].URL, "b+c") {
		t.Error("the sign-in page is in the history")
	}
}
