package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/web"
)

// board is a window with the dashboard.
type board struct{ *window }

// dashboard opens the dashboard of a site in a browser of its own, and signs in.
func dashboard(t *testing.T, s *site) *board {
	t.Helper()
	s.ready()
	b := &board{browser(t, s)()}
	b.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.server.URL+"/admin"))
	b.signIn(apiKey)
	b.until(`document.body.dataset.phase === "open" && text("#link-text") === "Live"`)
	return b
}

// signIn gives a key to the page that asks for it.
func (b *board) signIn(key string) {
	b.Helper()
	b.until(`document.body.dataset.phase === "gate" && !query("#gate-submit").disabled`)
	b.do(chromedp.SendKeys("#key", key+"\r"))
}

// boardWords are what the conditions of the tests are written with.
const boardWords = `const query = (s) => document.querySelector(s), text = (s) => query(s)?.textContent ?? "",
	all = (s) => [...document.querySelectorAll(s)], chart = (title) => all(".chart").find((c) => c.querySelector("h3").textContent === title);`

// eval returns what an expression is, in the words of the tests.
func eval[T any](b *board, expression string) T {
	b.Helper()
	return get(b.window, chromedp.Evaluate[T](fmt.Sprintf("(() => { %s return %s; })()", boardWords, expression)))
}

// until waits for a condition to hold.
func (b *board) until(condition string) {
	b.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](fmt.Sprintf("(() => { %s return %s; })()", boardWords, condition),
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err != nil {
		b.Fatalf("not %s (%v), but: %s", condition, err, get(b.window, chromedp.Evaluate[string](`document.body.innerText`)))
	}
}

// says waits until an element holds a text.
func (b *board) says(selector, want string) {
	b.Helper()
	b.until(fmt.Sprintf("text(%q).includes(%q)", selector, want))
}

// find looks for a user by the form.
func (b *board) find(user string) {
	b.Helper()
	b.fill("#find-user", "")
	b.do(chromedp.SendKeys("#find-user", user+"\r"))
	b.says("#user-name", user)
	b.until(`query("#user-found").getAttribute("aria-busy") === null`)
}

// enter opens a session with a socket, of a user with room for several.
func (s *site) enter(user, device string) (id string, socket *socket) {
	s.Helper()
	r := s.admin("POST", "/v1/admin/sessions", encode(map[string]any{"user": user, "limit": 5, "ip": "192.0.2.7",
		"device": map[string]any{"id": device, "name": device, "kind": "web"}})).want(http.StatusCreated)
	socket = s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+r.at("token").(string))
	socket.next("welcome")
	return r.at("session", "id").(string), socket
}

func TestDashboardSignsIn(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerAddress: 2}, nil) })
	b := &board{browser(t, s)()}
	b.do(chromedp.Navigate(s.server.URL + "/admin"))
	b.signIn("wrong")
	b.says("#gate-problem", "That is not a key of this hub.")
	b.signIn(apiKey)
	b.until(`document.body.dataset.phase === "open"`)
	kept := get(b.window, chromedp.Evaluate[string](`JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie,
		location.href, document.documentElement.outerHTML, document.querySelector("#key").value])`))
	if strings.Contains(kept, apiKey) {
		t.Errorf("the page keeps the key: %s", kept)
	}
	b.do(chromedp.Reload())
	b.until(`document.body.dataset.phase === "open"`)
	b.do(chromedp.Click("#sign-out"))
	b.says("#gate-why", "You have signed out.")
	b.do(chromedp.Reload())
	b.signIn("wrong")
	b.says("#gate-problem", "That is not a key")
	b.signIn("wrong again")
	b.says("#gate-problem", "Too many wrong keys.")
	b.says("#gate-wait", "Another one in")
	if !eval[bool](b, `query("#gate-submit").disabled`) {
		t.Error("another key can be tried at once")
	}
}

func TestDashboardWithoutKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.APIKeys = nil })
	b := &board{browser(t, s)()}
	b.do(chromedp.Navigate(s.server.URL + "/admin"))
	b.says("#gate-why", "no API key")
	if eval[bool](b, `query("#gate").checkVisibility()`) {
		t.Error("it asks for a key")
	}
}

