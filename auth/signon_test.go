package auth_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
)

const back = "http://127.0.0.1:1/sign-in"

// begin begins a sign-in, and returns the provider's page for it.
func begin(t *testing.T, hub *auth.OIDC) (auth.SignOn, string) {
	t.Helper()
	s := auth.NewSignOn()
	page, err := hub.SignOnURL(t.Context(), s, back)
	if err != nil {
		t.Fatal(err)
	}
	return s, page
}

// answered returns what the provider has sent back.
func answered(at *url.URL) auth.SignOnAnswer {
	q := at.Query()
	return auth.SignOnAnswer{Code: q.Get("code"), Error: q.Get("error"), Issuer: q.Get("iss")}
}

// wantSignOnFault fails the test unless err says that a sign-in led to nothing for a fault, and shows none of its secrets.
func wantSignOnFault(t *testing.T, err error, want auth.SignOnFault, secrets ...string) {
	t.Helper()
	var refused *auth.SignOnError
	if !errors.As(err, &refused) || refused.Fault != want {
		t.Fatalf("got %v, want it refused as %s", err, want)
	}
	if guess := want == auth.SignOnCode || want == auth.SignOnIssuer; errors.Is(err, auth.ErrCredentials) != guess {
		t.Errorf("%v counts as a guess: %t, want %t", err, !guess, guess)
	}
	if setUp := want == auth.SignOnSetUp; errors.Is(err, auth.ErrProvider) != setUp {
		t.Errorf("%v is the provider's: %t, want %t", err, !setUp, setUp)
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%v shows a secret", err)
		}
	}
}

func TestSignOn(t *testing.T) {
	provider := oidctest.Start(t)
	for _, tt := range []struct {
		client, secret, claim, scope, want string
	}{
		{oidctest.ClientID, oidctest.ClientSecret, "", "openid", "sub-alice"},
		{oidctest.ClientID, oidctest.ClientSecret, "email", "openid email", "alice@example.com"},
		{oidctest.PublicClientID, "", "preferred_username", "openid profile", "alice"},
		{oidctest.QuietClientID, "", "email", "openid email", "alice@example.com"},
	} {
		t.Run(tt.client+" "+tt.claim, func(t *testing.T) {
			hub := newOIDC(t, auth.OIDCOptions{
				Issuer: provider.Issuer, Audience: tt.client, ClientSecret: tt.secret, UserClaim: tt.claim,
			})
			s, page := begin(t, hub)
			asked, err := url.Parse(page)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"response_type": "code", "client_id": tt.client, "redirect_uri": back, "scope": tt.scope,
				"state": s.State(), "code_challenge_method": "S256",
			} {
				if got := asked.Query().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for _, name := range []string{"nonce", "code_challenge"} {
				if got := asked.Query().Get(name); len(got) != 43 || got == s.State() || got == s.Secret() {
					t.Errorf("%s is %q", name, got)
				}
			}
			answer := provider.SignIn(t, page, oidctest.Login{User: "alice", Session: "s-1"})
			if answer.Query().Get("state") != s.State() {
				t.Errorf("the provider answers with %s", answer)
			}
			id, err := hub.Redeem(t.Context(), s, back, answered(answer))
			if err != nil {
				t.Fatal(err)
			}
			if id.User != tt.want || id.SSO.Subject != "sub-alice" || id.SSO.ID != "s-1" && tt.client != oidctest.QuietClientID {
				t.Errorf("vouched for %+v", id)
			}
			_, err = hub.Redeem(t.Context(), s, back, answered(answer))
			wantSignOnFault(t, err, auth.SignOnCode, answered(answer).Code)
		})
	}
}

func TestSignOnIsOfOneBrowser(t *testing.T) {
	s, other := auth.NewSignOn(), auth.NewSignOn()
	again, ok := auth.ParseSignOn(s.Secret())
	if !ok || again != s || !again.Began(s.State()) {
		t.Errorf("%s is read as %+v", s.Secret(), again)
	}
	for _, state := range []string{"", other.State(), s.State() + "x", s.State()[:42], s.Secret()} {
		if s.Began(state) {
			t.Errorf("it has begun %q", state)
		}
	}
	for _, text := range []string{"", "x", s.Secret() + "A", s.Secret()[:40], strings.Repeat("=", 43), s.Secret() + "\n"} {
		if _, ok := auth.ParseSignOn(text); ok {
			t.Errorf("%q is read", text)
		}
	}
}

