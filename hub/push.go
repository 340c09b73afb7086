package hub

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// TooSlow is the reason that comes with close code 1008 where a client did not take its messages in time. Unlike
// after other closes with this code, it may come back, and hears in its welcome that it has missed something.
const TooSlow = "too slow"

// pass hands a message that has come by the inbox to the connections it is for.
func (h *Hub) pass(message []byte) {
	d, err := session.DecodePush(message)
	if err != nil {
		h.log.Error("a message cannot be read", "error", err)
		return
	}
	var conns []*Conn
	h.mu.Lock()
	for _, id := range d.Sessions {
		if s := h.seats[place{d.Key, id}]; s != nil {
			conns = append(conns, s.conns...)
		}
	}
	h.mu.Unlock()
	if len(conns) == 0 || h.passed.again(d.ID, h.wheel.now()) {
		return
	}
	text, err := encodePush(d)
	if err != nil {
		h.log.Error("a message cannot be sent", "error", err)
		return
	}
	frame := textFrame(text)
	for _, c := range conns {
		c.push(frame)
	}
}

// push puts a message on its way to the client. It does not block.
func (c *Conn) push(frame []byte) {
	begin, taken := c.out.put(frame)
	if !taken {
		c.hub.count.lost.Add(1) // the client is being cut, and told
	}
	if begin {
		go c.sendPushes()
	}
}

// sendPushes sends what waits in the outbox, until nothing does. There is one such goroutine for a connection at a
// time, and none while it is idle.
func (c *Conn) sendPushes() {
	for {
		frame, lost := c.out.next()
		switch {
		case lost > 0:
			c.cut(lost)
			return
		case frame == nil || !c.sendPush(frame):
			return
		}
	}
}

// sendPush writes one message, and reports whether the connection is still good for the next.
func (c *Conn) sendPush(frame []byte) bool {
	c.mu.Lock()
	phase, ended := c.phase, c.bye != nil
	var err error
	if phase == open {
		if err = c.wire.frame(frame); err != nil {
			c.phase = closing // nothing can follow half a frame
		}
	}
	c.mu.Unlock()
	switch {
	case ended:
		return false // what it hears of is the end
	case phase != open:
		c.hub.loseSoon(c.seat, 1+c.out.shut())
		return false
	case err != nil:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.hub.count.slow.Add(1)
		}
		c.hub.lose(c.seat, 1+c.out.shut())
		c.wire.Close()
		return false
	}
	c.hub.count.pushed.Add(1)
	return true
}

// cut ends the connection of a client for which too much has come to wait. The loss is in the store before the client
// can come back, at whichever instance.
func (c *Conn) cut(lost int) {
	c.hub.count.slow.Add(1)
	c.hub.lose(c.seat, lost)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == open {
		c.closeLocked(websocket.StatusPolicyViolation, TooSlow)
	}
}

// lose records that messages to a session were lost. It returns when the store knows, or cannot be asked.
func (h *Hub) lose(s *seat, messages int) {
	h.looks <- struct{}{}
	err := h.reg.Touch(context.Background(), session.Mark{Key: s.key, Session: s.id, Missed: true})
	<-h.looks
	if err != nil {
		h.loseSoon(s, messages)
		return
	}
	h.count.lost.Add(uint64(messages))
}

// loseSoon leaves it to the next flush to record that messages to a session were lost.
func (h *Hub) loseSoon(s *seat, messages int) {
	h.count.lost.Add(uint64(messages))
	h.mu.Lock()
	if len(h.losses) < maxReceipts {
		h.losses[s.place] = h.wheel.now()
	}
	h.mu.Unlock()
	h.flushSoon()
}

// toldLoss records that a client has been told of what its session had missed up to a time of the store's.
func (h *Hub) toldLoss(s *seat, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.receipts) < maxReceipts {
		h.receipts = append(h.receipts, session.Mark{Key: s.key, Session: s.id, Missed: true, Told: until})
	}
	h.flushSoon()
}

// textFrame returns a text message as one frame from a server (RFC 6455, section 5.2). It has at most 65,535 bytes.
func textFrame(text []byte) []byte {
	frame := make([]byte, 0, 4+len(text))
	if len(text) < 126 {
		frame = append(frame, finText, byte(len(text)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, finText, 126), uint16(len(text)))
	}
	return append(frame, text...)
}

// How long, and how many at most, the messages are remembered that have been passed on.
const (
	recallFor  = 5 * time.Second
	recallMost = 1 << 15
)

// recall remembers the last messages: a store that lost an answer sends its message again, and a cluster of Redis may
// double one. It is owned by the goroutine that delivers.
type recall struct {
	since         time.Duration
	newer, before map[uuid.UUID]struct{}
}

// again reports whether a message has been there already, in the last seconds, and remembers it.
func (r *recall) again(id uuid.UUID, now time.Duration) bool {
	if r.newer == nil || now-r.since > recallFor || len(r.newer) == recallMost {
		if now-r.since > 2*recallFor {
			r.newer = nil
		}
		r.before, r.newer, r.since = r.newer, make(map[uuid.UUID]struct{}), now
	}
	_, inNewer := r.newer[id]
	_, inBefore := r.before[id]
	r.newer[id] = struct{}{}
	return inNewer || inBefore
}
