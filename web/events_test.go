package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
	"github.com/sessionhub/sessionhub/web"
)

const eventsPath = "/v1/admin/events"

// onBothStores runs a test on each store.
func onBothStores(t *testing.T, test func(t *testing.T, store session.Store)) {
	t.Run("sqlite", func(t *testing.T) {
		store, err := sqlitestore.Open(t.TempDir()+"/hub.db", func(string, []byte) {}, sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, store)
	})
	t.Run("redis", func(t *testing.T) {
		test(t, redisstore.New(redistest.Start(t).Client(t), redisstore.Options{}))
	})
}

// serveEvents serves the HTTP side of a hub, without sockets, on a store that others may use too.
func serveEvents(t *testing.T, store session.Store, change ...func(*web.Options)) *site {
	t.Helper()
	keys, err := auth.NewAPIKeys(apiKey)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, registry: session.NewRegistry(store)}
	s.hub = hub.New(s.registry, store, new(pubsub.Memory).Inbox("here"), hub.Options{Instance: "here"})
	o := web.Options{
		Registry: s.registry, Hub: s.hub, APIKeys: keys, Rule: session.Rule{Limit: 1, Policy: session.Evict},
	}
	for _, c := range change {
		c(&o)
	}
	handler, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(abiding(t, handler))
	t.Cleanup(func() {
		s.server.Client().CloseIdleConnections()
		s.server.Close()
	})
	return s
}

// fail records n events of a user, numbered from first.
func fail(t *testing.T, store session.Store, user string, first, n int) {
	t.Helper()
	events := make([]session.Event, n)
	for i := range events {
		by := &session.Actor{IP: fmt.Sprint(first + i)}
		events[i] = session.Event{Type: session.LoginFailed, User: user, By: by}
	}
	if err := store.Record(t.Context(), session.KeyOf(user), events...); err != nil {
		t.Error(err)
	}
}

func TestEventsTellWhatHappened(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		open := func(device string) *reply {
			return s.admin("POST", "/v1/admin/sessions", encode(map[string]any{
				"user": "alice", "device": map[string]string{"id": device, "name": device, "kind": "tv"}, "ip": "192.0.2.7",
				"user_agent": "test", "attributes": map[string]string{"plan": "basic"},
			})).want(http.StatusCreated)
		}
		first := open("one")
		second := open("two")
		if err := s.registry.LoginFailed(t.Context(), "alice", session.Actor{IP: "192.0.2.9"}); err != nil {
			t.Fatal(err)
		}
		r := s.admin("GET", eventsPath, "").want(http.StatusOK).length(4, "events").has(false, "more").has(false, "trimmed")
		for i, want := range []string{"session.created", "session.ended", "session.created", "login.failed"} {
			r.has(want, "events", i, "type").has("alice", "events", i, "user")
		}
		created, failed := r.at("events", 0), r.at("events", 3)
		shown := first.at("session").(map[string]any)
		delete(shown, "current")
		delete(shown, "connected")
		shown["attributes"] = map[string]any{"plan": "basic"}
		if got := created.(map[string]any)["session"]; encode(got) != encode(shown) {
			t.Errorf("created: %s\nwant %s", encode(got), encode(shown))
		}
		r.has(nil, "events", 0, "reason").has(nil, "events", 0, "by").has(shown["created_at"], "events", 0, "at")
		r.has("superseded", "events", 1, "reason").has("two", "events", 1, "by", "device", "id")
		r.has(second.at("session", "id"), "events", 1, "by", "session_id").has(shown["id"], "events", 1, "session", "id")
		r.has(nil, "events", 3, "session").has("192.0.2.9", "events", 3, "by", "ip")
		if _, ok := failed.(map[string]any)["session"]; !ok {
			t.Errorf("%s: want a session that is null", encode(failed))
		}
		if strings.Contains(r.text, "digest") || strings.Contains(r.text, first.at("token").(string)[40:]) {
			t.Errorf("a secret is in the events: %s", r.text)
		}
	})
}

func TestEventsInPages(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		s.admin("GET", eventsPath, "").want(http.StatusOK).length(0, "events").has(false, "more")
		for i := range 250 {
			fail(t, store, fmt.Sprint("user ", i%20), i/20, 1)
		}
		for limit, sizes := range map[string][]int{"": {100, 100, 50, 0}, "limit=1000": {250, 0}, "limit=125": {125, 125, 0}} {
			after, seen := "", make(map[any]bool)
			for i, size := range sizes {
				r := s.admin("GET", eventsPath+"?"+limit+after, "").want(http.StatusOK).length(size, "events")
				r.has(i < len(sizes)-2, "more").has(false, "trimmed")
				for i := range size {
					seen[r.at("events", i, "id")] = true
				}
				if after = "&after=" + url.QueryEscape(r.at("next").(string)); i%2 == 0 && size > 0 {
					after = "&after=" + r.at("events", size-1, "id").(string) // does as well
				}
			}
			if len(seen) != 250 {
				t.Errorf("%q: %d events", limit, len(seen))
			}
		}
		all := s.admin("GET", eventsPath+"?user=user+7&type=login.failed", "").length(13, "events").has(false, "more")
		for i := range 13 {
			all.has("user 7", "events", i, "user").has(fmt.Sprint(i), "events", i, "by", "ip")
		}
		s.admin("GET", eventsPath+"?user=user+7&type=session.created", "").want(http.StatusOK).length(0, "events")
		some := s.admin("GET", eventsPath+"?user=user+7&limit=5", "").length(5, "events").has(true, "more")
		rest := s.admin("GET", eventsPath+"?user=user+7&limit=20&after="+some.at("next").(string), "")
		rest.length(8, "events").has("5", "events", 0, "by", "ip").has(false, "more").has(false, "trimmed")
	})
}

