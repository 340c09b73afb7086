package hub_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// silent connects and reads its welcome, and then nothing any more.
func (s *site) silent(cred session.Credential) net.Conn {
	conn, buf := s.handshake(cred)
	if _, _, err := readFrame(buf); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// handshake opens a WebSocket by hand, for frames that no library would send.
func (s *site) handshake(cred session.Credential) (net.Conn, *bufio.Reader) {
	s.t.Helper()
	conn, err := s.listener.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal(cred)
	if err != nil {
		s.t.Fatal(err)
	}
	go fmt.Fprintf(conn, "GET /v1/connect HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Protocol: %s\r\nCredential: %s\r\n\r\n", hub.Subprotocol, text)
	buf := bufio.NewReader(conn)
	resp, err := http.ReadResponse(buf, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		s.t.Fatalf("handshake: %v, %v", resp, err)
	}
	return conn, buf
}

// frame is a client's frame, masked with zeros.
func frame(head byte, payload []byte) []byte {
	f := []byte{head}
	switch n := len(payload); {
	case n < 126:
		f = append(f, 0x80|byte(n))
	default:
		f = binary.BigEndian.AppendUint16(append(f, 0x80|126), uint16(n))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

// readFrame reads a frame of the hub's.
func readFrame(r io.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(head[1])
	if n == 126 {
		var long [2]byte
		if _, err := io.ReadFull(r, long[:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(long[:]))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(r, payload)
	return head[0] & 0x0f, payload, err
}

const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
	fin     = 0x80
)

func TestBrokenClientsAreClosedAndOthersUnharmed(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, test := range map[string]struct {
		frames []byte
		code   uint16 // 0: cut off without one
	}{
		"not JSON":                   {frame(fin|opText, []byte("hello")), 1008},
		"JSON, but no object":        {frame(fin|opText, []byte(`["activity"]`)), 1008},
		"two objects":                {frame(fin|opText, []byte(`{"type":"activity"}{}`)), 1008},
		"unknown field":              {frame(fin|opText, []byte(`{"type":"activity","x":1}`)), 1008},
		"a field twice":              {frame(fin|opText, []byte(`{"type":"activity","type":"logout"}`)), 1008},
		"another case":               {frame(fin|opText, []byte(`{"TYPE":"activity"}`)), 1008},
		"unknown type":               {frame(fin|opText, []byte(`{"type":"shout"}`)), 1008},
		"no type":                    {frame(fin|opText, []byte(`{}`)), 1008},
		"binary":                     {frame(fin|0x2, []byte(`{"type":"activity"}`)), 1003},
		"over 4 KiB":                 {frame(fin|opText, []byte(`{"type":"`+long+`"}`)), 1009},
		"over 4 KiB in pieces":       {append(frame(opText, []byte(long[:4000])), frame(fin, []byte(long[:4000]))...), 1009},
		"bad UTF-8":                  {frame(fin|opText, []byte("{\"type\":\"\xff\"}")), 1007},
		"unmasked":                   {[]byte{fin | opText, 2, '{', '}'}, 1002},
		"reserved opcode":            {frame(fin|0x3, nil), 1002},
		"reserved control opcode":    {frame(fin|0xb, nil), 1002},
		"reserved bit":               {frame(fin|0x40|opText, []byte(`{}`)), 1002},
		"continuation of nothing":    {frame(fin, []byte(`{}`)), 1002},
		"text inside a text":         {append(frame(opText, []byte(`{`)), frame(fin|opText, []byte(`}`))...), 1002},
		"fragmented ping":            {frame(0x9, []byte("x")), 1002},
		"ping over 125 bytes":        {frame(fin|0x9, bytes.Repeat([]byte("x"), 126)), 1002},
		"negative length":            {[]byte{fin | opText, 0x80 | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 1002},
		"close code out of range":    {frame(fin|opClose, []byte{0x03, 0xed}), 1002},
		"ping flood":                 {bytes.Repeat(frame(fin|0x9, bytes.Repeat([]byte("x"), 100)), 1000), 1008},
		"pong flood":                 {bytes.Repeat(frame(fin|opPong, nil), 20_000), 1008},
		"endless empty continuation": {append(frame(opText, nil), bytes.Repeat(frame(0, nil), 20_000)...), 1008},
		"message that never ends":    {frame(opText, []byte(`{"type":`)), 1008},
		"flood of activity":          {bytes.Repeat(frame(fin|opText, []byte(`{"type":"activity"}`)), 5000), 1008},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
				cred := s.login("alice", "laptop")
				other := s.connected(cred)
				conn, buf := s.handshake(cred)
				defer conn.Close()
				go conn.Write(test.frames)
				code := uint16(0)
				for {
					opcode, payload, err := readFrame(buf)
					if err != nil {
						break
					}
					if opcode == opPing {
						go conn.Write(frame(fin|opPong, nil)) // it is there, whatever else it does
					}
					if opcode == opClose && len(payload) >= 2 {
						code = binary.BigEndian.Uint16(payload)
						conn.Close()
					}
				}
				if code != test.code {
					t.Errorf("closed with %d, want %d", code, test.code)
				}
				synctest.Wait()
				if n := s.hub.Stats().Connections; n != 1 {
					t.Errorf("%d connections are left, want the other one", n)
				}
				s.login("alice", "phone")
				other.revoked(session.Superseded)
			})
		})
	}
}

func TestPingsAreAnsweredAndFragmentsRead(t *testing.T) {
	inBubble(t, hub.Options{}, func(t *testing.T, s *site) {
		s.rule.IdleTimeout = time.Hour
		cred := s.login("alice", "laptop")
		conn, buf := s.handshake(cred)
		defer conn.Close()
		if opcode, _, err := readFrame(buf); opcode != opText || err != nil {
			t.Fatalf("opcode %d, %v; want the welcome", opcode, err)
		}
		masked := []byte{fin | 0x9, 0x80 | 3, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3}
		go conn.Write(masked)
		if opcode, payload, err := readFrame(buf); opcode != opPong || string(payload) != "abc" || err != nil {
			t.Fatalf("opcode %d, %q, %v; want a pong of abc", opcode, payload, err)
		}
		// A message in pieces, a ping between them.
		pieces := append(frame(opText, []byte(`{"type":`)), frame(fin|0x9, []byte("x"))...)
		pieces = append(pieces, frame(0, nil)...)
		pieces = append(pieces, frame(fin, []byte(`"logout"}`))...)
		go conn.Write(pieces)
		if opcode, payload, err := readFrame(buf); opcode != opPong || string(payload) != "x" || err != nil {
			t.Fatalf("opcode %d, %q, %v; want a pong of x", opcode, payload, err)
		}
		if opcode, payload, err := readFrame(buf); opcode != opText || !bytes.Contains(payload, []byte("signed_out")) || err != nil {
			t.Fatalf("opcode %d, %q, %v; want the notice", opcode, payload, err)
		}
	})
}
