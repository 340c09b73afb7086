package hub_test

import (
	"context"
	"sync"

	"github.com/sessionhub/sessionhub/pubsub"
)

// faultyInbox hands on each message as often as the test says.
type faultyInbox struct {
	pubsub.Inbox
	mu     sync.Mutex
	copies func(message []byte) int // guarded by mu
	passed chan struct{}            // guarded by mu: gets a value after each message, if not nil
}

func (f *faultyInbox) set(copies func([]byte) int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.copies = copies
}

// stepwise makes each message wait, once it has been dealt with, until it is taken note of.
func (f *faultyInbox) stepwise() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed = make(chan struct{})
	return f.passed
}

func (f *faultyInbox) Run(ctx context.Context, joined func(), deliver func([]byte)) error {
	return f.Inbox.Run(ctx, joined, func(message []byte) {
		f.mu.Lock()
		n := 1
		if f.copies != nil {
			n = f.copies(message)
		}
		passed := f.passed
		f.mu.Unlock()
		for range n {
			deliver(message)
		}
		if passed != nil {
			passed <- struct{}{}
		}
	})
}
