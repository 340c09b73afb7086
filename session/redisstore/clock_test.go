package redisstore_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// slowBeat keeps the answers of beats back: they read the clock, and arrive when it is so much later.
type slowBeat struct {
	t     *testing.T
	clock *redis.Client
	by    time.Duration
}

func (*slowBeat) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *slowBeat) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") && len(cmd.Args()) > 3 && cmd.Args()[3] == "hub:instances" {
			for until := h.now().Add(h.by); h.now().Before(until); { // Redis's own clock is the one that counts
			}
		}
		return err
	}
}

func (*slowBeat) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *slowBeat) now() time.Time {
	now, err := h.clock.Time(context.Background()).Result()
	if err != nil {
		h.t.Error(err)
		return time.Now().Add(time.Hour) // whoever waits has waited enough
	}
	return now
}

// TestLoginsAreInTheOrderOfTheStore signs in where the clock is known late: no session is older than one that was
// opened before it, or the wrong one would be the least recently active.
func TestLoginsAreInTheOrderOfTheStore(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	client.AddHook(&slowBeat{t, server.Client(t), 100 * time.Millisecond})
	store := redisstore.New(client, redisstore.Options{})
	if _, _, err := store.Beat(t.Context(), session.Instance{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	here, there := session.NewRegistry(store), session.NewRegistry(redisstore.New(server.Client(t), redisstore.Options{}))
	rule := session.Rule{Limit: 3, Policy: session.Evict}
	var last time.Time
	for i, at := range []*session.Registry{there, here, here, here, here} {
		cred := session.Credential{Key: session.KeyOf("alice"), ID: uuid.New()}
		out, err := at.Login(t.Context(), session.Request{
			User: "alice", Credential: cred, Device: session.Device{ID: cred.ID.String(), Kind: session.Web},
		}, rule)
		if err != nil {
			t.Fatal(err)
		}
		if out.Session.CreatedAt.Before(last) {
			t.Errorf("login %d was %s before the one before it", i, last.Sub(out.Session.CreatedAt))
		}
		last = out.Session.CreatedAt
	}
}

// TestClusterIsAsked has a cluster, each of whose nodes dates what it keeps by a clock of its own: what is known is that
// of one of them, and so nothing is recalled.
func TestClusterIsAsked(t *testing.T) {
	server := redistest.Start(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{
		MaxRedirects: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
		ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
			return []redis.ClusterSlot{{Start: 0, End: 16383, Nodes: []redis.ClusterNode{{Addr: server.Addr}}}}, nil
		},
	})
	t.Cleanup(func() { client.Close() })
	store := redisstore.New(client, redisstore.Options{})
	if _, _, err := store.Beat(t.Context(), session.Instance{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	signIn(t, session.NewRegistry(store), "alice", session.Evict)
	if _, ok := store.Recall(session.KeyOf("alice")); ok {
		t.Error("an account is recalled by the clock of another node")
	}
}
