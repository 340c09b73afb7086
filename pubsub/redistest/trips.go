package redistest

import (
	"context"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// Trips counts the round trips of a client: one for a command, and one for a pipeline whatever is in it. What a client
// sends on its own to greet a server does not count.
type Trips struct{ atomic.Int64 }

// CountTrips counts the round trips of a client from now on.
func CountTrips(client redis.UniversalClient) *Trips {
	trips := new(Trips)
	client.AddHook(trips)
	return trips
}

// DialHook implements redis.Hook.
func (*Trips) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (t *Trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch cmd.Name() {
		case "hello", "client", "select":
		default:
			t.Add(1)
		}
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (t *Trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		t.Add(1)
		return next(ctx, cmds)
	}
}
