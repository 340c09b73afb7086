package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// front is a server before a site, which can be cut off, and given another hub.
type front struct {
	*httptest.Server
	hub atomic.Pointer[http.Handler]
}

func newFront(s *site) *front {
	f := new(front)
	f.hub.Store(&s.server.Config.Handler)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := f.hub.Load()
		if next == nil {
			panic(http.ErrAbortHandler)
		}
		(*next).ServeHTTP(w, r)
	}))
	f.Config.ErrorLog = nil
	s.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

// cut ends all connections, and lets no other live.
func (f *front) cut() {
	f.hub.Store(nil)
	f.CloseClientConnections()
}

func TestDashboardSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	f := newFront(s)
	hubURL := s.server.URL
	s.server.URL = f.URL
	b := dashboard(t, s)
	s.server.URL = hubURL
	s.open("alice")
	b.find("alice")
	b.until(`all("#event-list .rows-body .row").length === 1 && text("#user-count") === "1"`)

	// The hub is gone, and comes back: what happened meanwhile is there, once.
	f.cut()
	b.says("#banner", "Disconnected since")
	b.until(`document.body.hasAttribute("data-old") && text("#link-text") === "Disconnected"`)
	s.open("alice")
	s.open("bob")
	f.hub.Store(&s.server.Config.Handler)
	b.until(`query("#banner").hidden && text("#link-text") === "Live" && text("#said") === "Connected again."`)
	b.until(`all("#event-list .rows-body .row").length === 4 && all("#user-events .rows-body .row").length === 3`)

	// While nobody looks it listens to nothing, and catches up afterwards.
	b.script(`Object.defineProperty(document, "hidden", { get: () => window.away, configurable: true });
		window.away = true; document.dispatchEvent(new Event("visibilitychange"))`)
	s.awaitMetric("hub_event_streams 0")
	s.open("alice")
	b.script(`window.away = false; document.dispatchEvent(new Event("visibilitychange"))`)
	b.until(`all("#event-list .rows-body .row").length === 6 && all("#user-events .rows-body .row").length === 5`)

	// So does the store.
	s.faults.gone.Store(true)
	b.script(`document.dispatchEvent(new Event("visibilitychange"))`)
	b.says("#banner", "The session store is away since")
	b.until(`text("#link-text") === "Store away"`)
	s.faults.gone.Store(false)
	b.script(`document.dispatchEvent(new Event("visibilitychange"))`)
	b.until(`query("#banner").hidden`)

	// Its key is taken away.
	keys, err := auth.NewAPIKeys("another-key-of-the-tests")
	if err != nil {
		t.Fatal(err)
	}
	handler, err := web.New(web.Options{Registry: s.registry, Hub: s.hub, APIKeys: keys,
		Rule: session.Rule{Limit: 1, Policy: session.Evict}})
	if err != nil {
		t.Fatal(err)
	}
	f.hub.Store(&handler)
	b.says("#gate-why", "the key is no longer valid")
	if left := eval[string](b, `text(".board main")`); strings.Contains(left, "alice") {
		t.Errorf("the page still shows %s", left)
	}
}
