package web_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// crowd gives alice as many sessions as a user may have, each with what devices say of themselves and a connection,
// and as many that have ended as are remembered.
func crowd(tb testing.TB, store session.Store) {
	tb.Helper()
	ctx, key := tb.Context(), session.KeyOf("alice")
	if _, _, err := store.Beat(ctx, session.Instance{ID: "here"}); err != nil {
		tb.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	account := session.Account{User: "alice"}
	for i := range session.MaxSessions + session.KeepEnded {
		s := session.Session{
			ID: uuid.New(), IP: "192.0.2.7", UserAgent: firefox, CreatedAt: now, LastActiveAt: now, IdleTimeout: time.Hour,
			Device:     session.Device{ID: uuid.NewString(), Name: "Firefox on Linux", Kind: session.Web},
			Attributes: map[string]string{"plan": "premium"},
		}
		if i < session.MaxSessions {
			account.Live = append(account.Live, s)
			continue
		}
		s.Ended = &session.Ending{Reason: session.Superseded, At: now, By: account.Live[i-session.MaxSessions].Actor()}
		account.Ended = append(account.Ended, s)
	}
	if _, err := store.Commit(ctx, key, session.Change{ID: uuid.New(), Account: account}); err != nil {
		tb.Fatal(err)
	}
	for _, s := range account.Live {
		route := session.Route{Key: key, Session: s.ID, Instance: "here", Epoch: 1, Connections: 1}
		if _, err := store.Attach(ctx, key, route); err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkUserSessions lists the sessions of a user who has as many as there may be, as the dashboard does.
func BenchmarkUserSessions(b *testing.B) {
	for name, open := range map[string]func(*testing.B) session.Store{
		"sqlite": func(b *testing.B) session.Store {
			store, err := sqlitestore.Open(b.TempDir()+"/hub.db", func(string, []byte) {}, sqlitestore.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { store.Close() })
			return store
		},
		"redis": func(b *testing.B) session.Store {
			return redisstore.New(redistest.Start(b).Client(b), redisstore.Options{})
		},
	} {
		for _, query := range []string{"", "?ended=true"} {
			b.Run(fmt.Sprint(name, query), func(b *testing.B) {
				store := open(b)
				crowd(b, store)
				run(b, unwatched(b, store, nil), "GET", "/v1/admin/users/alice/sessions"+query, "", apiKey, http.StatusOK)
			})
		}
	}
}
