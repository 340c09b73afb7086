package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

const issuer = "https://login.example.com"

var many = session.Rule{Limit: session.Unlimited, Policy: session.Evict}

// vouchedAt is when the logins of these tests were vouched for, if they do not say otherwise.
var vouchedAt = time.Now().UTC().Truncate(time.Second)

// newVoucher returns one that has not been used.
func newVoucher() session.Voucher {
	id := uuid.New()
	v := session.Voucher{Keep: time.Hour}
	copy(v.Digest[:], id[:])
	return v
}

// vouched returns the login of a user on a new device, in a session of the provider.
func vouched(user, subject, id string) session.Request {
	req := newLogin(user)
	req.SSO = &session.SSO{Issuer: issuer, Subject: subject, ID: id, VouchedAt: vouchedAt}
	return req
}

func loginSSO(t *testing.T, r *session.Registry, req session.Request) session.Credential {
	t.Helper()
	out, err := r.LoginSSO(t.Context(), req, many, newVoucher())
	must(t, err)
	if out.Verdict != session.Admitted {
		t.Fatalf("verdict %v, want the login admitted", out.Verdict)
	}
	return req.Credential
}

func newSignOut(subject, id string) session.SignOut {
	return session.SignOut{Issuer: issuer, Subject: subject, ID: id, At: vouchedAt, Token: newVoucher()}
}

// isLive reports whether a session is live.
func isLive(t *testing.T, r *session.Registry, cred session.Credential) bool {
	t.Helper()
	_, _, err := r.Check(t.Context(), cred)
	if err != nil && !errors.As(err, new(*session.EndedError)) {
		t.Fatal(err)
	}
	return err == nil
}

func TestSignOutEndsExactlyTheSessionsItMeans(t *testing.T) {
	elsewhere := func(req session.Request) session.Request {
		req.SSO.Issuer += "/another"
		return req
	}
	for _, tt := range []struct {
		name string
		out  session.SignOut
		want []int // of the sessions below
	}{
		{"one session", newSignOut("", "s-1"), []int{0}},
		{"one session of a subject", newSignOut("alice", "s-1"), []int{0}},
		{"one session that two accounts have", newSignOut("", "s-2"), []int{1, 2}},
		{"all of a subject", newSignOut("alice", ""), []int{0, 1, 2, 3}},
		{"all of another subject", newSignOut("bob", ""), []int{4}},
		{"a session that is not known", newSignOut("alice", "s-9"), nil},
		{"a subject that is not known", newSignOut("carol", ""), nil},
		{"a session by the name of a subject", newSignOut("", "alice"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			registry := session.NewRegistry(openStore(t))
			creds := []session.Credential{
				loginSSO(t, registry, vouched("alice", "alice", "s-1")),
				loginSSO(t, registry, vouched("alice", "alice", "s-2")),
				loginSSO(t, registry, vouched("alice@example.com", "alice", "s-2")), // who has another name by now
				loginSSO(t, registry, vouched("alice", "alice", "")),
				loginSSO(t, registry, vouched("bob", "bob", "s-3")),
				loginSSO(t, registry, elsewhere(vouched("alice", "alice", "s-1"))),
				login(t, registry, "alice", many),
			}
			why := session.Ending{Reason: session.SignedOut, Message: "Bye."}
			ended, err := registry.SignOut(t.Context(), tt.out, why)
			must(t, err)
			if len(ended) != len(tt.want) {
				t.Errorf("%d sessions ended, want %d", len(ended), len(tt.want))
			}
			gone := make(map[int]bool)
			for _, i := range tt.want {
				gone[i] = true
			}
			for i, cred := range creds {
				if isLive(t, registry, cred) == gone[i] {
					t.Errorf("session %d is live: %t", i, gone[i])
				}
			}
			if _, err := registry.SignOut(t.Context(), tt.out, why); !errors.Is(err, session.ErrTokenUsed) {
				t.Errorf("again: %v, want ErrTokenUsed", err)
			}
		})
	}
}

func TestSignOutOfNobody(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	if _, err := registry.SignOut(t.Context(), newSignOut("", ""), session.Ending{}); err == nil {
		t.Error("a sign-out of nobody is accepted")
	}
}

