package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// shows waits until an element is to be seen, and its text has all the given words.
func (w *window) shows(selector string, words ...string) string {
	w.Helper()
	for _, text := range words {
		w.until(`((e) => e?.checkVisibility() && e.innerText.replace(/\s+/g, " ").includes(%q))(document.querySelector(%q))`,
			text, selector)
	}
	return get(w, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector)))
}

// has says whether something is so in the page, now.
func (w *window) has(condition string, args ...any) bool {
	w.Helper()
	return get(w, chromedp.Evaluate[bool](fmt.Sprintf("!!("+condition+")", args...)))
}

// signInBy fills in the form and sends it by the key Enter.
func (w *window) signInBy(user, password string) {
	w.Helper()
	w.do(chromedp.WaitVisible("#username"))
	w.script(`username.value = %q; password.value = ""`, user)
	w.do(chromedp.SendKeys("#password", password+"\r"))
}

// poses makes the window's browser say that it is another.
func (w *window) poses(userAgent string) {
	w.Helper()
	if _, err := chromedp.Call(w.ctx, emulation.SetUserAgentOverride,
		emulation.SetUserAgentOverrideParams{UserAgent: userAgent}); err != nil {
		w.Fatal(err)
	}
}

// device opens a session on a device of a kind.
func (s *site) device(user, name, kind string, more map[string]any) string {
	s.Helper()
	body := map[string]any{
		"user": user, "ip": "192.0.2.7", "limit": -1, "limit_by_kind": map[string]int{},
		"device": map[string]string{"id": name, "name": name, "kind": kind},
	}
	for key, value := range more {
		body[key] = value
	}
	return s.admin("POST", "/v1/admin/sessions", encode(body)).want(http.StatusCreated).at("session", "id").(string)
}

// names are the devices on which a user is signed in, in the order in which they were.
func (s *site) names(user string) string {
	s.Helper()
	var names []string
	r := s.admin("GET", "/v1/admin/users/"+user+"/sessions", "")
	for i := 0; r.at("sessions", i, "id") != nil; i++ {
		names = append(names, r.at("sessions", i, "device", "name").(string))
	}
	return strings.Join(names, ", ")
}

// checked are the values of what is chosen in the picker, and listed how many rows it shows.
const (
	checked = `[...document.querySelectorAll("#choice-list input:checked")].map((i) => i.value).join()`
	listed  = `document.querySelectorAll("#choice-list li").length`
)

func limited(n int, p session.Policy, byKind map[session.Kind]int) func(*web.Options) {
	return func(o *web.Options) { o.Rule.Limit, o.Rule.Policy, o.Rule.LimitByKind = n, p, byKind }
}

func TestPickerEndsWhatTheUserChooses(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(3, session.Ask, nil))
	phone := s.device("alice", "Alice’s phone", "mobile", nil)
	tablet := s.device("alice", "Tablet in the kitchen", "mobile", nil)
	open := browser(t, s)
	old := open()
	old.signInBy("alice", "demo")
	old.see(live, "picker-old")

	w := open()
	w.signInBy("alice", "demo")
	w.shows("#choice", "3 devices at a time", "Choose 1 device to sign out", "Connected now",
		"192.0.2.7 · last active just now", "This question is open for 1:")
	if got := get(w, chromedp.Evaluate[string](checked)); got != phone {
		t.Errorf("chosen to begin with is %s, want the least recently active, %s", got, phone)
	}
	if !w.has(`document.activeElement.id === "choice-title" && document.title.startsWith("Make room")`) {
		t.Error("the focus is not on the heading")
	}
	if n := strings.Count(get(w, chromedp.Text("#choice-list")), "Connected now"); n != 1 {
		t.Errorf("%d are connected now, want 1", n)
	}
	w.see("#choice", "picker")

	// By keyboard: one radio button is a stop, and the arrow goes to the next.
	w.do(chromedp.KeyEvent("\t"))
	w.until(`document.activeElement.value === %q`, phone)
	w.do(chromedp.KeyEvent(kb.ArrowDown))
	w.until(checked+` === %q`, tablet)
	w.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	w.see(live, "picker-live")
	if got := s.names("alice"); !strings.HasPrefix(got, "Alice’s phone, ") || strings.Contains(got, "Tablet") {
		t.Errorf("signed in are %s", got)
	}
}

