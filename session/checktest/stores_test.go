package checktest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/checktest"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sessiontest"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// onRedis returns three instances' ways to one Redis, each with connections of its own. Their leases live, and so
// they know the time, and decide logins on what they remember.
func onRedis(t *testing.T) []session.Store {
	t.Helper()
	server := redistest.Start(t)
	var stores []session.Store
	for i := range 3 {
		store := redisstore.New(server.Client(t), redisstore.Options{})
		keepLease(t, store, fmt.Sprint("instance ", i))
		stores = append(stores, store)
	}
	return stores
}

// keepLease renews the lease of an instance until the test ends.
func keepLease(t *testing.T, store session.Store, instance string) {
	t.Helper()
	beat := func(ctx context.Context) error {
		_, _, err := store.Beat(ctx, session.Instance{ID: instance})
		return err
	}
	if err := beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	var kept sync.WaitGroup
	kept.Go(func() {
		tick := time.NewTicker(session.LeaseTTL / 4)
		defer tick.Stop()
		for {
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
			}
			if err := beat(t.Context()); err != nil && t.Context().Err() == nil {
				t.Errorf("%s: %v", instance, err)
			}
		}
	})
	t.Cleanup(kept.Wait)
}

// onFile returns one embedded store for three registries: no second process may have the file.
func onFile(t *testing.T) []session.Store {
	t.Helper()
	store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "hub.db"), func(string, []byte) {}, sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return three(store)
}

var stores = map[string]func(*testing.T) []session.Store{"redis": onRedis, "file": onFile}

func TestStoresAreLinearizable(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checktest.Check(t, workload(40), open(t)...)
		})
	}
}

func TestStoresAreLinearizableWhenAnswersAreLost(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lossy []session.Store
			for i, store := range open(t) {
				lossy = append(lossy, checktest.Lossy(store, 50, uint64(50+i)))
			}
			checktest.Check(t, workload(50), lossy...)
		})
	}
}

func TestBrokenStoresAreCaught(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var broken []session.Store
			for _, store := range open(t) {
				broken = append(broken, sessiontest.Broken(store))
			}
			report, err := checktest.Run(t.Context(), workload(60), broken...)
			if err != nil {
				t.Fatal(err)
			}
			if !report.Violation {
				t.Errorf("a store that checks and then acts has passed: %s", report)
			}
		})
	}
}
