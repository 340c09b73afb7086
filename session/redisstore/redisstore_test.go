package redisstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	sessiontest.Run(t, func(t *testing.T) sessiontest.Harness {
		if err := client.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		store := redisstore.New(client, redisstore.Options{})
		return sessiontest.Harness{
			Store: store,
			Inbox: func(t *testing.T, instance string) <-chan []byte { return subscribe(t, client, instance) },
			Lapse: func(t *testing.T, instance string) {
				// As if the last beat had been an hour ago.
				if err := client.HSet(context.Background(), "hub:instances", instance, "1 {}").Err(); err != nil {
					t.Fatal(err)
				}
			},
			Trim: func(t *testing.T, shard int) {
				key := fmt.Sprintf("hub:{%02d}:events", shard)
				if err := client.XTrimMaxLen(context.Background(), key, 0).Err(); err != nil {
					t.Fatal(err)
				}
			},
			Outdate: func(t *testing.T) {
				store.Outdate()
				nextMillisecond(t, client)
			},
		}
	})
}

// nextMillisecond returns when Redis's clock has moved on.
func nextMillisecond(t *testing.T, client *redis.Client) {
	t.Helper()
	var first time.Time
	for {
		now, err := client.Time(t.Context()).Result()
		if err != nil {
			t.Fatal(err)
		}
		if now = now.Truncate(time.Millisecond); first.IsZero() {
			first = now
		} else if now.After(first) {
			return
		}
	}
}

// subscribe returns the messages that come to an instance's inbox from now on.
func subscribe(t *testing.T, client *redis.Client, instance string) <-chan []byte {
	t.Helper()
	sub := client.Subscribe(context.Background(), redisstore.InboxPrefix+instance)
	if _, err := sub.Receive(context.Background()); err != nil {
		t.Fatal(err)
	}
	messages := make(chan []byte, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			message, err := sub.ReceiveMessage(context.Background())
			if err != nil {
				return
			}
			messages <- []byte(message.Payload)
		}
	}()
	t.Cleanup(func() {
		sub.Close()
		<-done
	})
	return messages
}
