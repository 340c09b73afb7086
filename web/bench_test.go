package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// memory is a store that only loads and commits, as fast as can be: what is left is the cost of everything else.
type memory struct {
	session.Store // nil: what is not here is not called

	mu       sync.Mutex
	accounts map[session.Key]session.Snapshot // guarded by mu
}

func newMemory() *memory { return &memory{accounts: make(map[session.Key]session.Snapshot)} }

func (m *memory) Load(_ context.Context, key session.Key) (session.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	snap := m.accounts[key]
	snap.Now = time.Now().UTC().Truncate(time.Millisecond)
	return snap, nil
}

func (m *memory) Recall(session.Key) (session.Snapshot, bool) { return session.Snapshot{}, false }

func (m *memory) Commit(_ context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	snap := m.accounts[key]
	if snap.Version != change.From {
		return snap, session.ErrConflict
	}
	m.accounts[key] = session.Snapshot{Account: change.Account, Version: change.ID}
	return session.Snapshot{}, nil
}

// discard is a ResponseWriter that keeps nothing but the status.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// bare returns the HTTP side of a hub that does not run.
func bare(t testing.TB, store session.Store, passwords auth.Passwords) http.Handler {
	t.Helper()
	return abiding(t, unwatched(t, store, passwords))
}

// unwatched is bare, with answers that nobody looks at.
func unwatched(t testing.TB, store session.Store, passwords auth.Passwords) http.Handler {
	t.Helper()
	registry := session.NewRegistry(store)
	keys, err := auth.NewAPIKeys(apiKey)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := web.New(web.Options{
		Registry: registry, Hub: hub.New(registry, store, new(pubsub.Memory).Inbox("bare"), hub.Options{}),
		APIKeys: keys, Passwords: passwords,
		Rule: session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// run sends the same request again and again.
func run(b *testing.B, handler http.Handler, method, path, body, bearer string, want int) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+bearer)
	r.Header.Set("Content-Type", "application/json")
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: make(http.Header)}
		again := *r
		again.Body = io.NopCloser(strings.NewReader(body))
		handler.ServeHTTP(w, &again)
		if w.status != want {
			b.Fatalf("status %d", w.status)
		}
	}
}

const benchLogin = `{"user":"alice","device":{"id":"d1","name":"Bench","kind":"other"},"ip":"192.0.2.1"}`

// BenchmarkAdminLogin is a login through the admin API that takes the place of the one before it.
func BenchmarkAdminLogin(b *testing.B) {
	run(b, unwatched(b, newMemory(), nil), "POST", "/v1/admin/sessions", benchLogin, apiKey, http.StatusCreated)
}

// BenchmarkRegistryLogin is the part of that which is not HTTP's.
func BenchmarkRegistryLogin(b *testing.B) {
	registry := session.NewRegistry(newMemory())
	rule := session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour}
	b.ReportAllocs()
	for b.Loop() {
		_, cred := auth.Mint("alice")
		_, err := registry.Login(b.Context(), session.Request{
			User: "alice", Credential: cred, Device: session.Device{ID: "d1", Name: "Bench", Kind: session.Other},
		}, rule)
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSession is a check of a session.
func BenchmarkSession(b *testing.B) { runSession(b, "/v1/session") }

// BenchmarkVerify is what a reverse proxy asks of each request.
func BenchmarkVerify(b *testing.B) { runSession(b, "/v1/verify?active=1") }

// runSession asks again and again with the token of a session.
func runSession(b *testing.B, path string) {
	handler := unwatched(b, newMemory(), nil)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/v1/admin/sessions", strings.NewReader(benchLogin))
	r.Header.Set("Authorization", "Bearer "+apiKey)
	r.Header.Set("Content-Type", "application/json")
	handler.ServeHTTP(w, r)
	token := (&reply{T: new(testing.T), text: w.Body.String()}).at("token").(string)
	run(b, handler, "GET", path, "", token, http.StatusOK)
}
