package sqlitestore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// TestForgotten turns the clock on: an account is gone when its time is over, activity moves that time, and
// Due clears it away.
func TestForgotten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var offset atomic.Int64
	store.SetClock(func() time.Time { return start.Add(time.Duration(offset.Load())) })
	registry := session.NewRegistry(store)
	ctx, db := t.Context(), openSQL(t, path)
	rule := session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Hour}
	for i := range 250 {
		_, err := login(registry, fmt.Sprint("user ", i), rule)
		must(t, err)
	}
	kept, err := login(registry, "alice", rule)
	must(t, err)

	offset.Store(int64(30 * time.Minute))
	mark := session.Mark{Key: session.KeyOf("alice"), Session: kept, IdleTimeout: time.Hour}
	must(t, store.Touch(ctx, mark))
	stale := session.Mark{Key: session.KeyOf("user 0"), Session: uuid.New()}
	nobody := session.Mark{Key: session.KeyOf("nobody"), Session: uuid.New()}
	must(t, store.Touch(ctx, stale, nobody))

	offset.Store(int64(time.Hour + session.KeepEndedFor))
	for user, want := range map[string]bool{"user 0": false, "alice": true} {
		snap, err := store.Load(ctx, session.KeyOf(user))
		must(t, err)
		if there := snap.Version != (session.Version{}); there != want {
			t.Errorf("%s is there: %v, want %v", user, there, want)
		}
	}
	for range 3 { // some at a time
		due, err := store.Due(ctx, 1000)
		must(t, err)
		if len(due) != 1 || due[0] != session.KeyOf("alice") {
			t.Errorf("due are %v, want alice alone", due)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM accounts"); n != 1 {
		t.Errorf("%d accounts in the file, want 1", n)
	}
	if n := count(t, db, "SELECT count(*) FROM activity"); n != 1 {
		t.Errorf("%d marks in the file, want 1", n)
	}
	_, err = login(registry, "user 0", rule)
	must(t, err)
}

// TestReplaced writes an account that was gone, and not yet cleared away: nothing of it may come back.
func TestReplaced(t *testing.T) {
	store := openStore(t, sqlitestore.Options{})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	store.SetClock(func() time.Time { return now })
	ctx, key := t.Context(), session.KeyOf("alice")
	s := session.Session{ID: uuid.New(), IdleTimeout: time.Hour, CreatedAt: now, LastActiveAt: now}
	change := session.Change{ID: uuid.New(), Account: session.Account{User: "alice", Live: []session.Session{s}}}
	_, err := store.Commit(ctx, key, change)
	must(t, err)
	must(t, store.Touch(ctx, session.Mark{Key: key, Session: s.ID, Ago: -time.Minute}))

	now = now.Add(30 * 24 * time.Hour)
	s.LastActiveAt, s.IdleTimeout = now.Add(-60*24*time.Hour), 0
	change = session.Change{ID: uuid.New(), Account: session.Account{User: "alice", Live: []session.Session{s}}}
	_, err = store.Commit(ctx, key, change)
	must(t, err)
	snap, err := store.Load(ctx, key)
	must(t, err)
	if at := snap.Account.Live[0].LastActiveAt; !at.Equal(s.LastActiveAt) {
		t.Errorf("active at %v, want %v", at, s.LastActiveAt)
	}
}

// TestEventsCapped writes more events than are kept.
func TestEventsCapped(t *testing.T) {
	store := openStore(t, sqlitestore.Options{Events: 100})
	for i := range 120 {
		events := []session.Event{{User: fmt.Sprint(i)}, {User: fmt.Sprint(i)}}
		must(t, store.Record(t.Context(), session.Key{}, events...))
	}
	page, err := store.Events(t.Context(), "", 1000)
	must(t, err)
	events := page.Events
	if len(events) != 100 || events[0].User != "70" || events[99].User != "119" {
		t.Errorf("%d events from that of %s on, want the last 100", len(events), events[0].User)
	}
	for after, want := range map[string]bool{"1": true, "139": true, "140": false, "240": false} {
		if page, err := store.Events(t.Context(), after, 1); err != nil || page.Trimmed != want {
			t.Errorf("after event %s: trimmed %v, %v; want %v", after, page.Trimmed, err, want)
		}
	}
}

// TestNoticesCapped sends more notices than are kept.
func TestNoticesCapped(t *testing.T) {
	store := openStore(t, sqlitestore.Options{Notices: 3})
	registry, key := session.NewRegistry(store), session.KeyOf("alice")
	for range 5 {
		id, err := login(registry, "alice", one)
		must(t, err)
		route := session.Route{Key: key, Session: id, Instance: "one", Epoch: 1, Connections: 1}
		_, err = store.Attach(t.Context(), key, route)
		must(t, err)
	}
	for after, want := range []error{session.ErrTrimmed, nil, nil, nil} {
		place := session.Mailed{Number: uint64(after)}
		notices, err := store.Missed(t.Context(), "one", key.Shard(), place)
		if !errors.Is(err, want) || len(notices) != min(3, 4-after) {
			t.Errorf("after %d: %d notices, %v; want %d, %v", after, len(notices), err, min(3, 4-after), want)
		}
	}
	// A place that this store has never been at says that something is wrong.
	for _, place := range []session.Mailed{{Number: 9, At: "9"}, {Number: 4, At: "another"}} {
		_, err := store.Missed(t.Context(), "one", key.Shard(), place)
		if !errors.Is(err, session.ErrTrimmed) {
			t.Errorf("after %+v: %v, want ErrTrimmed", place, err)
		}
	}
}