// TestSignedOutThereIsSignedOutHere presents tokens from before a sign-out after it.
func TestSignedOutThereIsSignedOutHere(t *testing.T) {
	for _, tt := range []struct {
		name string
		out  session.SignOut
		sso  session.SSO
		want error
	}{
		{"the session", newSignOut("", "s-1"), session.SSO{Subject: "alice", ID: "s-1", VouchedAt: vouchedAt.Add(time.Hour)},
			session.ErrProviderSession},
		{"another session", newSignOut("alice", "s-1"), session.SSO{Subject: "alice", ID: "s-2", VouchedAt: vouchedAt}, nil},
		{"the subject, before", newSignOut("alice", ""), session.SSO{Subject: "alice", ID: "s-2", VouchedAt: vouchedAt.Add(-time.Second)},
			session.ErrProviderSession},
		{"the subject, without a session", newSignOut("alice", ""), session.SSO{Subject: "alice", VouchedAt: vouchedAt},
			session.ErrProviderSession},
		{"the subject, after", newSignOut("alice", ""), session.SSO{Subject: "alice", ID: "s-2", VouchedAt: vouchedAt.Add(time.Second)}, nil},
		{"another subject", newSignOut("bob", ""), session.SSO{Subject: "alice", ID: "s-2", VouchedAt: vouchedAt}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := openStore(t)
			registry := session.NewRegistry(store)
			other := login(t, registry, "alice", evict1)
			_, err := registry.SignOut(t.Context(), tt.out, session.Ending{Reason: session.SignedOut})
			must(t, err)
			req := newLogin("alice")
			req.SSO = &tt.sso
			req.SSO.Issuer = issuer
			_, err = registry.LoginSSO(t.Context(), req, evict1, newVoucher())
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if isLive(t, registry, other) != (tt.want != nil) {
				t.Error("who was signed in already")
			}
		})
	}
}

func TestVoucherIsGoodOnce(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	voucher := newVoucher()
	var wins, losses int
	var mu sync.Mutex
	var rush sync.WaitGroup
	for range 20 {
		rush.Go(func() {
			_, err := registry.LoginSSO(t.Context(), vouched("alice", "alice", "s-1"), many, voucher)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case errors.Is(err, session.ErrTokenUsed):
				losses++
			default:
				t.Error(err)
			}
		})
	}
	rush.Wait()
	if wins != 1 || losses != 19 {
		t.Errorf("%d logins, and %d refused as used; want 1 and 19", wins, losses)
	}
}

func TestSSOSessionsEndInTime(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	for given, want := range map[time.Duration]time.Duration{
		0: session.MaxSSOLifetime, time.Hour: time.Hour, 400 * 24 * time.Hour: session.MaxSSOLifetime,
	} {
		rule := many
		rule.MaxLifetime = given
		out, err := registry.LoginSSO(t.Context(), vouched("alice", "alice", "s-1"), rule, newVoucher())
		must(t, err)
		if got := out.Session.ExpiresAt.Sub(out.Session.CreatedAt); got != want {
			t.Errorf("with a lifetime of %s it lives for %s, want %s", given, got, want)
		}
	}
}

// interrupted is a store in which something happens before a commit.
type interrupted struct {
	session.Store
	before func() error // called once
}

func (s *interrupted) Commit(ctx context.Context, key session.Key, c session.Change) (session.Snapshot, error) {
	if before := s.before; before != nil {
		s.before = nil
		if err := before(); err != nil {
			return session.Snapshot{}, err
		}
	}
	return s.Store.Commit(ctx, key, c)
}

// TestSignOutDuringALogin has the sign-out come when the login has been looked at, and is not yet committed.
func TestSignOutDuringALogin(t *testing.T) {
	for _, out := range []session.SignOut{newSignOut("", "s-1"), newSignOut("alice", "")} {
		store := openStore(t)
		elsewhere := session.NewRegistry(store)
		registry := session.NewRegistry(&interrupted{Store: store, before: func() error {
			_, err := elsewhere.SignOut(t.Context(), out, session.Ending{Reason: session.SignedOut})
			return err
		}})
		req := vouched("alice", "alice", "s-1")
		if _, err := registry.LoginSSO(t.Context(), req, many, newVoucher()); !errors.Is(err, session.ErrProviderSession) {
			t.Errorf("got %v, want ErrProviderSession", err)
		}
		_, _, err := registry.Check(t.Context(), req.Credential)
		wantEnded(t, err, session.SignedOut)
	}
}

