package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
	"github.com/sessionhub/sessionhub/web"
)

// How many events and sessions of a user the dashboard is to stay quick with.
const (
	crowdEvents   = 10_000
	crowdSessions = 1_000
)

// fill writes so many events into a store, and among them those of the sessions of one user, whose name is crowd. It
// takes the short way: one commit, and not one for each login.
func fill(tb testing.TB, store session.Store) {
	tb.Helper()
	key, now := session.KeyOf("crowd"), time.Now()
	account, created := session.Account{}, make([]session.Event, crowdSessions)
	for i := range crowdSessions {
		_, credential := auth.Mint("crowd")
		var out session.Outcome
		account, out = account.Admit(session.Request{User: "crowd", Credential: credential,
			Device: session.Device{ID: fmt.Sprint(i), Name: fmt.Sprintf("Device %d", i), Kind: session.Web},
			IP:     fmt.Sprintf("192.0.2.%d", i%250), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		}, session.Rule{Limit: -1, Policy: session.Evict, IdleTimeout: time.Hour}, now)
		created[i] = session.Event{Type: session.SessionCreated, At: now, User: "crowd", Session: &out.Session}
	}
	if _, err := store.Commit(tb.Context(), key, session.Change{ID: session.Version{1}, Account: account, Events: created}); err != nil {
		tb.Fatal(err)
	}
	failed := make([]session.Event, crowdEvents-crowdSessions)
	for i := range failed {
		failed[i] = session.Event{Type: session.LoginFailed, At: now, User: fmt.Sprintf("user-%d", i%500),
			By: &session.Actor{IP: "198.51.100.7", UserAgent: "curl/8"}}
	}
	for part := range slices.Chunk(failed, 1000) {
		if err := store.Record(tb.Context(), key, part...); err != nil {
			tb.Fatal(err)
		}
	}
}

// maxNodes is the most elements that the dashboard may have, whatever it shows.
const maxNodes = 2500

func TestDashboardStaysQuick(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	fill(t, s.faults.Store)
	b := dashboard(t, s)
	bounded := func(when string) {
		t.Helper()
		if nodes := eval[int](b, `all("*").length`); nodes > maxNodes {
			t.Errorf("%s: %d elements, want %d at most", when, nodes, maxNodes)
		}
	}
	older := `all("#event-list > button").find((e) => e.textContent === "Load older events")`
	b.until(fmt.Sprintf(`text(".feed-state") === "Live · 1,000 events" && !%s.hidden`, older))
	b.script(`[...document.querySelectorAll("#event-list > button")].at(-1).click()`)
	b.until(fmt.Sprintf(`text(".feed-state").startsWith("Live · 10,000 events") && %s.hidden`, older))
	b.until(`query("#event-list .rows").getAttribute("aria-rowcount") === "10001"`)
	bounded("with all events")

	// From one end to the other, by keyboard: there are rows wherever one looks, and few elsewhere.
	b.do(chromedp.Focus("#event-list .rows"))
	b.press("End")
	b.until(`query("#event-list [data-active]")?.getAttribute("aria-rowindex") === "10001"`)
	b.press("Enter")
	b.says("#event-list .details h3", "Signed in")
	b.script(`document.querySelector("#event-list .rows").scrollTop = 200000`)
	b.until(`all("#event-list .rows-body .row").some((r) => r.getAttribute("aria-rowindex") === String(2 + Math.ceil(200000 / 44)))`)
	bounded("in the middle")
	if rows := eval[int](b, `all("#event-list .rows-body .row").length`); rows > 60 {
		t.Errorf("%d rows are in the page", rows)
	}

	// What comes while somebody reads further down moves nothing, and what is kept stays bounded.
	s.open("alice")
	b.until(`text(".news") === "1 new" && query("#event-list .rows").scrollTop === 200000`)
	b.do(chromedp.Click(".news"))
	b.until(`query("#event-list .rows").scrollTop === 0 && text("#event-list .rows-body .user") === "alice"`)
	b.says(".feed-state", "Live · 10,000 events")

	// The hub looks back only so far for those of one type, and further if it is asked to.
	b.fill("#events-type", "session.created")
	b.until(fmt.Sprintf(`text(".feed-state") === "Live · 1 event" && !%s.hidden`, older))
	b.script(`[...document.querySelectorAll("#event-list > button")].at(-1).click()`)
	b.says(".feed-state", "Live · 1,001 events")

	b.find("crowd")
	b.until(`text("#user-count") === "1,000"`)
	b.do(chromedp.Click("#user-events > div > button"))
	b.until(`all("#user-events [role=grid]")[0].getAttribute("aria-rowcount") === "1001"`)
	bounded("with all sessions")
	b.fill("#sessions-filter", "device 777")
	b.until(`text("#user-count") === "1 of 1,000" && all("#user-sessions .rows-body .row").length === 1`)
	b.do(chromedp.Click("#user-sessions .rows-body button"))
	b.says(".ending", "Device 777")
	b.do(chromedp.Click(".ending [type=submit]"))
	b.says("#end-result", "Ended 1 session. 1 not connected")
	b.until(`text("#user-count") === "0 of 999"`)
	b.fill("#sessions-filter", "")
	b.do(chromedp.Click("#end-all"))
	b.says(".ending", "Ends all 999 live sessions")
	b.do(chromedp.Click(".ending [type=submit]"))
	// A busy machine takes longer for so many than a store may. Then nothing has changed, and a person presses again.
	b.until(`text("#end-result") !== "" && !query(".ending") ||
		query(".ending .problem:not([hidden])") && query(".ending [type=submit]").click()`)
	b.says("#end-result", "Ended 999 sessions. 999 not connected")
	b.says("#end-result li:last-child", "and 979 more")
	b.until(`query("#user-empty").checkVisibility()`)
	bounded("in the end")
}

