package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// gates are the reverse proxies whose configurations are shipped and can be run here. Each start function runs one,
// listening on the given address, in front of two hubs and an app.
var gates = map[string]func(t *testing.T, listen, hub1, hub2, app string){
	"nginx": func(t *testing.T, listen, hub1, hub2, app string) {
		runNginx(t, "nginx-verify.conf", "listen 8080", "listen "+listen, "hub-1:8080", hub1, "hub-2:8080", hub2,
			"app:3000", app)
	},
	"HAProxy": func(t *testing.T, listen, hub1, hub2, app string) {
		folder, inner := t.TempDir(), redistest.FreeAddr(t)
		script := shipped(t, "deploy/verify.lua", folder)
		file := shipped(t, "deploy/haproxy-verify.cfg", folder, "/etc/haproxy/verify.lua", script, "bind :8080", "bind "+listen,
			"127.0.0.1:8081", inner, "hub-1:8080", hub1, "hub-2:8080", hub2, "app:3000", app)
		(&process{Cmd: exec.Command(installed("haproxy"), "-db", "-f", file)}).start(t)
	},
	"Caddy": func(t *testing.T, listen, hub1, hub2, app string) {
		folder := t.TempDir()
		file := shipped(t, "deploy/Caddyfile", folder, ":8080 {", "http://"+listen+" {", "hub-1:8080", hub1, "hub-2:8080", hub2,
			"app:3000", app)
		caddy := &process{Cmd: exec.Command(installed("caddy"), "run", "--config", file, "--adapter", "caddyfile")}
		caddy.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
		caddy.start(t)
	},
}

// gated is an app behind a gate.
type gated struct {
	front string // the gate's URL
	hub   string // that of a hub
	asked atomic.Int64
}

// received is what the app answers: what has reached it.
type received struct {
	Method, URI, Host string
	Header            http.Header
	Length            int64
	Digest            string
}

// app answers what it is asked with, and echoes on WebSockets.
func (g *gated) app(w http.ResponseWriter, r *http.Request) {
	g.asked.Add(1)
	if r.Header.Get("Upgrade") == "websocket" {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		kind, text, err := ws.Read(r.Context())
		if err == nil {
			err = ws.Write(r.Context(), kind, append([]byte(r.Header.Get("X-Session-User")+": "), text...))
		}
		if err == nil {
			ws.Close(websocket.StatusNormalClosure, "")
		}
		return
	}
	sum := sha256.New()
	length, _ := io.Copy(sum, r.Body)
	if r.URL.Path == "/own-401" {
		w.WriteHeader(http.StatusUnauthorized)
	}
	json.NewEncoder(w).Encode(received{Method: r.Method, URI: r.RequestURI, Host: r.Host, Header: r.Header,
		Length: length, Digest: hex.EncodeToString(sum.Sum(nil))})
}

// ask sends a request to the gate. The headers are sent as they are spelt here.
func (g *gated) ask(t *testing.T, method, path string, header http.Header, body []byte) (*http.Response, []byte) {
	t.Helper()
	req := newRequest(t, method, g.front+path, string(body))
	maps.Copy(req.Header, header)
	return send(t, http.DefaultClient, req)
}

