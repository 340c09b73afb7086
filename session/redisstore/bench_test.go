package redisstore_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// BenchmarkLogin is a login that evicts a session with a socket at another instance, beside what the round trips
// to Redis cost alone.
func BenchmarkLogin(b *testing.B) {
	client := redistest.Start(b).Client(b)
	store := redisstore.New(client, redisstore.Options{})
	if _, _, err := store.Beat(b.Context(), session.Instance{ID: "elsewhere"}); err != nil {
		b.Fatal(err)
	}
	registry := session.NewRegistry(store)
	var users atomic.Int64
	login := func() {
		user := fmt.Sprint("user ", users.Add(1)%1000)
		id := uuid.New()
		cred := session.Credential{Key: session.KeyOf(user), ID: id, Digest: sha256.Sum256(id[:])}
		_, err := registry.Login(context.Background(), session.Request{
			User: user, Credential: cred, IP: "192.0.2.7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)",
			Device: session.Device{ID: id.String(), Name: "Firefox on Linux", Kind: session.Web},
		}, session.Rule{Limit: 1, Policy: session.Evict})
		if err != nil {
			b.Error(err)
		}
		store.Attach(context.Background(), cred.Key, session.Route{
			Key: cred.Key, Session: id, Instance: "elsewhere", Epoch: 1, Connections: 1,
		})
	}
	b.Run("serial", func(b *testing.B) {
		for b.Loop() {
			login()
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				login()
			}
		})
	})
	b.Run("ping", func(b *testing.B) {
		for b.Loop() {
			client.Ping(context.Background())
		}
	})
}
