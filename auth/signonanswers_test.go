package auth_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// bent changes what a provider says, by the ends of the addresses that are asked.
type bent struct {
	http.RoundTripper
	answers map[string]func(*http.Request, *http.Response)
}

// RoundTrip implements http.RoundTripper.
func (b bent) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for end, change := range b.answers {
		if strings.HasSuffix(r.URL.Path, end) {
			change(r, response)
		}
	}
	return response, nil
}

// bend returns a transport that changes the answers of one address.
func bend(t *testing.T, end string, change func(*http.Request, *http.Response)) http.RoundTripper {
	own := new(http.Transport)
	t.Cleanup(own.CloseIdleConnections)
	return bent{own, map[string]func(*http.Request, *http.Response){end: change}}
}

// says makes an answer another one.
func says(response *http.Response, status int, media, body string) {
	response.Body.Close()
	response.StatusCode, response.Status = status, http.StatusText(status)
	response.Header.Set("Content-Type", media)
	response.Body, response.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// knownAs makes a provider say other things of itself.
func knownAs(t *testing.T, others map[string]any) http.RoundTripper {
	return bend(t, "/openid-configuration", func(_ *http.Request, response *http.Response) {
		about := make(map[string]any)
		if err := json.NewDecoder(response.Body).Decode(&about); err != nil {
			t.Error(err)
		}
		for name, value := range others {
			about[name] = value
		}
		text, err := json.Marshal(about)
		if err != nil {
			t.Error(err)
		}
		says(response, http.StatusOK, "application/json", string(text))
	})
}

// TestAnswersOfTheTokenEndpoint has a provider answer otherwise than it should.
func TestAnswersOfTheTokenEndpoint(t *testing.T) {
	const code, away = "the-code-of-the-provider", auth.SignOnFault("away")
	provider := oidctest.Start(t)
	for _, tt := range []struct {
		name, media, body string
		status            int
		want              auth.SignOnFault
	}{
		{"used", "application/json", `{"error":"invalid_grant","error_description":"used"}`, 400, auth.SignOnCode},
		{"used, said with 200", "application/json", `{"error":"invalid_grant"}`, 200, auth.SignOnCode},
		{"another client", "application/json", `{"error":"invalid_client"}`, 401, auth.SignOnSetUp},
		{"another address", "application/json", `{"error":"invalid_request"}`, 400, auth.SignOnSetUp},
		{"a page", "text/html", "<h1>" + code + "</h1>", 404, auth.SignOnSetUp},
		{"led elsewhere", "text/html", "", 302, auth.SignOnSetUp},
		{"broken", "text/html", "<h1>" + code + "</h1>", 502, away},
		{"too many", "application/json", `{"error":"slow_down"}`, 429, away},
		{"cut short", "application/json", `{"access_token":"` + code, 200, away},
		{"no JSON", "application/json", `[]`, 200, away},
		{"endless", "application/json", `{"access_token":"` + strings.Repeat("x", 1<<20) + `"}`, 200, away},
		{"no ID token", "application/json", `{"access_token":"a","token_type":"Bearer"}`, 200, auth.SignOnSetUp},
		{"an ID token that is none", "application/json", `{"access_token":"a","id_token":7}`, 200, auth.SignOnSetUp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hub := newOIDC(t, auth.OIDCOptions{
				Issuer: provider.Issuer, ClientSecret: oidctest.ClientSecret,
				Transport: bend(t, "/oauth/token", func(_ *http.Request, r *http.Response) { says(r, tt.status, tt.media, tt.body) }),
			})
			s := auth.NewSignOn()
			_, err := hub.Redeem(t.Context(), s, back, auth.SignOnAnswer{Code: code})
			if tt.want != away {
				wantSignOnFault(t, err, tt.want, code, oidctest.ClientSecret, s.Secret())
			} else if !errors.Is(err, auth.ErrProvider) || strings.Contains(err.Error(), code) {
				t.Errorf("got %v, want ErrProvider", err)
			}
		})
	}
}

// TestAnswersOfTheUserinfoEndpoint has the provider name the user in no ID token, and nowhere else as it should.
func TestAnswersOfTheUserinfoEndpoint(t *testing.T) {
	provider := oidctest.Start(t)
	redeem := func(t *testing.T, transport http.RoundTripper, claim, user string) error {
		hub := newOIDC(t, auth.OIDCOptions{
			Issuer: provider.Issuer, Audience: oidctest.QuietClientID, UserClaim: claim, Transport: transport,
		})
		s, page := begin(t, hub)
		_, err := hub.Redeem(t.Context(), s, back, answered(provider.SignIn(t, page, oidctest.Login{User: user})))
		return err
	}
	for _, tt := range []struct {
		name, body string
		status     int
		fault      auth.TokenFault // or, without one:
		signOn     auth.SignOnFault
	}{
		{"somebody else", `{"sub":"sub-bob","email":"bob@example.com","email_verified":true}`, 200, auth.TokenInvalid, ""},
		{"nobody", `{"email":"alice@example.com","email_verified":true}`, 200, auth.TokenInvalid, ""},
		{"no email", `{"sub":"sub-alice"}`, 200, auth.TokenNoUser, ""},
		{"unverified", `{"sub":"sub-alice","email":"alice@example.com"}`, 200, auth.TokenNoUser, ""},
		{"signed", "eyJhbGciOiJSUzI1NiJ9.e30.x", 200, "", auth.SignOnSetUp},
		{"refused", "", 403, "", auth.SignOnSetUp},
		{"broken", "", 500, "", ""},
		{"endless", `{"sub":"` + strings.Repeat("x", 1<<20), 200, "", auth.SignOnSetUp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := redeem(t, bend(t, "/userinfo", func(_ *http.Request, r *http.Response) {
				says(r, tt.status, "application/json", tt.body)
			}), "email", "alice")
			switch {
			case tt.fault != "":
				wantFault(t, err, tt.fault, "alice@example.com")
			case tt.signOn != "":
				wantSignOnFault(t, err, tt.signOn)
			case !errors.Is(err, auth.ErrProvider):
				t.Errorf("got %v, want ErrProvider", err)
			}
		})
	}
	wantFault(t, redeem(t, new(http.Transport), "email", "newcomer"), auth.TokenNoUser, "newcomer@example.com")
	wantFault(t, redeem(t, knownAs(t, map[string]any{"userinfo_endpoint": ""}), "email", "alice"), auth.TokenNoUser, "alice@")
	wantSignOnFault(t, redeem(t, knownAs(t, map[string]any{"userinfo_endpoint": "http://login.example.com/"}), "email", "alice"),
		auth.SignOnSetUp)
}
