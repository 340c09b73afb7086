package systemtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// newSSOHouse starts so many hubs whose users sign in at a provider, on as many devices as they like.
func newSSOHouse(t *testing.T, hubs int) (*house, *oidctest.Provider) {
	t.Helper()
	provider := oidctest.Start(t)
	return newHouse(t, hubs, func(o *web.Options) {
		verifier, err := auth.NewOIDC(auth.OIDCOptions{
			Issuer: provider.Issuer, Audience: oidctest.ClientID, UserClaim: "email", Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(verifier.Close)
		o.OIDC, o.Rule.Limit = verifier, session.Unlimited
	}), provider
}

// signInAt presents an ID token to a hub.
func (h *house) signInAt(ctx context.Context, i *instance, token string) (reply, error) {
	r, err := h.call(ctx, i, http.MethodPost, "/v1/login/oidc", "", map[string]string{"id_token": token})
	if err == nil && r.status != http.StatusCreated {
		err = fmt.Errorf("sign in: status %d", r.status)
	}
	return r, err
}

// logout sends a logout token to a hub, as the provider would, and returns the status.
func (h *house) logout(ctx context.Context, i *instance, token string) (int, error) {
	form := strings.NewReader(url.Values{"logout_token": {token}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url+"/v1/oidc/backchannel-logout", form)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := h.client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// TestSignOutAtTheProviderReachesEveryHub has users with several sessions of the provider, whose sockets are at other
// hubs than their logins, and than the provider's messages.
func TestSignOutAtTheProviderReachesEveryHub(t *testing.T) {
	h, provider := newSSOHouse(t, 2)
	expect := make(map[string]bool) // by session: whether its sockets are to be told
	var byUser []string
	open := func(user, sid string, at int, ends bool) string {
		t.Helper()
		token := provider.IDToken(t, oidctest.Login{User: user, Session: sid})
		opened, err := h.signInAt(t.Context(), h.hubs[at%2], token)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 2 { // a socket at each hub
			if err := h.connect(t.Context(), h.hubs[n], user, opened); err != nil {
				t.Fatal(err)
			}
		}
		expect[opened.Session.ID] = ends
		return token
	}
	for i := range 3 {
		user := fmt.Sprint("user", i)
		byUser = append(byUser, user+"@example.com")
		open(user, user+" at work", i, i < 2)
		open(user, user+" at home", i+1, i == 1)
	}
	spent := open("user2", "user2 on the way", 0, false)

	// The first user signs out of one session, the second of all.
	logouts := []string{provider.LogoutToken(t, "user0", "user0 at work"), provider.LogoutToken(t, "user1", "")}
	for i, token := range logouts {
		if status, err := h.logout(t.Context(), h.hubs[i], token); err != nil || status != http.StatusOK {
			t.Fatalf("logout: %d, %v", status, err)
		}
	}
	h.awaitOnlyTheLive(t, byUser)
	h.mu.Lock()
	told := make(map[string]int)
	for _, g := range h.closed {
		told[g.session]++
		if g.code != 4003 || g.notices[0].Reason != session.SignedOut {
			t.Errorf("a socket of %s is told %+v, and closed with %d", g.user, g.notices, g.code)
		}
	}
	stay := len(h.open)
	h.mu.Unlock()
	for id, ends := range expect {
		if want := map[bool]int{true: 2, false: 0}[ends]; told[id] != want {
			t.Errorf("%d sockets of session %s are told, want %d", told[id], id, want)
		}
	}
	if stay != 8 {
		t.Errorf("%d sockets stay, want 8", stay)
	}

	// What has been used at one hub has been used at the other.
	for i, token := range logouts {
		if status, err := h.logout(t.Context(), h.hubs[1-i], token); err != nil || status != http.StatusBadRequest {
			t.Errorf("the same logout at the other hub: %d, %v", status, err)
		}
	}
	for _, hub := range h.hubs {
		if r, _ := h.signInAt(t.Context(), hub, spent); r.status != http.StatusUnauthorized {
			t.Errorf("the same ID token again: %d", r.status)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) != stay {
		t.Errorf("%d sockets are open, want %d still", len(h.open), stay)
	}
}

// TestNoSessionOutlivesItsProviders has logins and sign-outs of the same sessions of the provider come at once, at two
// hubs on one Redis.
func TestNoSessionOutlivesItsProviders(t *testing.T) {
	const sessions, logins = 20, 4
	h, provider := newSSOHouse(t, 2)
	var users []string
	work, ctx := errgroup.WithContext(t.Context())
	work.SetLimit(16)
	for i := range sessions {
		user, sid := fmt.Sprint("user", i%4), fmt.Sprint("session ", i)
		users = append(users, user+"@example.com")
		claims := provider.Claims(user).With(oidctest.Claims{
			"sid": sid, "email": user + "@example.com", "email_verified": true,
		})
		for n := range logins {
			token := provider.Sign(t, claims.With(oidctest.Claims{"jti": fmt.Sprint(sid, n)}), "JWT")
			work.Go(func() error {
				opened, err := h.signInAt(ctx, h.hubs[n%2], token)
				if opened.status == http.StatusUnauthorized {
					return nil // the sign-out came first
				}
				if err != nil {
					return err
				}
				return h.connect(ctx, h.hubs[(n+1)%2], user, opened)
			})
		}
		token := provider.LogoutToken(t, "", sid)
		work.Go(func() error {
			status, err := h.logout(ctx, h.hubs[i%2], token)
			if err == nil && status != http.StatusOK {
				err = errors.New("logout: " + http.StatusText(status))
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	for user, live := range h.awaitOnlyTheLive(t, users) {
		if live > 0 {
			t.Errorf("%s has %d live sessions after all sign-outs", user, live)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Logf("%d of %d logins had a socket before their sign-out", len(h.closed), sessions*logins)
}
