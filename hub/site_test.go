package hub_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// site is one instance with everything it needs, on connections inside the process, so that a test in a bubble
// of testing/synctest decides what time it is.
type site struct {
	t     *testing.T
	store *faultyStore
	inbox *faultyInbox
	reg   *session.Registry
	hub   *hub.Hub
	rule  session.Rule

	listener *pipeListener
	client   *http.Client
	stop     context.CancelFunc
	readers  sync.WaitGroup
}

// inBubble runs a test on a site of its own, whose time passes when everything waits.
func inBubble(t *testing.T, o hub.Options, test func(t *testing.T, s *site)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, o)
		defer s.close()
		test(t, s)
	})
}

func newSite(t *testing.T, dir string, o hub.Options) *site {
	var bus pubsub.Memory
	file, err := sqlitestore.Open(filepath.Join(dir, "hub.db"), bus.Send, sqlitestore.Options{Push: bus.Push})
	if err != nil {
		t.Fatal(err)
	}
	o.Instance = "here"
	o.Logger = slog.New(slog.DiscardHandler)
	s := &site{
		t:        t,
		store:    &faultyStore{Store: file},
		inbox:    &faultyInbox{Inbox: bus.Inbox("here")},
		rule:     session.Rule{Limit: 1, Policy: session.Evict},
		listener: &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})},
	}
	s.reg = session.NewRegistry(s.store)
	s.hub = hub.New(s.reg, s.store, s.inbox, o)
	s.client = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return s.listener.dial() },
	}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.hub.Run(ctx) })
	server := &http.Server{Handler: http.HandlerFunc(s.connect), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	wg.Go(func() { server.Serve(s.listener) })
	s.stop = func() {
		stop()
		server.Close()
		s.client.CloseIdleConnections()
		wg.Wait()
		s.readers.Wait()
		file.Close()
	}
	synctest.Wait()
	return s
}

func (s *site) close() { s.stop() }

// connect is what package web does, without its checks: the credential is in the header, as JSON.
func (s *site) connect(w http.ResponseWriter, r *http.Request) {
	var cred session.Credential
	if err := json.Unmarshal([]byte(r.Header.Get("Credential")), &cred); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	conn, err := s.hub.Attach(r.Context(), cred)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	hijacker := &wireHijacker{ResponseWriter: w}
	ws, err := websocket.Accept(hijacker, r, &websocket.AcceptOptions{Subprotocols: []string{hub.Subprotocol}})
	if err != nil {
		conn.Cancel()
		return
	}
	conn.Serve(ws, hijacker.wire)
}

type wireHijacker struct {
	http.ResponseWriter
	wire *hub.Wire
}

func (h *wireHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := h.ResponseWriter.(http.Hijacker).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.wire, buf = hub.NewWire(conn, buf)
	return h.wire, buf, nil
}

// credential is what a login of the user would be given a token for.
func credential(user string) session.Credential {
	id := uuid.New()
	return session.Credential{Key: session.KeyOf(user), ID: id, Digest: sha256.Sum256(id[:])}
}

// login signs the user in on a device, and returns what proves the session.
func (s *site) login(user, device string) session.Credential {
	s.t.Helper()
	cred := credential(user)
	out, err := s.reg.Login(context.Background(), session.Request{
		User: user, Credential: cred, IP: "192.0.2.7",
		Device: session.Device{ID: device, Name: device, Kind: session.Web},
	}, s.rule)
	if err != nil || out.Verdict != session.Admitted {
		s.t.Fatalf("login of %s on %s: verdict %d, %v", user, device, out.Verdict, err)
	}
	return cred
}

// socket is a client's end, which reads all the time as a browser does.
type socket struct {
	t *testing.T
	*websocket.Conn
	raw      net.Conn
	messages chan []byte // closed at the end
	closed   error       // why, then
}

// dial connects as the session that cred claims.
func (s *site) dial(cred session.Credential) *socket {
	s.t.Helper()
	c, _, err := s.tryDial(cred)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *site) tryDial(cred session.Credential) (*socket, *http.Response, error) {
	text, err := json.Marshal(cred)
	if err != nil {
		s.t.Fatal(err)
	}
	var raw net.Conn
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
			raw, err = s.listener.dial()
			return raw, err
		},
	}}
	ws, resp, err := websocket.Dial(context.Background(), "http://hub/v1/connect", &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{hub.Subprotocol},
		HTTPHeader: http.Header{"Credential": {string(text)}},
	})
	if err != nil {
		return nil, resp, err
	}
	c := &socket{t: s.t, Conn: ws, raw: raw, messages: make(chan []byte, 16)}
	s.readers.Go(func() {
		defer close(c.messages)
		defer ws.CloseNow()
		for {
			_, text, err := ws.Read(context.Background())
			if err != nil {
				c.closed = err
				return
			}
			c.messages <- text
		}
	})
	return c, resp, nil
}

