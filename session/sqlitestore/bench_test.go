package sqlitestore_test

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

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
			var users atomic.Int64
			work := func(next func() bool) {
				user := fmt.Sprint("user ", users.Add(1))
				for next() {
					if _, err := login(registry, user, one); err != nil {
						b.Error(err)
					}
				}
			}
			if parallel == 1 {
				work(b.Loop)
				return
			}
			b.SetParallelism(parallel / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) { work(pb.Next) })
		})
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
			_, err := store.Commit(b.Context(), key, session.Change{ID: uuid.New(), Account: a})
			must(b, err)
			for b.Loop() {
				_, err := store.Load(b.Context(), key)
				must(b, err)
			}
		})
	}
}
