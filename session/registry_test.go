package session_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	evict1 = session.Rule{Limit: 1, Policy: session.Evict}
	ask1   = session.Rule{Limit: 1, Policy: session.Ask}
)

// openStore opens a store for the length of a test.
func openStore(t *testing.T) session.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.db")
	store, err := sqlitestore.Open(path, func(string, []byte) {}, sqlitestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, store.Close()) })
	return store
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newLogin returns the login of a user on a new device.
func newLogin(user string) session.Request {
	cred := newCredential(user)
	return session.Request{
		User:       user,
		Credential: cred,
		Device:     session.Device{ID: cred.ID.String(), Kind: session.Web},
		Ticket:     newCredential(user).Digest,
	}
}

// login signs a user in on a new device.
func login(t *testing.T, r *session.Registry, user string, rule session.Rule) session.Credential {
	t.Helper()
	req := newLogin(user)
	out, err := r.Login(t.Context(), req, rule)
	must(t, err)
	if out.Verdict != session.Admitted {
		t.Fatalf("verdict %v, want the login admitted", out.Verdict)
	}
	return req.Credential
}

// wantEnded fails the test unless err says that a session has ended for a reason.
func wantEnded(t *testing.T, err error, want session.Reason) {
	t.Helper()
	var gone *session.EndedError
	if !errors.As(err, &gone) || gone.Ending.Reason != want {
		t.Errorf("got %v, want it ended: %s", err, want)
	}
}

// eventTypes returns what the events say has happened.
func eventTypes(t *testing.T, store session.Store) string {
	t.Helper()
	page, err := store.Events(t.Context(), "", 1000)
	must(t, err)
	var types []session.EventType
	for _, e := range page.Events {
		if e.Session != nil && e.Session.Digest != (session.Digest{}) {
			t.Errorf("the digest of a token is in an event: %s", asJSON(e))
		}
		types = append(types, e.Type)
	}
	return fmt.Sprint(types)
}

func TestCheck(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	old := login(t, registry, "alice", evict1)
	cred := login(t, registry, "alice", evict1)

	s, _, err := registry.Check(t.Context(), cred)
	must(t, err)
	if s.ID != cred.ID {
		t.Errorf("session %s, want %s", s.ID, cred.ID)
	}
	_, _, err = registry.Check(t.Context(), old)
	wantEnded(t, err, session.Superseded)
	for name, forge := range map[string]func(*session.Credential){
		"another secret":    func(c *session.Credential) { c.Digest[31] ^= 1 },
		"no secret":         func(c *session.Credential) { c.Digest = session.Digest{} },
		"another session":   func(c *session.Credential) { c.ID = newID() },
		"an ended session":  func(c *session.Credential) { c.ID = old.ID },
		"another account":   func(c *session.Credential) { c.Key = session.KeyOf("bob") },
		"nothing whatever":  func(c *session.Credential) { *c = session.Credential{} },
		"nothing but a key": func(c *session.Credential) { *c = session.Credential{Key: c.Key} },
	} {
		forged := cred
		forge(&forged)
		_, _, err := registry.Check(t.Context(), forged)
		t.Run(name, func(t *testing.T) { wantEnded(t, err, session.Unknown) })
	}
}

// TestDeadline checks sessions that nobody has come to expire yet, and then expires them.
func TestDeadline(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	key := session.KeyOf("alice")
	idle, old := newCredential("alice"), newCredential("alice")
	now := time.Now().UTC().Truncate(time.Millisecond)
	_, err := store.Commit(t.Context(), key, session.Change{ID: newID(), Account: session.Account{
		User: "alice",
		Live: []session.Session{
			{ID: idle.ID, Digest: idle.Digest, LastActiveAt: now.Add(-time.Hour), IdleTimeout: time.Minute},
			{ID: old.ID, Digest: old.Digest, LastActiveAt: now, ExpiresAt: now.Add(-time.Minute)},
		},
	}})
	must(t, err)
	for range 2 {
		_, _, err = registry.Check(t.Context(), idle)
		wantEnded(t, err, session.Idle)
		_, _, err = registry.Check(t.Context(), old)
		wantEnded(t, err, session.Lifetime)
		_, err := registry.ExpireDue(t.Context(), 10)
		must(t, err)
	}
	if n, err := registry.ExpireDue(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("%d are due still, %v", n, err)
	}
	if got := eventTypes(t, store); got != "[session.ended session.ended]" {
		t.Errorf("events %s, want two endings", got)
	}
	if ended := registry.Counts().Ended; ended[session.Idle] != 1 || ended[session.Lifetime] != 1 {
		t.Errorf("counted %v, want one of each", ended)
	}
}

