package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/web"
)

// socket is a WebSocket of a test. It is read all the time, as only then are pings answered.
type socket struct {
	*testing.T
	*websocket.Conn
	heard chan heard
}

// heard is what comes on a socket. The last is an error.
type heard struct {
	kind websocket.MessageType
	text []byte
	err  error
}

// connect opens a WebSocket. The headers are names and values in turn.
func (s *site) connect(protocols []string, headers ...string) *socket {
	s.Helper()
	h := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	ws, answer, err := websocket.Dial(s.Context(), s.server.URL+"/v1/connect",
		&websocket.DialOptions{HTTPClient: s.server.Client(), Subprotocols: protocols, HTTPHeader: h})
	if err != nil {
		s.Fatal(err)
	}
	if got := answer.Header["Sec-Websocket-Protocol"]; len(got) != 1 || got[0] != hub.Subprotocol {
		s.Errorf("subprotocol %q", got)
	}
	s.Cleanup(func() { ws.CloseNow() })
	c := &socket{s.T, ws, make(chan heard, 1000)}
	go func() {
		defer close(c.heard)
		for {
			kind, text, err := ws.Read(context.Background())
			c.heard <- heard{kind, text, err}
			if err != nil {
				return
			}
		}
	}()
	return c
}

// next reads a message and checks its type.
func (c *socket) next(want string) map[string]any {
	c.Helper()
	got := <-c.heard
	if got.text == nil {
		c.Fatalf("waiting for %s: %v", want, got.err)
	}
	wantMessage(c.T, got.text)
	var message map[string]any
	if err := json.Unmarshal(got.text, &message); err != nil || message["type"] != want {
		c.Fatalf("got %s, want %s", got.text, want)
	}
	return message
}

// ack says that a notice was shown, upon which the hub closes at once.
func (c *socket) ack(notice map[string]any) {
	c.Helper()
	text := encode(map[string]any{"type": "ack", "id": notice["id"]})
	if err := c.Write(c.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.Error(err)
	}
}

func (c *socket) closed(want websocket.StatusCode) {
	c.Helper()
	err := (<-c.heard).err
	if got := websocket.CloseStatus(err); got != want {
		c.Errorf("closed with %v (%v), want %v", got, err, want)
	}
	var frame websocket.CloseError
	if errors.As(err, &frame) {
		wantClosing(c.T, frame.Code, frame.Reason)
	}
}

func TestConnect(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.AllowOrigins = []string{"https://app.example.com"} })
	own := s.server.URL
	plain := []string{hub.Subprotocol}
	for _, tt := range []struct {
		name string
		dial func(token string) *socket
	}{
		{"Bearer", func(token string) *socket { return s.connect(plain, "Authorization", "Bearer "+token) }},
		{"Bearer and own page", func(token string) *socket {
			return s.connect(plain, "Authorization", "Bearer "+token, "Origin", own)
		}},
		{"cookie", func(token string) *socket { return s.connect(plain, "Cookie", "hub_session="+token, "Origin", own) }},
		{"cookie on an allowed page", func(token string) *socket {
			return s.connect(plain, "Cookie", "hub_session="+token, "Origin", "https://app.example.com")
		}},
		{"Bearer and a foreign page", func(token string) *socket {
			return s.connect(plain, "Authorization", "Bearer "+token, "Origin", "https://elsewhere.example")
		}},
		{"subprotocol", func(token string) *socket { return s.connect([]string{hub.Subprotocol, "bearer." + token}) }},
		{"subprotocol first", func(token string) *socket { return s.connect([]string{"bearer." + token, hub.Subprotocol}) }},
		{"subprotocol and a foreign page", func(token string) *socket {
			return s.connect([]string{hub.Subprotocol, "bearer." + token}, "Origin", "https://elsewhere.example")
		}},
		{"subprotocol, a foreign page and a cookie", func(token string) *socket {
			return s.connect([]string{hub.Subprotocol, "bearer." + token}, "Origin", "null", "Cookie", "hub_session=x")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token, id := s.open("alice")
			c := tt.dial(token)
			welcome := c.next("welcome")
			if got := welcome["session"].(map[string]any)["id"]; got != id {
				t.Errorf("welcomed as %v, want %v", got, id)
			}
			s.admin("GET", "/v1/admin/users/alice/sessions", "").has(1.0, "sessions", 0, "connections").
				has("here", "sessions", 0, "instances", 0, "id").has(true, "sessions", 0, "connected")

			s.admin("DELETE", "/v1/admin/users/alice/sessions", `{"message":"Bye."}`).has("sent", "ended", 0, "delivery")
			revoked := c.next("session.revoked")
			if revoked["reason"] != "ended_by_admin" || revoked["message"] != "Bye." {
				t.Errorf("revoked: %v", revoked)
			}
			c.ack(revoked)
			c.closed(hub.CodeRevoked)
		})
	}
}

