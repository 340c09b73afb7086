package hub_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// A server of one's own: it signs its users in itself, and lets the hub tell their devices.
func Example() {
	dir, err := os.MkdirTemp("", "hub-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// One instance, so notices stay in its memory. On Redis: redisstore.New and pubsub.NewRedis.
	var bus pubsub.Memory
	store, err := sqlitestore.Open(filepath.Join(dir, "hub.db"), bus.Send, sqlitestore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	registry := session.NewRegistry(store)
	live := hub.New(registry, store, bus.Inbox("one"), hub.Options{Instance: "one"})

	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { live.Run(ctx); close(stopped) }()
	defer func() { stop(); <-stopped }()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cred, err := auth.Parse(r.Header.Get("Token"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		conn, err := live.Attach(r.Context(), cred)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		hijacker := &hijacker{ResponseWriter: w}
		ws, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{Subprotocols: []string{hub.Subprotocol}})
		if err != nil {
			conn.Cancel()
			return
		}
		conn.Serve(ws, hijacker.wire)
	}))
	defer server.Close()

	// Alice has been authenticated, and signs in on her laptop.
	rule := session.Rule{Limit: 1, Policy: session.Evict}
	signIn := func(device string) (token string) {
		token, cred := auth.Mint("alice")
		_, err := registry.Login(ctx, session.Request{
			User: "alice", Credential: cred, Device: session.Device{ID: device, Name: device, Kind: session.Web},
		}, rule)
		if err != nil {
			log.Fatal(err)
		}
		return token
	}
	socket, _, err := websocket.Dial(ctx, server.URL, &websocket.DialOptions{
		Subprotocols: []string{hub.Subprotocol}, HTTPHeader: http.Header{"Token": {signIn("laptop")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer socket.CloseNow()
	socket.Read(ctx) // the welcome

	// She signs in on her phone, and the laptop hears of it.
	signIn("phone")
	socket.Read(ctx) // the notice
	_, _, err = socket.Read(ctx)
	fmt.Println(websocket.CloseStatus(err) == hub.CodeRevoked)
	// Output: true
}

// hijacker hands the WebSocket library a connection with the hub's small buffers.
type hijacker struct {
	http.ResponseWriter
	wire *hub.Wire
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire, buffers = hub.NewWire(conn, buffers)
	return h.wire, buffers, nil
}