func TestPickerKeepsThemAll(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(1, session.Ask, nil))
	s.device("alice", "Laptop", "web", nil)
	w := browser(t, s)()
	w.signInBy("alice", "demo")
	w.shows("#choice", "1 device at a time", "this one is signed out", "Laptop")
	w.see("#choice", "picker-one")
	w.do(chromedp.Click("#choice-no"), chromedp.WaitVisible("#login"))
	if !w.has(`username.value === "alice" && password.value === "" && document.activeElement === password`) {
		t.Error("the form has not kept the user, or has kept the password")
	}
	if got := s.names("alice"); got != "Laptop" {
		t.Errorf("signed in are %s", got)
	}
}

func TestPickerIsAskedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(2, session.Ask, nil))
	s.device("alice", "First", "web", nil)
	second := s.device("alice", "Second", "web", nil)
	w := browser(t, s)()
	w.signInBy("alice", "demo")
	w.shows("#choice", "First", "Second")
	// Somebody else takes the place of the one that is chosen.
	third := s.device("alice", "Third", "web", map[string]any{"limit": 2, "force": true})
	w.do(chromedp.Click("#choice-yes"))
	w.shows("#choice", "Nobody was signed out: 1 device signed in meanwhile.", "Third", "Choose 1 device.")
	if w.has(checked + ` !== ""`) {
		t.Error("somebody is chosen whom the user did not choose")
	}
	w.see("#choice", "picker-again")
	w.do(chromedp.Click("#choice-yes")) // which does nothing yet
	w.do(chromedp.Click(`input[value="` + third + `"]`))
	w.shows("#choice", "1 device will be signed out.")

	// Of two that are chosen, the one that is still there stays chosen.
	s.admin("PUT", aliceLimit, `{"limit":1}`).want(http.StatusOK)
	s.admin("DELETE", aliceLimit, "").want(http.StatusOK)
	if got := s.names("alice"); got != "Third" {
		t.Fatalf("signed in are %s", got)
	}
	s.device("alice", "Fourth", "web", nil)
	s.device("alice", "Fifth", "web", nil)
	w.do(chromedp.Click("#choice-yes"))
	w.shows("#choice", "2 devices signed in meanwhile", "Choose", "1 more device")
	w.until(checked+` === %q`, third)
	if w.has(listed+` !== 3 || document.querySelector("[value='%s']")`, second) {
		t.Error("the list is not the new one")
	}
	w.do(chromedp.Click("#choice-list li:nth-child(2) label"), chromedp.Click("#choice-yes"))
	w.see(live, "picker-again-live")
	if got := s.names("alice"); !strings.HasPrefix(got, "Fifth, ") {
		t.Errorf("signed in are %s", got)
	}
}

func TestPickerKnowsKinds(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(3, session.Ask, map[session.Kind]int{session.Web: 2}))
	s.device("alice", "TV", "tv", nil)
	s.device("alice", "Console", "tv", nil)
	web1 := s.device("alice", "Laptop", "web", nil)
	s.device("alice", "Desktop", "web", nil)
	w := browser(t, s)()
	w.poses(firefox)
	w.signInBy("alice", "demo")
	w.shows("#choice", "3 devices at a time", "Choose 2 devices to sign out, at least 1 web browser among them")
	// The web browser comes first, though the TVs were active less recently.
	if got := get(w, chromedp.Evaluate[string](checked)); !strings.Contains(got, web1) {
		t.Errorf("chosen are %s, without %s", got, web1)
	}
	w.see("#choice", "picker-kinds")
	w.do(chromedp.Click(`input[value="`+web1+`"]`), chromedp.Click("#choice-list li:nth-child(2) label"))
	w.shows("#choice-count", "1 more web browser")
	w.do(chromedp.Click("#choice-list li:nth-child(4) label"))
	w.shows("#choice-count", "3 devices will be signed out.")
	w.do(chromedp.Click("#choice-yes"))
	w.see(live, "picker-kinds-live")

	s.admin("PUT", aliceLimit, `{"limit":-1,"limit_by_kind":{"web":1}}`).want(http.StatusOK)
	other := browser(t, s)()
	other.poses(firefox)
	other.signInBy("alice", "demo")
	other.shows("#choice", "1 web browser at a time. ")

	// A refusal names the kind too.
	s.admin("PUT", aliceLimit, `{"limit":-1,"limit_by_kind":{"web":1},"policy":"reject"}`).want(http.StatusOK)
	refused := browser(t, s)()
	refused.poses(firefox)
	refused.signInBy("alice", "demo")
	refused.shows("#refused", "1 web browser at a time. Sign out on the one below, then try again here.")
}