// TestLeases lets time pass: a lease lives for LeaseTTL, and its routes with it.
func TestLeases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	synctest.Test(t, func(t *testing.T) {
		store := openAt(t, path, sqlitestore.Options{})
		ctx, key := t.Context(), session.KeyOf("alice")
		id, err := login(session.NewRegistry(store), "alice", one)
		must(t, err)
		beat := func(instance string) (int, bool) {
			alive, kept, err := store.Beat(ctx, session.Instance{ID: instance})
			must(t, err)
			return len(alive), kept
		}
		routes := func() int {
			snap, err := store.Load(ctx, key)
			must(t, err)
			return len(snap.Routes)
		}
		beat("one")
		_, err = store.Attach(ctx, key, session.Route{Session: id, Instance: "one", Epoch: 1, Connections: 1})
		must(t, err)

		time.Sleep(session.LeaseTTL - time.Millisecond)
		if n := routes(); n != 1 {
			t.Errorf("%d routes before the lease runs out, want 1", n)
		}
		if n, kept := beat("one"); n != 1 || !kept {
			t.Errorf("%d alive, kept %v before the lease runs out", n, kept)
		}
		time.Sleep(session.LeaseTTL)
		if n := routes(); n != 0 {
			t.Errorf("%d routes after the lease has run out, want none", n)
		}
		if n, _ := beat("two"); n != 1 {
			t.Errorf("%d alive, want only the second", n)
		}
		if n, kept := beat("one"); n != 2 || kept {
			t.Errorf("%d alive, kept %v; want a new lease", n, kept)
		}
		if n := routes(); n != 0 {
			t.Errorf("%d routes of the old lease, want none", n)
		}
	})
}

// TestLocked lets another program hold the file: changes are refused in time, checks go on, and all is
// well afterwards.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	registry := session.NewRegistry(store)
	id, err := login(registry, "alice", one)
	must(t, err)

	other, err := openSQL(t, path).Conn(t.Context())
	must(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	must(t, err)

	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	err = store.Touch(short, session.Mark{Key: session.KeyOf("alice"), Session: id})
	if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a change that cannot wait: %v, want ErrUnavailable for the deadline", err)
	}
	if _, err := login(registry, "alice", one); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("a login: %v, want ErrUnavailable", err)
	}
	snap, err := store.Load(t.Context(), session.KeyOf("alice"))
	must(t, err)
	if len(snap.Account.Live) != 1 || snap.Account.Live[0].ID != id {
		t.Errorf("got %+v, want session %s still", snap.Account, id)
	}

	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	_, err = login(registry, "alice", one)
	must(t, err)
}

// TestClosed closes a store in the middle of many logins: each is either acknowledged, and there when the file
// is opened again, or refused.
func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	registry := session.NewRegistry(store)
	acknowledged := make(chan string, 1000)
	enough := make(chan struct{})
	var wg sync.WaitGroup
	var logins atomic.Int64
	for i := range 8 {
		wg.Go(func() {
			for n := range 100 {
				user := fmt.Sprintf("user %d of %d", n, i)
				if _, err := login(registry, user, one); err != nil {
					if !errors.Is(err, session.ErrUnavailable) {
						t.Errorf("got %v, want ErrUnavailable", err)
					}
					return
				}
				acknowledged <- user
				if logins.Add(1) == 20 {
					close(enough)
				}
			}
		})
	}
	<-enough
	must(t, store.Close())
	wg.Wait()
	close(acknowledged)
	if err := store.Record(t.Context(), session.Key{}); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("a closed store: %v, want ErrUnavailable", err)
	}

	store = openAt(t, path, sqlitestore.Options{})
	for user := range acknowledged {
		snap, err := store.Load(t.Context(), session.KeyOf(user))
		must(t, err)
		if len(snap.Account.Live) != 1 {
			t.Errorf("%s was signed in and is not", user)
		}
	}
}

// TestDamaged finds an account that it cannot read. Nothing is known of it, so nobody is let in.
func TestDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	registry := session.NewRegistry(store)
	for _, user := range []string{"alice", "bob"} {
		_, err := login(registry, user, one)
		must(t, err)
	}
	_, err := openSQL(t, path).Exec("UPDATE accounts SET record = '{' WHERE user = 'alice'")
	must(t, err)
	if _, err := login(registry, "alice", one); !errors.Is(err, session.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	_, err = login(registry, "bob", one)
	must(t, err)
}

// TestReadable reads the tables as a person would.
func TestReadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	store := openAt(t, path, sqlitestore.Options{})
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	store.SetClock(func() time.Time { return now })
	registry := session.NewRegistry(store)
	_, err := login(registry, "alice", one)
	must(t, err)
	now = now.Add(time.Minute)
	id, err := login(registry, "alice", one)
	must(t, err)
	now = now.Add(90 * time.Second)
	mark := session.Mark{Key: session.KeyOf("alice"), Session: id, Ago: 1500 * time.Millisecond}
	must(t, store.Touch(t.Context(), mark))

	db := openSQL(t, path)
	for _, c := range []struct{ query, want string }{
		{
			"SELECT user, device, kind, ip, created_at, last_active_at FROM sessions WHERE state = 'live'",
			"alice|Laptop|web|192.0.2.1|2026-03-01T12:01:00.000Z|2026-03-01T12:02:28.500Z",
		},
		{
			"SELECT user, device, kind, reason, last_active_at, ended_at FROM sessions WHERE state = 'ended'",
			"alice|Laptop|web|superseded|2026-03-01T12:00:00.000Z|2026-03-01T12:01:00.000Z",
		},
		{
			"SELECT id, at, type, user, reason, session <> '' FROM events WHERE reason <> ''",
			"2|2026-03-01T12:01:00.000Z|session.ended|alice|superseded|1",
		},
	} {
		var v [6]string
		must(t, db.QueryRow(c.query).Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5]))
		if got := strings.Join(v[:], "|"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.query, got, c.want)
		}
	}
}