// TestRefused looks at what logins leave behind that were not admitted.
func TestRefused(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	login(t, registry, "alice", evict1)
	before, err := store.Load(t.Context(), session.KeyOf("alice"))
	must(t, err)

	out, err := registry.Login(t.Context(), newLogin("alice"), session.Rule{Limit: 1, Policy: session.Reject})
	must(t, err)
	if out.Verdict != session.Rejected || len(out.Standing) != 1 {
		t.Errorf("got %+v, want it rejected for one session", out)
	}
	must(t, registry.LoginFailed(t.Context(), "nobody", session.Actor{IP: "192.0.2.1"}))
	after, err := store.Load(t.Context(), session.KeyOf("alice"))
	must(t, err)
	if after.Version != before.Version {
		t.Error("a refused login has changed the account")
	}
	out, err = registry.Login(t.Context(), newLogin("alice"), ask1)
	must(t, err)
	if out.Verdict != session.Challenged {
		t.Errorf("verdict %v, want a question", out.Verdict)
	}
	want := "[session.created login.rejected login.failed login.challenged]"
	if got := eventTypes(t, store); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}

// TestEndSessions ends sessions by choice, and says which of them were connected.
func TestEndSessions(t *testing.T) {
	store := openStore(t)
	registry := session.NewRegistry(store)
	three := session.Rule{Limit: 3, Policy: session.Evict}
	a, b := login(t, registry, "alice", three), login(t, registry, "alice", three)
	c := login(t, registry, "alice", three)
	_, _, err := store.Beat(t.Context(), session.Instance{ID: "one"})
	must(t, err)
	route := session.Route{Session: a.ID, Instance: "one", Epoch: 1, Connections: 1}
	_, _, err = registry.Attach(t.Context(), a, route)
	must(t, err)

	but := func(s session.Session) bool { return s.ID != c.ID }
	ended, err := registry.End(t.Context(), c.Key, but, session.Ending{Reason: session.EndedByUser})
	must(t, err)
	connected := make(map[session.ID]bool)
	for _, e := range ended {
		connected[e.Session.ID] = e.Session.Ended.Sent()
	}
	if len(ended) != 2 || !connected[a.ID] || connected[b.ID] {
		t.Errorf("ended, and connected: %v; want %s connected and %s not", connected, a.ID, b.ID)
	}
	_, _, err = registry.Check(t.Context(), c)
	must(t, err)
	ended, err = registry.End(t.Context(), c.Key, but, session.Ending{Reason: session.EndedByUser})
	must(t, err)
	if len(ended) != 0 {
		t.Errorf("%d ended again", len(ended))
	}
}

// TestTicketOnce answers one question a hundred times at once, on two instances: one answer counts.
func TestTicketOnce(t *testing.T) {
	store := openStore(t)
	registries := []*session.Registry{session.NewRegistry(store), session.NewRegistry(store)}
	login(t, registries[0], "alice", ask1)
	req := newLogin("alice")
	_, err := registries[0].Login(t.Context(), req, ask1)
	must(t, err)

	errs := together(100, func(i int) error {
		choice := session.Choice{Ticket: req.Ticket, Force: true, Credential: newCredential("alice")}
		_, err := registries[i%2].Choose(context.Background(), choice)
		return err
	})
	taken := 0
	for _, err := range errs {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, session.ErrTicket) && !errors.Is(err, session.ErrUnavailable): // a slow machine's
			t.Errorf("got %v, want ErrTicket", err)
		}
	}
	want := "[session.created login.challenged session.ended session.created]"
	if got := eventTypes(t, store); taken > 1 || got != want {
		t.Errorf("the ticket was taken %d times, with events %s; want once", taken, got)
	}
}

