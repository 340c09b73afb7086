package hub

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
)

const (
	// pingEvery is how long after one ping the next is due, and pongWithin how long its pong may take: a dead
	// peer is found within their sum, and proxies that cut silent connections after a minute let ours be.
	pingEvery  = 50 * time.Second
	pongWithin = 8 * time.Second
	// messageWithin is how long a message may take from its first byte to its last.
	messageWithin = 10 * time.Second
	// closeWithin is how long a connection stays after its close frame, for the client to send its own.
	closeWithin = 5 * time.Second
)

// phase is how far a connection has come. It only grows.
type phase uint8

const (
	attaching phase = iota // registered, not yet told anything
	open                   // welcomed
	leaving                // told its farewell; an ack may still come
	closing                // sent its close code
)

// Conn is one connection, from Attach to its close. Exactly one goroutine at a time reads from it, and that one
// closes it; whoever has something to send writes it.
type Conn struct {
	hub  *Hub
	seat *seat

	// Set by Serve, before any other goroutine looks.
	ws   *websocket.Conn
	wire *Wire

	alarm alarm
	dueAt time.Duration // guarded by mu: what the alarm is for is due then, and not before

	mu      sync.Mutex    // also held while writing, so that nothing follows a farewell
	phase   phase         // guarded by mu
	pinged  bool          // guarded by mu: a pong is due
	bye     *farewell     // guarded by mu: set once
	leaveAt time.Duration // guarded by mu: when a draining connection is closed; 0 is not
	// greeting is the welcome, until it is sent.
	greeting *greeting // guarded by mu

	out outbox
}

// Serve takes over the socket, whose handshake has been answered, and returns at once.
func (c *Conn) Serve(ws *websocket.Conn, wire *Wire) {
	ws.SetReadLimit(maxMessage)
	c.mu.Lock()
	c.ws, c.wire = ws, wire
	bye, hello := c.bye, c.greeting
	if bye == nil {
		c.phase = open
		if err := wire.text(ws, hello.message); err != nil {
			hello.missedAt = time.Time{} // it has not heard of it
			wire.Close()
		}
		c.setAlarmLocked(sooner(together(c.hub.wheel.now()+rand.N(pingEvery)), c.leaveAt))
	}
	if c.hub.stopped.Load() {
		wire.Close()
	}
	c.greeting = nil
	c.mu.Unlock()
	if bye != nil {
		c.dismiss(bye)
	} else {
		c.begin(hello)
	}
	go c.wait()
}

// begin does what follows a welcome.
func (c *Conn) begin(hello *greeting) {
	if warning := c.hub.warning(c.seat); warning != nil {
		c.send(warning)
	}
	if !hello.missedAt.IsZero() {
		c.hub.toldLoss(c.seat, hello.missedAt)
	}
	if c.out.open() {
		go c.sendPushes()
	}
}

// Cancel gives the connection up: its handshake failed.
func (c *Conn) Cancel() { c.hub.gone(c) }

// dismiss sends a farewell, once: the first one counts. The close code follows when the client has acknowledged
// it, or has had the time to. It may block for as long as a write may.
func (c *Conn) dismiss(bye *farewell) {
	c.out.shut()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase >= leaving || c.bye != nil && c.bye != bye {
		return
	}
	c.bye = bye
	if c.ws == nil {
		return // Serve will send it
	}
	c.phase = leaving
	if err := c.wire.text(c.ws, bye.message); err != nil {
		c.wire.Close()
		return
	}
	if bye.code == CodeOverloaded {
		c.closeLocked(bye.code, bye.reason) // there is nothing to acknowledge
		return
	}
	c.hub.count.told.Add(1)
	c.hub.timeNotice(bye, &c.hub.count.toldIn)
	c.setAlarmLocked(c.hub.wheel.now() + c.hub.ackWithin)
}

// closeLocked sends the close frame. Whoever reads goes on until the client's own.
func (c *Conn) closeLocked(code websocket.StatusCode, reason string) {
	c.phase = closing
	if err := c.wire.goodbye(code, reason); err != nil {
		c.wire.Close()
	}
	c.setAlarmLocked(c.hub.wheel.now() + closeWithin)
}

func (c *Conn) setAlarmLocked(at time.Duration) {
	c.dueAt = at
	c.hub.wheel.set(&c.alarm, at)
}

// send sends a message to a client that has been welcomed and not yet been told to leave.
func (c *Conn) send(message []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return
	}
	if err := c.wire.text(c.ws, message); err != nil {
		c.wire.Close()
	}
}

// wake implements alarmed: a ping is due, or a pong, or the time to leave has come.
func (c *Conn) wake() {
	if !c.answersPings() {
		go c.onAlarm()
	}
}

// answersPings reports whether a pong was due and has come, and then waits for the next ping.
func (c *Conn) answersPings() bool {
	if !c.wire.heard.Load() || !c.mu.TryLock() {
		return false
	}
	defer c.mu.Unlock()
	now := c.hub.wheel.now()
	if c.phase != open || !c.pinged || c.leaveAt != 0 || now < c.dueAt {
		return false
	}
	c.pinged = false
	c.setAlarmLocked(together(now + pingEvery - pongWithin))
	return true
}

