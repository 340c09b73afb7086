package redisstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// A message whose answer is lost is sent again with the ID it had, by which instances know it.
func TestPushWhoseAnswerIsLost(t *testing.T) {
	server := redistest.Start(t)
	direct := server.Client(t)
	proxy := &losingProxy{server: server.Addr}
	client := redis.NewClient(&redis.Options{
		Addr: proxy.start(t), MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
	})
	t.Cleanup(func() { client.Close() })
	store := redisstore.New(client, redisstore.Options{})
	ctx, key := t.Context(), session.KeyOf("alice")
	s := session.Session{ID: uuid.New(), Device: session.Device{ID: "d", Kind: session.Web}}
	change := session.Change{ID: uuid.New(), Account: session.Account{User: "alice", Live: []session.Session{s}}}
	if _, err := store.Commit(ctx, key, change); err != nil {
		t.Fatal(err)
	}
	route := session.Route{Key: key, Session: s.ID, Instance: "one", Epoch: 1, Connections: 1}
	if _, err := store.Attach(ctx, key, route); err != nil {
		t.Fatal(err)
	}
	inbox := subscribe(t, direct, "one")
	send := func() session.Push {
		push, err := session.NewPush(session.ID{}, []byte("1"))
		if err != nil {
			t.Fatal(err)
		}
		if snap, err := store.Push(ctx, key, push); err != nil || len(snap.Routes) != 1 {
			t.Fatalf("to %v, %v; want the one route", snap.Routes, err)
		}
		return push
	}
	first := send() // from here on Redis knows the script
	proxy.loseNext(func() {})
	second := send()
	for i, want := range []uuid.UUID{first.ID, second.ID, second.ID} {
		select {
		case message := <-inbox:
			if got, err := session.DecodePush(message); err != nil || got.ID != want {
				t.Errorf("message %d is %s, %v; want %s", i, got.ID, err, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("message %d does not come", i)
		}
	}
}
