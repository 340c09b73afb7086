package redisstore_test

import (
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// fact is one that is to be alone under a name.
func fact(name string, number byte) session.Entry {
	return session.Entry{
		Name: sha256.Sum256([]byte(name)), Fact: session.Fact{number}, Keep: time.Hour, Sole: true,
	}
}

// wantPosted enters facts, and fails the test unless each is read then.
func wantPosted(t *testing.T, store *redisstore.Store, entries ...session.Entry) {
	t.Helper()
	var names []session.Digest
	for _, e := range entries {
		names = append(names, e.Name)
	}
	facts, err := store.Post(t.Context(), entries, names...)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if !slices.Equal(facts[i], []session.Fact{e.Fact}) {
			t.Errorf("facts %x, want %x alone", facts[i], e.Fact)
		}
	}
}

// TestFactsWhoseAnswerIsLost are entered again, and are still alone.
func TestFactsWhoseAnswerIsLost(t *testing.T) {
	server := redistest.Start(t)
	proxy := &losingProxy{server: server.Addr}
	client := redis.NewClient(&redis.Options{
		Addr: proxy.start(t), MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
	})
	t.Cleanup(func() { client.Close() })
	store := redisstore.New(client, redisstore.Options{})
	wantPosted(t, store, fact("a", 1)) // the scripts are known from here on
	proxy.loseNext(func() {})
	wantPosted(t, store, fact("b", 1), fact("c", 2))
}

// TestFactsAfterARestart are entered by scripts that Redis does not know.
func TestFactsAfterARestart(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store := redisstore.New(client, redisstore.Options{})
	for _, name := range []string{"a", "b"} {
		wantPosted(t, store, fact(name, 1), fact(name+"!", 2))
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFactsCostOneRoundTrip and leave nothing behind when their time is over.
func TestFactsCostOneRoundTrip(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store := redisstore.New(client, redisstore.Options{})
	wantPosted(t, store, fact("a", 1))
	count := redistest.CountTrips(client)
	wantPosted(t, store, fact("b", 1), fact("c", 2), fact("d", 3))
	if int(count.Load()) != 1 {
		t.Errorf("%d round trips, want 1", int(count.Load()))
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 4 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	for _, key := range keys {
		left, err := client.PTTL(t.Context(), key).Result()
		if err != nil || left <= 59*time.Minute || left > time.Hour {
			t.Errorf("%s is kept for %s, %v; want an hour", key, left, err)
		}
	}
}
