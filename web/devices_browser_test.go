package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

const (
	onAndroid = "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
	onMac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
		"Version/18.1 Safari/605.1.15"
)

// devices opens the page of a user's devices, in a window that poses as another browser, by way of the sign-in page.
func (s *site) devices(w *window, user, userAgent string) {
	s.Helper()
	w.poses(userAgent)
	w.do(chromedp.Navigate(s.server.URL + "/devices"))
	w.until(`location.pathname + location.search === "/sign-in?return=/devices" && document.readyState === "complete"`)
	w.use(user)
	w.until(`location.pathname === "/devices" && document.readyState === "complete"`)
	w.shows("#own", "This device", "Signed in", "Last active just now")
}

// looksUntil makes the devices page look at the list now, as it does when it comes into sight, until something is so.
func (w *window) looksUntil(format string, args ...any) {
	w.Helper()
	w.until(`(document.dispatchEvent(new Event("visibilitychange")), %s)`, fmt.Sprintf(format, args...))
}

// asks clicks on a button of the devices page, and waits for its question.
func (w *window) asks(at, question string) {
	w.Helper()
	w.do(chromedp.Click(at + " .ask > button"))
	w.shows(at+" .ask.open", question)
	w.until(`document.activeElement.className === "danger"`)
}

func TestDevicesPageIsLive(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, limited(5, session.Evict, nil))
	open := browser(t, s)
	first, second, third := open(), open(), open()
	s.devices(first, "alice", firefox)
	first.shows("#devices", "alice on this device only", "Firefox 140 on Linux", "You are signed in nowhere else.")
	first.shows("#own", "Live now")
	if !first.has(`advice.hidden`) {
		t.Error("whoever is signed in nowhere else is told to sign others out")
	}
	first.accessible()
	first.shot("devices-one")

	// A login elsewhere comes at once, and is said once.
	s.devices(second, "alice", onAndroid)
	first.shows("#others", "Firefox 140 on Android 14")
	if !first.has(`document.querySelector("#end-others").childElementCount === 0`) {
		t.Error("the one other device has two buttons that do the same")
	}
	if text := first.shows("#news", "New sign-in: Firefox on Android, "); strings.Count(text, "Android") != 1 {
		t.Errorf("it is said that %s", text)
	}
	second.shows("#others", "Firefox 140 on Linux")
	third.poses(onMac)
	third.use("alice")
	third.see(live, "devices-third")
	first.shows("#others .card:first-child", "Safari 18.1 on macOS")
	first.shows("#count", "3 devices")
	first.shows("#end-others", "Sign out all 2 others")
	first.looksUntil(`document.querySelectorAll('[data-live="true"]').length === 3`)
	if n := get(first, chromedp.Evaluate[int](`document.querySelectorAll(".badge").length`)); n != 1 {
		t.Errorf("%d of them are this device", n)
	}
	first.shot("devices-three")

	// One is ended, after a second thought.
	const phone = "#others .card:nth-child(2)"
	first.asks(phone, "Sign out Firefox on Android?")
	first.accessible()
	first.shot("devices-question")
	first.do(chromedp.Focus(phone + " .danger"))
	first.presses(kb.Escape)
	first.until(`document.activeElement.innerText.startsWith("Sign out")`)
	first.presses(kb.Enter)
	first.until(`document.activeElement.className === "danger"`)
	first.presses(kb.Enter)
	first.shows("#news", "Firefox on Android is signed out, and was told at once.")
	second.says("You were signed out here")
	second.shows("#ended", "Signed out", "Sign in again")
	second.shot("devices-ended")
	first.until(`document.querySelectorAll("#others .card").length === 1 && document.activeElement.id === "others-title"`)

	// And then all others, one of whom is not there to be told.
	s.admin("POST", "/v1/admin/sessions", `{"user":"alice","device":{"name":"Kitchen radio"}}`)
	first.shows("#news", "New sign-in: Kitchen radio, address unknown.")
	first.asks("#end-others", "Sign out all 2 other devices?")
	first.do(chromedp.Click("#end-others .danger"))
	first.shows("#news", "2 devices are signed out. 1 was told at once. 1 will find out when coming back.")
	first.shows("#none", "nowhere else")
	first.until(`document.querySelectorAll("#others .card").length === 0`)
	third.says(signedOut)
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")

	// The page's own logout leads back to the sign-in page.
	first.asks("#own", "Sign out here?")
	first.do(chromedp.Click("#own .danger"))
	first.until(`location.pathname + location.search === "/sign-in?return=/devices"`)
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
}