// TestEventsOfOneAmongMany looks for few events in a log that has very many of others.
func TestEventsOfOneAmongMany(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		fail(t, store, "alice", 0, 1)
		for i := range 24 {
			fail(t, store, fmt.Sprint("user ", i%5), 0, 500)
		}
		fail(t, store, "alice", 1, 1)
		next, found, requests := "", 0, 0
		for more := true; more; requests++ {
			r := s.admin("GET", eventsPath+"?user=alice&after="+next, "").want(http.StatusOK)
			found += len(r.at("events").([]any))
			next, more = r.at("next").(string), r.at("more").(bool)
		}
		if found != 2 || requests < 2 {
			t.Errorf("%d events after %d requests, want 2 after 2 or more: each looks at 8000 at the most", found, requests)
		}
	})
}

func TestEventsThatAreAskedForWrongly(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		for query, field := range map[string]string{
			"after=x":                            "after",
			"after=-1":                           "after",
			"after=1-2-3":                        "after",
			"after=" + strings.Repeat("1", 513):  "after",
			"after=%ff":                          "after",
			"after=1&after=2":                    "after",
			"limit=0":                            "limit",
			"limit=1001":                         "limit",
			"limit=-1":                           "limit",
			"limit=many":                         "limit",
			"limit=":                             "limit",
			"limit=1e2":                          "limit",
			"type=session.begun":                 "type",
			"type=":                              "type",
			"user=":                              "user",
			"user=" + strings.Repeat("x", 257):   "user",
			"user=%ff":                           "user",
			"reason=unknown":                     "reason",
			"reason=":                            "reason",
			"type=login.failed&reason=idle":      "reason",
			"since=yesterday":                    "since",
			"Limit=1":                            "Limit",
			strings.Repeat("y", 200) + "=1":      strings.Repeat("y", 100),
			"user=alice&limit=5&after=&offset=7": "offset",
		} {
			s.admin("GET", eventsPath+"?"+query, "").want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
			if !strings.Contains(query, "imit") { // of which a stream has none
				s.admin("GET", streamPath+"?"+query, "").want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
			}
		}
		s.admin("GET", streamPath+"?limit=5", "").want(http.StatusUnprocessableEntity).has("limit", "errors", 0, "field")
		s.do("GET", streamPath+"?after=", "", "Authorization", "Bearer "+apiKey, "Last-Event-ID", "x y").
			want(http.StatusUnprocessableEntity).has("Last-Event-ID", "errors", 0, "field")
		for _, path := range []string{eventsPath, streamPath} {
			s.admin("GET", path+"?after=%zz", "").want(http.StatusBadRequest)
			for _, key := range []string{"", "Bearer wrong"} {
				s.do("GET", path, "", "Authorization", key).want(http.StatusUnauthorized)
			}
		}
	})
}

// eventsAway is a store whose event log can be taken away.
type eventsAway struct {
	session.Store
	away bool
}

func (e *eventsAway) Events(ctx context.Context, after string, limit int) (session.Page, error) {
	if e.away {
		return session.Page{}, session.ErrUnavailable
	}
	return e.Store.Events(ctx, after, limit)
}

func (e *eventsAway) Latest(ctx context.Context, before string, limit int) (session.Page, error) {
	if e.away {
		return session.Page{}, session.ErrUnavailable
	}
	return e.Store.Latest(ctx, before, limit)
}

func (e *eventsAway) Tail(ctx context.Context) (string, error) {
	if e.away {
		return "", session.ErrUnavailable
	}
	return e.Store.Tail(ctx)
}

func TestEventsWithoutTheStore(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		away := &eventsAway{Store: store}
		s := serveEvents(t, away)
		next := s.admin("GET", eventsPath, "").want(http.StatusOK).at("next").(string)
		away.away = true
		for _, path := range []string{eventsPath, eventsPath + "?last=5", streamPath, streamPath + "?after=" + next} {
			s.admin("GET", path, "").want(http.StatusServiceUnavailable).retryAfter()
		}
	})
}

// Events is that of a slow store's log, which is empty.
func (s *slow) Events(ctx context.Context, after string, _ int) (session.Page, error) {
	return session.Page{From: after, Next: after}, s.wait(ctx)
}

// Latest is that of the same.
func (s *slow) Latest(ctx context.Context, _ string, _ int) (session.Page, error) {
	return session.Page{From: "0", Next: "0"}, s.wait(ctx)
}

// Tail is that of an empty log.
func (s *slow) Tail(ctx context.Context) (string, error) { return "0", s.wait(ctx) }

// TestEventsAreAnsweredInTime asks a store that does not answer, in time that is not real.
func TestEventsAreAnsweredInTime(t *testing.T) {
	for _, path := range []string{eventsPath, eventsPath + "?user=alice", eventsPath + "?last=5", streamPath, streamPath + "?after=1"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &slow{memory: newMemory(), takes: time.Hour}
				start := time.Now()
				serve(t, bare(t, store, nil), "GET", path, "", "Authorization", "Bearer "+apiKey).
					want(http.StatusServiceUnavailable).retryAfter()
				if took := time.Since(start); took > 1800*time.Millisecond {
					t.Errorf("answered after %s", took)
				}
			})
		})
	}
}
