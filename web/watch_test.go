package web_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// window is a page in a browser. What its browser complains of fails the test when it ends.
type window struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string // guarded by mu
}

// newWindow returns the window of a context, which is watched from now on.
func newWindow(t *testing.T, ctx context.Context) *window {
	t.Helper()
	w := &window{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, w.heed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if complaints := w.collect(); len(complaints) > 0 {
			t.Errorf("the browser complains: %q", complaints)
		}
	})
	return w
}

// collect returns what the browser has complained of since it was last asked, so that the end of the test does not:
// scripts that were not caught or not allowed, what a page logged, dialogs. Its own log of answers that are no
// success is no complaint, as the hub has them on purpose.
func (w *window) collect() []string {
	// Events and answers come in one order: what happened before this was heeded when it is answered.
	_, _ = chromedp.Run(w.ctx, chromedp.Evaluate[int]("1"))
	w.mu.Lock()
	defer w.mu.Unlock()
	complaints := w.complaints
	w.complaints = nil
	return complaints
}

func (w *window) heed(event any) {
	complaint := ""
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if !ordinary(event.Entry) {
			complaint = fmt.Sprintf("%s %s: %s", event.Entry.Source, event.Entry.URL, event.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		for _, arg := range event.Args {
			complaint += fmt.Sprintf("%s: %s%s ", event.Type, arg.Value, arg.Description)
		}
	case *runtime.EventExceptionThrown:
		complaint = event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			complaint += " " + thrown.Description
		}
	case *page.EventJavascriptDialogOpening:
		complaint = "a dialog: " + event.Message
		// It holds up the page until it is answered.
		go chromedp.Call(w.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	}
	if complaint != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.complaints = append(w.complaints, complaint)
	}
}

// ordinary reports whether an entry only says that the hub has answered no, or does not answer: of its API, or of an
// icon that the browser asks for of its own accord.
func ordinary(entry *log.Entry) bool {
	at, err := url.Parse(entry.URL)
	return err == nil && entry.Source == log.EntrySourceNetwork && (strings.HasPrefix(at.Path, "/v1/") ||
		at.Path == "/favicon.ico" || strings.HasPrefix(entry.Text, "WebSocket connection to "))
}
