package sqlitestore_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// TestDeliveryOfTheVeryMoment lets one connection come and another go while the change that ends their sessions waits
// for its turn, with the account encoded: its turn is what counts.
func TestDeliveryOfTheVeryMoment(t *testing.T) {
	store := openStore(t, sqlitestore.Options{})
	var turn atomic.Pointer[func()] // when the writer looks at the clock
	store.SetClock(func() time.Time {
		if then := turn.Swap(nil); then != nil {
			(*then)()
		}
		return time.Now().UTC().Truncate(time.Millisecond)
	})
	_, _, err := store.Beat(t.Context(), session.Instance{ID: "one"})
	must(t, err)
	key, comes, goes := session.KeyOf("alice"), uuid.New(), uuid.New()
	route := func(id session.ID, epoch uint64, connections int) session.Route {
		return session.Route{Key: key, Session: id, Instance: "one", Epoch: epoch, Connections: connections}
	}
	opened := session.Change{ID: uuid.New(), Account: session.Account{
		User: "alice", Live: []session.Session{{ID: comes}, {ID: goes}},
	}}
	_, err = store.Commit(t.Context(), key, opened)
	must(t, err)
	_, err = store.Attach(t.Context(), key, route(goes, 1, 1))
	must(t, err)

	account, ended := opened.Account.End([]session.ID{comes, goes}, session.Ending{Reason: session.EndedByAdmin}, time.Now())
	then := func() {
		if _, err := store.Attach(t.Context(), key, route(comes, 2, 1)); err != nil {
			t.Error(err)
		}
		if err := store.Detach(t.Context(), route(goes, 3, 0)); err != nil {
			t.Error(err)
		}
	}
	turn.Store(&then)
	change := session.Change{ID: uuid.New(), From: opened.ID, Account: account, Ended: ended}
	after, err := store.Commit(t.Context(), key, change)
	must(t, err)
	if want := []session.ID{comes}; !slices.Equal(after.Sent, want) {
		t.Errorf("told %v, want %v", after.Sent, want)
	}
	snap, err := store.Load(t.Context(), key)
	must(t, err)
	for id, want := range map[session.ID]session.NoticeDelivery{comes: session.NoticeSent, goes: session.NoticeOffline} {
		if s, _ := snap.Account.Find(id); s.Ended == nil || s.Ended.Delivery != want {
			t.Errorf("kept as %+v, want %s", s.Ended, want)
		}
	}
}