func TestBadTokensAreUpgradedAndTold(t *testing.T) {
	s := newSite(t)
	ended, _ := s.open("alice")
	s.open("alice")
	c := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+ended)
	revoked := c.next("session.revoked")
	if got := revoked["reason"]; got != "superseded" {
		t.Errorf("reason %v", got)
	}
	c.ack(revoked)
	c.closed(hub.CodeRevoked)
	for _, headers := range [][]string{
		{"Authorization", "Bearer forged"}, {"Authorization", "Bearer " + ended + "A"},
		{"Cookie", "hub_session=x", "Origin", s.server.URL}, nil,
	} {
		c := s.connect([]string{hub.Subprotocol}, headers...)
		revoked := c.next("session.revoked")
		if got := revoked["reason"]; got != "unknown" {
			t.Errorf("reason %v", got)
		}
		c.ack(revoked)
		c.closed(hub.CodeUnknown)
	}
}

// handshake returns the headers of a good one, and then those that change it.
func handshake(change ...string) []string {
	return append([]string{"Connection", "keep-alive, Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", hub.Subprotocol}, change...)
}

func TestHandshakesThatAreRefused(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.AllowOrigins = []string{"https://app.example.com"} })
	token, _ := s.open("alice")
	cookie, bearer := "hub_session="+token, "Bearer "+token
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"no upgrade", nil, http.StatusUpgradeRequired},
		{"upgrade to something else", handshake("Upgrade", "h2c"), http.StatusUpgradeRequired},
		{"old version", handshake("Sec-WebSocket-Version", "8"), http.StatusBadRequest},
		{"short key", handshake("Sec-WebSocket-Key", "AAAA"), http.StatusBadRequest},
		{"no subprotocol", handshake("Sec-WebSocket-Protocol", ""), http.StatusBadRequest},
		{"other subprotocol", handshake("Sec-WebSocket-Protocol", "sessionhub.v2"), http.StatusBadRequest},
		{"only a token", handshake("Sec-WebSocket-Protocol", "bearer."+token), http.StatusBadRequest},
		{"cookie without a page", handshake("Cookie", cookie), http.StatusForbidden},
		{"cookie and a foreign page", handshake("Cookie", cookie, "Origin", "https://evil.example"), http.StatusForbidden},
		{"cookie and null", handshake("Cookie", cookie, "Origin", "null"), http.StatusForbidden},
		{"cookie and our name and more", handshake("Cookie", cookie, "Origin", s.server.URL+".evil.example"), http.StatusForbidden},
		{"cookie and an allowed name and more",
			handshake("Cookie", cookie, "Origin", "https://app.example.com.evil.example"), http.StatusForbidden},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			r := s.do("GET", "/v1/connect", "", tt.headers...).want(tt.want)
			if strings.Contains(r.text, token) {
				t.Errorf("the token is repeated: %s", r.text)
			}
		})
	}
	r := s.do("GET", "/v1/connect", "")
	if got, of := r.header.Get("Upgrade"), r.header.Get("Connection"); got != "websocket" || of != "Upgrade" {
		t.Errorf("status %d tells to upgrade to %q, Connection: %q", r.status, got, of)
	}
	r = s.do("GET", "/v1/connect", "", handshake("Sec-WebSocket-Version", "8")...)
	if got := r.header.Get("Sec-WebSocket-Version"); got != "13" {
		t.Errorf("status %d tells to use version %q", r.status, got)
	}
	close(s.faults.away)
	s.do("GET", "/v1/connect", "", handshake("Authorization", bearer)...).want(http.StatusServiceUnavailable).retryAfter()
	if got := s.hub.Stats().Connections; got != 0 {
		t.Errorf("%d connections are left", got)
	}
}

func TestDrainingInstanceTakesNoSockets(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	s.hub.Drain(t.Context(), 0)
	s.do("GET", "/v1/connect", "", handshake("Authorization", "Bearer "+token)...).
		want(http.StatusServiceUnavailable).retryAfter()
	s.do("GET", "/readyz", "").want(http.StatusServiceUnavailable)
	s.do("GET", "/healthz", "").want(http.StatusOK)
}

func TestFullInstanceTakesNoMoreSockets(t *testing.T) {
	s := newSiteOn(t, hub.Options{MaxConnections: 1})
	token, _ := s.open("alice")
	s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token).next("welcome")
	other, _ := s.open("bob")
	for _, token := range []string{token, other, "forged"} {
		s.do("GET", "/v1/connect", "", handshake("Authorization", "Bearer "+token)...).
			want(http.StatusServiceUnavailable).has("/problems/unavailable", "type").retryAfter()
	}
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+other).want(http.StatusOK)
}

func TestSessionHasSoManySockets(t *testing.T) {
	s := newSiteOn(t, hub.Options{MaxConnectionsPerSession: 2}, unlimited)
	token, _ := s.open("alice")
	connect := func(token string) *socket {
		return s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token)
	}
	connect(token).next("welcome")
	connect(token).next("welcome")
	crowded := connect(token)
	if got := crowded.next("reconnect")["after_ms"].(float64); got <= 0 {
		t.Errorf("to come back after %v ms", got)
	}
	crowded.closed(websocket.StatusTryAgainLater)
	another, _ := s.open("alice")
	connect(another).next("welcome")
}
