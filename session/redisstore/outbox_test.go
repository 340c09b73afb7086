package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sessiontest"
)

func TestOutbox(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	sessiontest.RunOutbox(t, func(t *testing.T) sessiontest.OutboxHarness {
		if err := client.FlushAll(context.Background()).Err(); err != nil {
			t.Fatal(err)
		}
		return sessiontest.OutboxHarness{
			Store:   redisstore.New(client, redisstore.Options{KeepEvents: 100_000}),
			Abandon: func(t *testing.T) { abandon(t, client) },
			Forget: func(t *testing.T) {
				for shard := range session.Shards {
					if err := client.XTrimMaxLen(t.Context(), streamOf(shard), 0).Err(); err != nil {
						t.Fatal(err)
					}
				}
			},
		}
	})
}

func streamOf(shard int) string { return fmt.Sprintf("hub:{%02d}:events", shard) }

// abandon takes what is new, and lets it lie since an hour ago.
func abandon(t *testing.T, client *redis.Client) {
	for shard := range session.Shards {
		stream := streamOf(shard)
		taken, err := client.XReadGroup(t.Context(), &redis.XReadGroupArgs{
			Group: "outbox", Consumer: "hub", Streams: []string{stream, ">"}, Block: -1,
		}).Result()
		if err == redis.Nil {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range taken[0].Messages {
			idle := time.Hour.Milliseconds()
			err := client.Do(t.Context(), "XCLAIM", stream, "outbox", "hub", 0, entry.ID, "IDLE", idle, "JUSTID").Err()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A Redis that was emptied has lost the groups with the streams. What comes after that is gathered all the same.
func TestOutboxOfARedisThatWasReset(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	store := redisstore.New(client, redisstore.Options{})
	gather := func() (users []string) {
		t.Helper()
		for range 2 { // the first finds the group gone
			_, err := store.Gather(t.Context(), 100, func(e session.Event) []string {
				users = append(users, e.User)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return users
	}
	record := func(user string) {
		t.Helper()
		if err := store.Record(t.Context(), session.KeyOf(user), session.Event{User: user}); err != nil {
			t.Fatal(err)
		}
	}
	gather()
	record("alice")
	if got := gather(); len(got) != 1 {
		t.Fatalf("gathered %q, want alice", got)
	}
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	record("alice")
	record("bob")
	if got := gather(); len(got) != 2 {
		t.Errorf("gathered %q after the reset, want alice and bob", got)
	}
}

// What a dead instance took, and the log has forgotten before anybody could take it again, is not lost in silence.
func TestOutboxOfALogThatIsTooShort(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	store := redisstore.New(client, redisstore.Options{})
	gather := func() error {
		_, err := store.Gather(t.Context(), 100, func(session.Event) []string { return nil })
		return err
	}
	if err := gather(); err != nil {
		t.Fatal(err)
	}
	if err := store.Record(t.Context(), session.KeyOf("alice"), session.Event{User: "alice"}); err != nil {
		t.Fatal(err)
	}
	abandon(t, client)
	if err := client.XTrimMaxLen(t.Context(), streamOf(session.KeyOf("alice").Shard()), 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := gather(); err == nil || !strings.Contains(err.Error(), "1 entries were forgotten") {
		t.Errorf("gathered with %v, want to be told that one is gone", err)
	}
	if err := gather(); err != nil {
		t.Errorf("told again: %v", err)
	}
}

// An outbox with nothing in it costs one round trip, and one with something three: to take, to queue, to acknowledge.
func TestOutboxRoundTrips(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	trips := redistest.CountTrips(client)
	store := redisstore.New(client, redisstore.Options{})
	gather := func() {
		t.Helper()
		if _, err := store.Gather(t.Context(), 100, func(session.Event) []string { return []string{"one"} }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		events int
		want   int
	}{{"at first", 0, -1}, {"the first event", 1, -1}, {"nothing", 0, 1}, {"one event", 1, 3}, {"a hundred", 100, 3}} {
		for i := range c.events {
			user := fmt.Sprint(c.name, i)
			if err := store.Record(t.Context(), session.KeyOf(user), session.Event{User: user}); err != nil {
				t.Fatal(err)
			}
		}
		trips.Store(0)
		gather()
		if c.want >= 0 && int(trips.Load()) != c.want {
			t.Errorf("%s: %d round trips, want %d", c.name, int(trips.Load()), c.want)
		}
		for range 16 { // the rest
			gather()
		}
	}
}