// TestSignOnOfSomebodyElse has a code come to a browser that has not begun its sign-in: PKCE keeps it from being redeemed,
// and where a provider does not look at that, the nonce does.
func TestSignOnOfSomebodyElse(t *testing.T) {
	provider := oidctest.Start(t)
	o := auth.OIDCOptions{Issuer: provider.Issuer, Audience: oidctest.PublicClientID}
	hub := newOIDC(t, o)
	_, page := begin(t, hub)
	answer := answered(provider.SignIn(t, page, oidctest.Login{User: "mallory"}))
	_, err := hub.Redeem(t.Context(), auth.NewSignOn(), back, answer)
	wantSignOnFault(t, err, auth.SignOnCode, answer.Code)

	o.Transport = bend(t, "/oauth/token", func(_ *http.Request, response *http.Response) {
		token := provider.Sign(t, provider.Claims("mallory").With(oidctest.Claims{
			"aud": oidctest.PublicClientID, "nonce": "of another sign-in",
		}), "JWT")
		says(response, http.StatusOK, "application/json", `{"access_token":"a","token_type":"Bearer","id_token":"`+token+`"}`)
	})
	_, err = newOIDC(t, o).Redeem(t.Context(), auth.NewSignOn(), back, auth.SignOnAnswer{Code: "c"})
	wantFault(t, err, auth.TokenInvalid, "mallory")
}

func TestSignOnThatTheProviderEnds(t *testing.T) {
	provider := oidctest.Start(t)
	hub := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	s, page := begin(t, hub)
	_, err := hub.Redeem(t.Context(), s, back, answered(provider.Deny(t, page)))
	wantSignOnFault(t, err, auth.SignOnDenied)
	for code, fault := range map[string]auth.SignOnFault{
		"login_required": auth.SignOnUnfinished, "interaction_required": auth.SignOnUnfinished,
		"consent_required": auth.SignOnUnfinished, "account_selection_required": auth.SignOnUnfinished,
		"invalid_scope": auth.SignOnSetUp, "unauthorized_client": auth.SignOnSetUp, "<b>made up</b>\n": auth.SignOnSetUp,
	} {
		_, err := hub.Redeem(t.Context(), s, back, auth.SignOnAnswer{Error: code})
		wantSignOnFault(t, err, fault)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is more than a line of the log", err)
		}
	}
	for _, code := range []string{"server_error", "temporarily_unavailable"} {
		if _, err := hub.Redeem(t.Context(), s, back, auth.SignOnAnswer{Error: code}); !errors.Is(err, auth.ErrProvider) {
			t.Errorf("%s is %v, want ErrProvider", code, err)
		}
	}
}

// TestAnswerOfAnotherProvider has the issuer come with the answer, as RFC 9207 says, or not.
func TestAnswerOfAnotherProvider(t *testing.T) {
	provider := oidctest.Start(t)
	for _, tt := range []struct {
		name, issuer string
		always, good bool
	}{
		{"none", "", false, true},
		{"its own", provider.Issuer, false, true},
		{"its own, as always", provider.Issuer, true, true},
		{"none, against its word", "", true, false},
		{"another's", "https://evil.example", false, false},
		{"one that only begins like its own", provider.Issuer + "/", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hub := newOIDC(t, auth.OIDCOptions{
				Issuer: provider.Issuer, Audience: oidctest.PublicClientID,
				Transport: knownAs(t, map[string]any{"authorization_response_iss_parameter_supported": tt.always}),
			})
			s, page := begin(t, hub)
			answer := answered(provider.SignIn(t, page, oidctest.Login{User: "alice"}))
			answer.Issuer = tt.issuer
			_, err := hub.Redeem(t.Context(), s, back, answer)
			if tt.good && err != nil {
				t.Error(err)
			} else if !tt.good {
				wantSignOnFault(t, err, auth.SignOnIssuer)
				wantRefused(t, hub, s, tt.issuer)
			}
		})
	}
}

// wantRefused wants an error of another provider's refused for that, and not believed.
func wantRefused(t *testing.T, hub *auth.OIDC, s auth.SignOn, issuer string) {
	t.Helper()
	_, err := hub.Redeem(t.Context(), s, back, auth.SignOnAnswer{Error: "access_denied", Issuer: issuer})
	wantSignOnFault(t, err, auth.SignOnIssuer)
}

