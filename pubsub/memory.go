package pubsub

import (
	"context"
	"sync"
	"sync/atomic"
)

// How many messages an inbox has room for. Those of Push are the larger ones.
const (
	noticeRoom = 4096
	pushRoom   = 1024
)

// Memory is the inboxes of the instances inside one process. The zero value is ready to use.
type Memory struct {
	mu      sync.Mutex
	inboxes map[string]*memoryInbox // guarded by mu
}

// Send puts a message into an instance's inbox. It never blocks: an inbox that nobody reads drops what it
// has no room for, and an instance without an inbox gets nothing.
func (m *Memory) Send(instance string, message []byte) {
	inbox := m.find(instance)
	if inbox == nil {
		return
	}
	select {
	case inbox.messages <- message:
	default:
		inbox.lost.Store(true)
	}
}

// Push puts a message into an instance's inbox that those of Send overtake, and reports whether there was room. It
// never blocks. An instance without an inbox has all the room there is.
func (m *Memory) Push(instance string, message []byte) bool {
	inbox := m.find(instance)
	if inbox == nil {
		return true
	}
	select {
	case inbox.pushes <- message:
		return true
	default:
		return false
	}
}

func (m *Memory) find(instance string) *memoryInbox {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.inboxes[instance]
}

// Inbox returns the inbox of an instance.
func (m *Memory) Inbox(instance string) Inbox {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inboxes == nil {
		m.inboxes = make(map[string]*memoryInbox)
	}
	inbox := m.inboxes[instance]
	if inbox == nil {
		inbox = &memoryInbox{messages: make(chan []byte, noticeRoom), pushes: make(chan []byte, pushRoom)}
		m.inboxes[instance] = inbox
	}
	return inbox
}

type memoryInbox struct {
	messages chan []byte
	pushes   chan []byte
	running  atomic.Bool
	lost     atomic.Bool // a message did not fit
}

func (i *memoryInbox) Run(ctx context.Context, joined func(), deliver func([]byte)) error {
	i.running.Store(true)
	defer i.running.Store(false)
	joined()
	for {
		message, err := i.next(ctx)
		if err != nil {
			return err
		}
		deliver(message)
		if i.lost.Swap(false) {
			joined()
		}
	}
}

// next waits for a message; pushes come last.
func (i *memoryInbox) next(ctx context.Context) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case message := <-i.messages:
		return message, nil
	default:
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case message := <-i.messages:
		return message, nil
	case message := <-i.pushes:
		return message, nil
	}
}

func (i *memoryInbox) Ready() bool { return i.running.Load() }
