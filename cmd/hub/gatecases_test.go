package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/goccy/go-yaml"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// testIdentity lets users and attributes of any kind, and as long as they may be, arrive at the app.
func (g *gated) testIdentity(t *testing.T) {
	many := make(map[string]string)
	for i := range 16 {
		many[strconv.Itoa(i)+strings.Repeat("é", 31)] = strings.Repeat("\n", 256)
	}
	for _, tt := range []struct {
		user, device string
		attributes   map[string]string
	}{
		{"alice@example.com", "laptop-7", map[string]string{"plan": "premium", "tenant": "t&1 = ü"}},
		{"new\nline\r\n\x00 %41+\"\\,;", "\n", map[string]string{}},
		{"Zoë 日本 😀 %[src] %{x}", "{http.request.host}", map[string]string{"$http_host": "${x} {path}"}},
		{strings.Repeat("\n", 256), strings.Repeat("\x01", 128), many},
	} {
		status, opened := call(t, http.DefaultClient, "POST", g.hub+"/v1/admin/sessions", map[string]any{
			"user": tt.user, "device": map[string]string{"id": tt.device}, "attributes": tt.attributes})
		if status != http.StatusCreated {
			t.Fatalf("open a session: %d %v", status, opened)
		}
		got := g.passed(t, "GET", "/page", bearer(opened["token"].(string)), nil).Header
		plain := func(name string) string {
			text, err := url.PathUnescape(got.Get(name))
			if err != nil {
				t.Error(err)
			}
			return text
		}
		pairs, err := url.ParseQuery(got.Get("X-Session-Attributes"))
		if err != nil {
			t.Error(err)
		}
		attributes := make(map[string]string)
		for name := range pairs {
			attributes[name] = pairs.Get(name)
		}
		id := opened["session"].(map[string]any)["id"]
		if plain("X-Session-User") != tt.user || plain("X-Session-Device") != tt.device || got.Get("X-Session-Id") != id ||
			!maps.Equal(attributes, tt.attributes) {
			t.Errorf("%q: the app got %v", tt.user, got)
		}
	}
}

// testForgery sends headers that only the gate may send, in all spellings that a backend could take for them.
func (g *gated) testForgery(t *testing.T) {
	forged := make(http.Header)
	for _, name := range []string{"User", "Id", "Device", "Attributes", "Reason"} {
		for _, spelling := range []string{"X-Session-", "x-session-", "X-SESSION-", "X_Session_", "X-Session_",
			"X_Session-", "x_session_", "X_SESSION_"} {
			forged[spelling+name] = []string{"root"}
			forged[strings.ToLower(spelling+name)] = []string{"root"}
		}
	}
	forged["X-Session-User"] = []string{"root", "", "admin"}
	forged["X-Other"] = []string{"kept"}
	g.stopped(t, "GET", forged, nil, http.StatusUnauthorized, "unknown")

	// One session has no attributes, so that there is nothing to put in the place of those that are forged.
	maps.Copy(forged, cookie(openSession(t, g.hub, "bob")))
	got := g.passed(t, "GET", "/page", forged, nil).Header
	for name, values := range got {
		short, mine := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "x-session-")
		switch {
		case !mine:
		case strings.Contains(name, "_"), short == "reason", len(values) != 1:
			t.Errorf("the app got %s: %q", name, values)
		case short == "user" && values[0] != "bob", short == "attributes" && values[0] != "",
			strings.Contains(values[0], "root"):
			t.Errorf("the app got %s: %q", name, values)
		}
	}
	if got.Get("X-Session-User") != "bob" || got.Get("X-Other") != "kept" {
		t.Errorf("the app got %v", got)
	}
}

// testHopByHop says that the gate's own headers are for the next hop alone. A proxy that believes it removes them, and
// the app takes the request for somebody's without a session.
func (g *gated) testHopByHop(t *testing.T) {
	status, opened := call(t, http.DefaultClient, "POST", g.hub+"/v1/admin/sessions", map[string]any{
		"user": "bob", "device": map[string]string{"id": "d"}, "attributes": map[string]string{"a": "b"}})
	if status != http.StatusCreated {
		t.Fatalf("open a session: %d %v", status, opened)
	}
	id := opened["session"].(map[string]any)["id"]
	for _, options := range []string{
		"X-Session-User", "close, x-session-user,X-Session-Id , X-SESSION-DEVICE\t,X-Session-Attributes",
	} {
		header := cookie(opened["token"].(string))
		header.Set("Connection", options)
		got := g.passed(t, "GET", "/page", header, nil).Header
		if got.Get("X-Session-User") != "bob" || got.Get("X-Session-Id") != id || got.Get("X-Session-Device") != "d" ||
			got.Get("X-Session-Attributes") != "a=b" {
			t.Errorf("Connection: %s: the app got %v", options, got)
		}
	}
}

