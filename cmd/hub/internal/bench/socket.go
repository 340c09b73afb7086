package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// socket is a WebSocket client that is cheap enough to have by the thousands: one goroutine, a read buffer of
// half a kilobyte, and no more of RFC 6455 than a hub uses.
type socket struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	socketBuffer     = 512
	handshakeTimeout = 30 * time.Second
	maxMessage       = 64 << 10
	// acceptGUID is what a server appends to the key of a handshake, to show that it speaks WebSocket.
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// The opcodes of frames.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

// The words by which messages are told apart. They are looked for, not parsed: parsing would cost the machine
// that is being measured.
var (
	welcome = []byte(`"type":"welcome"`)
	revoked = []byte(`"type":"session.revoked"`)
	// noticeID comes before the ID of a notice.
	noticeID = []byte(`"id":"`)
)

// dial connects the session of a token and returns once the hub has said welcome.
func dial(ctx context.Context, hub *url.URL, token string) (_ *socket, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", hostPort(hub))
	if err != nil {
		return nil, err
	}
	if hub.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: hub.Hostname()})
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := &socket{conn: conn, in: bufio.NewReaderSize(conn, socketBuffer)}
	defer func() {
		if err != nil {
			conn.Close()
			err = fmt.Errorf("connect to %s: %w", hub, errors.Join(ctx.Err(), err))
		}
	}()
	if err := s.handshake(hub, token); err != nil {
		return nil, err
	}
	op, message, err := s.next()
	if err != nil {
		return nil, err
	}
	if op != opText || !bytes.Contains(message, welcome) {
		return nil, fmt.Errorf("no welcome but %q", message)
	}
	return s, nil
}

func hostPort(hub *url.URL) string {
	port := hub.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[hub.Scheme]
	}
	return net.JoinHostPort(hub.Hostname(), port)
}

func (s *socket) handshake(hub *url.URL, token string) error {
	var nonce [16]byte
	rand.Read(nonce[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	request := fmt.Sprintf("GET %s/v1/connect HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: sessionhub.v1\r\n"+
		"Authorization: Bearer %s\r\n\r\n", hub.Path, hub.Host, key, token)
	if _, err := io.WriteString(s.conn, request); err != nil {
		return err
	}
	response, err := http.ReadResponse(s.in, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(body))
	}
	sum := sha1.Sum([]byte(key + acceptGUID))
	if response.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("the answer to the handshake is not that of a WebSocket server")
	}
	return nil
}

// listen reads until the socket closes. It answers pings, and acknowledges the notice as a client does that has shown
// it. It returns when the notice was read, the zero time if none came, and nil if the hub closed the socket as the
// protocol has it.
func (s *socket) listen() (told time.Time, err error) {
	defer s.conn.Close()
	for {
		op, message, err := s.next()
		if err != nil {
			return told, err
		}
		switch op {
		case opText:
			if !bytes.Contains(message, revoked) {
				continue
			}
			if !told.IsZero() {
				return told, errors.New("a second notice")
			}
			told = time.Now()
			err = s.send(opText, ack(message))
		case opPing:
			err = s.send(opPong, message)
		case opClose:
			return told, s.send(opClose, message[:min(2, len(message))])
		}
		if err != nil {
			return told, err
		}
	}
}

// ack returns the message that acknowledges a notice.
func ack(notice []byte) []byte {
	_, after, _ := bytes.Cut(notice, noticeID)
	id, _, _ := bytes.Cut(after, []byte{'"'})
	return fmt.Appendf(nil, `{"type":"ack","id":"%s"}`, id)
}

// next reads a frame. Messages of a hub are short, and come unfragmented and unmasked.
func (s *socket) next() (op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(s.in, head[:2]); err != nil {
		return 0, nil, err
	}
	first, length := head[0], uint64(head[1])
	switch length {
	case 126:
		if _, err := io.ReadFull(s.in, head[:2]); err != nil {
			return 0, nil, err
		}
		length = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		if _, err := io.ReadFull(s.in, head[:8]); err != nil {
			return 0, nil, err
		}
		length = binary.BigEndian.Uint64(head[:])
	}
	if first&0xF0 != 0x80 || length > maxMessage {
		return 0, nil, fmt.Errorf("a frame that no hub sends: first byte %#x, %d bytes long", first, length)
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(s.in, payload)
	return first & 0x0F, payload, err
}

// send writes a frame of up to 125 bytes: masked, as a client's must be, though by zeros.
func (s *socket) send(op byte, payload []byte) error {
	frame := append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	_, err := s.conn.Write(frame)
	return err
}
