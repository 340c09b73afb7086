package redisstore_test

import (
	"context"
	"fmt"
	"testing"

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
		return sessiontest.Harness{
			Store: redisstore.New(client, redisstore.Options{}),
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
		}
	})
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
