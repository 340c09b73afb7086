package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
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
	page, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, "serve", "--listen=127.0.0.1:0", "--api-key="+testKey)
	base := "http://" + hub.address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)

	var script, command, token, id string
	var browser context.Context
	answers := 0
	blocks := regexp.MustCompile("(?ms)^```(sh|json|js)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	for _, block := range blocks[1:] { // the first starts the hub
		switch {
		case strings.HasPrefix(block[2], "api() {"):
			script = `curl() { command curl -sS --fail-with-body "$@"; }; ` + block[2]
			continue
		case block[1] == "sh":
			command = block[2]
			continue
		case block[1] == "js":
			browser = runPage(t, base, token, block[2])
			continue
		}
		answers++
		cmd := exec.CommandContext(within(t), "sh", "-euc", script+command)
		cmd.Env = append(os.Environ(), "HUB="+base, "HUB_API_KEY="+testKey, "TOKEN="+token, "SESSION="+id)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", command, err, text)
		}
		var got, want map[string]any
		if err := json.Unmarshal([]byte(block[2]), &want); err != nil {
			t.Fatalf("the page's answer: %v: %s", err, block[2])
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("the hub's answer: %v: %s", err, text)
		}
		where := differ("the answer", got, want)
		if want["active"] == false && len(got) != 1 {
			where = "the answer says more"
		}
		if where != "" {
			t.Errorf("%s\n%s\n got %s\nwant %s", command, where, text, block[2])
		}
		if handed, ok := got["token"].(string); ok {
			token, id = handed, got["session"].(map[string]any)["id"].(string)
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
