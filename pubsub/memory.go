package pubsub

import (
	"context"
	"sync"
	"sync/atomic"
)

// Memory is the inboxes of the instances inside one process. The zero value is ready to use.
type Memory struct {
	mu      sync.Mutex
	inboxes map[string]*memoryInbox // guarded by mu
}

// Send puts a message into an instance's inbox. It never blocks: an inbox that nobody reads drops what it
// has no room for, and an instance without an inbox gets nothing.
func (m *Memory) Send(instance string, message []byte) {
	m.mu.Lock()
	inbox := m.inboxes[instance]
	m.mu.Unlock()
	if inbox == nil {
		return
	}
	select {
	case inbox.messages <- message:
	default:
		inbox.lost.Store(true)
	}
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
		inbox = &memoryInbox{messages: make(chan []byte, 4096)}
		m.inboxes[instance] = inbox
	}
	return inbox
}

type memoryInbox struct {
	messages chan []byte
	running  atomic.Bool
	lost     atomic.Bool // a message did not fit
}

func (i *memoryInbox) Run(ctx context.Context, joined func(), deliver func([]byte)) error {
	i.running.Store(true)
	defer i.running.Store(false)
	joined()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case message := <-i.messages:
			deliver(message)
			if i.lost.Swap(false) {
				joined()
			}
		}
	}
}

func (i *memoryInbox) Ready() bool { return i.running.Load() }
