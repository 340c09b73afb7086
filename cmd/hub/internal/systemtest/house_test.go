package systemtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/web"
)

const (
	apiKey = "a-key-for-the-tests"
	// patience is how long anything may take. It is long: only a fault uses it up.
	patience = 2 * time.Minute
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is some hubs on one Redis, and a client of them all.
type house struct {
	hubs   []*instance
	client *http.Client

	mu     sync.Mutex
	open   map[*guest]struct{} // guarded by mu
	closed []*guest            // guarded by mu
	change chan struct{}       // gets a value, if there is room, when a socket has closed
	all    sync.WaitGroup      // of the sockets
}

// instance is one hub.
type instance struct {
	registry *session.Registry
	hub      *hub.Hub
	url      string
}

// newHouse starts so many hubs, whose HTTP side the test may change. They end with it.
func newHouse(t testing.TB, hubs int, change ...func(*web.Options)) *house {
	t.Helper()
	redis := redistest.Start(t)
	h := &house{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
		open:   make(map[*guest]struct{}),
		change: make(chan struct{}, 1),
	}
	for i := range hubs {
		h.hubs = append(h.hubs, newInstance(t, fmt.Sprint("hub-", i), redis, change...))
	}
	t.Cleanup(h.close)
	for _, i := range h.hubs {
		eventually(t, nil, func() error { return i.hub.Ready() })
	}
	return h
}

func newInstance(t testing.TB, id string, redis *redistest.Server, change ...func(*web.Options)) *instance {
	t.Helper()
	client := redis.Client(t)
	store := redisstore.New(client, redisstore.Options{})
	log := slog.New(slog.DiscardHandler)
	i := &instance{registry: session.NewRegistry(store)}
	inbox := pubsub.NewRedis(client, redisstore.InboxPrefix+id, log)
	i.hub = hub.New(i.registry, store, inbox, hub.Options{Instance: id, Logger: log})
	keys, err := auth.NewAPIKeys(apiKey)
	if err != nil {
		t.Fatal(err)
	}
	options := web.Options{
		Registry: i.registry, Hub: i.hub, APIKeys: keys, Logger: log,
		Rule: session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour},
	}
	for _, c := range change {
		c(&options)
	}
	handler, err := web.New(options)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	i.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { i.hub.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		server.Close()
	})
	return i
}

// close closes what the client has open.
func (h *house) close() {
	h.mu.Lock()
	for g := range h.open {
		g.ws.CloseNow()
	}
	h.mu.Unlock()
	h.all.Wait()
	h.client.CloseIdleConnections()
}

// reply is the answer to a call of the API.
type reply struct {
	status  int
	Token   string
	Ticket  string
	Session struct{ ID string }

	Instances int // that a message went to
	// Ended are those that the API itself ended, and WouldEnd those that it would.
	Ended    []goner
	WouldEnd []goner `json:"would_end"`
}

// goner is a session that the admin API ends.
type goner struct{ Session struct{ ID string } }

// call makes a call to a hub. Where the answer is 503, as Retry-After asks for, it makes it again.
func (h *house) call(ctx context.Context, i *instance, method, path, token string, body any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	for {
		request, err := http.NewRequestWithContext(ctx, method, i.url+path, bytes.NewReader(text))
		if err != nil {
			return reply{}, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		if body != nil {
			request.Header.Set("Content-Type", "application/json")
		} else {
			request.Body, request.ContentLength = http.NoBody, 0
		}
		response, err := h.client.Do(request)
		if err != nil {
			return reply{}, err
		}
		r := reply{status: response.StatusCode}
		if r.status != http.StatusNoContent {
			err = json.NewDecoder(response.Body).Decode(&r)
		}
		response.Body.Close()
		if r.status != http.StatusServiceUnavailable {
			return r, err
		}
	}
}

// guest is a socket of a session, and what it was sent.
type guest struct {
	user, session string

	ws       *websocket.Conn
	welcomed bool
	notices  []notice
	code     websocket.StatusCode
	why      string // the reason that came with the code
}

// notice is what a socket hears of the end of its session.
type notice struct {
	Type      string
	SessionID string `json:"session_id"`
	Reason    session.Reason
}

// connect opens a socket and keeps reading it.
func (h *house) connect(ctx context.Context, i *instance, user string, opened reply) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	g := &guest{user: user, session: opened.Session.ID}
	for g.ws == nil {
		ws, response, err := websocket.Dial(ctx, i.url+"/v1/connect", &websocket.DialOptions{
			HTTPClient:   h.client,
			Subprotocols: []string{hub.Subprotocol},
			HTTPHeader:   http.Header{"Authorization": {"Bearer " + opened.Token}},
		})
		if err != nil && (response == nil || response.StatusCode != http.StatusServiceUnavailable) {
			return err
		}
		g.ws = ws
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[g] = struct{}{}
	h.all.Go(func() { h.listen(g) })
	return nil
}

// listen reads a socket until it closes.
func (h *house) listen(g *guest) {
	defer g.ws.CloseNow()
	var err error
	for err == nil {
		var text []byte
		if _, text, err = g.ws.Read(context.Background()); err != nil {
			break
		}
		var n notice
		if err = json.Unmarshal(text, &n); err != nil {
			break
		}
		switch n.Type {
		case "welcome":
			g.welcomed = true
		case "session.revoked":
			g.notices = append(g.notices, n)
		}
	}
	g.code = websocket.CloseStatus(err)
	g.why = err.Error()
	var closing websocket.CloseError
	if errors.As(err, &closing) {
		g.why = closing.Reason
	}
	h.mu.Lock()
	delete(h.open, g)
	h.closed = append(h.closed, g)
	h.mu.Unlock()
	select {
	case h.change <- struct{}{}:
	default:
	}
}
