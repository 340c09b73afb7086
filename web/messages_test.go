package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// three lets a user have several sessions at a time.
func three(o *web.Options) { o.Rule.Limit = 3 }

// socketOf opens a socket of the session that a token is for, and reads the welcome.
func (s *site) socketOf(token string) *socket {
	s.Helper()
	s.ready()
	c := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token)
	c.next("welcome")
	return c
}

// message sends a message to a user's sockets.
func (s *site) message(user, body string) *reply {
	s.Helper()
	return s.admin("POST", "/v1/admin/users/"+url.PathEscape(user)+"/messages", body)
}

func TestMessagesReachSockets(t *testing.T) {
	s := newSite(t, three)
	user := "al/ice 🦊"
	first, _ := s.open(user)
	second, id := s.open(user)
	other, _ := s.open("bob")
	one, two, bob := s.socketOf(first), s.socketOf(second), s.socketOf(other)
	before := s.faults.calls.Load()
	sent := s.message(user, `{"data": {"text": "Hello", "n": 12345678901234567890}}`).
		want(http.StatusOK).has(1.0, "instances")
	if calls := s.faults.calls.Load() - before; calls != 1 {
		t.Errorf("%d round trips, want 1", calls)
	}
	for _, c := range []*socket{one, two} {
		got := <-c.heard
		if !strings.HasSuffix(string(got.text), `"data":{"text":"Hello","n":12345678901234567890}}`) {
			t.Fatalf("got %s, %v", got.text, got.err)
		}
		if id := sent.at("id").(string); !strings.Contains(string(got.text), `"id":"`+id+`"`) {
			t.Errorf("got %s, want the ID %s", got.text, id)
		}
		c.ack(map[string]any{"id": sent.at("id")})
	}
	s.message(user, `{"data": null, "session_id": "`+id+`"}`).want(http.StatusOK).has(1.0, "instances")
	if m := two.next("message"); m["data"] != nil {
		t.Errorf("got %v", m)
	}
	s.message("bob", `{"data": "for bob"}`).want(http.StatusOK)
	if m := bob.next("message"); m["data"] != "for bob" {
		t.Errorf("got %v", m)
	}
	s.message(user, `{"data": "last"}`).want(http.StatusOK)
	if m := one.next("message"); m["data"] != "last" {
		t.Errorf("the first got %v, which was for another", m)
	}
	s.admin("DELETE", "/v1/admin/users/"+url.PathEscape(user)+"/sessions", "").want(http.StatusOK)
	one.next("session.revoked")
	s.message(user, `{"data": "too late"}`).want(http.StatusOK).has(0.0, "instances")
	one.closed(hub.CodeRevoked)
	for _, line := range []string{`hub_messages_sent_total 6`, `hub_messages_acked_total 2`, `hub_messages_lost_total 0`,
		`hub_slow_clients_total 0`} {
		s.awaitMetric(line)
	}
}

// awaitMetric waits until there is a line in the metrics: what is counted may come after what a client sees.
func (s *site) awaitMetric(line string) {
	s.Helper()
	await(s, line+" in the metrics", func() bool {
		return strings.Contains(s.do("GET", "/metrics", "").text, "\n"+line+"\n")
	})
}

func TestMessagesForNobody(t *testing.T) {
	s := newSite(t, three)
	_, id := s.open("alice")
	_, ended := s.open("alice")
	s.admin("DELETE", "/v1/admin/users/alice/sessions/"+ended, "").want(http.StatusOK)
	s.message("alice", `{"data": 1}`).want(http.StatusOK).has(0.0, "instances")
	s.message("alice", `{"data": 1, "session_id": "`+id+`"}`).want(http.StatusOK).has(0.0, "instances")
	s.message("nobody", `{"data": 1}`).want(http.StatusOK).has(0.0, "instances")
	for _, gone := range []string{ended, "00000000-0000-4000-8000-000000000000", "00000000-0000-0000-0000-000000000000"} {
		s.message("alice", `{"data": 1, "session_id": "`+gone+`"}`).want(http.StatusNotFound)
	}
	s.message("bob", `{"data": 1, "session_id": "`+id+`"}`).want(http.StatusNotFound)
}

