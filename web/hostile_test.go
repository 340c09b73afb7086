package web_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/web"
)

// hostileTexts are texts that try to be more than text, or to change the text around them. Each is at most as long as
// the name of a device may be.
var hostileTexts = []string{
	`<script>ran++</script>`, `"><img src=x onerror=ran++>`, `<svg/onload=ran++>`,
	`' onmouseover='ran++`, `" autofocus onfocus="ran++`,
	`</script><script>ran++</script>`, `</title></textarea></style><script>ran++</script>`, `javascript:ran++`,
	`data:text/html,<script>ran++</script>`, `<iframe srcdoc="<script>parent.ran++</script>">`,
	`{{.}}${ran++}{{constructor.constructor('ran++')()}}`,
	"`+ran+++`", `&lt;script&gt;ran++&lt;/script&gt;`, `<!--`, `]]>`, `red;} * { display: none !important; } x {`,
	`<style>*{display:none}</style>`, `<link rel=stylesheet href=//elsewhere.invalid/x>`,
	`<base href=//elsewhere.invalid/>`,
	"%0d%0aSet-Cookie: x=1", "\u202egnp.exe", "\u202bRLE \u202dLRO \u2066LRI \u2067RLI \u2068FSI",
	"\u200f\u061c\u200emarks",
	"zero\u200bwidth\u2060\ufeff", "\u3164\u2800\uffa0", "Z" + strings.Repeat("\u0301", 60),
	strings.Repeat("W", 128), strings.Repeat("\u0e4a", 40),
	"🦊 👨‍👩‍👧 🏳️‍🌈", "nul\x00 bell\x07 \x1b[31mred\x1b[0m", "two\nlines\r\nand\u2028more\u0085", "שלום עולם", "هاتف محمول",
	strings.Repeat("ﷺ", 40), "__proto__", "constructor", "null", "undefined", "../../admin", "   ",
}

// hostileUser is a name that does many of these at once.
const hostileUser = "<img src=x onerror=ran++>\u202e\"'`</script><script>ran++</script>\u2067שלום"

// besieged is a window that counts what runs and what is forbidden, and notes each request to elsewhere.
type besieged struct {
	*window
	mu        sync.Mutex
	elsewhere []string // guarded by mu
}