// connected dials and reads the welcome.
func (s *site) connected(cred session.Credential) *socket {
	s.t.Helper()
	c := s.dial(cred)
	if m := c.next(); m["type"] != "welcome" {
		s.t.Fatalf("first message: %v, want a welcome", m)
	}
	return c
}

// next reads the next message.
func (c *socket) next() map[string]any {
	c.t.Helper()
	text, ok := <-c.messages
	if !ok {
		c.t.Fatalf("read: %v", c.closed)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		c.t.Fatal(err)
	}
	return m
}

// say sends a message.
func (c *socket) say(message string) {
	c.t.Helper()
	if err := c.Write(context.Background(), websocket.MessageText, []byte(message)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// closedWith reads until the close, wants no further message before it, and checks its code and reason.
func (c *socket) closedWith(code websocket.StatusCode, reason string) {
	c.t.Helper()
	if text, ok := <-c.messages; ok {
		c.t.Fatalf("got %s, want to be closed", text)
	}
	var closed websocket.CloseError
	if !errors.As(c.closed, &closed) || closed.Code != code || reason != "" && closed.Reason != reason {
		c.t.Fatalf("closed with %v, want %d %s", c.closed, code, reason)
	}
}

// revoked reads the notice, and then the close code for its reason.
func (c *socket) revoked(reason session.Reason) map[string]any {
	c.t.Helper()
	m := c.next()
	if m["type"] != "session.revoked" || m["reason"] != string(reason) {
		c.t.Fatalf("got %v, want session.revoked %s", m, reason)
	}
	c.closedWith(hub.CodeFor(reason), string(reason))
	return m
}

// pipeListener accepts connections inside the process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial() (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, io.ErrClosedPipe
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// faultyStore does what a test wants done before or after a call, or instead of it.
type faultyStore struct {
	session.Store
	mu     sync.Mutex
	around func(call string, run func()) error // guarded by mu
	told   func([session.Shards]session.Mailed) [session.Shards]session.Mailed
	missed func([]session.Notice) ([]session.Notice, error)
	marks  []session.Mark         // guarded by mu: what Touch was told
	heard  func(session.Instance) // guarded by mu: is given each beat, if not nil
}

func (f *faultyStore) set(around func(call string, run func()) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.around = around
}

// hear lets a test see each beat.
func (f *faultyStore) hear(heard func(session.Instance)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = heard
}

func (f *faultyStore) do(call string, run func()) error {
	f.mu.Lock()
	around := f.around
	f.mu.Unlock()
	if around == nil {
		run()
		return nil
	}
	return around(call, run)
}

func (f *faultyStore) Load(ctx context.Context, key session.Key) (snap session.Snapshot, err error) {
	if fault := f.do("load", func() { snap, err = f.Store.Load(ctx, key) }); fault != nil {
		return snap, fault
	}
	return snap, err
}

func (f *faultyStore) Attach(ctx context.Context, key session.Key, r session.Route) (snap session.Snapshot, err error) {
	if fault := f.do("attach", func() { snap, err = f.Store.Attach(ctx, key, r) }); fault != nil {
		return snap, fault
	}
	return snap, err
}

func (f *faultyStore) Beat(ctx context.Context, self session.Instance) (alive []session.Instance, kept bool, err error) {
	f.mu.Lock()
	heard := f.heard
	f.mu.Unlock()
	if heard != nil {
		heard(self)
	}
	if fault := f.do("beat", func() { alive, kept, err = f.Store.Beat(ctx, self) }); fault != nil {
		return nil, false, fault
	}
	return alive, kept, err
}

func (f *faultyStore) Told(ctx context.Context, instance string) ([session.Shards]session.Mailed, error) {
	told, err := f.Store.Told(ctx, instance)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.told != nil {
		told = f.told(told)
	}
	return told, err
}

func (f *faultyStore) Missed(ctx context.Context, instance string, shard int, after session.Mailed) ([]session.Notice, error) {
	missed, err := f.Store.Missed(ctx, instance, shard, after)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.missed != nil {
		return f.missed(missed)
	}
	return missed, err
}

// since returns how much of the bubble's time a function took.
func since(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}
