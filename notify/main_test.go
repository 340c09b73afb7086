package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSecret and otherSecret are what the requests under test are signed with.
var (
	testSecret  = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of the tests, 32 bytes!"))
	otherSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("the one after, of the same size."))
)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ended returns the event of a session that a newer login has ended.
func ended(user string, at time.Time) session.Event {
	by := session.Session{ID: uuid.New(), Device: session.Device{ID: "b", Name: "Chrome on Windows", Kind: session.Web},
		IP: "198.51.100.9", UserAgent: "Chrome"}
	s := session.Session{
		ID: uuid.New(), Device: session.Device{ID: "a", Name: "Firefox on Linux", Kind: session.Web}, IP: "192.0.2.7",
		UserAgent: "Firefox", CreatedAt: at.Add(-time.Hour), LastActiveAt: at.Add(-time.Minute), IdleTimeout: time.Hour,
		Ended: &session.Ending{Reason: session.Superseded, At: at, By: by.Actor()},
	}
	return session.Event{ID: "7", Type: session.SessionEnded, At: at, User: user, Session: &s}
}

// outside is the world outside: what answers requests and takes messages, without a network.
type outside struct {
	mu       sync.Mutex
	requests []request // guarded by mu
	messages []message // guarded by mu
	// answer answers a request; nil answers 204.
	answer func(ctx context.Context, host string, n int) (*http.Response, error)
	// take takes a message; nil takes all.
	take func(n int) error
	// slowly has the store looked at less often: for tests in which days go by.
	slowly bool
}

type request struct {
	at   time.Time
	host string
	id   string
}

func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	o.requests = append(o.requests, request{time.Now(), r.URL.Host, r.Header.Get("webhook-id")})
	n := 0
	for _, earlier := range o.requests {
		if earlier.host == r.URL.Host {
			n++
		}
	}
	o.mu.Unlock()
	if o.answer == nil {
		return response(http.StatusNoContent), nil
	}
	return o.answer(r.Context(), r.URL.Host, n)
}

func (o *outside) send(_ context.Context, m message) error {
	o.mu.Lock()
	o.messages = append(o.messages, m)
	n := len(o.messages)
	o.mu.Unlock()
	if o.take == nil {
		return nil
	}
	return o.take(n)
}

// to returns the requests to a host so far.
func (o *outside) to(host string) (list []request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.requests {
		if r.host == host {
			list = append(list, r)
		}
	}
	return list
}

func (o *outside) told() []message {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]message(nil), o.messages...)
}

// response returns an answer with the given headers, name and value in turn.
func response(status int, headers ...string) *http.Response {
	r := &http.Response{StatusCode: status, Header: make(http.Header), Body: http.NoBody}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// bench is a notifier at work on a store of its own, with the world outside in place of the real one.
type bench struct {
	*testing.T
	*outside
	store *sqlitestore.Store
	n     *Notifier
	log   *strings.Builder // to be read after stop
	stop  func()
}

// start runs a notifier on a new store, inside a bubble of synctest. It returns when its log is being gathered.
func (o *outside) start(t *testing.T, options Options) *bench {
	t.Helper()
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "hub.db"), func(string, []byte) {}, sqlitestore.Options{})
	must(t, err)
	b := &bench{T: t, outside: o, store: store, log: new(strings.Builder)}
	b.run(options)
	t.Cleanup(func() {
		b.stop()
		must(t, store.Close())
	})
	time.Sleep(b.n.pulse + pulse/2)
	return b
}

// run runs a notifier on the bench's store.
func (b *bench) run(options Options) {
	b.Helper()
	options.Secrets = []string{testSecret}
	options.Logger = slog.New(slog.NewTextHandler(b.log, nil))
	n, err := New(options)
	must(b, err)
	n.client.Transport = b.outside
	for _, lane := range n.channels {
		lane.channel = b.outside
	}
	if b.slowly {
		n.pulse = time.Minute
	}
	b.n = n
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.Run(ctx, b.store)
	}()
	b.stop = func() { cancel(); <-done }
}

// end writes the events of sessions that have ended.
func (b *bench) end(users ...string) {
	b.Helper()
	events := make([]session.Event, len(users))
	for i, user := range users {
		events[i] = ended(user, time.Now())
	}
	must(b, b.store.Record(b.Context(), session.KeyOf(users[0]), events...))
}

// users returns n users.
func users(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("user %d", i)
	}
	return list
}

// waiting returns how many deliveries wait for an endpoint.
func (b *bench) waiting(endpoint string) int {
	b.Helper()
	queues, err := b.store.Queues(b.Context(), endpoint)
	must(b, err)
	return queues[0].Waiting
}
