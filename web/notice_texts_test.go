package web_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestNoticeInAnotherLanguage runs the page of the documentation as it stands there, through all steps of a report.
func TestNoticeInAnotherLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t, withApp(sdkExamples(t, "html")[2], sdkExamples(t, "js")[3]))
	open := browser(t, s)
	w := open()
	w.signsIn("alice")
	w.until(`app.textContent === "Hallo, alice."`)
	open().signsIn("alice")
	w.contains(w.says("Sie sind hier abgemeldet"), "Ihr Konto wurde anderswo angemeldet", "Waren Sie das?", " unter Linux",
		"gerade eben", "Gerät", "Wann", "Neu anmelden")
	w.choose("Das war ich nicht")
	w.contains(w.says("Das andere Gerät abmelden"), "Dann ist Headless Chrome unter Linux sofort abgemeldet", "Passwort", "Zurück")
	w.presses("wrong" + kb.Enter)
	w.until(`$("#problem").innerText.includes("nicht Ihr Passwort")`)
	w.presses("demo" + kb.Enter)
	w.contains(w.says("Es ist abgemeldet"), "Ändern Sie jetzt Ihr Passwort", "Sonst ist nichts")
	w.picture("notice-german")
	w.choose("Schließen")
	w.contains(w.says("Sie sind hier abgemeldet"), "Mehr dazu")

	// Nothing is missing, and nothing is given in vain.
	untold := get(w, chromedp.Evaluate[[]string](`import("/sdk/notice-texts.js").then(({ENGLISH, faults}) => {
		const { texts } = document.querySelector("session-notice");
		return [...Object.keys(ENGLISH).filter((name) => !texts[name]), ...faults(texts)];
	})`, chromedp.EvalAwaitPromise))
	if len(untold) > 0 {
		t.Errorf("of the example's texts: %v", untold)
	}
}

// arabic are some of the texts in a language that is written from right to left.
const arabic = `{
	superseded: ["تم تسجيل خروجك هنا", "سُجِّل الدخول إلى حسابك من مكان آخر، فانتهت الجلسة هنا."],
	was_that_you: "هل كان هذا أنت؟", was_me: "نعم، أنا", was_not_me: "لا، لست أنا", sign_in: "تسجيل الدخول",
	device: "الجهاز", address: "العنوان", time: "الوقت", back: "رجوع", password: "كلمة المرور", comma: "، ",
	prove: ["إخراج الجهاز الآخر", "نحتاج إلى كلمة مرورك مرة أخرى. بعدها يخرج {device} فورًا."], send: "إخراج",
	idling: ["هل ما زلت هنا؟", "لم يحدث شيء منذ فترة. سيُسجَّل خروجك خلال {time}."], stay: "البقاء",
}`

// TestNoticeFromRightToLeft has a page say its language, and lets the letters say the direction; and English ones too, in
// a page from right to left.
func TestNoticeFromRightToLeft(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	open := browser(t, s)
	const direction = `getComputedStyle(notice.shadowRoot.querySelector("dialog[open], [popover]:not([hidden])")).direction`
	for _, at := range []look{looks[0], looks[2]} {
		w := open()
		w.do(at.take)
		w.do(chromedp.WaitReady("main[data-ready]"))
		w.script(`document.documentElement.lang = "ar"; notice.texts = %s`, arabic)
		s.faked(w, "")
		for _, step := range []struct{ name, title, script, choose string }{
			{"warning", "هل ما زلت هنا؟", `say({type: "session.expiring", at: "", in_ms: 59_000})`, ""},
			{"told", "تم تسجيل خروجك هنا", `say(` + ending("superseded", byOther) + `)`, ""},
			{"password", "إخراج الجهاز الآخر", "", "لا، لست أنا"},
		} {
			if step.choose != "" {
				w.choose(step.choose)
			} else {
				w.script("%s", step.script)
			}
			w.says(step.title)
			if got := get(w, chromedp.Evaluate[string](direction)); got != "rtl" {
				t.Errorf("%s at %s is laid out %s", step.name, at, got)
			}
			if got := get(w, chromedp.Evaluate[[]string](fits)); len(got) > 0 {
				t.Errorf("%s at %s: %v", step.name, at, got)
			}
			w.pictures("notice-arabic-"+step.name, at)
		}
		if text := w.noticeText(); !strings.Contains(text, "Chrome on Windows") {
			t.Errorf("the device is not in: %s", text)
		}
	}
	w := open()
	w.do(chromedp.WaitReady("main[data-ready]"))
	w.script(`document.documentElement.dir = "rtl"; warned = []; console.warn = (text) => warned.push(text)`)
	w.script(`notice.texts = {was_mee: "", reload: "{why}"}; notice.texts = undefined`)
	s.faked(w, "")
	w.script(`say(%s)`, ending("superseded", byOther))
	w.says("You were signed out here")
	if got := get(w, chromedp.Evaluate[string](direction)); got != "ltr" {
		t.Errorf("English is laid out %s", got)
	}
	want := []string{`session-notice, texts: there is no text "was_mee"`,
		`session-notice, texts: "reload" has a place for {why}, which it is not given`}
	if got := get(w, chromedp.Evaluate[[]string](`warned`)); !slices.Equal(got, want) {
		t.Errorf("the console has %q", got)
	}
}