// testRequests lets requests of all kinds pass as they are.
func (g *gated) testRequests(t *testing.T) {
	token := openSession(t, g.hub, "carol")
	for _, header := range []http.Header{bearer(token), cookie(token)} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"} {
			header.Set("Origin", "https://elsewhere.example")
			header.Set("Sec-Fetch-Site", "cross-site")
			g.passed(t, method, "/page", header, []byte("a=b"))
		}
	}
	// Of two tokens the first one counts, as at the hub itself.
	g.passed(t, "GET", "/", http.Header{"Cookie": {"hub_session=" + token, "hub_session=stale"}}, nil)
	// The app's URLs are the app's.
	for _, path := range []string{"/a/b?token=x&access_token=" + token, "/?active=0", "/%C3%A9%20/x?y=%2F", "/v2/session"} {
		if got := g.passed(t, "GET", path, bearer(token), nil); got.URI != path {
			t.Errorf("%s reached the app as %s", path, got.URI)
		}
	}
	upload := make([]byte, 8<<20)
	random := rand.NewChaCha8([32]byte{})
	random.Read(upload)
	sum := sha256.Sum256(upload)
	got := g.passed(t, "POST", "/upload", bearer(token), upload)
	if got.Length != int64(len(upload)) || got.Digest != hex.EncodeToString(sum[:]) {
		t.Errorf("of an upload of %d bytes the app got %d", len(upload), got.Length)
	}
	if resp, answer := g.ask(t, "GET", "/own-401", bearer(token), nil); resp.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(string(answer), "/own-401") {
		t.Errorf("the app's own 401: %d %s", resp.StatusCode, answer)
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "PROPFIND"} {
		g.stopped(t, method, nil, []byte("a=b"), http.StatusUnauthorized, "unknown")
	}
}

// testEnd wants the very next request after a session's end to be stopped.
func (g *gated) testEnd(t *testing.T) {
	token := openSession(t, g.hub, "dave")
	for range 3 {
		g.passed(t, "GET", "/", bearer(token), nil)
		next := openSession(t, g.hub, "dave")
		g.stopped(t, "GET", bearer(token), nil, http.StatusUnauthorized, "superseded")
		g.stopped(t, "POST", cookie(token), []byte("a=b"), http.StatusUnauthorized, "superseded")
		token = next
	}
	const message = `"50 %" %[src] ${x} {http.request.host} \ ü`
	status, _ := call(t, http.DefaultClient, "DELETE", g.hub+"/v1/admin/users/dave/sessions", map[string]any{"message": message})
	if status != http.StatusOK {
		t.Fatalf("end the sessions: %d", status)
	}
	if got := g.stopped(t, "GET", bearer(token), nil, http.StatusUnauthorized, "ended_by_admin"); got != message {
		t.Errorf("the message is %q, want %q", got, message)
	}
}

// testWebSocket opens a socket of the app's.
func (g *gated) testWebSocket(t *testing.T) {
	dial := func(header http.Header) (*websocket.Conn, *http.Response, error) {
		return websocket.Dial(within(t), g.front+"/socket", &websocket.DialOptions{HTTPHeader: header})
	}
	before := g.asked.Load()
	if _, resp, err := dial(nil); err == nil || resp == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %v", err)
	}
	if got := g.asked.Load() - before; got != 0 {
		t.Errorf("without a session %d requests reached the app", got)
	}
	ws, _, err := dial(cookie(openSession(t, g.hub, "erin")))
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(within(t), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := ws.Read(within(t)); err != nil || string(text) != "erin: hello" {
		t.Errorf("echoed: %q, %v", text, err)
	}
	ws.Read(context.WithoutCancel(t.Context())) // the close
}

