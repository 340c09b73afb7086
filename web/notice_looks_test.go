package web_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// inColours asks for a scheme of colours, or forces those of the system, and for nothing that moves.
func inColours(scheme string, forced bool) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		active := map[bool]string{true: "active", false: "none"}[forced]
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "forced-colors", Value: active},
				{Name: "prefers-reduced-motion", Value: "reduce"},
			},
		})
		return chromedp.Void{}, err
	}
}

// noticeStates are the steps of a notice, and what leads to each.
var noticeStates = []struct{ name, title, script, choose string }{
	{"warning", "Are you still there?", `say({type: "session.expiring", at: "", in_ms: 59_000})`, ""},
	{"told", "You were signed out here", `say(` + ending("superseded", byOther) + `)`, ""},
	{"password", "Sign the other device out", "", "It was not me"},
	{"reported", "It has been signed out", `{ const field = notice.shadowRoot.querySelector("#password");
		field.value = "secret"; field.form.requestSubmit(); }`, ""},
	{"quiet", "You are signed out here", "", "Close"},
	{"admin", "An administrator signed you out", `fake({shared: false}); hub.on("welcome", () =>
		say(` + ending("ended_by_admin", `message: "Your plan has changed. Please sign in again to go on."`) + `))`, ""},
}

// TestNoticeFitsEverywhere looks at each step on a desk and on a phone, in light, dark and forced colours.
func TestNoticeFitsEverywhere(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	open := browser(t, s)
	for _, width := range []int64{1280, 360} {
		w := s.faked(open(), "")
		w.do(chromedp.EmulateViewport(width, 720))
		w.script(`hub.report = async () => ({status: 200, body: {ended: true,
			session: {device: {name: "Chrome on Windows"}, ip: "2001:db8::7"}, sessions: [
			{device: {name: "Samsung Internet on Android"}, ip: "192.0.2.8", last_active_at: new Date(Date.now() - 7e6)},
			{device: {name: "Living room"}, ip: "", last_active_at: new Date(Date.now() - 2e8)}]}})`)
		for _, state := range noticeStates {
			if state.choose != "" {
				w.choose(state.choose)
			} else {
				w.script("%s", state.script)
			}
			w.says(state.title)
			for _, colours := range []string{"light", "dark", "forced"} {
				w.do(inColours(colours, colours == "forced"))
				w.picture(fmt.Sprintf("notice-%s-%d-%s", state.name, width, colours))
			}
			if got := get(w, chromedp.Evaluate[[]string](fits)); len(got) > 0 {
				t.Errorf("%s at %d: %v", state.name, width, got)
			}
			if width == 1280 {
				w.accessible()
				w.do(chromedp.EmulateViewport(width, 720))
			}
		}
	}
}

// fits lists what sticks out of the window, and what is too small for a finger (WCAG 2.2, 2.5.8).
const fits = `[...notice.shadowRoot.querySelectorAll("dialog[open] *, [popover]:not([hidden]) *")].flatMap((e) => {
	const { left, right, width, height } = e.getBoundingClientRect();
	const out = left < 0 || right > innerWidth || document.documentElement.scrollWidth > innerWidth;
	const small = e.matches("button, input:not([hidden])") && (width < 24 || height < 24);
	return out || small ? [e.localName + ": " + e.innerText] : [];
})`

// axNode is what a screen reader is told of an element.
type axNode struct{ role, name, description string }

// axTree returns what a screen reader finds on a page.
func axTree(ctx context.Context, t *chromedp.Target) ([]axNode, error) {
	all, err := cdp.Call(ctx, t, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		return nil, err
	}
	text := func(v *accessibility.Value) string {
		if v == nil {
			return ""
		}
		return strings.Trim(string(v.Value), `"`)
	}
	var nodes []axNode
	for _, n := range all.Nodes {
		if !n.Ignored {
			nodes = append(nodes, axNode{text(n.Role), text(n.Name), text(n.Description)})
		}
	}
	return nodes, nil
}

func TestNoticeForScreenReaders(t *testing.T) {
	t.Parallel()
	s := newSite(t, withNotice)
	w := s.faked(browser(t, s)(), "")
	expect := func(want ...axNode) {
		t.Helper()
		got := get(w, axTree)
		for _, node := range want {
			if !slices.Contains(got, node) {
				t.Errorf("no %+v among %+v", node, got)
			}
		}
	}
	w.script(`say({type: "session.expiring", at: "", in_ms: 40_000})`)
	w.says("Are you still there?")
	expect(axNode{"region", "Are you still there?", ""}, axNode{role: "timer"}, axNode{"button", "Stay signed in", ""},
		axNode{"heading", "My app", ""})
	w.script(`say(%s)`, ending("superseded", byOther))
	text := "Your account signed in somewhere else, which ended the session here."
	w.says("You were signed out here")
	expect(axNode{"alertdialog", "You were signed out here", text}, axNode{"heading", "You were signed out here", ""},
		axNode{role: "DescriptionList"}, axNode{"button", "It was me", ""}, axNode{"button", "It was not me", ""})
	if slices.Contains(get(w, axTree), axNode{"heading", "My app", ""}) {
		t.Error("the app behind the dialog is there too")
	}
	w.choose("It was not me")
	w.says("Sign the other device out")
	w.until(`$("#password") === notice.shadowRoot.activeElement`)
	nodes := get(w, axTree)
	if !slices.ContainsFunc(nodes, func(n axNode) bool {
		return n.role == "textbox" && n.name == "Password" && strings.Contains(n.description, "your password is needed")
	}) {
		t.Errorf("no password field that says why among %+v", nodes)
	}
}
