package web_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// ssoSite is a hub whose users sign in at a provider.
type ssoSite struct {
	*site
	provider *oidctest.Provider
}

// newSSOSite starts both.
func newSSOSite(t *testing.T, change ...func(*web.Options)) *ssoSite {
	t.Helper()
	provider := oidctest.Start(t)
	verifier, err := auth.NewOIDC(auth.OIDCOptions{
		Issuer: provider.Issuer, Audience: oidctest.ClientID, ClientSecret: oidctest.ClientSecret,
		Name: "Example ID", UserClaim: "preferred_username", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	use := func(o *web.Options) { o.OIDC = verifier }
	return &ssoSite{site: newSite(t, append([]func(*web.Options){use}, change...)...), provider: provider}
}

// idToken signs a user in at the provider.
func (s *ssoSite) idToken(user, session string) string {
	s.Helper()
	return s.provider.IDToken(s.T, oidctest.Login{User: user, Session: session})
}

// present presents an ID token to the hub.
func (s *ssoSite) present(token string, others ...map[string]any) *reply {
	s.Helper()
	body := map[string]any{"id_token": token}
	for _, some := range others {
		for name, value := range some {
			body[name] = value
		}
	}
	return s.do("POST", "/v1/login/oidc", encode(body))
}

// signIn signs a user in, and returns the token of the session.
func (s *ssoSite) signIn(user, session string) string {
	s.Helper()
	return s.present(s.idToken(user, session)).want(http.StatusCreated).at("token").(string)
}

// logout sends a logout token as the provider would.
func (s *ssoSite) logout(token string, headers ...string) *reply {
	s.Helper()
	form := url.Values{"logout_token": {token}}.Encode()
	return s.do("POST", "/v1/oidc/backchannel-logout", form, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

// check asks for the session of a token.
func (s *ssoSite) check(token string) *reply {
	s.Helper()
	return s.do("GET", "/v1/session", "", "Authorization", "Bearer "+token)
}

func TestSingleSignOn(t *testing.T) {
	s := newSSOSite(t)
	first := s.present(s.idToken("alice", "s-1"), map[string]any{
		"device": map[string]any{"id": "d1", "name": "Kiosk", "kind": "tv"},
	}).want(http.StatusCreated).has("alice", "session", "user").has("Kiosk", "session", "device", "name").length(0, "ended")
	if strings.Contains(first.text, "s-1") || strings.Contains(first.text, s.provider.Issuer) {
		t.Errorf("the provider's names show: %s", first.text)
	}
	if first.at("session", "expires_at") == nil {
		t.Error("the session may live for ever")
	}
	second := s.present(s.idToken("alice", "s-1"), map[string]any{"deliver": "cookie"}).
		want(http.StatusCreated).has(nil, "token").length(1, "ended")
	if cookie := second.header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "hub_session=sh_") {
		t.Errorf("Set-Cookie: %q", cookie)
	}
	s.check(first.at("token").(string)).want(http.StatusUnauthorized).has("superseded", "reason")
	// Whom a password signs in is the same user.
	s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusCreated).length(1, "ended")

	nonce := s.provider.IDToken(t, oidctest.Login{User: "alice", Nonce: "n-1"})
	s.present(nonce).want(http.StatusUnauthorized).has("/problems/id-token-invalid", "type")
	s.present(nonce, map[string]any{"nonce": "n-2"}).want(http.StatusUnauthorized)
	s.present(nonce, map[string]any{"nonce": "n-1"}).want(http.StatusCreated)
}

func TestSingleSignOnAtTheLimit(t *testing.T) {
	s := newSSOSite(t, policy(session.Ask))
	s.signIn("alice", "s-1")
	token := s.idToken("alice", "s-2")
	question := s.present(token).want(http.StatusMultipleChoices).length(1, "sessions")
	s.present(token).want(http.StatusUnauthorized).has("/problems/id-token-used", "type")
	s.do("POST", "/v1/login/choice", encode(map[string]any{"ticket": question.at("ticket"), "force": true})).
		want(http.StatusCreated).has("alice", "session", "user").length(1, "ended")
	s.present(s.idToken("alice", "s-3"), map[string]any{"force": true}).want(http.StatusCreated).length(1, "ended")

	// The provider's sign-out goes before a question's answer.
	question = s.present(s.idToken("alice", "s-4")).want(http.StatusMultipleChoices)
	s.logout(s.provider.LogoutToken(t, "", "s-4")).want(http.StatusOK)
	s.do("POST", "/v1/login/choice", encode(map[string]any{"ticket": question.at("ticket"), "force": true})).
		want(http.StatusUnauthorized).has("/problems/id-token-sign-out", "type")

	s = newSSOSite(t, policy(session.Reject))
	s.signIn("alice", "s-1")
	s.present(s.idToken("alice", "s-2")).want(http.StatusConflict).has(1.0, "limit").length(1, "sessions")
}

func TestIDTokenIsGoodOnce(t *testing.T) {
	s := newSSOSite(t)
	token := s.idToken("alice", "s-1")
	counts := make(chan int, 10)
	var rush sync.WaitGroup
	for range cap(counts) {
		rush.Go(func() { counts <- s.present(token).status })
	}
	rush.Wait()
	close(counts)
	got := make(map[int]int)
	for status := range counts {
		got[status]++
	}
	if got[http.StatusCreated] != 1 || got[http.StatusUnauthorized] != 9 {
		t.Errorf("answers by status: %v", got)
	}
}

func TestRefusedIDTokens(t *testing.T) {
	s := newSSOSite(t)
	claims := s.provider.Claims("alice").With(oidctest.Claims{"preferred_username": "alice"})
	old := time.Now().Add(-time.Hour).Unix()
	for _, tt := range []struct{ token, problem string }{
		{"forged", "invalid"},
		{s.provider.Sign(t, claims.With(oidctest.Claims{"aud": "another"}), "JWT"), "invalid"},
		{s.provider.Sign(t, claims.With(oidctest.Claims{"exp": old}), "JWT"), "stale"},
		{s.provider.Sign(t, claims.With(oidctest.Claims{"preferred_username": nil}), "JWT"), "no-user"},
	} {
		r := s.present(tt.token).want(http.StatusUnauthorized).has("/problems/id-token-"+tt.problem, "type")
		if r.header.Get("WWW-Authenticate") == "" || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers of a refusal: %v", r.header)
		}
	}
	if got := s.metric(`hub_logins_total{outcome="credentials"}`); got != "4" {
		t.Errorf("%s logins are counted as refused, want 4", got)
	}
	page, err := s.faults.Events(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Events) != 4 || page.Events[0].Type != session.LoginFailed || page.Events[0].By.IP != "127.0.0.1" {
		t.Errorf("events: %+v", page.Events)
	}
	s.server.Close() // with it the log is written
	for line := range strings.Lines(s.logs.String()) {
		if strings.Contains(line, "eyJ") || !strings.Contains(line, "fault=") {
			t.Errorf("logged: %s", line)
		}
	}
}

// metric returns what /metrics shows under a name.
func (s *site) metric(name string) string {
	s.Helper()
	for line := range strings.Lines(s.do("GET", "/metrics", "").text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func TestRefusedIDTokensAreThrottled(t *testing.T) {
	s := newSSOSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerAddress: 3}, nil) })
	for range 5 {
		s.signIn("alice", "s-1") // good ones do not count
	}
	for range 3 {
		s.present("forged").want(http.StatusUnauthorized)
	}
	token := s.idToken("alice", "s-1")
	s.present(token).want(http.StatusTooManyRequests).retryAfter()
	s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`).want(http.StatusTooManyRequests)
	// The provider's own requests come from one address too, and are not throttled.
	s.logout(s.provider.LogoutToken(t, "alice", "")).want(http.StatusOK)
}

func TestBadSingleSignOnInput(t *testing.T) {
	s := newSSOSite(t)
	for field, body := range map[string]map[string]any{
		"id_token":    {"id_token": ""},
		"nonce":       {"id_token": "x", "nonce": strings.Repeat("n", 257)},
		"deliver":     {"id_token": "x", "deliver": "mail"},
		"device.kind": {"id_token": "x", "device": map[string]any{"kind": "car"}},
		"username":    {"id_token": "x", "username": "alice"},
	} {
		s.do("POST", "/v1/login/oidc", encode(body)).want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
	}
	s.present(strings.Repeat("x", auth.MaxProviderToken+1)).want(http.StatusUnprocessableEntity)
	s.do("POST", "/v1/login/oidc?id_token=x", "{}").want(http.StatusBadRequest).has("/problems/token-in-url", "type")
	s.do("POST", "/v1/oidc/backchannel-logout?logout_token=x", "").want(http.StatusBadRequest)
	s.do("GET", "/v1/login/oidc", "").want(http.StatusMethodNotAllowed)

	none := newSite(t)
	none.do("POST", "/v1/login/oidc", `{"id_token":"x"}`).want(http.StatusNotFound).has("/problems/no-single-sign-on", "type")
	none.do("POST", "/v1/oidc/backchannel-logout", "logout_token=x", "Content-Type", "application/x-www-form-urlencoded").
		want(http.StatusNotFound)
}

func TestBackchannelLogout(t *testing.T) {
	s := newSSOSite(t, func(o *web.Options) { o.Rule.Limit = session.Unlimited })
	one, other, bob := s.signIn("alice", "s-1"), s.signIn("alice", "s-2"), s.signIn("bob", "s-3")
	byPassword := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).at("token").(string)

	token := s.provider.LogoutToken(t, "alice", "s-1")
	// Where it comes from does not matter: it is signed.
	out := s.logout(token, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site").want(http.StatusOK)
	if out.header.Get("Cache-Control") != "no-store" || out.text != "" ||
		out.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("answered %q %v", out.text, out.header)
	}
	s.check(one).want(http.StatusUnauthorized).has("signed_out", "reason").
		has("You were signed out at the service that you sign in with.", "message")
	for _, live := range []string{other, bob, byPassword} {
		s.check(live).want(http.StatusOK)
	}
	s.refusesLogout(s.logout(token), "used before")

	s.logout(s.provider.LogoutToken(t, "alice", "")).want(http.StatusOK)
	s.check(other).want(http.StatusUnauthorized).has("signed_out", "reason")
	s.check(bob).want(http.StatusOK)
	s.check(byPassword).want(http.StatusOK)
	s.logout(s.provider.LogoutToken(t, "nobody", "")).want(http.StatusOK)
}

// refusesLogout checks an answer that tells the provider what is wrong.
func (s *ssoSite) refusesLogout(r *reply, words string) {
	s.Helper()
	if r.status != http.StatusBadRequest || r.at("error") != "invalid_request" ||
		!strings.Contains(r.at("error_description").(string), words) ||
		r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/json" {
		s.Errorf("answered %d %s %v, want 400 with %q", r.status, r.text, r.header, words)
	}
}

func TestRefusedLogoutTokens(t *testing.T) {
	s := newSSOSite(t)
	live := s.signIn("alice", "s-1")
	claims := s.provider.LogoutClaims(t, "alice", "s-1")
	s.refusesLogout(s.logout("forged"), "not valid")
	s.refusesLogout(s.logout(""), "one logout_token")
	s.refusesLogout(s.logout(s.idToken("alice", "s-1")), "not valid")
	s.refusesLogout(s.logout(s.provider.Sign(t, claims, "at+jwt")), "not valid")
	s.refusesLogout(s.logout(s.provider.Sign(t, claims.With(oidctest.Claims{"nonce": "n"}), "logout+jwt")), "not valid")
	old := claims.With(oidctest.Claims{"iat": time.Now().Add(-time.Hour).Unix()})
	s.refusesLogout(s.logout(s.provider.Sign(t, old, "logout+jwt")), "too old")

	const path, form = "/v1/oidc/backchannel-logout", "application/x-www-form-urlencoded"
	s.refusesLogout(s.do("POST", path, "token=x", "Content-Type", form), "one logout_token")
	s.refusesLogout(s.do("POST", path, "logout_token=x&logout_token=y", "Content-Type", form), "one logout_token")
	s.do("POST", path, "logout_token=%zz", "Content-Type", form).want(http.StatusBadRequest)
	s.do("POST", path, `{"logout_token":"x"}`).want(http.StatusUnsupportedMediaType)
	s.do("POST", path, "logout_token="+strings.Repeat("x", 70<<10), "Content-Type", form).want(http.StatusRequestEntityTooLarge)
	s.do("GET", path, "").want(http.StatusMethodNotAllowed)
	s.check(live).want(http.StatusOK)
	// What else is in the form is none of ours.
	s.do("POST", path, "x=y&logout_token="+s.provider.Sign(t, claims, "logout+jwt"), "Content-Type", form).want(http.StatusOK)
	s.check(live).want(http.StatusUnauthorized)
}

func TestSingleSignOnWithoutTheStore(t *testing.T) {
	s := newSSOSite(t)
	token := s.idToken("alice", "s-1")
	close(s.faults.away)
	s.present(token).want(http.StatusServiceUnavailable).retryAfter()
	s.present("forged").want(http.StatusServiceUnavailable).retryAfter() // nor could that be recorded
	s.logout(s.provider.LogoutToken(t, "alice", "")).want(http.StatusServiceUnavailable).retryAfter()
}

func TestSingleSignOnWithoutTheProvider(t *testing.T) {
	s := newSSOSite(t)
	token, logout := s.idToken("alice", "s-1"), s.provider.LogoutToken(t, "", "s-1")
	s.provider.Leave()
	s.present(token).want(http.StatusServiceUnavailable).retryAfter()
	s.logout(logout).want(http.StatusServiceUnavailable).retryAfter()
	s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusCreated)
	if got := s.metric(`hub_logins_total{outcome="unavailable"}`); got != "1" {
		t.Errorf("%s logins are counted as unavailable, want 1", got)
	}
	s.provider.Return(t)
	// Forged tokens may have been asked about a moment ago: then the provider has a pause.
	s.present(token).want(http.StatusCreated)
	s.logout(logout).want(http.StatusOK)
}

// TestSingleSignOnCosts counts the round trips to the store, of which other logins have no more than before.
func TestSingleSignOnCosts(t *testing.T) {
	s := newSSOSite(t)
	cost := func(want int64, do func()) {
		t.Helper()
		before := s.faults.calls.Load()
		do()
		if got := s.faults.calls.Load() - before; got != want {
			t.Errorf("%d round trips, want %d", got, want)
		}
	}
	token := s.idToken("alice", "s-1")
	cost(4, func() { s.present(token).want(http.StatusCreated) }) // post, load, commit, post
	cost(2, func() { s.present(token).want(http.StatusUnauthorized) })
	cost(2, func() { s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`).want(http.StatusCreated) })
	logout := s.provider.LogoutToken(t, "alice", "s-1")
	cost(4, func() { s.logout(logout).want(http.StatusOK) }) // post, load, commit, post
	cost(1, func() { s.logout(logout) })
}

