package systemtest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// rawSocket is a socket that is read frame by frame, or not at all.
type rawSocket struct {
	net.Conn
	*bufio.Reader
}

// dialRaw opens a socket by hand, and does not read its welcome.
func dialRaw(t testing.TB, i *instance, token string) *rawSocket {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /v1/connect HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n", hub.Subprotocol, token)
	if err != nil {
		t.Fatal(err)
	}
	s := &rawSocket{conn, bufio.NewReaderSize(conn, 512)}
	answer, err := http.ReadResponse(s.Reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", answer, err)
	}
	return s
}

// next returns the next frame, without what it says if that is not wanted. A ping, which may come at any time, it
// answers, and goes on to what follows.
func (s *rawSocket) next(wanted bool) (opcode byte, payload []byte, err error) {
	const ping, pong = 0x9, 0xa
	for {
		opcode, payload, err = s.frame(wanted)
		if err != nil || opcode != ping {
			return opcode, payload, err
		}
		// One without content, under a mask of zeros. A hub that has left hears no answer.
		s.Write([]byte{0x80 | pong, 0x80, 0, 0, 0, 0})
	}
}

func (s *rawSocket) frame(wanted bool) (opcode byte, payload []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(s.Reader, head[:2]); err != nil {
		return 0, nil, err
	}
	n := int(head[1])
	if n == 126 {
		if _, err := io.ReadFull(s.Reader, head[2:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(head[2:]))
	}
	if !wanted {
		_, err = s.Discard(n)
		return head[0] & 0x0f, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(s.Reader, payload)
	return head[0] & 0x0f, payload, err
}

// text returns what the next frame says, which must be a text.
func (s *rawSocket) text(t testing.TB) string {
	t.Helper()
	opcode, payload, err := s.next(true)
	if err != nil || opcode != 1 {
		t.Fatalf("opcode %d, %v; want a text", opcode, err)
	}
	return string(payload)
}

// opened opens a session at a hub, beside those that the user has.
func (h *house) opened(t testing.TB, i *instance, user string) reply {
	t.Helper()
	body := login{User: user, Device: device(user), Limit: -1, Policy: session.Evict}
	body.Device["id"] = fmt.Sprint("device ", devices.Add(1))
	opened, err := h.call(t.Context(), i, http.MethodPost, "/v1/admin/sessions", apiKey, body)
	if err != nil || opened.status != http.StatusCreated {
		t.Fatalf("open a session: status %d, %v", opened.status, err)
	}
	return opened
}

var devices atomic.Int64

// TestMessagesCrossHubs has sockets at two hubs, and sends messages through either of them.
func TestMessagesCrossHubs(t *testing.T) {
	h := newHouse(t, 2)
	one, two := h.hubs[0], h.hubs[1]
	laptop, phone := h.opened(t, one, "alice"), h.opened(t, two, "alice")
	sockets := []*rawSocket{
		dialRaw(t, one, laptop.Token), dialRaw(t, two, laptop.Token), dialRaw(t, two, phone.Token),
	}
	for _, s := range sockets {
		if text := s.text(t); !strings.Contains(text, `"type":"welcome"`) || strings.Contains(text, "missed_at") {
			t.Fatalf("got %s, want a welcome that tells of no loss", text)
		}
	}
	const messages = 100
	for i := range messages {
		r, err := h.call(t.Context(), h.hubs[i%2], http.MethodPost, "/v1/admin/users/alice/messages", apiKey,
			map[string]any{"data": map[string]int{"n": i}})
		if err != nil || r.status != http.StatusOK || r.Instances != 2 {
			t.Fatalf("message %d: status %d, to %d instances, %v", i, r.status, r.Instances, err)
		}
		// Through one hub they would come in order without this.
		for _, s := range sockets {
			if text := s.text(t); !strings.HasSuffix(text, fmt.Sprintf(`"data":{"n":%d}}`, i)) {
				t.Fatalf("got %s, want number %d", text, i)
			}
		}
	}
	for i := range messages {
		r, err := h.call(t.Context(), one, http.MethodPost, "/v1/admin/users/alice/messages", apiKey,
			map[string]any{"data": i, "session_id": phone.Session.ID})
		if err != nil || r.status != http.StatusOK || r.Instances != 1 {
			t.Fatalf("message %d: status %d, to %d instances, %v", i, r.status, r.Instances, err)
		}
	}
	for i := range messages {
		if text := sockets[2].text(t); !strings.HasSuffix(text, fmt.Sprintf(`"data":%d}`, i)) {
			t.Fatalf("got %s, want number %d", text, i)
		}
	}
	r, err := h.call(t.Context(), two, http.MethodDelete, "/v1/admin/users/alice/sessions", apiKey, nil)
	if err != nil || r.status != http.StatusOK {
		t.Fatalf("end the sessions: status %d, %v", r.status, err)
	}
	for _, s := range sockets {
		if text := s.text(t); !strings.Contains(text, `"type":"session.revoked"`) {
			t.Errorf("got %s, want the notice, and no message that was for another", text)
		}
	}
}

// TestASlowReaderIsToldAtAnotherHub lets a client fall behind until its hub cuts it, and come back at the other hub.
func TestASlowReaderIsToldAtAnotherHub(t *testing.T) {
	h := newHouse(t, 2)
	one, two := h.hubs[0], h.hubs[1]
	laptop := h.opened(t, one, "alice")
	slow, tab := dialRaw(t, one, laptop.Token), dialRaw(t, one, laptop.Token)
	slow.text(t)
	tab.text(t)
	// The kernel takes some megabytes for a client that does not read; the rest waits in the hub.
	for range 1500 {
		push, err := session.NewPush(session.ID{}, []byte(`"`+strings.Repeat("x", session.MaxPush-2)+`"`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := one.registry.Push(t.Context(), "alice", push); err != nil {
			t.Fatal(err)
		}
		if text := tab.text(t); !strings.Contains(text, push.ID.String()) {
			t.Fatalf("the other tab got %.100s, want %s", text, push.ID)
		}
	}
	eventually(t, nil, func() error {
		if n := one.hub.Stats().SlowClients; n != 1 {
			return fmt.Errorf("%d slow clients, want 1", n)
		}
		return nil
	})
	// What the kernel holds it still gets, and then no more.
	got := 0
	for ; ; got++ {
		if opcode, _, err := slow.next(false); err != nil || opcode != 1 {
			break
		}
	}
	if got >= 1500 {
		t.Errorf("it has read %d messages of 1500", got)
	}
	back := dialRaw(t, two, laptop.Token)
	if text := back.text(t); !strings.Contains(text, `"missed_at":"2`) {
		t.Errorf("back at the other hub it is not told: %s", text)
	}
	// Told once, it is not told again.
	eventually(t, nil, func() error {
		if text := dialRaw(t, one, laptop.Token).text(t); strings.Contains(text, "missed_at") {
			return fmt.Errorf("it is told again: %s", text)
		}
		return nil
	})
	if lost := one.hub.Stats().MessagesLost; lost == 0 {
		t.Error("no message is counted as lost")
	}
}