func TestDashboardShowsWhatHappens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := dashboard(t, s)
	b.until(`chart("Logins").querySelector("strong").textContent === "0"`)
	b.until(`text("#instance-list tbody th") === "here" && text(".health") === "Ready"`)

	// Logins, a forced logout and its notice move the charts.
	_, old := s.enter("alice", "Laptop")
	s.open("alice")
	old.ack(old.next("session.revoked"))
	b.until(`chart("Logins").querySelector("strong").textContent === "2"`)
	b.until(`chart("Forced logouts").querySelector("strong").textContent === "1"`)
	b.until(`chart("Notice latency").querySelector("strong").textContent.endsWith(" ms") && chart("Notice latency").textContent.includes("100% acknowledged")`)
	b.until(`chart("Logins").querySelector(".bar").getAttribute("d") !== ""`)

	// The keyboard reads the charts, and so does a table.
	b.do(chromedp.Focus(`[aria-label="Logins over time"]`), chromedp.KeyEvent("End"))
	b.script(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }))`)
	b.until(`document.activeElement.ariaValueNow === document.activeElement.ariaValueMin`)
	b.script(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "End" }))`)
	b.until(`/: (\d+ logins? in 15 s|–)/.test(document.activeElement.getAttribute("aria-valuetext"))`)
	b.do(chromedp.Click(".chart summary"))
	b.until(`all(".chart tbody tr").length > 0`)
	b.do(chromedp.Click(".chart summary"))

	// What it reads out stays while others come.
	b.do(chromedp.Focus(`[aria-label="Connections over time"]`))
	said, last := eval[string](b, `document.activeElement.ariaValueText`), eval[string](b, `document.activeElement.ariaValueMax`)
	b.until(fmt.Sprintf(`document.activeElement.ariaValueMax !== %q`, last))
	if now := eval[string](b, `document.activeElement.ariaValueText`); now != said {
		t.Errorf("the chart said %q, and then %q by itself", said, now)
	}

	// The feed is live within its filters.
	b.until(`all("#event-list .rows-body .row").length === 3`)
	s.open("bob")
	b.until(`all("#event-list .rows-body .row").length === 4 && text("#event-list .rows-body .user") === "bob"`)
	b.fill("#events-user", "alice")
	b.until(`all("#event-list .rows-body .row").length === 3 && text(".feed-state").startsWith("Live")`)
	s.open("bob")
	s.open("alice")
	b.until(`all("#event-list .rows-body .row").length === 5`)
	b.fill("#events-reason", "superseded")
	b.until(`all("#event-list .rows-body .row").length === 2`)
	b.fill("#events-type", "session.created")
	b.until(`query("#events-reason").disabled && query("#events-reason").value === ""`)
	b.until(`all("#event-list .rows-body .row").length === 3`)

	// A time that is over is shown as a whole.
	b.do(chromedp.Click("#event-list .clear"))
	b.fill("#events-until", "2020-01-01T09:20")
	b.until(`text(".feed-state").startsWith("Not live · 0 events until Jan 1, 2020") && text("#event-list .none") === "No event matches the filters."`)
	b.fill("#events-since", "2020-01-01T09:20")
	b.says(".feed-state", "is not later than since")
	b.says("#said", "is not later than since")
	b.fill("#events-until", "2999-01-01T00:00")
	b.until(`text(".feed-state").startsWith("Not live · 8 events until ") && !query(".pause").checkVisibility()`)
	b.do(chromedp.Click("#event-list .clear"))
	b.until(`text(".feed-state") === "Live · 8 events" && query("#events-since").value === ""`)
	b.fill("#events-user", "alice")
	b.fill("#events-type", "session.created")
	b.until(`all("#event-list .rows-body .row").length === 3`)

	// What was paused says how many have come.
	b.do(chromedp.Click(".pause"))
	s.open("alice")
	b.until(`!query(".news").hidden && text(".news") === "1 new" && all("#event-list .rows-body .row").length === 3`)
	b.do(chromedp.Click(".news"))
	b.until(`query(".news").hidden && all("#event-list .rows-body .row").length === 4`)

	// Another part of the log, asked for meanwhile, is shown as it is.
	b.do(chromedp.Click(".pause"))
	b.fill("#events-type", "session.ended")
	b.until(`text(".feed-state").startsWith("Paused") && all("#event-list .rows-body .row").length === 3 && query(".news").hidden`)
	b.do(chromedp.Click(".pause"))
	b.fill("#events-type", "session.created")
	b.until(`all("#event-list .rows-body .row").length === 4`)

	// The keyboard goes through the list, and opens what it is at.
	b.do(chromedp.Focus("#event-list .rows"))
	b.press("ArrowDown", "ArrowDown", "Enter")
	b.until(`query("#event-list .details").checkVisibility() && document.activeElement.closest(".details") !== null`)
	b.says("#event-list .details", "Session")
	b.press("Escape")
	b.until(`document.activeElement.classList.contains("rows")`)
}