// TestSignOutBeforeAChoice has the user sign out at the provider while the hub's question is open.
func TestSignOutBeforeAChoice(t *testing.T) {
	registry := session.NewRegistry(openStore(t))
	login(t, registry, "alice", ask1)
	req := vouched("alice", "alice", "s-1")
	out, err := registry.LoginSSO(t.Context(), req, ask1, newVoucher())
	must(t, err)
	if out.Verdict != session.Challenged {
		t.Fatalf("verdict %v, want the question", out.Verdict)
	}
	_, err = registry.SignOut(t.Context(), newSignOut("", "s-1"), session.Ending{Reason: session.SignedOut})
	must(t, err)
	choice := session.Choice{Ticket: req.Ticket, Force: true, Credential: newCredential("alice")}
	if _, err := registry.Choose(t.Context(), choice); !errors.Is(err, session.ErrProviderSession) {
		t.Errorf("got %v, want ErrProviderSession", err)
	}
	if isLive(t, registry, choice.Credential) {
		t.Error("the session is live")
	}
}

// TestCrashBeforeTheCommit leaves the trace of a login that never was.
func TestCrashBeforeTheCommit(t *testing.T) {
	store := openStore(t)
	crash := errors.New("the process died")
	registry := session.NewRegistry(&interrupted{Store: store, before: func() error { return crash }})
	if _, err := registry.LoginSSO(t.Context(), vouched("alice", "alice", "s-1"), many, newVoucher()); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	other := loginSSO(t, registry, vouched("alice", "alice", "s-2"))
	ended, err := registry.SignOut(t.Context(), newSignOut("", "s-1"), session.Ending{Reason: session.SignedOut})
	must(t, err)
	if len(ended) > 0 || !isLive(t, registry, other) {
		t.Errorf("%d sessions ended", len(ended))
	}
}

// TestSignOutThatFailsCanBeSentAgain has the store fail halfway.
func TestSignOutThatFailsCanBeSentAgain(t *testing.T) {
	store := &interrupted{Store: openStore(t)}
	registry := session.NewRegistry(store)
	cred := loginSSO(t, registry, vouched("alice", "alice", "s-1"))
	store.before = func() error { return session.ErrUnavailable }
	out, why := newSignOut("alice", "s-1"), session.Ending{Reason: session.SignedOut}
	if _, err := registry.SignOut(t.Context(), out, why); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if !isLive(t, registry, cred) {
		t.Fatal("the session has ended all the same")
	}
	ended, err := registry.SignOut(t.Context(), out, why)
	must(t, err)
	if len(ended) != 1 || isLive(t, registry, cred) {
		t.Errorf("%d sessions ended, want 1", len(ended))
	}
}

// TestNoSessionOutlivesItsSignOut has logins and sign-outs of the same sessions come at once, at two instances.
func TestNoSessionOutlivesItsSignOut(t *testing.T) {
	const sessions, logins = 12, 6
	store := openStore(t)
	registries := []*session.Registry{session.NewRegistry(store), session.NewRegistry(store)}
	var mu sync.Mutex
	opened := 0
	unknown := make(map[session.ID]bool) // their logins were not answered in time, so that nobody has a token of them
	var rush sync.WaitGroup
	for i := range sessions {
		id := fmt.Sprint("s-", i)
		for n := range logins {
			rush.Go(func() {
				req := vouched(fmt.Sprint("user ", i%3), fmt.Sprint("subject ", i%3), id)
				_, err := registries[n%2].LoginSSO(t.Context(), req, many, newVoucher())
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					opened++
				case errors.Is(err, session.ErrUnavailable): // a slow machine's
					unknown[req.Credential.ID] = true
				case !errors.Is(err, session.ErrProviderSession):
					t.Error(err)
				}
			})
		}
		rush.Go(func() {
			out, why := newSignOut("", id), session.Ending{Reason: session.SignedOut}
			_, err := registries[i%2].SignOut(t.Context(), out, why)
			for errors.Is(err, session.ErrUnavailable) { // the provider sends it again
				_, err = registries[i%2].SignOut(t.Context(), out, why)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	rush.Wait()
	for i := range 3 {
		snap, err := registries[0].Load(t.Context(), session.KeyOf(fmt.Sprint("user ", i)))
		must(t, err)
		for _, s := range snap.Account.Live {
			if !unknown[s.ID] {
				t.Errorf("user %d has a live session of %s", i, s.SSO.ID)
			}
		}
	}
	t.Logf("%d of %d logins were admitted before their sign-out, and %d not answered", opened, sessions*logins, len(unknown))
}
