package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
	"github.com/sessionhub/sessionhub/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withChromium{m}) }

// withChromium runs the tests, and ends the browser that they have shared.
type withChromium struct{ *testing.M }

// Run implements goleak.TestingM.
func (m withChromium) Run() int {
	defer stopChromium()
	return m.M.Run()
}

const apiKey = "an-api-key-of-the-tests"

// patience is how long a test waits for what must come. It is long: only a fault uses it up.
const patience = time.Minute

// await asks until something is so.
func await(tb testing.TB, what string, so func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !so(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not so in %s: %s", patience, what)
		}
	}
}

// accounts are users and their passwords.
type accounts map[string]string

func (a accounts) Verify(_ context.Context, user, password string) error {
	switch {
	case user == "busy":
		return auth.ErrBusy
	case user == "panic":
		panic("as asked")
	case a[user] == "" || a[user] != password:
		return auth.ErrCredentials
	}
	return nil
}

// site is a hub with everything that belongs to it, behind an HTTP server.
type site struct {
	*testing.T
	server   *httptest.Server
	registry *session.Registry
	hub      *hub.Hub
	faults   *faults
	logs     *bytes.Buffer
}

// faults is a store that can be taken away, and counts what clients cost.
type faults struct {
	session.Store
	away  chan struct{} // closed: the store does not answer
	gone  atomic.Bool   // the same, for as long as it is set
	calls atomic.Int64  // round trips for clients
	ahead atomic.Int64  // how far the clock that it shows runs ahead
}

func (f *faults) err() error {
	f.calls.Add(1)
	if f.gone.Load() {
		return session.ErrUnavailable
	}
	select {
	case <-f.away:
		return session.ErrUnavailable
	default:
		return nil
	}
}

// shown is a snapshot with the time that it is to be.
func (f *faults) shown(snap session.Snapshot, err error) (session.Snapshot, error) {
	snap.Now = snap.Now.Add(time.Duration(f.ahead.Load()))
	return snap, err
}

func (f *faults) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	if err := f.err(); err != nil {
		return session.Snapshot{}, err
	}
	return f.shown(f.Store.Load(ctx, key))
}

func (f *faults) Commit(ctx context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	if err := f.err(); err != nil {
		return session.Snapshot{}, err
	}
	return f.Store.Commit(ctx, key, change)
}

func (f *faults) Attach(ctx context.Context, key session.Key, route session.Route) (session.Snapshot, error) {
	if err := f.err(); err != nil {
		return session.Snapshot{}, err
	}
	return f.shown(f.Store.Attach(ctx, key, route))
}

func (f *faults) Push(ctx context.Context, key session.Key, push session.Push) (session.Snapshot, error) {
	if err := f.err(); err != nil {
		return session.Snapshot{}, err
	}
	return f.Store.Push(ctx, key, push)
}

func (f *faults) Record(ctx context.Context, key session.Key, events ...session.Event) error {
	if err := f.err(); err != nil {
		return err
	}
	return f.Store.Record(ctx, key, events...)
}

func (f *faults) Post(ctx context.Context, entries []session.Entry, names ...session.Digest) ([][]session.Fact, error) {
	if err := f.err(); err != nil {
		return nil, err
	}
	return f.Store.Post(ctx, entries, names...)
}

// newSite starts a hub whose HTTP side the tests may change.
func newSite(t *testing.T, change ...func(*web.Options)) *site {
	t.Helper()
	return newSiteOn(t, hub.Options{}, change...)
}

// newSiteOn is newSite with options of the hub itself.
func newSiteOn(t *testing.T, o hub.Options, change ...func(*web.Options)) *site {
	t.Helper()
	var mail pubsub.Memory
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "hub.db"), mail.Send, sqlitestore.Options{Push: mail.Push})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, faults: &faults{Store: store, away: make(chan struct{})}, logs: new(bytes.Buffer)}
	s.registry = session.NewRegistry(s.faults)
	o.Instance, o.Version, o.Logger = "here", "test", slog.New(slog.DiscardHandler)
	s.hub = hub.New(s.registry, s.faults, mail.Inbox("here"), o)
	keys, err := auth.NewAPIKeys(apiKey)
	if err != nil {
		t.Fatal(err)
	}
	options := web.Options{
		Registry:  s.registry,
		Hub:       s.hub,
		Rule:      session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: 30 * time.Minute},
		Passwords: accounts{"alice": "demo", "bob": "demo"},
		APIKeys:   keys,
		Logger:    slog.New(slog.NewTextHandler(s.logs, nil)),
	}
	for _, c := range change {
		c(&options)
	}
	handler, err := web.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(abiding(t, handler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.hub.Run(ctx) }()
	t.Cleanup(func() {
		s.server.Close()
		stop()
		<-ended
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reply is an answer, read.
type reply struct {
	*testing.T
	status int
	header http.Header
	text   string
}

// do sends a request. The headers are names and values in turn; a body is sent as JSON unless they say otherwise.
func (s *site) do(method, path, body string, headers ...string) *reply {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	return s.send(r)
}

func (s *site) send(r *http.Request) *reply {
	s.Helper()
	client := *s.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return &reply{T: s.T, status: answer.StatusCode, header: answer.Header, text: string(text)}
}

// admin sends a request with the API key.
func (s *site) admin(method, path, body string) *reply {
	s.Helper()
	return s.do(method, path, body, "Authorization", "Bearer "+apiKey)
}

// open opens a session by the admin API and returns its token and ID.
func (s *site) open(user string) (token, id string) {
	s.Helper()
	r := s.admin("POST", "/v1/admin/sessions", encode(map[string]any{"user": user})).want(http.StatusCreated)
	return r.at("token").(string), r.at("session", "id").(string)
}

// want checks the status, and that whatever is not a success is a problem.
func (r *reply) want(status int) *reply {
	r.Helper()
	if r.status != status {
		r.Fatalf("status %d, want %d: %s", r.status, status, r.text)
	}
	if status >= 300 && status != http.StatusNotModified {
		if got := r.header.Get("Content-Type"); got != "application/problem+json" {
			r.Errorf("Content-Type %q of a problem", got)
		}
		if got := r.at("status"); got != float64(status) {
			r.Errorf("status in the body: %v, want %d", got, status)
		}
		if r.at("type") == "" || r.at("title") == "" {
			r.Errorf("problem without a type or a title: %s", r.text)
		}
	}
	return r
}

// at returns what stands in the body under the given names and indices, one in the other; nil is nothing.
func (r *reply) at(path ...any) any {
	r.Helper()
	var v any
	if err := json.Unmarshal([]byte(r.text), &v); err != nil {
		r.Fatalf("not JSON: %q", r.text)
	}
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := v.(map[string]any)
			v = object[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

// has checks what stands under the given names.
func (r *reply) has(want any, path ...any) *reply {
	r.Helper()
	if got := r.at(path...); got != want {
		r.Errorf("%v is %v, want %v, in %s", path, got, want, r.text)
	}
	return r
}

// length checks how long the list under the given names is.
func (r *reply) length(want int, path ...any) *reply {
	r.Helper()
	if list, ok := r.at(path...).([]any); !ok || len(list) != want {
		r.Errorf("%v has %d elements, want %d, in %s", path, len(list), want, r.text)
	}
	return r
}

func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
