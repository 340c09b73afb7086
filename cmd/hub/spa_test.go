package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// spaFolder is where the example is: a page, a backend and an nginx.
const spaFolder = "../../examples/spa"

// TestExampleIsShort counts the lines of the example, which is to be read at once.
func TestExampleIsShort(t *testing.T) {
	t.Parallel()
	lines := 0
	err := filepath.WalkDir(spaFolder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "README.md" {
			return err
		}
		text, err := os.ReadFile(path)
		lines += strings.Count(string(text), "\n")
		return err
	})
	if err != nil || lines < 50 || lines >= 200 {
		t.Errorf("the example has %d lines, want less than 200 (%v)", lines, err)
	}
}

// startExample runs the example as its README says, on addresses that are free, and returns its URL.
func startExample(t *testing.T) string {
	t.Helper()
	folder, address, backend := t.TempDir(), redistest.FreeAddr(t), redistest.FreeAddr(t)
	hub := startHub(t, "serve", "--listen=127.0.0.1:0", "--htpasswd="+usersFile(t, "correct horse"),
		"--trusted-proxy=127.0.0.1")

	_, port, _ := strings.Cut(backend, ":")
	node := &process{Cmd: exec.Command("node", spaFolder+"/backend.mjs")}
	node.Env = append(os.Environ(), "PORT="+port)
	node.start(t)

	site, err := filepath.Abs(spaFolder)
	if err != nil {
		t.Fatal(err)
	}
	file := shipped(t, "examples/spa/nginx.conf", folder, "127.0.0.1:8080", hub.address(t), "127.0.0.1:3000", backend,
		"127.0.0.1:8000", address, "/tmp/spa-", folder+"/spa-")
	// Its workers would be another user, who need not see a test's folders.
	globals := "daemon off; master_process off;"
	nginx := &process{Cmd: exec.Command(installed("nginx"), "-p", site, "-e", "stderr", "-c", file, "-g", globals)}
	nginx.start(t)
	front := "http://" + address
	awaitStatus(t, front+"/api/notes", http.StatusUnauthorized)
	return front
}

// visitor is a browser of somebody who uses the example.
type visitor struct {
	*testing.T
	ctx   context.Context
	front string

	mu         sync.Mutex
	complaints []string // of the browser; guarded by mu
}

// visitors starts Chromium and returns so many browsers in it, with cookies and storage of their own.
func visitors(t *testing.T, front string, n int) []*visitor {
	t.Helper()
	// It is long: a browser on a busy machine takes its time, and only a fault uses it up.
	limited, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(stop)
	allocator, stop := chromedp.NewExecAllocator(limited, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 720))...)
	t.Cleanup(stop)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("start chromium (install the package chromium): %v", err)
	}
	var all []*visitor
	for range n {
		own, stop := chromedp.NewContext(ctx, chromedp.WithNewBrowserContext())
		t.Cleanup(stop)
		v := &visitor{T: t, ctx: own, front: front}
		if err := chromedp.Listen(own, v.heed); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	t.Cleanup(func() {
		for _, v := range all {
			v.mu.Lock()
			defer v.mu.Unlock()
			if len(v.complaints) > 0 {
				t.Errorf("the browser complains: %q", v.complaints)
			}
		}
	})
	return all
}

// heed notes what a browser complains of, other than answers that are refusals, as they are to be.
func (v *visitor) heed(event any) {
	complaint := ""
	switch event := event.(type) {
	case *log.EventEntryAdded:
		if event.Entry.Source != log.EntrySourceNetwork {
			complaint = event.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		complaint = event.ExceptionDetails.Text
		if thrown := event.ExceptionDetails.Exception; thrown != nil {
			complaint += " " + thrown.Description
		}
	}
	if complaint != "" {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.complaints = append(v.complaints, complaint)
	}
}

func (v *visitor) do(steps ...chromedp.Action[chromedp.Void]) {
	v.Helper()
	if err := chromedp.Do(v.ctx, steps...); err != nil {
		v.Fatal(err)
	}
}

// signIn fills in the hub's page, and waits until it has led back to the app.
func (v *visitor) signIn() {
	v.Helper()
	v.sees(`location.pathname === "/sign-in" && $("username").checkVisibility()`)
	v.do(chromedp.SendKeys("#username", "alice"), chromedp.SendKeys("#password", "correct horse\r"))
	v.sees(`location.pathname === "/" && $("state").textContent === "Signed in" && $("user").textContent === "alice"`)
}

// sees waits for a condition in the page, in which $ finds an element by its ID, and notice is what <session-notice>
// shows. It asks anew each time: a page may be left while it is asked.
func (v *visitor) sees(condition string) {
	v.Helper()
	script := fmt.Sprintf(`(() => { const $ = (id) => document.getElementById(id);
		const notice = $("notice")?.shadowRoot?.querySelector("dialog[open]"); return Boolean(%s); })()`, condition)
	for {
		ctx, stop := context.WithTimeout(v.ctx, outcome)
		seen, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		stop()
		if seen {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-v.ctx.Done():
			v.Fatalf("not seen: %s (%v)", condition, err)
		}
	}
}

// chooses presses a button of the notice.
func (v *visitor) chooses(label string) {
	v.Helper()
	v.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`[...document.getElementById("notice").shadowRoot
		.querySelectorAll("button")].find((button) => button.textContent === %q).click()`, label)))
}