// TestPickerIsForEverybody shows a picker of many, with names from anybody, and all other steps that say no.
func TestPickerIsForEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(10, session.Ask, nil))
	agents := []string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 " +
			"Mobile/15E148 Safari/604.1", firefox, "",
	}
	for i, name := range []string{
		"Alice’s phone", "Firefox on Linux", strings.Repeat("LongName", 16), "<img src=x onerror=alert(1)>",
		"\u202egnp.exe\u202c", "客厅的平板电脑", "هاتف أليس", "Laptop", "Work", "Kitchen", "TV", "Old phone",
	} {
		s.device("alice", name, "web", map[string]any{"user_agent": agents[i%3]})
	}
	w := browser(t, s)()
	w.signInBy("alice", "demo")
	w.shows("#choice", "Choose 3 devices to sign out", "Safari 18.5 on iOS 18.5", "gnp.exe", "3 devices will be signed out.")
	w.accessible(looks[0], looks[3])
	w.shot("picker-many")
	w.do(chromedp.Focus("#choice-list li:nth-child(12) input"))
	if !w.has(`document.activeElement.getBoundingClientRect().bottom <=
		document.querySelector("#choice .answer").getBoundingClientRect().top`) {
		t.Error("what has the focus is behind the answer")
	}
	s.admin("PUT", aliceLimit, `{"limit":12,"policy":"reject"}`).want(http.StatusOK)
	w.do(chromedp.Click("#choice-no"))
	w.signInBy("alice", "demo")
	w.shows("#refused", "12 devices at a time")
	w.accessible(looks[0], looks[3])
	w.shot("refused-many")
	w.do(chromedp.Click("#refused-back"))
	w.signInBy("alice", "wrong")
	w.shows("#problem", "Wrong user name or password.")
	w.accessible(looks[0], looks[3])
	w.shot("wrong")
}

// thousand answers a page's login with a question about as many sessions as there can be, and keeps its answer.
const thousand = `{
	const real = fetch, at = "2026-03-09T08:30:00.000Z";
	const sessions = Array.from({ length: 1000 }, (_, i) => ({ id: "s" + i, ip: "192.0.2.7", connected: i %% 3 === 0,
		client: {}, device: { id: "d" + i, name: "Device " + i, kind: "web" }, created_at: at, last_active_at: at }));
	const question = { limit: 1000, sessions, excess: { sessions: %d }, ticket: "st_x",
		ticket_expires_at: new Date(Date.now() + 120_000) };
	window.fetch = async (path, init) => {
		if (path === "/v1/login") return new Response(JSON.stringify(question), { status: 300 });
		if (path !== "/v1/login/choice") return real(path, init);
		window.answered = JSON.parse(init.body);
		return new Response(null, { status: 204 });
	};
}`

func TestPickerOfAThousand(t *testing.T) {
	t.Parallel()
	w := browser(t, newSite(t))()
	w.script(thousand, 1)
	w.signInBy("alice", "demo")
	w.shows("#choice", "1000 devices at a time", "Device 0", "Show 100 more of 980")
	w.see("#choice", "picker-thousand")
	w.do(chromedp.Click("#choice-list .more"))
	w.until(listed + ` === 120`)
	w.do(chromedp.Click("#choice-list li:nth-child(120) label"), chromedp.Click("#choice-yes"))
	w.until(`window.answered?.end.join() === "s119"`)

	// Who is chosen need not be listed.
	w.do(chromedp.Reload())
	w.script(thousand, 900)
	w.signInBy("alice", "demo")
	w.shows("#choice", "Choose 900 devices to sign out", "900 devices will be signed out.")
	w.do(chromedp.Click("#choice-list li:nth-child(1) label"))
	w.shows("#choice-count", "1 more device")
	w.do(chromedp.Click("#choice-list li:nth-child(1) label"), chromedp.Click("#choice-yes"))
	w.until(`window.answered?.end.length === 900`)
}