// TestLoginsTogether signs one user in many times at once, on two instances: one session is left.
func TestLoginsTogether(t *testing.T) {
	store := openStore(t)
	registries := []*session.Registry{session.NewRegistry(store), session.NewRegistry(store)}
	for _, err := range together(30, func(i int) error {
		_, err := registries[i%2].Login(context.Background(), newLogin("alice"), evict1)
		return err
	}) {
		if err != nil && !errors.Is(err, session.ErrUnavailable) { // a slow machine's
			t.Error(err)
		}
	}
	snap, err := store.Load(t.Context(), session.KeyOf("alice"))
	must(t, err)
	if n := len(snap.Account.Live); n != 1 {
		t.Errorf("%d live sessions, want 1", n)
	}
	// Each login ended exactly the one before it.
	page, err := store.Events(t.Context(), "", 1000)
	must(t, err)
	var last session.ID
	for _, e := range page.Events {
		if e.Type == session.SessionEnded && e.Session.ID != last {
			t.Errorf("session %s ended, and %s was live", e.Session.ID, last)
		}
		last = e.Session.ID
	}
}

// together calls f(0) to f(n-1) at the same time, and returns their errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// forgetful is a store that makes the next change, and loses the answer.
type forgetful struct {
	session.Store
	forget bool
}

func (f *forgetful) Commit(
	ctx context.Context, key session.Key, change session.Change,
) (session.Snapshot, error) {
	snap, err := f.Store.Commit(ctx, key, change)
	if f.forget && err == nil {
		f.forget = false
		return session.Snapshot{}, session.ErrUnavailable
	}
	return snap, err
}

// TestAnswerLost sends a login again whose answer was lost: it is the same login, and its session is there
// once.
func TestAnswerLost(t *testing.T) {
	store := &forgetful{Store: openStore(t)}
	registry := session.NewRegistry(store)
	old := login(t, registry, "alice", evict1)
	req := newLogin("alice")
	store.forget = true
	if _, err := registry.Login(t.Context(), req, evict1); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	out, err := registry.Login(t.Context(), req, evict1)
	must(t, err)
	if out.Verdict != session.Admitted || !out.Repeated || len(out.Ended) != 1 || out.Ended[0].ID != old.ID {
		t.Errorf("got %+v, want the login as it was decided", out)
	}
	if got := eventTypes(t, store); got != "[session.created session.ended session.created]" {
		t.Errorf("events %s, want the second login's once", got)
	}
}

// hasty is a store in which something happens before the next change is made.
type hasty struct {
	session.Store
	before func()
}

func (h *hasty) Commit(
	ctx context.Context, key session.Key, change session.Change,
) (session.Snapshot, error) {
	if before := h.before; before != nil {
		h.before = nil
		before()
	}
	return h.Store.Commit(ctx, key, change)
}

// TestOvertaken lets another login come first: the decision is made again, on what the account has become.
func TestOvertaken(t *testing.T) {
	store := openStore(t)
	slow := &hasty{Store: store}
	var first session.Credential
	slow.before = func() { first = login(t, session.NewRegistry(store), "alice", ask1) }
	out, err := session.NewRegistry(slow).Login(t.Context(), newLogin("alice"), ask1)
	must(t, err)
	if out.Verdict != session.Challenged || len(out.Standing) != 1 || out.Standing[0].ID != first.ID {
		t.Errorf("got %+v, want a question for the session that came first", out)
	}
}

// TestWaiting gives up on a login while another of the same user is under way.
func TestWaiting(t *testing.T) {
	store := &hasty{Store: openStore(t)}
	registry := session.NewRegistry(store)
	store.before = func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := registry.Login(ctx, newLogin("alice"), evict1); !errors.Is(err, session.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		login(t, registry, "bob", evict1) // nobody else waits
	}
	login(t, registry, "alice", evict1)
	login(t, registry, "alice", evict1)
}