// passed sends a request that the gate is to let through, and returns what reached the app.
func (g *gated) passed(t *testing.T, method, path string, header http.Header, body []byte) (got received) {
	t.Helper()
	resp, answer := g.ask(t, method, path, header, body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	if got.Method != method {
		t.Errorf("%s %s reached the app as %s", method, path, got.Method)
	}
	return got
}

// stopped sends a request that the gate is not to let through, with a status and a reason, and returns the message.
func (g *gated) stopped(
	t *testing.T, method string, header http.Header, body []byte, status int, reason string,
) (message string) {
	t.Helper()
	before := g.asked.Load()
	resp, answer := g.ask(t, method, "/page", header, body)
	if resp.StatusCode != status || resp.Header.Get("X-Session-Reason") != reason || g.asked.Load() != before {
		t.Errorf("%s: %d with reason %q, %d requests at the app: %s; want %d with %q", method, resp.StatusCode,
			resp.Header.Get("X-Session-Reason"), g.asked.Load()-before, answer, status, reason)
	}
	if resp.Header.Get("X-Session-User") != "" {
		t.Errorf("%s: a refusal names %q", method, resp.Header.Get("X-Session-User"))
	}
	if method == http.MethodHead {
		return ""
	}
	var problem struct {
		Status          int
		Reason, Message string
	}
	if err := json.Unmarshal(answer, &problem); err != nil || problem.Status != status || problem.Reason != reason ||
		resp.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %s, %s; want a problem with status %d and reason %q", method, resp.Header.Get("Content-Type"),
			answer, status, reason)
	}
	switch status {
	case http.StatusUnauthorized:
		if got := resp.Header.Values("WWW-Authenticate"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", method, got)
		}
	case http.StatusServiceUnavailable:
		if retry, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || retry < 1 {
			t.Errorf("%s: Retry-After %q", method, resp.Header.Get("Retry-After"))
		}
	}
	return problem.Message
}

// TestGates runs the configurations that are shipped for /v1/verify.
func TestGates(t *testing.T) {
	t.Parallel()
	for name, start := range gates {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			var hubs [2]*process
			for i := range hubs {
				hubs[i], _ = serve(t, "--redis="+redis.URL(), "--trusted-proxy=127.0.0.1", "--drain=1s")
			}
			g := &gated{hub: "http://" + hubs[0].address(t)}
			app := httptest.NewServer(http.HandlerFunc(g.app))
			t.Cleanup(app.Close)
			listen := redistest.FreeAddr(t)
			start(t, listen, hubs[0].address(t), hubs[1].address(t), strings.TrimPrefix(app.URL, "http://"))
			g.front = "http://" + listen
			awaitStatus(t, g.front+"/page", http.StatusUnauthorized)

			t.Run("who it is", g.testIdentity)
			t.Run("who it is not", g.testForgery)
			t.Run("what is for one hop", g.testHopByHop)
			t.Run("any request", g.testRequests)
			t.Run("an end", g.testEnd)
			t.Run("WebSocket", g.testWebSocket)
			t.Run("the hub's own API", g.testOwnAPI)
			t.Run("one hub", func(t *testing.T) {
				token := openSession(t, g.hub, "alice")
				kill(t, hubs[1])
				for range 5 {
					g.passed(t, "GET", "/", bearer(token), nil)
				}
			})
			t.Run("no store", func(t *testing.T) {
				token := openSession(t, g.hub, "alice")
				redis.Kill(t)
				for _, method := range []string{"GET", "POST", "HEAD"} {
					g.stopped(t, method, bearer(token), nil, http.StatusServiceUnavailable, "")
				}
				g.stopped(t, "GET", bearer("forged"), nil, http.StatusServiceUnavailable, "")
				redis.Restart(t)
				awaitStatus(t, g.hub+"/readyz", http.StatusOK)
				// Of the last second before its end, Redis may have lost all.
				g.passed(t, "GET", "/", bearer(openSession(t, g.hub, "bob")), nil)
			})
			t.Run("no hub", func(t *testing.T) {
				token := openSession(t, g.hub, "alice")
				kill(t, hubs[0])
				before := g.asked.Load()
				resp, answer := g.ask(t, "GET", "/", bearer(token), nil)
				if resp.StatusCode < 500 || g.asked.Load() != before {
					t.Errorf("%d %s", resp.StatusCode, answer)
				}
			})
		})
	}
}

// kill ends a hub as a crash would.
func kill(t *testing.T, p *process) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.gone
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func cookie(token string) http.Header {
	return http.Header{"Cookie": {"theme=dark; hub_session=" + token}}
}