// testOwnAPI uses the hub through the gate, which stands before the app alone.
func (g *gated) testOwnAPI(t *testing.T) {
	token := openSession(t, g.front, "frank")
	ws, _ := connect(t, g.front, token)
	g.passed(t, "GET", "/", bearer(token), nil)
	openSession(t, g.front, "frank")
	wantSuperseded(t, ws)
	g.stopped(t, "GET", bearer(token), nil, http.StatusUnauthorized, "superseded")

	// The SDK and the pages come from the hub and need no session; what is near them is the app's.
	for path, want := range map[string]string{
		"/sdk/sessionhub.js": "connect", "/sign-in": "/ui/signin/signin.js", "/ui/signin/signin.js": "import",
	} {
		resp, source := g.ask(t, "GET", path, nil, nil)
		if resp.StatusCode != http.StatusOK || !bytes.Contains(source, []byte(want)) {
			t.Errorf("%s: status %d: %.40s", path, resp.StatusCode, source)
		}
	}
	for _, path := range []string{"/sdk", "/sdkx/", "/sign-in/", "/devices/x", "/ui", "/v1", "/admin"} {
		if resp, body := g.ask(t, "GET", path, nil, nil); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: status %d: %.40s", path, resp.StatusCode, body)
		}
	}
}

// TestGatesWithoutAHub puts something in the place of the hubs that never says a clear yes: nothing passes.
func TestGatesWithoutAHub(t *testing.T) {
	t.Parallel()
	var answers atomic.Value // func(http.ResponseWriter)
	answers.Store(func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) })
	fake := func() string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Session-User", "alice")
			answers.Load().(func(http.ResponseWriter))(w)
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	for name, start := range gates {
		g := &gated{}
		app := httptest.NewServer(http.HandlerFunc(g.app))
		t.Cleanup(app.Close)
		listen := redistest.FreeAddr(t)
		start(t, listen, fake(), fake(), strings.TrimPrefix(app.URL, "http://"))
		g.front = "http://" + listen
		awaitStatus(t, g.front+"/page", http.StatusUnauthorized)

		cut := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
		status := func(code int) func(http.ResponseWriter) {
			return func(w http.ResponseWriter) { w.WriteHeader(code) }
		}
		var asked atomic.Int64
		// A first answer of no, and then another one, is no: nginx asks twice.
		after401 := func(then func(http.ResponseWriter)) func(http.ResponseWriter) {
			return func(w http.ResponseWriter) {
				if asked.Add(1)%2 == 1 {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				then(w)
			}
		}
		for what, answer := range map[string]func(http.ResponseWriter){
			"elsewhere": status(http.StatusFound), "forbidden": status(http.StatusForbidden),
			"not found": status(http.StatusNotFound), "too many": status(http.StatusTooManyRequests),
			"broken": status(http.StatusInternalServerError), "unavailable": status(http.StatusServiceUnavailable),
			"cut":      cut,
			"no, then": after401(status(http.StatusOK)), "no, then unavailable": after401(status(http.StatusServiceUnavailable)),
			"no, then cut": after401(cut),
		} {
			asked.Store(0)
			answers.Store(answer)
			// A client of its own, and one request: a redirect is not followed.
			resp, err := http.DefaultTransport.RoundTrip(newRequest(t, http.MethodGet, g.front+"/page", ""))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode < 300 || g.asked.Load() != 0 {
				t.Errorf("%s, %s: %d, %d requests at the app", name, what, resp.StatusCode, g.asked.Load())
			}
		}
		answers.Store(status(http.StatusUnauthorized))
	}
}

// TestProxiesPage wants each configuration in the table, and those that are not run to be YAML at least.
func TestProxiesPage(t *testing.T) {
	page := readPage(t, "proxies.md")
	for _, name := range []string{"nginx-verify.conf", "haproxy-verify.cfg", "verify.lua", "Caddyfile",
		"traefik-verify.yaml", "envoy-verify.yaml"} {
		if !strings.Contains(page, "(../deploy/"+name+")") {
			t.Errorf("docs/proxies.md does not link deploy/%s", name)
		}
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]any
		if strings.HasSuffix(name, ".yaml") {
			if err := yaml.Unmarshal(text, &document); err != nil {
				t.Errorf("deploy/%s: %v", name, err)
			}
		}
	}
}
