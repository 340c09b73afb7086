package redisstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// TestDeliveriesExpireWithTheirAccount looks at when Redis forgets whom a change has told: not before the account, and
// not after it.
func TestDeliveriesExpireWithTheirAccount(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store := redisstore.New(client, redisstore.Options{})
	for name, left := range map[string]func(session.Account) session.Account{
		"for as long as the ending": func(a session.Account) session.Account { return a },
		"for ever":                  func(a session.Account) session.Account { a.Limits.Limit = 1; return a },
		"no longer":                 func(session.Account) session.Account { return session.Account{} },
	} {
		t.Run(name, func(t *testing.T) {
			key, id := session.KeyOf(name), uuid.New()
			opened := session.Change{ID: uuid.New(), Account: session.Account{User: name, Live: []session.Session{{ID: id}}}}
			if _, err := store.Commit(t.Context(), key, opened); err != nil {
				t.Fatal(err)
			}
			route := session.Route{Key: key, Session: id, Instance: "one", Epoch: 1, Connections: 1}
			if _, err := store.Attach(t.Context(), key, route); err != nil {
				t.Fatal(err)
			}
			account, ended := opened.Account.End([]session.ID{id}, session.Ending{Reason: session.EndedByAdmin}, time.Now())
			change := session.Change{ID: uuid.New(), From: opened.ID, Account: left(account), Ended: ended}
			for range 2 {
				after, err := store.Commit(t.Context(), key, change)
				if err != nil || !slices.Equal(after.Sent, []session.ID{id}) {
					t.Fatalf("told %v, %v; want %s", after.Sent, err, id)
				}
			}
			var ttl [2]time.Duration
			for i, kind := range []string{"u", "l"} {
				var err error
				if ttl[i], err = client.PTTL(t.Context(), fmt.Sprintf("hub:{%02d}:%s:%s", key.Shard(), kind, key)).Result(); err != nil {
					t.Fatal(err)
				}
			}
			if ttl[0] == -2 || (ttl[0] < 0) != (ttl[1] < 0) || (ttl[0]-ttl[1]).Abs() > time.Minute/2 {
				t.Errorf("the account expires in %s, and whom it told in %s", ttl[0], ttl[1])
			}
		})
	}
}