func (c *Conn) onAlarm() {
	now := c.hub.wheel.now()
	if !c.mu.TryLock() {
		c.hub.wheel.set(&c.alarm, now+wheelTick) // somebody writes, and has a deadline
		return
	}
	defer c.mu.Unlock()
	switch {
	case now < c.dueAt: // it went off for what has been overtaken
		c.hub.wheel.set(&c.alarm, c.dueAt)
	case c.phase == leaving:
		c.closeLocked(c.bye.code, c.bye.reason)
	case c.phase == closing:
		c.wire.Close()
	case c.phase != open:
	case c.leaveAt != 0 && now >= c.leaveAt:
		c.closeLocked(CodeGoingAway, "going away")
	case c.pinged && !c.wire.heard.Load():
		c.loseLocked()
	case c.pinged:
		c.pinged = false // it was heard meanwhile, or is about to leave
		c.setAlarmLocked(sooner(together(now+pingEvery-pongWithin), c.leaveAt))
	default:
		c.pinged = true
		c.wire.heard.Store(false)
		if err := c.wire.ping(); err != nil {
			c.loseLocked()
			return
		}
		c.setAlarmLocked(sooner(together(now+pongWithin), c.leaveAt))
	}
}

// loseLocked cuts off a peer that is not there any more.
func (c *Conn) loseLocked() {
	c.hub.count.dead.Add(1)
	c.wire.Close()
}

// together returns the nearest whole second: pings of all connections go out once a second, and in between an idle
// instance sleeps. Waking up costs more than the pings do.
func together(at time.Duration) time.Duration { return at.Round(time.Second) }

// wait parks the connection's goroutine until there is something to read. What follows runs on a goroutine of its
// own, whose stack may grow, and this one's stays the smallest there is for as long as the client is silent.
func (c *Conn) wait() {
	err := c.wire.await()
	go c.proceed(err)
}

// proceed deals with what wait has waited for.
func (c *Conn) proceed(err error) {
	if err == nil && !c.answered() {
		if err = c.receive(); err == nil {
			go c.wait()
			return
		}
	}
	c.close(err)
	c.hub.gone(c)
}

// answered reports whether the client's close frame is next, in answer to ours. The library, which has not seen
// ours, would answer it once more.
func (c *Conn) answered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == closing && c.wire.closeIsNext()
}

// receive reads one message and does what it says. An error ends the connection.
func (c *Conn) receive() error {
	c.wire.SetReadDeadline(time.Now().Add(messageWithin))
	kind, reader, err := c.ws.Reader(context.Background())
	if err != nil {
		return err
	}
	if kind != websocket.MessageText {
		return errBinary
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		return err
	}
	c.wire.SetReadDeadline(time.Time{})
	if !utf8.Valid(text) {
		return errUTF8
	}
	return c.obey(text)
}

// obey does what a client's message says.
func (c *Conn) obey(text []byte) error {
	c.mu.Lock()
	phase, bye := c.phase, c.bye
	c.mu.Unlock()
	var req request
	if err := json.Unmarshal(text, &req, json.RejectUnknownMembers(true)); err != nil {
		return errNotObject
	}
	switch {
	case req.Type == "activity" && phase == open:
		c.hub.active(c.seat)
	case req.Type == "logout" && phase == open:
		go c.hub.signOut(c.seat)
	case req.Type == "ack" && phase == leaving && req.ID == c.seat.id.String():
		c.hub.timeNotice(bye, &c.hub.count.ackedIn)
		c.hub.acknowledge(c.seat)
		c.mu.Lock()
		if c.phase == leaving {
			c.closeLocked(c.bye.code, c.bye.reason) // told and shown: nothing to wait for
		}
		c.mu.Unlock()
	case req.Type == "ack" && phase == open && uuid.Validate(req.ID) == nil:
		c.hub.count.shown.Add(1)
	case req.Type == "activity", req.Type == "logout", req.Type == "ack":
		// Too late, or about something else: no harm.
	default:
		return errType
	}
	return nil
}

// close ends the socket: after an error of reading from it with the code that tells the client why, if it has not
// been sent one.
func (c *Conn) close(err error) {
	c.mu.Lock()
	bye, sent := c.bye, c.phase == closing
	c.phase = closing
	c.setAlarmLocked(c.hub.wheel.now() + closeWithin)
	c.mu.Unlock()
	if code, reason := codeFor(err); code != 0 && !sent {
		if bye != nil {
			code, reason = bye.code, bye.reason
		}
		c.wire.SetReadDeadline(time.Now().Add(closeWithin))
		c.ws.Close(code, reason)
	}
	c.ws.CloseNow()
}

// mistake is what a client must not do, and the close code for it.
type mistake struct {
	code   websocket.StatusCode
	reason string
}

func (m *mistake) Error() string { return m.reason }

// What clients do wrong. The codes 1002, 1003, 1007, 1008 and 1009 are those of RFC 6455, section 7.4.1.
var (
	errBinary    = &mistake{websocket.StatusUnsupportedData, "messages must be text"}
	errUTF8      = &mistake{websocket.StatusInvalidFramePayloadData, "messages must be UTF-8"}
	errNotObject = &mistake{websocket.StatusPolicyViolation, "messages must be JSON objects of the protocol"}
	errType      = &mistake{websocket.StatusPolicyViolation, "unknown message type"}
)

// codeFor returns the close code for an error of reading; 0 where nobody is left to be told.
func codeFor(err error) (websocket.StatusCode, string) {
	var m *mistake
	var network *net.OpError
	switch {
	case errors.As(err, &m):
		return m.code, m.reason
	case errors.Is(err, errBudget):
		return websocket.StatusPolicyViolation, errBudget.Error()
	case errors.Is(err, websocket.ErrMessageTooBig):
		return websocket.StatusMessageTooBig, "message too big"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return websocket.StatusPolicyViolation, "message took too long"
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.ErrClosedPipe), errors.As(err, &network), websocket.CloseStatus(err) != -1:
		return 0, ""
	default:
		return websocket.StatusProtocolError, "protocol error"
	}
}