// TestPickerOfAnOlderHub has a hub that says neither how many must go nor what a user agent means.
func TestPickerOfAnOlderHub(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(2, session.Ask, nil))
	s.device("alice", "Laptop", "web", nil)
	s.device("alice", "Phone", "mobile", nil)
	w := browser(t, s)()
	w.script(`{
		const real = fetch;
		window.status = 300;
		window.fetch = async (path, init) => {
			const answer = await real(path, init);
			if (path !== "/v1/login" || answer.status !== 300) return answer;
			const { excess, sessions, ...body } = await answer.json();
			for (const s of sessions) delete s.client;
			return new Response(JSON.stringify({ ...body, sessions }), { status: window.status });
		};
	}`)
	w.script(`window.status = 409`)
	w.signInBy("alice", "demo")
	w.shows("#refused", "2 devices at a time. Sign out on 1 device, then try again here.")
	w.script(`window.status = 300`)
	w.do(chromedp.Click("#refused-again"))
	w.shows("#choice", "2 devices at a time", "Choose 1 device to sign out", "Laptop", "Phone")
	w.do(chromedp.Click("#choice-yes"))
	w.see(live, "picker-older")
}

func TestQuestionsEnd(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(1, session.Ask, nil))
	s.device("alice", "Laptop", "web", nil)
	w := browser(t, s)()
	asked := func() {
		t.Helper()
		w.signInBy("alice", "demo")
		w.do(chromedp.WaitVisible("#choice"))
	}
	asked()
	w.script(`{ const now = Date.now; window.late = 100_000; Date.now = () => now() + late; }`)
	w.until(`document.querySelector("#choice-left").textContent.includes("0:1")`)
	w.script(`late = 130_000`)
	w.shows("#problem", "That took too long, so nothing was changed. Please sign in again.")
	w.see("#problem", "picker-expired")
	w.script(`late = 0`)

	// So many newer questions are open that this one no longer is.
	asked()
	for range 8 {
		s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusMultipleChoices)
	}
	w.do(chromedp.Click("#choice-yes"))
	w.shows("#problem", "That question is no longer open")

	// Without the hub the question stays, and can be answered later.
	asked()
	s.faults.gone.Store(true)
	w.do(chromedp.Click("#choice-yes"))
	w.shows("#choice-problem", "Please try again in a few seconds.")
	w.see("#choice-problem", "picker-away")
	s.faults.gone.Store(false)
	w.do(chromedp.Click("#choice-yes"))
	w.see(live, "picker-back")
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newSite(t, limited(2, session.Reject, nil))
	s.device("alice", "Laptop", "web", nil)
	phone := s.device("alice", "Phone", "mobile", nil)
	w := browser(t, s)()
	w.do(chromedp.Navigate(s.server.URL + "/?return=/docs"))
	w.signInBy("alice", "demo")
	w.shows("#refused", "No room for another device", "2 devices at a time. Sign out on 1 device, then try again here.",
		"Laptop", "Phone", "last active just now")
	w.see("#refused", "refused")
	w.do(chromedp.Click("#refused-again"))
	w.shows("#refused-problem", "There is still no room.")
	w.do(chromedp.Click("#refused-back"), chromedp.WaitVisible("#login"))
	w.do(chromedp.SendKeys("#password", "\r"), chromedp.WaitVisible("#refused"))
	s.admin("DELETE", "/v1/admin/users/alice/sessions/"+phone, "").want(http.StatusOK)
	w.do(chromedp.Click("#refused-again"))
	w.arrives(s.server.URL + "/docs")
}
