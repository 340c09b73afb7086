package hub

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// drainWorkers is how many connections are told at a time that they are to leave.
const drainWorkers = 64

// Drain asks all connections to leave, spread evenly over the window, and closes those that are left by its
// end. It returns when none is left, or ctx ends. From its start on, Attach returns ErrDraining.
func (h *Hub) Drain(ctx context.Context, window time.Duration) {
	var telling errgroup.Group
	telling.SetLimit(drainWorkers)
	for _, c := range h.stopAttaching() {
		telling.Go(func() error { c.sendOff(rand.N(max(window, 1))); return nil })
	}
	telling.Wait()
	select {
	case <-h.empty:
	case <-ctx.Done():
	}
	h.flush()
}

// Leaving returns a channel that is closed when this instance begins to go away: when it drains, or is stopped.
func (h *Hub) Leaving() <-chan struct{} { return h.leaving }

// stopAttaching closes the door, and returns who is inside.
func (h *Hub) stopAttaching() []*Conn {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.draining {
		h.draining = true
		close(h.leaving)
		if h.open == 0 {
			close(h.empty)
		}
	}
	var conns []*Conn
	for _, s := range h.seats {
		conns = append(conns, s.conns...)
	}
	return conns
}

// sendOff asks the client to connect elsewhere after a while, and closes the connection by then.
func (c *Conn) sendOff(after time.Duration) {
	c.send(encode(reconnect{Type: "reconnect", AfterMS: after.Milliseconds()}))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leaveAt = c.hub.wheel.now() + after
	if c.phase == open {
		c.setAlarmLocked(c.leaveAt)
	}
}

// hangUp closes whatever is still connected, without a word.
func (h *Hub) hangUp() {
	h.stopped.Store(true)
	conns := h.stopAttaching()
	h.mu.Lock()
	conns = slices.AppendSeq(conns, maps.Keys(h.parting))
	h.mu.Unlock()
	for _, c := range conns {
		c.mu.Lock()
		if c.wire != nil {
			c.wire.Close()
		}
		c.mu.Unlock()
	}
	<-h.empty
}
