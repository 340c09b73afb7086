package hub

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	// readBuffer has room for the largest control frame, and so has writeBuffer, so that the WebSocket library
	// writes one in one piece. Larger frames are gathered in buffers that all connections share.
	readBuffer  = 144
	writeBuffer = 144
	// writeTimeout is how long a client may take to receive what is sent to it.
	writeTimeout = 5 * time.Second

	// What a client may send: so many bytes at once, and so many a second after that. It covers messages,
	// pings and empty frames alike.
	budgetBurst  = 64 << 10
	budgetPerSec = 8 << 10
)

// errBudget ends the reading from a client that sends too much.
var errBudget = errors.New("the client sends more than it may")

// Wire is a client's network connection under its WebSocket: with small buffers, a deadline for each write, and
// a budget for what the client may send. Reads must come from one goroutine at a time, as with any bufio.Reader.
type Wire struct {
	net.Conn

	// Owned by the one goroutine that reads.
	buf     *bufio.Reader // what the WebSocket library reads from
	spent   int           // bytes of the budget in use
	spentAt time.Time     // when that was so

	heard atomic.Bool // something has come since the last ping, be it a part of a message

	writing  sync.Mutex    // held while a frame is written, which may take the library several calls of Write
	mu       sync.Mutex    // taken after writing
	gathered *bytes.Buffer // guarded by mu: holds back what is written, if not nil
}

// buffers are for frames on their way out.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// NewWire returns the Wire of a connection that was hijacked from an HTTP server, and the buffers to hand to
// the WebSocket library. What the server had already read into hijacked is kept.
func NewWire(conn net.Conn, hijacked *bufio.ReadWriter) (*Wire, *bufio.ReadWriter) {
	if tcp, ok := conn.(interface{ SetKeepAlive(bool) error }); ok {
		tcp.SetKeepAlive(false) // the hub's own pings do that, and reach through proxies
	}
	w := &Wire{Conn: conn, spentAt: time.Now()}
	if n := hijacked.Reader.Buffered(); n > 0 {
		early, _ := hijacked.Reader.Peek(n)
		w.Conn = &prefixed{Conn: conn, early: append([]byte(nil), early...)}
	}
	w.buf = bufio.NewReaderSize(w, readBuffer)
	return w, bufio.NewReadWriter(w.buf, bufio.NewWriterSize(w, writeBuffer))
}

// Read implements net.Conn, within the budget.
func (w *Wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 {
		w.heard.Store(true)
	}
	if w.spent += n; w.spent > budgetBurst/2 {
		now := time.Now()
		w.spent = max(0, w.spent-int(now.Sub(w.spentAt).Seconds()*budgetPerSec))
		w.spentAt = now
		if w.spent > budgetBurst {
			return 0, errBudget
		}
	}
	return n, err
}

// Write implements net.Conn, under a deadline.
func (w *Wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gathered != nil {
		return w.gathered.Write(p)
	}
	return w.writeLocked(p)
}

func (w *Wire) writeLocked(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// gather holds back what is written from now on.
func (w *Wire) gather() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gathered = buffers.Get().(*bytes.Buffer)
}

// release writes what was held back, at once.
func (w *Wire) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	frames := w.gathered
	w.gathered = nil
	_, err := w.writeLocked(frames.Bytes())
	frames.Reset()
	buffers.Put(frames)
	return err
}

// text sends a text message by ws, the WebSocket on this wire: one frame, in one piece.
func (w *Wire) text(ws *websocket.Conn, message []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.gather()
	// Not a context that ends: the library would allocate for it, and Write has a deadline of its own.
	err := ws.Write(context.Background(), websocket.MessageText, message)
	return errors.Join(err, w.release())
}

// frame sends a whole frame that textFrame has made.
func (w *Wire) frame(frame []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err := w.Write(frame)
	return err
}

// The first bytes of frames, and of what a client masks, by RFC 6455, section 5.2.
const (
	finText   = 0x81
	finClose  = 0x88
	finPing   = 0x89
	finPong   = 0x8a
	masked    = 0x80
	maskBytes = 4
)

// ping sends an empty ping.
func (w *Wire) ping() error {
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err := w.Write([]byte{finPing, 0})
	return err
}

// goodbye sends a close frame. The reason must be shorter than 124 bytes.
func (w *Wire) goodbye(code websocket.StatusCode, reason string) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	frame := make([]byte, 0, 4+len(reason))
	frame = append(frame, finClose, byte(2+len(reason)))
	frame = binary.BigEndian.AppendUint16(frame, uint16(code))
	_, err := w.Write(append(frame, reason...))
	return err
}

// closeIsNext reports whether a close frame is what the client has sent next.
func (w *Wire) closeIsNext() bool {
	head, err := w.buf.Peek(1)
	return err == nil && head[0] == finClose
}

// await blocks until the client sends something that the WebSocket library is to read. The pongs and pings before
// it are dealt with here: inside the library, whose Reader returns for messages only, the goroutine would stay
// with a stack several times as deep.
func (w *Wire) await() error {
	for {
		head, err := w.buf.Peek(2)
		if err != nil {
			return err
		}
		size := int(head[1] &^ masked)
		if head[0] != finPing && head[0] != finPong || head[1]&masked == 0 || size > 125 {
			return nil
		}
		if head[0] == finPing {
			if err := w.pong(size); err != nil {
				return err
			}
		}
		if _, err := w.buf.Discard(2 + maskBytes + size); err != nil {
			return err
		}
	}
}

// pong answers the ping at the head of the buffer, which has a payload of the given size.
func (w *Wire) pong(size int) error {
	frame, err := w.buf.Peek(2 + maskBytes + size)
	if err != nil {
		return err
	}
	mask, payload := frame[2:2+maskBytes], frame[2+maskBytes:]
	answer := make([]byte, 2, 2+size)
	answer[0], answer[1] = finPong, byte(size)
	for i, b := range payload {
		answer = append(answer, b^mask[i%maskBytes])
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	_, err = w.Write(answer)
	return err
}

// prefixed is a connection of which some bytes have been read already.
type prefixed struct {
	net.Conn
	early []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.early) > 0 {
		n := copy(b, p.early)
		p.early = p.early[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
