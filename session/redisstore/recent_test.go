package redisstore_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// A login is two round trips; at the instance that wrote the account last it is one; and where others have written
// since, it is two again, and decided on what they wrote.
func TestLoginRoundTrips(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store, elsewhere := redisstore.New(client, redisstore.Options{}), redisstore.New(client, redisstore.Options{})
	for _, s := range []*redisstore.Store{store, elsewhere} {
		if _, _, err := s.Beat(t.Context(), session.Instance{ID: "one"}); err != nil {
			t.Fatal(err)
		}
	}
	here, there := session.NewRegistry(store), session.NewRegistry(elsewhere)
	signIn(t, here, "somebody else", session.Evict) // the scripts are known from here on
	signIn(t, here, "somebody else", session.Reject)

	count := redistest.CountTrips(client)
	var last session.ID
	for i, step := range []struct {
		name   string
		at     *session.Registry
		policy session.Policy
		trips  int
		ended  int
	}{
		{"first", here, session.Evict, 2, 0},
		{"again", here, session.Evict, 1, 1},
		{"refused, which is said of what was read, and put on record", here, session.Reject, 2, 0},
		{"elsewhere", there, session.Evict, 2, 1},
		{"after that", here, session.Evict, 2, 1},
		{"and again", here, session.Evict, 1, 1},
	} {
		count.Store(0)
		out := signIn(t, step.at, "alice", step.policy)
		if int(count.Load()) != step.trips || len(out.Ended) != step.ended {
			t.Errorf("%d, %s: %d round trips and %d sessions ended, want %d and %d",
				i, step.name, int(count.Load()), len(out.Ended), step.trips, step.ended)
		}
		for _, s := range out.Ended {
			if s.ID != last {
				t.Errorf("%d, %s: session %s ended, want %s", i, step.name, s.ID, last)
			}
		}
		if out.Verdict == session.Admitted {
			last = out.Session.ID
		}
	}
}

// signIn signs a user in with limit 1, on a new device.
func signIn(t *testing.T, registry *session.Registry, user string, policy session.Policy) session.Outcome {
	t.Helper()
	cred := session.Credential{Key: session.KeyOf(user), ID: uuid.New()}
	out, err := registry.Login(t.Context(), session.Request{
		User: user, Credential: cred, Device: session.Device{ID: cred.ID.String(), Kind: session.Web},
	}, session.Rule{Limit: 1, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A Store forgets what it has not been asked for the longest, and remembers nothing before it knows Redis's clock.
func TestRecallIsBounded(t *testing.T) {
	client := redistest.Start(t).Client(t)
	store := redisstore.New(client, redisstore.Options{})
	registry := session.NewRegistry(store)
	signIn(t, registry, "alice", session.Evict)
	if _, ok := store.Recall(session.KeyOf("alice")); ok {
		t.Error("an account is recalled without a clock")
	}
	if _, _, err := store.Beat(t.Context(), session.Instance{ID: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, ok := store.Recall(session.KeyOf("alice")); !ok {
		t.Error("an account that was just written is not recalled")
	}
	// A dozen of these is as much as is remembered.
	large := strings.Repeat("x", 1<<20)
	for range 12 {
		user := uuid.NewString()
		s := session.Session{ID: uuid.New(), UserAgent: large}
		_, err := store.Commit(t.Context(), session.KeyOf(user), session.Change{
			ID: uuid.New(), Account: session.Account{User: user, Live: []session.Session{s}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := store.Recall(session.KeyOf("alice")); ok {
		t.Error("twelve megabytes later the account is still remembered")
	}
}
