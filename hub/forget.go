package hub

import (
	"context"
	"math/rand/v2"
	"time"
)

// forgetEvery is about how often the events that are too old are removed.
const forgetEvery = time.Minute

// forgetEvents removes the events that are too old, until ctx ends. All instances do; it costs little where another
// has just done so.
func (h *Hub) forgetEvents(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(forgetEvery/2 + rand.N(forgetEvery)):
		}
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		// What is left is for the next time; keepLease tells the operator about the store.
		_ = h.reg.Log().Forget(call)
		cancel()
	}
}