// asks has the page ask the app's API, and returns the status of the answer.
func (v *visitor) asks() int {
	v.Helper()
	status, err := chromedp.Run(v.ctx, chromedp.Evaluate[int](`fetch("/api/notes").then((answer) => answer.status)`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		v.Fatal(err)
	}
	return status
}

// darkly asks for dark colours.
func darkly(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return chromedp.Void{}, err
}

// picture leaves a picture of the page in the folder SCREENSHOTS, if that is set.
func (v *visitor) picture(name string) {
	v.Helper()
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(v.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644)
	}
	if err != nil {
		v.Error(err)
	}
}

// TestExample uses the example as its README says: two browsers sign in as one user, who may be at one, and in the end
// one says that the other was not them.
func TestExample(t *testing.T) {
	t.Parallel()
	front := startExample(t)
	both := visitors(t, front, 2)
	first, second := both[0], both[1]

	first.do(chromedp.Navigate(front))
	first.signIn()
	first.do(chromedp.SendKeys("#text", "buy milk\r"))
	first.sees(`$("notes").textContent === "buy milk" && $("text").value === ""`)
	first.picture("spa-live")
	if status := first.asks(); status != http.StatusOK {
		t.Errorf("the API answers %d to who is signed in", status)
	}

	second.do(chromedp.EmulateViewport(360, 640), chromedp.Navigate(front))
	second.picture("spa-signin-narrow")
	second.signIn()
	second.sees(`$("notes").textContent === "buy milk" && document.documentElement.scrollWidth <= 360`)
	second.picture("spa-narrow")
	second.do(darkly)
	second.picture("spa-narrow-dark")
	first.sees(`$("state").textContent === "Signed out" && /Chrome \d+ on Linux/.test(notice?.textContent)`)
	first.picture("spa-told")
	if status := first.asks(); status != http.StatusUnauthorized {
		t.Errorf("the API answers %d to who is signed out", status)
	}

	first.chooses("Sign in again")
	first.sees(`location.pathname === "/sign-in" && $("login").checkVisibility()`)
	first.signIn()
	first.sees(`$("notes").textContent === "buy milk"`)
	second.sees(`$("state").textContent === "Signed out" && notice !== null`)

	second.chooses("It was not me")
	second.sees(`notice.querySelector("[type=password]")`)
	second.do(chromedp.Evaluate[chromedp.Void](`(() => { const field = document.getElementById("notice").shadowRoot
		.querySelector("[type=password]"); field.value = "correct horse"; field.form.requestSubmit(); })()`))
	second.sees(`notice.textContent.includes("It has been signed out")`)
	second.picture("spa-reported-narrow-dark")
	first.sees(`$("state").textContent === "Signed out" && notice.textContent.includes("ended the session here")`)
	if status := first.asks(); status != http.StatusUnauthorized {
		t.Errorf("the API answers %d to who was reported", status)
	}

	// Nobody gets past the gate by a header, and the operator's API is not for browsers.
	for path, want := range map[string]int{"/api/notes": http.StatusUnauthorized, "/v1/admin/stats": http.StatusNotFound,
		"/metrics": http.StatusNotFound, "/backend.mjs": http.StatusNotFound} {
		req := newRequest(t, http.MethodGet, front+path, "")
		req.Header.Set("X-Session-User", "alice")
		if resp, _ := send(t, http.DefaultClient, req); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}
