package redisstore_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// newLosing returns a store behind a proxy that loses answers, and one that reaches the same Redis directly.
func newLosing(t *testing.T) (proxy *losingProxy, store, direct *redisstore.Store) {
	server := redistest.Start(t)
	direct = redisstore.New(server.Client(t), redisstore.Options{})
	proxy = &losingProxy{server: server.Addr}
	client := redis.NewClient(&redis.Options{
		Addr: proxy.start(t), MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
	})
	t.Cleanup(func() { client.Close() })
	return proxy, redisstore.New(client, redisstore.Options{}), direct
}

// A commit is made, its answer is lost with the connection, and it is sent again: once more at once, and once after
// another commit has come between.
func TestAnswersThatAreLost(t *testing.T) {
	proxy, store, direct := newLosing(t)
	ctx := t.Context()

	key := session.KeyOf("alice")
	opened := func(from session.Version) session.Change {
		s := session.Session{ID: uuid.New(), Device: session.Device{ID: "d", Kind: session.Web}}
		return session.Change{
			ID: uuid.New(), From: from, Account: session.Account{User: "alice", Live: []session.Session{s}},
			Events: []session.Event{{Type: session.SessionCreated, User: "alice", Session: &s}},
		}
	}
	if _, err := store.Load(ctx, key); err != nil { // the scripts are known from here on
		t.Fatal(err)
	}
	first := opened(session.Version{})
	if _, err := direct.Commit(ctx, session.KeyOf("bob"), opened(session.Version{})); err != nil {
		t.Fatal(err)
	}
	proxy.loseNext(func() {})
	if _, err := store.Commit(ctx, key, first); err != nil {
		t.Fatalf("sent again at once: %v, want success", err)
	}
	wantEvents(t, direct, 2)

	second := opened(first.ID)
	third := opened(second.ID)
	proxy.loseNext(func() {
		if _, err := direct.Commit(context.Background(), key, third); err != nil {
			t.Errorf("the commit between: %v", err)
		}
	})
	if _, err := store.Commit(ctx, key, second); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrConflict) {
		t.Fatalf("sent again after another: %v, want ErrUnavailable: nobody can tell", err)
	}
	wantEvents(t, direct, 4)
	if snap, err := direct.Load(ctx, key); err != nil || snap.Version != third.ID {
		t.Errorf("at version %v, %v; want that of the commit between", snap.Version, err)
	}
}

// The answer is lost to whoever ends the sessions of a user, one of which is connected. It was told, and the answer to
// the second sending says so.
func TestDeliveryWhoseAnswerIsLost(t *testing.T) {
	proxy, store, direct := newLosing(t)
	ctx := t.Context()
	key := session.KeyOf("alice")
	var live []session.Session
	for range 2 {
		live = append(live, session.Session{ID: uuid.New(), LastActiveAt: time.UnixMilli(1)})
	}
	opened := session.Change{ID: uuid.New(), Account: session.Account{User: "alice", Live: live}}
	if _, err := direct.Commit(ctx, key, opened); err != nil { // the scripts are known from here on
		t.Fatal(err)
	}
	for _, s := range []*redisstore.Store{direct, store} {
		if _, err := s.Load(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	route := session.Route{Key: key, Session: live[1].ID, Instance: "one", Epoch: 1, Connections: 1}
	if _, err := direct.Attach(ctx, key, route); err != nil {
		t.Fatal(err)
	}
	account, ended := opened.Account.End([]session.ID{live[0].ID, live[1].ID},
		session.Ending{Reason: session.EndedByAdmin}, time.Now())
	var lost atomic.Bool
	proxy.loseNext(func() { lost.Store(true) })
	after, err := store.Commit(ctx, key, session.Change{ID: uuid.New(), From: opened.ID, Account: account, Ended: ended})
	if err != nil || !lost.Load() || len(after.Sent) != 1 || after.Sent[0] != live[1].ID {
		t.Errorf("told %v, %v; want %s", after.Sent, err, live[1].ID)
	}
}

// wantEvents wants that each commit has written its event once.
func wantEvents(t *testing.T, store *redisstore.Store, n int) {
	t.Helper()
	page, err := store.Events(t.Context(), "", 100)
	if err != nil || len(page.Events) != n {
		t.Fatalf("%d events, %v; want %d", len(page.Events), err, n)
	}
}

// losingProxy stands before Redis, and loses an answer together with its connection when it is told to.
type losingProxy struct {
	server string
	lose   atomic.Pointer[func()]
}

// loseNext lets the next answer be lost, after a last call.
func (p *losingProxy) loseNext(last func()) { p.lose.Store(&last) }

func (p *losingProxy) start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", p.server, time.Second)
			if err != nil {
				client.Close()
				continue
			}
			wg.Go(func() { p.pass(client, server, false) })
			wg.Go(func() { p.pass(server, client, true) })
		}
	})
	return l.Addr().String()
}

// pass hands on what comes until one end closes.
func (p *losingProxy) pass(from, to net.Conn, answers bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if answers {
			if last := p.lose.Swap(nil); last != nil {
				(*last)()
				return
			}
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
