package pubsub

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// How a Redis inbox watches over its subscription.
const (
	// probeEvery is how often it rings its own bell.
	probeEvery = time.Second
	// deafAfter is how long it may hear nothing before it subscribes anew.
	deafAfter = 3 * time.Second
	// rejoinAfter is how long it waits before it tries again.
	rejoinAfter = 200 * time.Millisecond
)

// probe is the message an inbox sends itself. No notice is empty.
const probe = ""

// errDeaf ends a subscription that has gone silent: connected, perhaps, but nothing comes through.
var errDeaf = errors.New("no message has come through for too long")

// Redis is an inbox on a Redis channel. A server that is half gone still answers PING, so the inbox believes in
// its subscription only while messages that it publishes to itself come back.
type Redis struct {
	client  redis.UniversalClient
	channel string
	log     *slog.Logger
	ready   atomic.Bool
}

// NewRedis returns the inbox on a channel.
func NewRedis(client redis.UniversalClient, channel string, log *slog.Logger) *Redis {
	return &Redis{client: client, channel: channel, log: log}
}

// Ready implements Inbox.
func (r *Redis) Ready() bool { return r.ready.Load() }

// Run implements Inbox.
func (r *Redis) Run(ctx context.Context, joined func(), deliver func([]byte)) error {
	for {
		err := r.subscribe(ctx, joined, deliver)
		wasReady := r.ready.Swap(false)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wasReady {
			r.log.Warn("the inbox was cut off; subscribing anew", "channel", r.channel, "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rejoinAfter):
		}
	}
}

// subscribe receives by one subscription until it breaks, goes deaf, or ctx ends.
func (r *Redis) subscribe(ctx context.Context, joined func(), deliver func([]byte)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sub := r.client.Subscribe(ctx, r.channel)
	heard := new(atomic.Int64)
	heard.Store(time.Now().UnixNano())

	// Receive has no deadline and ignores its context: closing the subscription is what ends it.
	var wg sync.WaitGroup
	defer wg.Wait()
	defer sub.Close()
	wg.Go(func() {
		<-ctx.Done()
		sub.Close()
	})
	wg.Go(func() { r.watch(ctx, cancel, heard) })
	defer cancel(nil)

	for {
		message, err := sub.Receive(ctx)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		heard.Store(time.Now().UnixNano())
		switch message := message.(type) {
		case *redis.Subscription:
			// One comes after each resubscription of the library's own too.
			joined()
		case *redis.Message:
			r.ready.Store(true)
			if message.Payload != probe {
				deliver([]byte(message.Payload))
			}
		}
	}
}

// watch publishes the probes, and ends the subscription when nothing has been heard for too long.
func (r *Redis) watch(ctx context.Context, cancel context.CancelCauseFunc, heard *atomic.Int64) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		call, done := context.WithTimeout(ctx, probeEvery)
		err := r.client.Publish(call, r.channel, probe).Err()
		done()
		if err != nil && ctx.Err() == nil {
			r.ready.Store(false)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		silence := time.Since(time.Unix(0, heard.Load()))
		if silence > probeEvery+probeEvery/2 {
			r.ready.Store(false)
		}
		if silence > deafAfter {
			cancel(errDeaf)
			return
		}
	}
}
