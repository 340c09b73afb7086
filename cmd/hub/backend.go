package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// backend is where the sessions are, and by which way notices come.
type backend struct {
	name    string // for the log; it holds no secret
	store   session.Store
	outbox  session.Outbox
	inbox   pubsub.Inbox
	counter auth.Counter // of failed logins
	close   func() error
	// watch reports what an operator should know of the backend. It returns when there is nothing more to
	// report, or ctx ends.
	watch func(ctx context.Context, log *slog.Logger)
}

func openBackend(o nodeOptions, instance string) (*backend, error) {
	if o.redis != nil {
		return openRedis(o, instance), nil
	}
	return openFile(o, instance)
}

// openFile opens the embedded store. Its only instance is this one.
func openFile(o nodeOptions, instance string) (*backend, error) {
	inboxes := new(pubsub.Memory)
	options := o.events.sqlite()
	options.Push = inboxes.Push
	store, err := sqlitestore.Open(o.data, inboxes.Send, options)
	if err != nil {
		return nil, err
	}
	return &backend{
		name:   o.data,
		store:  store,
		outbox: store,
		inbox:  inboxes.Inbox(instance),
		close:  store.Close,
		watch:  func(context.Context, *slog.Logger) {},
	}, nil
}

// openRedis makes the parts that are on Redis. A Redis that does not answer yet is no error: the hub is not ready
// until it does.
func openRedis(o nodeOptions, instance string) *backend {
	client := redis.NewUniversalClient(o.redis)
	store := redisstore.New(client, o.events.redis())
	return &backend{
		name:    "redis " + strings.Join(o.redis.Addrs, ","),
		store:   store,
		outbox:  store,
		inbox:   pubsub.NewRedis(client, redisstore.InboxPrefix+instance, o.log),
		counter: auth.NewRedisCounter(client, o.log),
		close: func() error {
			if err := client.Close(); !errors.Is(err, redis.ErrClosed) {
				return err
			}
			return nil
		},
		watch: func(ctx context.Context, log *slog.Logger) { warnOfEviction(ctx, client, 5*time.Second, log) },
	}
}
