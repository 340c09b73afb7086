// Package pubsub carries notices to the instances' inboxes: in memory, and on Redis.
//
// An inbox is a doorbell. What it loses, repeats or delays, the hub makes good from the store.
package pubsub

import "context"

// Inbox is where messages to one instance arrive.
type Inbox interface {
	// Run receives until ctx ends, and returns its error. It calls deliver with each message, in order, from
	// one goroutine; joined is called before the first message of each subscription: whatever was sent before
	// may have been lost.
	Run(ctx context.Context, joined func(), deliver func(message []byte)) error

	// Ready reports whether messages arrive just now, as far as can be known.
	Ready() bool
}
