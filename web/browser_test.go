package web_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// chromium is the browser of all tests, started by the first that needs it. Each window has cookies and storage of its
// own in it.
var chromium struct {
	start sync.Once
	ctx   context.Context
	stop  func()
	err   error
}

// startChromium starts the browser. stopChromium must follow, at the end of all tests.
func startChromium() {
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.WindowSize(900, 700))...)
	ctx, stop := chromedp.NewContext(allocator)
	chromium.ctx, chromium.stop = ctx, func() { stop(); stopAllocator() }
	chromium.err = chromedp.Do(ctx, chromedp.Navigate("about:blank"))
}

func stopChromium() {
	chromium.start.Do(func() {})
	if chromium.stop != nil {
		chromium.stop()
	}
}

// browser returns a way to open windows at a site, with cookies and storage of their own.
func browser(t *testing.T, s *site) (open func() *window) {
	t.Helper()
	chromium.start.Do(startChromium)
	if chromium.err != nil {
		t.Fatalf("start chromium (install the package chromium): %v", chromium.err)
	}
	// A test that waits in vain fails before all of them have run out of time.
	ctx, stop := context.WithTimeout(chromium.ctx, 5*time.Minute)
	t.Cleanup(stop)
	return func() *window {
		own, stop := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
		t.Cleanup(stop)
		w := newWindow(t, own)
		w.do(chromedp.Navigate(s.server.URL))
		return w
	}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.Helper()
	if err := chromedp.Do(w.ctx, steps...); err != nil {
		w.Fatal(err)
	}
}

// get does something that has a result.
func get[T any](w *window, action chromedp.Action[T]) T {
	w.Helper()
	v, err := chromedp.Run(w.ctx, action)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// use signs in as one of the demo's users.
func (w *window) use(user string) {
	w.Helper()
	button := `[data-user="` + user + `"]`
	w.do(chromedp.WaitVisible(button), chromedp.Click(button))
}

const live = `#status[data-state="live"]`

const signedOut = "You were signed out here"

// unhurried is a hub that waits for the receipts of browsers on a busy machine.
var unhurried = hub.Options{AckWithin: patience}

func demo(o *web.Options) { o.DemoUsers = []string{"alice", "bob"} }

func TestPageIsToldAtOnceAndStaysOut(t *testing.T) {
	t.Parallel()
	s := newSiteOn(t, unhurried, demo)
	open := browser(t, s)
	first := open()
	first.use("alice")
	if text := first.see(live, "live"); !strings.Contains(text, "Hello, alice") {
		t.Errorf("the first window: %s", text)
	}
	second := open()
	second.do(chromedp.EmulateViewport(360, 640), darkly)
	second.see("#login", "narrow-dark")
	second.use("alice")
	first.contains(first.says(signedOut), "Your account signed in somewhere else", "Chrome", "on Linux", "just now")
	first.picture("ended")
	second.see(live, "live-narrow-dark")

	// The first one's receipt comes, and it has not come back: alice has one session, with one socket.
	s.receipt("alice").has("sent", "ended", 0, "delivery").length(1, "sessions").has(1.0, "sessions", 0, "connections")
	// Opened again, it still says why, until the user does something.
	first.do(chromedp.Reload())
	first.says(signedOut)
	first.choose("Sign in again")
	first.use("alice")
	first.see(live, "back")
	first.saysNothing()
	second.says(signedOut)
	second.picture("ended-narrow-dark")
	// Who signs out by their own wish is not told so by a dialog, now or later.
	first.do(chromedp.Click("#logout"))
	first.see("#login", "signed-out")
	first.saysNothing()
	first.do(chromedp.Reload())
	first.see("#login", "signed-out-again")
	first.saysNothing()
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
}

// TestPageSaysThatNobodyIsSignedOut has a user sign out while the store is away. It is said apart from how the socket
// is doing, which may change at any moment.
func TestPageSaysThatNobodyIsSignedOut(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo)
	w := browser(t, s)()
	w.use("alice")
	w.see(live, "before-sign-out")
	s.faults.gone.Store(true)
	w.do(chromedp.Click("#logout"))
	w.shows("#live-problem", "You are still signed in, as the hub did not answer. Please try again")
	if text := get(w, chromedp.Text("#status")); text != "Live" {
		t.Errorf("the state is said to be %q", text)
	}
	w.see("#live-problem", "still-signed-in")
	s.faults.gone.Store(false)
	w.do(chromedp.Click("#logout"))
	w.see("#login", "signed-out-at-last")
}

func TestPageAsks(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, policy(session.Ask))
	open := browser(t, s)
	first, second := open(), open()
	first.use("bob")
	first.see(live, "ask-live")
	second.use("bob")
	second.see("#choice-yes", "choice")
	second.do(chromedp.Click("#choice-no"))
	second.until(`news.textContent === "Nothing was changed, and you are not signed in here."`)
	second.use("bob")
	second.do(chromedp.WaitVisible("#choice-yes"), chromedp.Click("#choice-yes"))
	second.see(live, "chosen")
	first.says(signedOut)
}

func TestPageWarnsOfIdleness(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo)
	w := browser(t, s)()
	w.use("alice")
	w.see(live, "before-the-warning")
	// Half an hour later it comes back, with half a minute left.
	w.do(chromedp.Navigate("about:blank"))
	s.connections("alice", 0)
	s.faults.ahead.Store(int64(29*time.Minute + 30*time.Second))
	w.do(chromedp.Navigate(s.server.URL))
	w.says("Are you still there?")
	s.faults.ahead.Store(0)
	w.choose("Stay signed in")
	w.saysNothing()
	w.until(`$("[role=status]").textContent === "You stay signed in."`)
}

func TestPageComplainsOfWrongPasswords(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo)
	w := browser(t, s)()
	w.do(chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", "alice"),
		chromedp.SendKeys("#password", "wrong\r"))
	if text := w.see("#problem", "problem"); !strings.Contains(text, "Wrong user name or password.") {
		t.Errorf("the page says: %s", text)
	}
}