// TestDevicesPageLooksAgainAtNewcomers has a page that does not look now and then: a device has its socket a moment
// after it is in the list.
func TestDevicesPageLooksAgainAtNewcomers(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, limited(5, session.Evict, nil))
	w := browser(t, s)()
	if _, err := chromedp.Call(w.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `{
			const [ask, every] = [fetch, setInterval];
			window.looks = 0;
			window.fetch = (path, init) => (looks += path === "/v1/sessions", ask(path, init));
			window.setInterval = (call, ms) => ms === 10_000 ? 0 : every(call, ms);
		}`,
	}); err != nil {
		t.Fatal(err)
	}
	s.devices(w, "alice", firefox)
	w.shows("#own", "Live now")
	w.script(`looks = 0`)
	s.device("alice", "Laptop", "web", nil)
	w.shows("#others", "Laptop", "Not connected")
	w.until(`looks >= 2`)
}

func TestDevicesPageWithoutTheStore(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, limited(5, session.Evict, nil))
	w := browser(t, s)()
	s.devices(w, "alice", firefox)
	s.device("alice", "Laptop", "web", nil)
	w.shows("#others", "Laptop")
	s.faults.gone.Store(true)
	w.looksUntil(`stale.innerText.startsWith("The hub cannot say at the moment where you are signed in.")`)
	w.shows("#stale", "What you see is from ")
	w.shows("#others", "Laptop")
	w.asks("#others .card", "Sign out Laptop?")
	w.do(chromedp.Click("#others .danger"))
	w.shows("#others .problem", "The hub has not confirmed that. Please try again")
	w.accessible()
	w.shot("devices-stale")
	w.do(chromedp.Reload())
	w.shows("#silent", "Your devices cannot be shown", "tries again by itself")
	w.shot("devices-silent")
	s.faults.gone.Store(false)
	w.shows("#others", "Laptop")
	w.until(`stale.innerText === "" && !devices.hidden && silent.hidden`)
}

func TestDevicesPageOfASessionThatHasEnded(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo)
	w := browser(t, s)()
	s.devices(w, "alice", firefox)
	w.do(chromedp.Navigate("about:blank"))
	s.admin("DELETE", "/v1/admin/users/alice/sessions", `{"message":"The office is closed."}`)
	w.do(chromedp.Navigate(s.server.URL + "/devices"))
	w.shows("#ended", "Signed out", "The office is closed.")
	w.do(chromedp.Click("#ended a"))
	w.until(`location.pathname + location.search === "/sign-in?return=/devices"`)
}

func TestDevicesPageLeadsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo)
	w := browser(t, s)()
	w.do(chromedp.Navigate(s.server.URL + "/devices?return=/docs?a=1%26b=2%23top"))
	w.until(`location.pathname === "/sign-in" && document.readyState === "complete"`)
	w.use("alice")
	w.shows("#own", "This device")
	w.accessible()
	w.shot("devices-back")
	w.do(chromedp.Click("#back a"))
	w.until(`location.pathname + location.search + location.hash === "/docs?a=1&b=2#top"`)
	for _, query := range []string{"", "?return=//evil.example", "?return=https://evil.example/", "?return=javascript:alert(1)"} {
		w.do(chromedp.Navigate(s.server.URL + "/devices" + query))
		w.shows("#own", "This device")
		if !w.has(`back.hidden && !back.firstElementChild.hasAttribute("href")`) {
			t.Errorf("%s leads somewhere", query)
		}
	}
}

// TestDevicesPageTakesAnything has a thousand sessions of people who mean no good: the store is not asked for bounds.
func TestDevicesPageTakesAnything(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, unlimited)
	w := browser(t, s)()
	s.devices(w, "alice", firefox)
	key := session.KeyOf("alice")
	snap, err := s.registry.Load(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{
		`<img src=x onerror="alert(1)">`, "</h3><script>alert(2)</script>", strings.Repeat("wide", 2500),
		"\u202egnp.exe\u202e", "", "a" + strings.Repeat("\u0301", 10), "Küche 📻", "العربية",
	}
	now := snap.Now
	for i := range 999 {
		at := now.Add(-time.Duration(i) * time.Hour)
		snap.Account.Live = append(snap.Account.Live, session.Session{
			ID: uuid.New(), Device: session.Device{ID: fmt.Sprint(i), Name: names[i%len(names)], Kind: session.Kinds[i%5]},
			IP: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", UserAgent: names[(i+3)%len(names)], CreatedAt: at, LastActiveAt: at,
		})
	}
	change := session.Change{ID: uuid.New(), From: snap.Version, Account: snap.Account}
	if _, err := s.faults.Commit(t.Context(), key, change); err != nil {
		t.Fatal(err)
	}
	w.looksUntil(`count.innerText === "1000 devices" && document.querySelectorAll(".card").length === 31`)
	w.shows("#news", "999 new sign-ins.")
	w.shows("#more", "Show 30 more, 30 of 999 are shown")
	w.accessible(looks[0], looks[3])
	w.shot("devices-hostile")
	w.do(chromedp.Click("#more"))
	w.until(`document.querySelectorAll(".card").length === 61 &&
		document.activeElement.closest(".card:nth-child(31)") !== null`)
	w.asks("#end-others", "Sign out all 999 other devices?")
	w.presses(kb.Escape)
	w.until(`document.activeElement.innerText === "Sign out all 999 others"`)
}
