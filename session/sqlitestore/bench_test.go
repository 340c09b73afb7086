package sqlitestore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// BenchmarkLogin is logins that each evict a session: a load and a commit that is waited for until it is on
// the disk.
func BenchmarkLogin(b *testing.B) {
	for _, parallel := range []int{1, 32} {
		b.Run(fmt.Sprintf("parallel=%d", parallel), func(b *testing.B) {
			registry := session.NewRegistry(openStore(b, sqlitestore.Options{}))
			var user atomic.Int64
			b.SetParallelism(parallel / runtime.GOMAXPROCS(0))
			if parallel == 1 {
				for b.Loop() {
					login(b, registry, "alice")
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				name := fmt.Sprint("user ", user.Add(1))
				for pb.Next() {
					login(b, registry, name)
				}
			})
		})
	}
}

func login(b *testing.B, registry *session.Registry, user string) {
	req := session.Request{
		User:       user,
		Credential: session.Credential{Key: session.KeyOf(user), ID: uuid.New()},
		Device:     session.Device{ID: uuid.NewString(), Name: "Laptop", Kind: session.Web},
		IP:         "192.0.2.1",
		UserAgent:  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}
	rule := session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: 30 * time.Minute}
	if _, err := registry.Login(context.Background(), req, rule); err != nil {
		b.Error(err)
	}
}

// BenchmarkLoad is checks of a session, by how many the account has.
func BenchmarkLoad(b *testing.B) {
	for _, sessions := range []int{1, 20, session.MaxSessions} {
		b.Run(fmt.Sprintf("sessions=%d", sessions), func(b *testing.B) {
			store := openStore(b, sqlitestore.Options{})
			a := session.Account{User: "alice"}
			for range sessions {
				a.Live = append(a.Live, session.Session{
					ID:        uuid.New(),
					Device:    session.Device{ID: uuid.NewString(), Name: "Laptop", Kind: session.Web},
					IP:        "192.0.2.1",
					UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
				})
			}
			key := session.KeyOf(a.User)
			if _, err := store.Commit(b.Context(), key, session.Change{ID: uuid.New(), Account: a}); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := store.Load(b.Context(), key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// openStore opens a store for the length of a test.
func openStore(tb testing.TB, o sqlitestore.Options) *sqlitestore.Store {
	tb.Helper()
	store, err := sqlitestore.Open(filepath.Join(tb.TempDir(), "hub.db"), func(string, []byte) {}, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return store
}
