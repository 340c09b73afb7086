package sqlitestore_test

import (
	"errors"
	"testing"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// TestPushWithoutRoom pushes to an instance that has no room for messages just then.
func TestPushWithoutRoom(t *testing.T) {
	room := false
	store := openStore(t, sqlitestore.Options{Push: func(string, []byte) bool { return room }})
	registry, key := session.NewRegistry(store), session.KeyOf("alice")
	id, err := login(registry, "alice", one)
	must(t, err)
	_, _, err = store.Beat(t.Context(), session.Instance{ID: "one"})
	must(t, err)
	_, err = store.Attach(t.Context(), key, session.Route{Key: key, Session: id, Instance: "one", Epoch: 1, Connections: 1})
	must(t, err)
	push, err := session.NewPush(session.ID{}, []byte("1"))
	must(t, err)
	if _, err := registry.Push(t.Context(), "alice", push); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("without room: %v, want ErrUnavailable", err)
	}
	room = true
	if n, err := registry.Push(t.Context(), "alice", push); n != 1 || err != nil {
		t.Errorf("to %d instances, %v; want 1", n, err)
	}
}