// siege prepares a window to be shown hostile text.
func siege(w *window, s *site) *besieged {
	w.Helper()
	b := &besieged{window: w}
	own, err := url.Parse(s.server.URL)
	if err != nil {
		w.Fatal(err)
	}
	err = chromedp.Listen(w.ctx, func(event any) {
		if sent, ok := event.(*network.EventRequestWillBeSent); ok {
			if to, err := url.Parse(sent.Request.URL); err != nil || to.Host != own.Host && to.Scheme != "data" {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.elsewhere = append(b.elsewhere, sent.Request.URL)
			}
		}
	})
	if err != nil {
		w.Fatal(err)
	}
	counts := page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.ran = 0; window.forbidden = [];
		addEventListener("securitypolicyviolation", (e) => forbidden.push(e.effectiveDirective), true);`}
	if _, err := chromedp.Call(w.ctx, page.AddScriptToEvaluateOnNewDocument, counts); err != nil {
		w.Fatal(err)
	}
	return b
}

// holds checks that the page is still what it should be, and safe.
func (b *besieged) holds(name string) {
	b.Helper()
	b.whole(name)
	b.safe(name)
}

// whole checks that no text has marred the page, wide and narrow.
func (b *besieged) whole(name string) {
	b.Helper()
	b.script("window.accessible = %s;0", accessibleScript)
	for _, l := range []look{looks[0], looks[3], {width: 320, height: 600}} {
		b.do(l.take)
		for _, wrong := range get(b.window, chromedp.Evaluate[[]string]("accessible.marred()")) {
			b.Errorf("%s, %v: %s", name, l, wrong)
		}
	}
	b.script("delete window.accessible; scrollTo(0, 0)")
	b.do(usual)
	b.shot("hostile-" + name)
}

// safe checks that nothing ran, and nothing forbidden was tried, and that the policy would stop what scripts let
// through.
func (b *besieged) safe(name string) {
	b.Helper()
	if got := get(b.window, chromedp.Evaluate[[]string]("[...forbidden, ...Array(ran).fill('it ran')]")); len(got) > 0 {
		b.Errorf("%s: %q", name, got)
	}
	if got := b.collect(); len(got) > 0 {
		b.Errorf("%s complains: %q", name, got)
	}
	if got := b.strayed(); len(got) > 0 {
		b.Errorf("%s asks elsewhere: %q", name, got)
	}
	b.bites(name)
}

// strayed returns the requests to elsewhere since it was last asked.
func (b *besieged) strayed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.elsewhere
	b.elsewhere = nil
	return all
}

// attempts are what a page must not be able to do, were its own scripts tricked into it. They return what worked.
const attempts = `(async () => {
	const worked = [];
	const attempt = (name, try_) => { try { try_(); worked.push(name); } catch { /* as it should */ } };
	const element = (name) => document.createElement(name);
	const bad = "<img src=x onerror=ran++>";
	attempt("innerHTML", () => { element("div").innerHTML = bad; });
	attempt("outerHTML", () => { const e = element("div"); document.body.append(e); e.outerHTML = bad; });
	attempt("insertAdjacentHTML", () => document.body.insertAdjacentHTML("beforeend", bad));
	attempt("createContextualFragment", () => document.createRange().createContextualFragment(bad));
	attempt("DOMParser", () => new DOMParser().parseFromString(bad, "text/html"));
	attempt("document.write", () => document.write(bad));
	attempt("srcdoc", () => { element("iframe").srcdoc = bad; });
	attempt("the text of a script", () => { element("script").text = "ran++"; });
	attempt("the address of a script", () => { element("script").src = "/sdk/sessionhub.js"; });
	attempt("eval", () => eval("1"));
	attempt("Function", () => new Function("return 1")());
	attempt("a trusted type", () => trustedTypes.createPolicy("p", { createHTML: (text) => text }));
	const script = element("script");
	script.append("ran++");
	try { document.body.append(script); } catch { /* as it should */ }
	await import("data:text/javascript,ran++").then(() => worked.push("a module of data"), () => {});
	await import("https://elsewhere.invalid/x.js").then(() => worked.push("a module of others"), () => {});
	await fetch("https://elsewhere.invalid/").then(() => worked.push("a request to others"), () => {});
	const style = element("style");
	style.append(":root { --made: up; }");
	document.head.append(style);
	if (getComputedStyle(document.documentElement).getPropertyValue("--made")) worked.push("a style");
	if (ran > 0) worked.push("an inline script");
	for (const e of [script, style]) e.remove();
	if (forbidden.length < 12) worked.push("in silence: " + forbidden);
	return worked;
})()`

// bites lets the page's policy stop everything.
func (b *besieged) bites(name string) {
	b.Helper()
	strict, wait := false, true
	worked := get(b.window, chromedp.Evaluate[[]string](attempts, func(p *runtime.EvaluateParams) {
		p.AllowUnsafeEvalBlockedByCSP, p.AwaitPromise = &strict, &wait
	}))
	if len(worked) > 0 {
		b.Errorf("%s lets through: %q", name, worked)
	}
	// Of all this the browser does complain. It tells of a module before the policy stops it.
	b.collect()
	b.strayed()
}

// TestHostileTextIsNoticed shows a page that takes no care, so that one which marred nothing has taken it.
func TestHostileTextIsNoticed(t *testing.T) {
	t.Parallel()
	s := newSite(t, withApp(`<!doctype html><html lang="en"><title>Careless</title><link rel="icon" href="data:,">
		<main><p title="two&#x2028;lines">from <span>`+"\u202e"+`gnp.exe</span> on</p>
		<p>from <span dir="rtl">abc</span> 123 שלום 9</p><p>of <bdi>one</bdi>, well, and <bdi>another</bdi></p>
		<p><nobr>`+strings.Repeat("W", 500)+`</nobr></p><button popovertarget="over">Under</button>
		<button id="clear">Clear</button><div id="over" popover="manual">x</div></main>
		<script type="module" src="/app.js"></script>`, `
		const over = document.querySelector("#over");
		over.showPopover();
		Object.assign(over.style, { inset: "0 auto auto 0", width: "100%", height: "100%" });`))
	w := browser(t, s)()
	w.script("window.accessible = %s;0", accessibleScript)
	found := strings.Join(get(w, chromedp.Evaluate[[]string]("accessible.marred()")), "\n")
	for _, want := range []string{
		"has what is not seen: \"\u202egnp.exe\"", "has what is not seen: \"two\u2028lines\"",
		"goes left after \u202egnp.exe",
		"px wide", "under something else: <button> Under", "under something else: <button id=clear> Clear",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("nobody says %q, but: %q", want, found)
		}
	}
	if strings.Contains(found, "well") {
		t.Errorf("what is as it should be is found: %q", found)
	}
}

// fillWith opens a session of a user for each hostile text, which is in all that an app says of it.
func (s *site) fillWith(user string, texts []string) {
	s.Helper()
	for _, text := range texts {
		body := map[string]any{
			"user": user, "limit": -1, "user_agent": text, "ip": "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
			"device":     map[string]string{"id": text, "name": text, "kind": "web"},
			"attributes": map[string]string{"plan": text, strings.ToValidUTF8("a"+text[:min(len(text), 20)], ""): text},
		}
		s.admin("POST", "/v1/admin/sessions", encode(body)).want(http.StatusCreated)
	}
}

// hostileSite is a hub whose user hostileUser signs in by password, behind a proxy that passes on what clients make up.
func hostileSite(t *testing.T, change ...func(*web.Options)) *site {
	return newSite(t, slices.Concat([]func(*web.Options){func(o *web.Options) {
		o.Passwords = accounts{hostileUser: "demo"}
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}}, change)...)
}

// as sets a user's own limit and policy.
func (s *site) as(user, policy string, limit int) {
	s.Helper()
	s.admin("PUT", "/v1/admin/users/"+url.PathEscape(user)+"/limit",
		encode(map[string]any{"limit": limit, "policy": policy})).want(http.StatusOK)
}

func TestHostileTextOnTheSignInPage(t *testing.T) {
	t.Parallel()
	s := hostileSite(t)
	s.fillWith(hostileUser, hostileTexts)
	b := siege(browser(t, s)(), s)
	signIn := func() {
		b.do(chromedp.Navigate(s.server.URL), chromedp.WaitVisible("#password"))
		b.script("username.value = %s", encode(hostileUser))
		b.do(chromedp.SendKeys("#password", "demo\r"))
	}
	s.as(hostileUser, "ask", len(hostileTexts))
	signIn()
	b.do(chromedp.WaitVisible("#choice"))
	b.holds("choice")

	s.as(hostileUser, "reject", len(hostileTexts))
	signIn()
	b.do(chromedp.WaitVisible("#refused"))
	b.holds("refused")

	s.as(hostileUser, "evict", 1)
	signIn()
	b.do(chromedp.WaitVisible(live))
	b.holds("live")
	b.do(chromedp.Reload(), chromedp.WaitVisible(live))
	message := strings.ToValidUTF8(strings.Join(hostileTexts, " ")[:480], "")
	s.admin("DELETE", "/v1/admin/users/"+url.PathEscape(hostileUser)+"/sessions",
		encode(map[string]any{"message": message})).want(http.StatusOK)
	b.says("An administrator signed you out")
	b.holds("ended")
}

// nasty are the texts that do most, one of each sort.
var nasty = []string{
	hostileUser, hostileTexts[2], strings.Repeat("W", 128), "Z" + strings.Repeat("\u0301", 60),
	"\u202egnp.exe\u2066\nחדש", "\u3164\u2800",
}

func TestHostileTextInTheNotice(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	b := siege(browser(t, s)(), s)
	for i, name := range nasty {
		b.do(chromedp.Navigate(s.server.URL))
		s.noticed(b.window, s.openOn("alice", name))
		s.openOn("alice", nasty[len(nasty)-1-i])
		b.says("You were signed out here")
		b.holds(fmt.Sprint("notice-", i))
	}
}

func TestHostileTextOnTheDevicesPage(t *testing.T) {
	t.Parallel()
	s := hostileSite(t)
	s.as(hostileUser, "evict", -1)
	b := siege(browser(t, s)(), s)
	b.do(chromedp.Navigate(s.server.URL + "/devices"))
	b.signInBy(hostileUser, "demo")
	b.until(`location.pathname === "/devices" && document.querySelector("#own .card") !== null`)
	s.fillWith(hostileUser, hostileTexts)
	b.until(`document.querySelectorAll("#others .card").length > 0`)
	b.script(`document.dispatchEvent(new Event("visibilitychange"))`)
	b.shows("#count", fmt.Sprint(len(hostileTexts)+1)+" devices")
	b.holds("devices")
}

func TestHostileTextOnTheDashboard(t *testing.T) {
	t.Parallel()
	s := hostileSite(t)
	for _, text := range hostileTexts {
		s.fillWith(text, []string{text})
	}
	s.fillWith(hostileUser, hostileTexts)
	sessions := "/v1/admin/users/" + url.PathEscape(hostileUser) + "/sessions"
	for i := range 10 {
		id := s.admin("GET", sessions, "").at("sessions", i, "id").(string)
		s.admin("DELETE", sessions+"/"+id, encode(map[string]any{"message": nasty[i%len(nasty)]})).want(http.StatusOK)
	}
	board := dashboard(t, s)
	b := siege(board.window, s)
	b.do(chromedp.Navigate(s.server.URL+"/admin#user="+url.PathEscape(hostileUser)), chromedp.Reload())
	board.until(`all("#event-list .rows-body .row").length > 5 && all("#user-sessions .rows-body .row").length > 5 &&
		all("#user-ended li").length > 5`)
	if b.has(`[...document.querySelectorAll(".board a")].some((a) => a.innerText.trim() === "")`) {
		t.Error("a link has no words")
	}
	b.whole("dashboard")
	for _, list := range []string{"#event-list", "#user-sessions", "#user-events"} {
		b.do(chromedp.Focus(list + " .rows"))
		board.press("ArrowDown", "ArrowDown", "ArrowDown", "Enter")
		board.until(fmt.Sprintf(`query("%s .details").checkVisibility()`, list))
	}
	b.holds("dashboard-details")
}

func TestHostileAddressesOfTheDocuments(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := siege(browser(t, s)(), s)
	for _, at := range []string{
		"/docs?x=%3Cscript%3Eran++%3C/script%3E#%22%3E%3Cimg%20src=x%20onerror=ran++%3E",
		"/problems/%3Csvg%20onload=ran++%3E",
	} {
		b.do(chromedp.Navigate(s.server.URL + at))
		b.safe(at)
	}
}

// TestHostileTextOnTheWay checks what becomes of texts of headers, and of those that are too long for a field.
func TestHostileTextOnTheWay(t *testing.T) {
	t.Parallel()
	s := hostileSite(t)
	long := strings.Repeat("W", 10<<10)
	device := map[string]string{"name": hostileUser}
	body := encode(map[string]any{"username": hostileUser, "password": "demo", "device": device})
	for _, address := range []string{"<script>ran++</script>", long, "192.0.2.7:80", "', 192.0.2.7'", "javascript:1"} {
		s.do("POST", "/v1/login", body, "X-Forwarded-For", address, "User-Agent", "<b>"+long).want(http.StatusCreated).
			has("127.0.0.1", "session", "ip").has("<b>"+long[:509], "session", "user_agent").
			has(hostileUser, "session", "user")
	}
	for field, in := range map[string]any{
		"device.name": map[string]string{"name": long}, "device.id": map[string]string{"id": long},
	} {
		s.admin("POST", "/v1/admin/sessions", encode(map[string]any{"user": "x", "device": in})).
			want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
	}
	s.admin("GET", "/v1/admin/users/x/sessions", "").want(http.StatusOK).length(0, "sessions")
	if logs := s.logs.String(); strings.ContainsAny(logs, "\u202e\u2067\x00") || strings.Contains(logs, long[:600]) {
		t.Errorf("the log holds it as it came: %q", logs)
	}
}