// crowdedHub serves a hub whose store is filled.
func crowdedHub(b *testing.B) (address string) {
	var mail pubsub.Memory
	store, err := sqlitestore.Open(filepath.Join(b.TempDir(), "hub.db"), mail.Send, sqlitestore.Options{Push: mail.Push})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, store)
	registry, quiet := session.NewRegistry(store), slog.New(slog.NewTextHandler(io.Discard, nil))
	h := hub.New(registry, store, mail.Inbox("here"), hub.Options{Instance: "here", Logger: quiet})
	keys, err := auth.NewAPIKeys(apiKey)
	if err != nil {
		b.Fatal(err)
	}
	handler, err := web.New(web.Options{Registry: registry, Hub: h, APIKeys: keys, Logger: quiet,
		Rule: session.Rule{Limit: 1, Policy: session.Evict}})
	if err != nil {
		b.Fatal(err)
	}
	server, ended := httptest.NewServer(handler), make(chan struct{})
	ctx, stop := context.WithCancel(b.Context())
	go func() { defer close(ended); _ = h.Run(ctx) }()
	b.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		stop()
		<-ended
		_ = store.Close()
	})
	return server.URL
}

// boardTimes are measured in the page, in ms: how long after it was asked for it could be used, how long it then took
// to show all events, and, while the events and the sessions were scrolled through from end to end, the longest frame,
// the 99th of a hundred, and how many tasks took longer than 50 ms.
type boardTimes struct{ Usable, Older, Frame99, FrameMax, LongTasks, Nodes float64 }

// boardScript measures; the dashboard is signed in to.
const boardScript = `(async () => {
	const query = (s) => document.querySelector(s), text = (s) => query(s)?.textContent ?? "";
	const frame = () => new Promise(requestAnimationFrame);
	const until = async (ok) => { while (!ok()) await frame(); };
	let longTasks = 0;
	new PerformanceObserver((list) => (longTasks += list.getEntries().length)).observe({ type: "longtask" });
	await until(() => document.querySelectorAll("#event-list .row").length > 5 && text("#user-count") === "1,000"
		&& query(".health") && document.querySelectorAll("#user-sessions .row").length > 5);
	const usable = performance.now();
	[...document.querySelectorAll("#event-list > button")].at(-1).click();
	await until(() => text(".feed-state").includes("10,000"));
	const older = performance.now() - usable;
	longTasks = 0;
	const frames = [];
	for (const list of [query("#event-list .rows"), query("#user-sessions .rows")]) {
		list.scrollIntoView();
		const step = Math.max(200, (list.scrollHeight - list.clientHeight) / 150);
		for (let before = await frame(), at = 0; at < list.scrollHeight; at += step) {
			list.scrollTop = at;
			const now = await frame();
			frames.push(now - before);
			before = now;
		}
	}
	frames.sort((a, b) => a - b);
	return { usable, older, frame99: frames[Math.floor(frames.length * 0.99)], frameMax: frames.at(-1), longTasks,
		nodes: document.querySelectorAll("*").length };
})()`

// BenchmarkDashboard opens the dashboard with 10,000 events, at a user with 1,000 sessions, and scrolls through both.
func BenchmarkDashboard(b *testing.B) {
	address := crowdedHub(b)
	allocator, stop := chromedp.NewExecAllocator(b.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900))...)
	defer stop()
	ctx, stop := chromedp.NewContext(allocator)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.Navigate(address+"/admin"), chromedp.WaitVisible("#key"),
		chromedp.SendKeys("#key", apiKey+"\r"), chromedp.WaitVisible("#event-list .row")); err != nil {
		b.Fatal(err)
	}
	var all []boardTimes
	for b.Loop() {
		if err := chromedp.Do(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(address+"/admin#user=crowd")); err != nil {
			b.Fatal(err)
		}
		within, stop := context.WithTimeout(ctx, time.Minute)
		times, err := chromedp.Run(within, chromedp.Evaluate[boardTimes](boardScript, chromedp.EvalAwaitPromise))
		stop()
		if err != nil {
			text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.Fatalf("%v: %s", err, text)
		}
		all = append(all, times)
	}
	report := func(name string, of func(boardTimes) float64) {
		slices.SortFunc(all, func(x, y boardTimes) int { return int(of(x) - of(y)) })
		b.ReportMetric(of(all[len(all)/2]), name)
	}
	report("ms-usable", func(t boardTimes) float64 { return t.Usable })
	report("ms-older", func(t boardTimes) float64 { return t.Older })
	report("ms-frame-p99", func(t boardTimes) float64 { return t.Frame99 })
	report("ms-frame-max", func(t boardTimes) float64 { return t.FrameMax })
	report("long-tasks", func(t boardTimes) float64 { return t.LongTasks })
	report("elements", func(t boardTimes) float64 { return t.Nodes })
}

func TestDashboardSaysWhoLeaves(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := dashboard(t, s)
	s.hub.Drain(t.Context(), 0)
	b.says("#banner", "This hub is shutting down (here)")
	b.until(`text(".health") === "Leaving"`)
	// What happens meanwhile is shown, though there are no streams any more.
	s.open("alice")
	b.until(`text("#event-list .rows-body .user") === "alice"`)
}
