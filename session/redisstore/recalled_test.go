package redisstore_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// TestRecalledAsLoaded signs a user in again and again, amid activity of which only Redis knows: whatever the store
// remembers, each login ends the sessions that it would end if it had loaded the account.
func TestRecalledAsLoaded(t *testing.T) {
	server := redistest.Start(t)
	here := redisstore.New(server.Client(t), redisstore.Options{})
	elsewhere := redisstore.New(server.Client(t), redisstore.Options{})
	registry := session.NewRegistry(here)
	rapid.Check(t, func(rt *rapid.T) {
		if _, _, err := here.Beat(t.Context(), session.Instance{ID: "one"}); err != nil {
			rt.Fatal(err)
		}
		user := uuid.NewString()
		key := session.KeyOf(user)
		rule := session.Rule{Limit: rapid.IntRange(1, 3).Draw(rt, "limit"), Policy: session.Evict, IdleTimeout: time.Minute}
		for range rapid.IntRange(2, 8).Draw(rt, "logins") {
			before, err := elsewhere.Load(t.Context(), key)
			if err != nil {
				rt.Fatal(err)
			}
			for _, s := range before.Account.Live {
				ago := rapid.SampledFrom([]time.Duration{0, time.Millisecond, 50 * time.Second, time.Hour}).Draw(rt, "active ago")
				mark := session.Mark{Key: key, Session: s.ID, Ago: ago, IdleTimeout: s.IdleTimeout}
				if err := elsewhere.Touch(t.Context(), mark); err != nil {
					rt.Fatal(err)
				}
			}
			if before, err = elsewhere.Load(t.Context(), key); err != nil {
				rt.Fatal(err)
			}
			id := uuid.New()
			req := session.Request{User: user, Credential: session.Credential{Key: key, ID: id}, Device: session.Device{
				ID: rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "device"), Kind: session.Web,
			}}
			_, want := before.Account.Admit(req, rule, before.Now)
			got, err := registry.Login(t.Context(), req, rule)
			if err != nil {
				rt.Fatal(err)
			}
			if !slices.EqualFunc(got.Ended, want.Ended, func(a, b session.Session) bool {
				return a.ID == b.ID && a.Ended.Reason == b.Ended.Reason && a.LastActiveAt.Equal(b.LastActiveAt)
			}) {
				rt.Fatalf("ended %v, want %v", got.Ended, want.Ended)
			}
			after, err := elsewhere.Load(t.Context(), key)
			if err != nil {
				rt.Fatal(err)
			}
			for _, s := range after.Account.Live {
				if was, ok := before.Account.Find(s.ID); ok && !was.LastActiveAt.Equal(s.LastActiveAt) {
					rt.Fatalf("activity at %s became %s", was.LastActiveAt, s.LastActiveAt)
				}
			}
		}
	})
}