func TestMessagesHaveBounds(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	c := s.socketOf(token)
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for _, tt := range []struct {
		name, body string
		want       int
		field      any
	}{
		{"no data", `{}`, http.StatusUnprocessableEntity, "data"},
		{"one byte too many", `{"data":` + text(session.MaxPush+1) + `}`, http.StatusUnprocessableEntity, "data"},
		{"many elements", `{"data":[` + strings.Repeat("1,", 9000) + `1]}`, http.StatusUnprocessableEntity, "data"},
		{"session is no ID", `{"data":1,"session_id":"x"}`, http.StatusUnprocessableEntity, "session_id"},
		{"session is empty", `{"data":1,"session_id":""}`, http.StatusUnprocessableEntity, "session_id"},
		{"session in other words", `{"data":1,"session_id":"urn:uuid:00000000-0000-4000-8000-000000000000"}`,
			http.StatusUnprocessableEntity, "session_id"},
		{"session is a number", `{"data":1,"session_id":7}`, http.StatusUnprocessableEntity, "session_id"},
		{"unknown field", `{"data":1,"to":"all"}`, http.StatusUnprocessableEntity, "to"},
		{"field twice", `{"data":1,"data":2}`, http.StatusUnprocessableEntity, "data"},
		{"name twice in the data", `{"data":{"a":{"b":1,"b":2}}}`, http.StatusUnprocessableEntity, "data.a.b"},
		{"bad UTF-8", "{\"data\":\"\xff\"}", http.StatusBadRequest, nil},
		{"half a surrogate pair", `{"data":"\ud83e"}`, http.StatusBadRequest, nil},
		{"half a value", `{"data":[1`, http.StatusBadRequest, nil},
		{"not a number", `{"data":NaN}`, http.StatusBadRequest, nil},
		{"64 KB", `{"data":` + text(64<<10) + `}`, http.StatusRequestEntityTooLarge, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			r := s.message("alice", tt.body).want(tt.want).has(tt.field, "errors", 0, "field")
			if strings.Contains(r.text, "xxx") {
				t.Errorf("the data is repeated: %.200s", r.text)
			}
		})
	}
	s.message(strings.Repeat("x", 257), `{"data":1}`).want(http.StatusUnprocessableEntity).has("user", "errors", 0, "field")
	s.do("POST", "/v1/admin/users/alice/messages", `{"data":1}`).want(http.StatusUnauthorized)
	s.admin("GET", "/v1/admin/users/alice/messages", "").want(http.StatusMethodNotAllowed)

	// The largest, with white space that does not count, is what comes first.
	s.message("alice", "{\"data\":\n [  "+text(session.MaxPush-4)+" ,\t1 ] }").want(http.StatusOK)
	got := <-c.heard
	if want := `"data":[` + text(session.MaxPush-4) + `,1]}`; got.kind != websocket.MessageText ||
		!strings.HasSuffix(string(got.text), want) {
		t.Errorf("got %.100s… of %d bytes, %v", got.text, len(got.text), got.err)
	}
}

func TestMessagesWithoutAStore(t *testing.T) {
	s := newSite(t)
	s.open("alice")
	close(s.faults.away)
	s.message("alice", `{"data":1}`).want(http.StatusServiceUnavailable).retryAfter()
}

// TestMessagesAreAnsweredInTime asks a store that hangs, in time that is not real.
func TestMessagesAreAnsweredInTime(t *testing.T) {
	for path, body := range map[string]string{"/v1/admin/users/alice/messages": `{"data":1}`, "/v1/introspect": "token=x"} {
		synctest.Test(t, func(t *testing.T) {
			handler := bare(t, &slow{memory: newMemory(), takes: time.Hour}, nil)
			media := "application/json"
			if body == "token=x" {
				media = "application/x-www-form-urlencoded"
			}
			start := time.Now()
			serve(t, handler, "POST", path, body, "Authorization", "Bearer "+apiKey, "Content-Type", media).
				want(http.StatusServiceUnavailable).retryAfter()
			if took := time.Since(start); took > 1800*time.Millisecond {
				t.Errorf("%s was answered after %s", path, took)
			}
		})
	}
}