// fill puts a value into a field, or takes that option of a list.
func (b *board) fill(selector, value string) {
	b.Helper()
	b.script(`{ const s = document.querySelector(%q); s.value = %q;
		s.dispatchEvent(new Event("input")); s.dispatchEvent(new Event("change")); }`, selector, value)
}

// press presses keys, where the keyboard is.
func (b *board) press(keys ...string) {
	b.Helper()
	for _, key := range keys {
		b.script(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: %q, bubbles: true, cancelable: true }))`, key)
	}
}

func TestDashboardEndsSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.Rule.Limit = 5 })
	_, phone := s.enter("alice", "Phone")
	_, laptop := s.enter("alice", "Laptop")
	s.open("alice")
	b := dashboard(t, s)
	b.find("alice")
	b.until(`location.hash === "#user=alice" && text("#user-count") === "3"`)
	b.says("#user-limit", "The hub's limit: 5 sessions.")

	// One, by keyboard, with a word to its person.
	b.do(chromedp.Focus("#user-sessions .rows"))
	b.press("End", "Enter")
	b.says("#user-sessions .details h4", "Phone")
	b.do(chromedp.Click("#user-sessions .details .danger"))
	b.says(".ending", "It is told at once.")
	b.do(chromedp.SendKeys(".ending textarea", "This phone was reported as stolen."), chromedp.Click(".ending [type=submit]"))
	notice := phone.next("session.revoked")
	if notice["message"] != "This phone was reported as stolen." || notice["reason"] != "ended_by_admin" {
		t.Errorf("the phone was told %v", notice)
	}
	phone.ack(notice)
	b.says("#end-result", "Ended 1 session. 1 told at once.")
	b.until(`text("#user-count") === "2"`)
	b.says("#user-ended", "Ended by an operator")
	b.until(`/told .* later, acknowledged/.test(text("#user-ended"))`)

	// A message that is too long ends nobody, and says so.
	b.do(chromedp.Click("#end-all"))
	b.says(".ending", "Ends all 2 live sessions of this user; 1 of them connected")
	b.fill(".ending textarea", strings.Repeat("é", 300))
	b.do(chromedp.Click(".ending [type=submit]"))
	b.says(".ending .problem", "message: has 600 bytes")
	b.fill(".ending textarea", "")
	b.do(chromedp.Click(".ending [type=submit]"))
	laptop.next("session.revoked")
	b.says("#end-result", "Ended 2 sessions. 1 told at once. 1 not connected")
	b.until(`query("#user-empty").checkVisibility() && all("#user-ended li").length === 3`)
	b.says("#user-ended", "told, not acknowledged")
	b.says("#user-ended", "was not connected")
	b.shot("admin-history")

	// A link leads to a user, and what happens to them is seen at once.
	b.do(chromedp.Navigate(s.server.URL + "/admin#user=b%2Fo%20b"))
	b.says("#user-name", "b/o b")
	b.until(`query("#user-empty").checkVisibility()`)
	s.open("b/o b")
	b.until(`text("#user-count") === "1" && all("#user-events .rows-body .row").length === 1`)

	// What was opened of one user's is not left beside another's.
	b.do(chromedp.Click("#user-events .rows-body .row"))
	b.until(`query("#user-events .details").checkVisibility()`)
	b.find("alice")
	b.until(`!query("#user-events .details").checkVisibility()`)
}

// TestDashboardKeepsWhatOneIsAt has the same shown again and again, while somebody is at it.
func TestDashboardKeepsWhatOneIsAt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	leave := func(id string) { s.admin("DELETE", "/v1/admin/users/alice/sessions/"+id, "").want(http.StatusOK) }
	first, _ := s.enter("alice", "Tablet")
	second, _ := s.enter("alice", "Telephone")
	s.enter("alice", "Laptop")
	leave(first)
	b := dashboard(t, s)
	b.find("alice")
	b.until(`text("#user-count") === "2" && all("#user-ended li").length === 1`)
	b.script(`{
		const row = document.querySelector("#user-sessions .rows-body .row");
		window.at = { button: row.querySelector("button"), address: row.querySelector(".address bdi"),
			ended: document.querySelector("#user-ended li") };
		at.button.focus();
		getSelection().selectAllChildren(at.address);
	}`)
	kept := `document.activeElement === at.button && getSelection().anchorNode === at.address && at.ended.isConnected`
	marked := eval[string](b, `getSelection().toString()`)
	leave(second)
	b.until(`text("#user-count") === "1" && all("#user-ended li").length === 2`)
	if !eval[bool](b, kept) || eval[string](b, `getSelection().toString()`) != marked || marked == "" {
		t.Errorf("%q was marked, and %q is", marked, eval[string](b, `getSelection().toString()`))
	}
	// Whoever marks something does not want to see more of the row.
	b.script(`at.address.click()`)
	if eval[bool](b, `query("#user-sessions .details").checkVisibility()`) {
		t.Error("what was marked is lost to the details")
	}

	// What is shown in detail is as new as the list.
	b.script(`getSelection().removeAllRanges(); at.address.click()`)
	b.says("#user-sessions .details", "1 at here")
	b.script(`window.at.details = document.querySelector("#user-sessions .details .danger")`)
	s.enter("alice", "Phone")
	b.until(`text("#user-count") === "2"`)
	if !eval[bool](b, `at.details.checkVisibility() && at.button.isConnected`) {
		t.Error("the details were made anew")
	}

	b.until(`document.title === "alice · Session Hub"`)
	b.do(chromedp.Click("#sign-out"))
	b.says("#gate-why", "You have signed out.")
	if left := eval[string](b, `document.title + location.href + query("#find-user").value`); strings.Contains(left, "alice") {
		t.Errorf("signed out, it says %q", left)
	}
}

// legendApart is that nothing which is said of a chart's figures lies on its legend.
const legendApart = `(() => {
	const {left, right, top, bottom} = all(".legend")[0].getBoundingClientRect();
	const words = document.createRange();
	words.selectNodeContents(all(".chart.wide .now")[0]);
	return innerWidth === 360 && ![...words.getClientRects()].some((it) =>
		it.left < right && it.right > left && it.top < bottom && it.bottom > top);
})()`

func TestDashboardIsForEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.Rule.Limit = 5 })
	for range 7 {
		s.open("alice")
	}
	f := newFront(s)
	s.ready()
	b := &board{browser(t, s)()}
	b.do(chromedp.Navigate(f.URL + "/admin#user=alice"))
	b.signIn("wrong")
	b.says("#gate-problem", "That is not a key of this hub.")
	b.accessible()
	b.shot("admin-gate")

	b.signIn(apiKey)
	b.until(`all("#user-sessions .rows-body .row").length === 5 && all("#user-ended li").length === 2 && all(".health").length === 1`)
	// Whoever comes for a user lands there, and the board is as wide as the window.
	b.until(`query("#user").getBoundingClientRect().top < 150 && query(".bar").offsetWidth === innerWidth`)
	b.do(chromedp.Focus("#event-list .rows"))
	b.press("ArrowDown", "Enter")
	b.do(chromedp.Click("#end-all"))
	b.says(".ending", "Ends all 5 live sessions")
	b.accessible()
	b.shot("admin-board")
	b.do(chromedp.EmulateViewport(360, 740))
	b.until(legendApart)
	b.do(chromedp.EmulateViewport(1280, 800))

	f.cut()
	b.says("#banner", "Disconnected since")
	b.accessible(look{width: 1280, height: 800}, look{width: 360, height: 740, dark: true})
	b.shot("admin-disconnected")
}
