package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

// playHub, set in the environment, makes this test binary a hub that `serve` starts.
const playHub = "BENCH_TEST_PLAYS_HUB"

func TestMain(m *testing.M) {
	if os.Getenv(playHub) != "" {
		os.Exit(serveFake(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// serveFake is the program that tests start as a hub. It runs until it is killed or told to end.
func serveFake(args []string) int {
	if i := slices.Index(args, "--listen"); args[0] == "serve" && i > 0 {
		err := http.ListenAndServe(args[i+1], newFake(os.Getenv("HUB_API_KEY")))
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// fake is a hub in a few lines: sessions in memory, the oldest evicted at the limit.
type fake struct {
	key string
	// mute lets it evict without a word to the socket.
	mute bool
	// loginSeen, if set, gets a value at each login.
	loginSeen chan struct{}

	mu    sync.Mutex
	count int                        // guarded by mu
	live  map[string][]string        // tokens by user, oldest first; guarded by mu
	conns map[string]*websocket.Conn // by token; guarded by mu
}

func newFake(key string) *fake {
	return &fake{key: key, live: make(map[string][]string), conns: make(map[string]*websocket.Conn)}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz", "/readyz":
		fmt.Fprintln(w, "ok")
	case "/v1/admin/sessions":
		f.login(w, r)
	case "/v1/connect":
		f.connect(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) login(w http.ResponseWriter, r *http.Request) {
	if f.loginSeen != nil {
		f.loginSeen <- struct{}{}
	}
	if r.Header.Get("Authorization") != "Bearer "+f.key {
		http.Error(w, `{"title":"not with this key"}`, http.StatusUnauthorized)
		return
	}
	var request struct {
		User   string
		Limit  int
		Device struct{ ID, Kind string }
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.Device.ID == "" {
		http.Error(w, fmt.Sprint("bad request: ", err), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.count++
	token := fmt.Sprintf("sh_%d", f.count)
	tokens := append(f.live[request.User], token)
	evicted := tokens[:max(0, len(tokens)-request.Limit)]
	f.live[request.User] = slices.Clone(tokens[len(evicted):])
	var told []*websocket.Conn
	for _, token := range evicted {
		told = append(told, f.conns[token])
	}
	f.mu.Unlock()
	for _, conn := range told {
		if conn != nil && !f.mute {
			conn.Write(context.Background(), websocket.MessageText, []byte(`{"type":"session.revoked","id":"1"}`))
			go conn.Close(4001, "superseded")
		}
	}
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"session":{"id":"1"},"token":%q,"ended":[]}`, token)
}

func (f *fake) connect(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sessionhub.v1"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	f.mu.Lock()
	f.conns[token] = conn
	f.mu.Unlock()
	conn.Write(r.Context(), websocket.MessageText, []byte(`{"type":"welcome","session":{}}`))
	for {
		if _, _, err := conn.Read(context.Background()); err != nil {
			return
		}
	}
}

// within fails the test if work is not over in time.
func within(t *testing.T, limit time.Duration, work func()) {
	t.Helper()
	over := make(chan struct{})
	go func() { defer close(over); work() }()
	select {
	case <-over:
	case <-time.After(limit):
		t.Fatalf("not over within %s", limit)
	}
}