// hanging is a provider that never answers.
type hanging struct{}

// RoundTrip implements http.RoundTripper.
func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangingHub returns a hub whose provider never answers. It must be called inside a bubble.
func hangingHub(t *testing.T, issuer string) http.Handler {
	t.Helper()
	verifier, err := auth.NewOIDC(auth.OIDCOptions{
		Issuer: issuer, Audience: oidctest.ClientID, Transport: hanging{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	store := newMemory()
	registry := session.NewRegistry(store)
	handler, err := web.New(web.Options{
		Registry: registry, Hub: hub.New(registry, store, new(pubsub.Memory).Inbox("bare"), hub.Options{}), OIDC: verifier,
		Rule: session.Rule{Limit: 1, Policy: session.Evict},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func TestSingleSignOnIsAnsweredInTime(t *testing.T) {
	provider := oidctest.Start(t)
	idToken, logoutToken := provider.Sign(t, provider.Claims("alice"), "JWT"), provider.LogoutToken(t, "alice", "")
	synctest.Test(t, func(t *testing.T) {
		handler := hangingHub(t, provider.Issuer)
		for path, request := range map[string][]string{
			"/v1/login/oidc":              {encode(map[string]any{"id_token": idToken}), "application/json"},
			"/v1/oidc/backchannel-logout": {"logout_token=" + logoutToken, "application/x-www-form-urlencoded"},
		} {
			start := time.Now()
			serve(t, handler, "POST", path, request[0], "Content-Type", request[1]).
				want(http.StatusServiceUnavailable).retryAfter()
			if got := time.Since(start); got > 1800*time.Millisecond {
				t.Errorf("%s: answered after %s", path, got)
			}
		}
	})
}
