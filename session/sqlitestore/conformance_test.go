package sqlitestore_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sessiontest"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

func TestConformance(t *testing.T) {
	sessiontest.Run(t, func(t *testing.T) sessiontest.Harness {
		var later atomic.Int64                  // by how much the store's clock is ahead
		inboxes := make(map[string]chan []byte) // written before the first notice, and then only read
		store, err := sqlitestore.Open(filepath.Join(t.TempDir(), "hub.db"), func(instance string, message []byte) {
			if inbox, ok := inboxes[instance]; ok {
				inbox <- message
			}
		}, sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		store.SetClock(func() time.Time {
			return time.Now().Add(time.Duration(later.Load())).UTC().Truncate(time.Millisecond)
		})
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		return sessiontest.Harness{
			Store: store,
			Inbox: func(t *testing.T, instance string) <-chan []byte {
				inboxes[instance] = make(chan []byte, 100)
				return inboxes[instance]
			},
			Lapse:   func(_ *testing.T, instance string) { store.Lapse(instance) },
			Trim:    func(_ *testing.T, shard int) { store.TrimNotices(shard) },
			Outdate: func(*testing.T) { later.Add(int64(session.KeepEventsFor + time.Minute)) },
		}
	})
}
