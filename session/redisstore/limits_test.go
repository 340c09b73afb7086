package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// TestLimitsOutliveSessions looks at when Redis forgets the keys of a user: never, while there are limits, whatever
// the sessions do.
func TestLimitsOutliveSessions(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store := redisstore.New(client, redisstore.Options{})
	registry, key := session.NewRegistry(store), session.KeyOf("alice")
	rule := session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour}
	expires := func(when string, want bool) {
		t.Helper()
		for _, kind := range []string{"u", "l"} {
			name := fmt.Sprintf("hub:{%02d}:%s:%s", key.Shard(), kind, key)
			ttl, err := client.PTTL(t.Context(), name).Result()
			if err != nil || ttl == -2 {
				t.Fatalf("%s: %s is not there, %v", when, name, err)
			}
			if ttl != -1 != want {
				t.Errorf("%s: %s expires in %v, want it to: %v", when, name, ttl, want)
			}
		}
	}
	restrict := func(own session.Limits) {
		t.Helper()
		why := session.Ending{Reason: session.EndedByAdmin}
		if _, err := registry.Restrict(t.Context(), "alice", own, rule, why); err != nil {
			t.Fatal(err)
		}
	}
	cred := session.Credential{Key: key, ID: uuid.New()}
	device := session.Device{ID: "laptop", Kind: session.Web}
	if _, err := registry.Login(t.Context(), session.Request{User: "alice", Credential: cred, Device: device}, rule); err != nil {
		t.Fatal(err)
	}
	touch := func() {
		t.Helper()
		mark := session.Mark{Key: key, Session: cred.ID, IdleTimeout: time.Hour}
		if err := store.Touch(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
	}
	touch()
	expires("without limits", true)
	restrict(session.Limits{Limit: 2})
	expires("with limits", false)
	touch()
	expires("after activity", false)
	restrict(session.Limits{})
	expires("without limits again", true)
}
