package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestMessagesPage runs the commands of docs/messages.md in turn, as they stand there, with its script in a browser, and
// holds each answer to what the page says it is.
func TestMessagesPage(t *testing.T) {
	t.Parallel()
	_, base := serve(t)

	var script, command, token, id string
	var browser context.Context
	answers := 0
	for _, b := range blocksOf(readPage(t, "messages.md"))[1:] { // the first starts the hub
		switch {
		case strings.HasPrefix(b.text, "api() {"):
			script = `curl() { command curl -sS --fail-with-body "$@"; }; ` + b.text
		case b.language == "sh":
			command = b.text
		case b.language == "js":
			browser = runPage(t, base, token, b.text)
		case b.language == "json":
			answers++
			got := wantAnswer(t, command, runShell(t, base, script+command, "TOKEN="+token, "SESSION="+id), b.text)
			if got["active"] == false && len(got) != 1 {
				t.Errorf("%s\nthe answer says more: %v", command, got)
			}
			if handed, ok := got["token"].(string); ok {
				token, id = handed, got["session"].(map[string]any)["id"].(string)
			}
		}
	}
	if answers < 5 || browser == nil {
		t.Fatalf("the page has %d answers, and a script: %v", answers, browser != nil)
	}
	shown, err := chromedp.Run(browser, chromedp.Poll[[]string]("shown.length === 2 && shown"))
	if want := []string{`{"unread":3}`, `"Your export is ready."`}; err != nil || !slices.Equal(shown, want) {
		t.Errorf("the browser shows %q, %v; want %q", shown, err, want)
	}
	awaitMetric(t, base, "hub_messages_acked_total", " 2")
}

// runPage runs the script of a page in a browser, and returns once it has refreshed.
func runPage(t *testing.T, base, token, script string) context.Context {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(within(t),
		append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)...)
	t.Cleanup(stop)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	script = "globalThis.shown = []; globalThis.fresh = false;" +
		"const hub = " + strconv.Quote(base) + ", token = " + strconv.Quote(token) + ";" +
		"const show = (data) => shown.push(JSON.stringify(data)), refresh = () => { fresh = true; };" +
		script + "; true"
	if err := chromedp.Do(ctx, chromedp.Navigate(base+"/")); err != nil {
		t.Fatalf("start chromium (install the package chromium): %v", err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script)); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("fresh")); err != nil {
		t.Fatalf("no welcome came: %v", err)
	}
	return ctx
}