// TestProviderWithoutAnEntrance has a provider that nobody can be sent to. Its tokens count as before.
func TestProviderWithoutAnEntrance(t *testing.T) {
	provider := oidctest.Start(t)
	for name, others := range map[string]map[string]any{
		"no page":           {"authorization_endpoint": ""},
		"page without TLS":  {"authorization_endpoint": "http://login.example.com/authorize"},
		"page of a script":  {"authorization_endpoint": "javascript:alert(1)"},
		"no token endpoint": {"token_endpoint": ""},
		"tokens in the air": {"token_endpoint": "http://login.example.com/token"},
	} {
		t.Run(name, func(t *testing.T) {
			hub := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer, Transport: knownAs(t, others)})
			_, err := hub.SignOnURL(t.Context(), auth.NewSignOn(), back)
			wantSignOnFault(t, err, auth.SignOnSetUp)
			_, err = hub.Redeem(t.Context(), auth.NewSignOn(), back, auth.SignOnAnswer{Code: "c"})
			wantSignOnFault(t, err, auth.SignOnSetUp)
			if _, err := hub.Verify(t.Context(), provider.IDToken(t, oidctest.Login{User: "alice"}), ""); err != nil {
				t.Error(err)
			}
		})
	}
	hub := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer, Transport: knownAs(t, map[string]any{
		"authorization_endpoint": provider.Issuer + "/authorize?policy=one",
	})})
	if _, page := begin(t, hub); !strings.HasPrefix(page, provider.Issuer+"/authorize?policy=one&") {
		t.Errorf("the page is %s", page)
	}
}

// TestClientSecretGoesWhereTheProviderWantsIt looks at what is sent with a code.
func TestClientSecretGoesWhereTheProviderWantsIt(t *testing.T) {
	provider := oidctest.Start(t)
	for _, tt := range []struct {
		name, secret string
		methods      []string
		header, form bool
	}{
		{"unsaid", "s%+", nil, true, false},
		{"both", "s%+", []string{"client_secret_post", "client_secret_basic"}, true, false},
		{"in the form", "s%+", []string{"private_key_jwt", "client_secret_post"}, false, true},
		{"none", "", []string{"client_secret_basic"}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent *http.Request
			var form url.Values
			known := knownAs(t, map[string]any{"token_endpoint_auth_methods_supported": tt.methods}).(bent)
			known.answers["/oauth/token"] = func(r *http.Request, _ *http.Response) {
				body, err := r.GetBody()
				if err != nil {
					t.Error(err)
				}
				var text bytes.Buffer
				text.ReadFrom(body)
				sent, form = r, must(url.ParseQuery(text.String()))
			}
			hub := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer, ClientSecret: tt.secret, Transport: known})
			if _, err := hub.Redeem(t.Context(), auth.NewSignOn(), back, auth.SignOnAnswer{Code: "c"}); err == nil {
				t.Fatal("the provider has taken the code")
			}
			user, password, inHeader := sent.BasicAuth()
			if inHeader != tt.header || inHeader && (user != oidctest.ClientID || password != url.QueryEscape(tt.secret)) {
				t.Errorf("the header has %t %q %q", inHeader, user, password)
			}
			if got := form.Get("client_secret"); (got != "") != tt.form || tt.form && got != tt.secret {
				t.Errorf("the form has the secret %q", got)
			}
			if form.Get("code_verifier") == "" || form.Get("redirect_uri") != back || form.Get("grant_type") != "authorization_code" {
				t.Errorf("the form is %v", form)
			}
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestSignOnWithoutTheProvider(t *testing.T) {
	provider := oidctest.Start(t)
	hub := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	provider.Leave()
	if _, err := hub.SignOnURL(t.Context(), auth.NewSignOn(), back); !errors.Is(err, auth.ErrProvider) {
		t.Errorf("got %v, want ErrProvider", err)
	}
	provider.Return(t)
	begin(t, hub)
	provider.Leave()
	_, err := hub.Redeem(t.Context(), auth.NewSignOn(), back, auth.SignOnAnswer{Code: "c"})
	if refused := new(auth.SignOnError); !errors.Is(err, auth.ErrProvider) || errors.As(err, &refused) {
		t.Errorf("got %v, want ErrProvider alone", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := hub.Redeem(ctx, auth.NewSignOn(), back, auth.SignOnAnswer{Code: "c"}); !errors.Is(err, auth.ErrProvider) {
		t.Errorf("got %v, want ErrProvider", err)
	}
}

func TestNameOfTheProvider(t *testing.T) {
	for _, tt := range []struct{ name, want string }{{"", "login.example.com:8443"}, {"Example", "Example"}} {
		hub := newOIDC(t, auth.OIDCOptions{Issuer: "https://login.example.com:8443/realms/one", Name: tt.name})
		if hub.Name() != tt.want {
			t.Errorf("the name is %q, want %q", hub.Name(), tt.want)
		}
	}
	for _, name := range []string{strings.Repeat("n", 61), "two\nlines", "\xff"} {
		if err := (auth.OIDCOptions{Issuer: "https://login.example.com", Audience: "hub", Name: name}).Validate(); err == nil {
			t.Errorf("the name %q is accepted", name)
		}
	}
}
