package web_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// noticeApp is an app with a notice. What the tests need of it is in window: `open_` connects, `fake` is options with a
// socket whose other end is the test, which then speaks by `say` and reads `sent`; `told` is what the element dispatched.
const noticeApp = `
import { connect } from "/sdk/sessionhub.js";
import "/sdk/session-notice.js";

const notice = (window.notice = document.querySelector("session-notice"));
window.told = [];
for (const type of ["was-me", "report", "reported", "sign-in"]) {
  notice.addEventListener("session-" + type, (event) => {
    told.push(type);
    if (window.handled?.(event)) event.preventDefault();
  });
}
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));

window.sent = [];
class Fake {
  readyState = 1;
  constructor() {
    window.say = (message) => this.onmessage({ data: JSON.stringify(message) });
    const session = { id: "s1", user: "alice", device: { id: "d", name: "Firefox", kind: "web" } };
    queueMicrotask(() => say({ type: "welcome", session, idle_timeout_ms: 1_800_000 }));
  }
  send(text) { sent.push(JSON.parse(text)); }
  close() {}
}
const made = (window.made = { token: "sh_" + "a".repeat(86), activity: false, platform: { WebSocket: Fake } });
window.fake = (more) => open_({ ...made, ...more });
window.open_ = (options) => (notice.connection = window.hub = connect(options));
document.querySelector("main").dataset.ready = "";
`

// withNotice replaces the sign-in page by an app with a notice.
var withNotice = withApp(`<!doctype html><html lang="en"><head><title>App</title>
	<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
	<script type="module" src="/app.js"></script></head><body><main><h1>My app</h1>
	<label>Draft <textarea id="draft"></textarea></label></main><session-notice></session-notice></body></html>`, noticeApp)

// until waits until a script's condition holds. In it `$` finds what is in the notice.
func (w *window) until(format string, args ...any) {
	w.Helper()
	const root = `document.querySelector("session-notice")?.shadowRoot`
	condition := fmt.Sprintf(`(($) => %s)((at) => `+root+`?.querySelector(at))`, fmt.Sprintf(format, args...))
	deadline := time.Now().Add(patience)
	for {
		_, err := chromedp.Run(w.ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(10*time.Millisecond),
			chromedp.WithPollingTimeout(time.Until(deadline))))
		if err == nil {
			return
		}
		if time.Now().After(deadline) || w.ctx.Err() != nil { // else the page has gone to another
			w.Fatalf("not %s (%v), but: %s", condition, err, w.noticeText())
		}
	}
}

// says waits for the heading of what the notice shows, and returns the rest of it.
func (w *window) says(title string) string {
	w.Helper()
	w.until(`$("#title")?.innerText === %q && $("#title").checkVisibility()`, title)
	return w.noticeText()
}

// saysNothing waits until nothing of the notice is to be seen.
func (w *window) saysNothing() {
	w.Helper()
	w.until(`$("dialog").open === false && $("[popover]").hidden && !$("#title")`)
}

// noticeText returns what the notice shows.
func (w *window) noticeText() string {
	w.Helper()
	return get(w, chromedp.Evaluate[string](`[...document.querySelector("session-notice")?.shadowRoot
		?.querySelectorAll("dialog[open], [popover]:not([hidden])") ?? []].map((e) => e.innerText).join("\n")`))
}

// choose clicks a button of the notice.
func (w *window) choose(label string) {
	w.Helper()
	w.until(`[...$("h2").parentNode.querySelectorAll("button")].some((b) => b.innerText === %q && (b.click(), true))`, label)
}

// presses types a key, or text.
func (w *window) presses(keys string) {
	w.Helper()
	w.do(chromedp.KeyEvent(keys))
}

// focused returns what has the focus: an element of the notice, by its ID or its text, or one of the page, by its ID.
func (w *window) focused() string {
	w.Helper()
	return get(w, chromedp.Evaluate[string](`(() => {
		const at = document.activeElement;
		const inner = at.shadowRoot?.activeElement;
		return inner ? inner.id || inner.innerText : at.id || at.localName;
	})()`))
}

// obeysPolicy checks that nothing has been tried that the page's policy forbids.
func (w *window) obeysPolicy() {
	w.Helper()
	if got := get(w, chromedp.Evaluate[[]string](`violations`)); len(got) > 0 {
		w.Errorf("against the page's policy: %v", got)
	}
}

// contains checks that a text has all of the pieces.
func (w *window) contains(text string, pieces ...string) {
	w.Helper()
	for _, piece := range pieces {
		if !strings.Contains(text, piece) {
			w.Errorf("%q is not in:\n%s", piece, text)
		}
	}
}
