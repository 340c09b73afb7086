package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// newOIDC returns a verifier that ends with the test.
func newOIDC(t *testing.T, o auth.OIDCOptions) *auth.OIDC {
	t.Helper()
	if o.Audience == "" {
		o.Audience = oidctest.ClientID
	}
	o.Logger = slog.New(slog.DiscardHandler)
	verifier, err := auth.NewOIDC(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(verifier.Close)
	return verifier
}

func TestIDTokenOfACodeFlow(t *testing.T) {
	provider := oidctest.Start(t)
	for _, tt := range []struct {
		claim, user, nonce string
		want               string
		fault              auth.TokenFault
	}{
		{claim: "", user: "alice", want: "sub-alice"},
		{claim: "sub", user: "alice", nonce: "n-0S6_WzA2Mj", want: "sub-alice"},
		{claim: "email", user: "alice", want: "alice@example.com"},
		{claim: "email", user: "newcomer", fault: auth.TokenNoUser},
		{claim: "preferred_username", user: "alice", want: "alice"},
		{claim: "department", user: "alice", fault: auth.TokenNoUser},
		{claim: "auth_time", user: "alice", fault: auth.TokenNoUser}, // a number
	} {
		t.Run(tt.claim+" "+tt.user, func(t *testing.T) {
			verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer, UserClaim: tt.claim})
			token := provider.IDToken(t, oidctest.Login{User: tt.user, Session: "s-1", Nonce: tt.nonce})
			id, err := verifier.Verify(t.Context(), token, tt.nonce)
			if tt.fault != "" {
				wantFault(t, err, tt.fault, token)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.User != tt.want || id.SSO.Subject != "sub-"+tt.user || id.SSO.ID != "s-1" ||
				id.SSO.Issuer != provider.Issuer || time.Since(id.SSO.VouchedAt).Abs() > time.Minute {
				t.Errorf("vouched for %+v", id)
			}
			if id.Voucher.Keep < 10*time.Minute || id.Voucher.Keep > 15*time.Minute {
				t.Errorf("to be remembered for %s", id.Voucher.Keep)
			}
		})
	}
}

// wantFault fails the test unless err says that a token was refused for a fault, and does not show the token.
func wantFault(t *testing.T, err error, want auth.TokenFault, token string) {
	t.Helper()
	var refused *auth.TokenError
	if !errors.As(err, &refused) || refused.Fault != want || !errors.Is(err, auth.ErrCredentials) {
		t.Errorf("got %v, want it refused as %s", err, want)
		return
	}
	for part := range strings.SplitSeq(token, ".") {
		if len(part) > 20 && strings.Contains(err.Error(), part) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

// forgery is a token that must be refused.
type forgery struct {
	name  string
	token string
	fault auth.TokenFault
}

// forgeries are those that are none of a provider, whatever they claim to be.
func forgeries(t *testing.T, p *oidctest.Provider, claims oidctest.Claims, kind string) []forgery {
	t.Helper()
	good := p.Sign(t, claims, kind)
	head, rest, _ := strings.Cut(good, ".")
	_, signature, _ := strings.Cut(rest, ".")
	encode := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	sign := func(algorithm jose.SignatureAlgorithm, key any, kid string) string {
		k := jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}
		return oidctest.SignWith(t, k, claims, kind)
	}
	return []forgery{
		{"nothing", "", auth.TokenInvalid},
		{"no token", "not a token", auth.TokenInvalid},
		{"too long", good + strings.Repeat("A", auth.MaxProviderToken), auth.TokenInvalid},
		{"not signed", encode(`{"alg":"none"}`) + "." + strings.Split(good, ".")[1] + ".", auth.TokenInvalid},
		{"signature left out", head + "." + strings.Split(rest, ".")[0] + ".", auth.TokenInvalid},
		{"other claims", head + "." + encode(`{"iss":"`+p.Issuer+`"}`) + "." + signature, auth.TokenInvalid},
		{"public key as a secret", sign(jose.HS256, public, p.KeyID()), auth.TokenInvalid},
		{"a foreign key", sign(jose.ES256, foreign, ""), auth.TokenInvalid},
		{"a foreign key by the right name", sign(jose.ES256, foreign, p.KeyID()), auth.TokenInvalid},
		{"a foreign key by its own name", sign(jose.ES256, foreign, "another"), auth.TokenInvalid},
		{"in another form", `{"payload":"` + strings.Split(good, ".")[1] + `","protected":"` + head +
			`","signature":"` + signature + `"}`, auth.TokenInvalid},
	}
}

func TestForgedIDTokens(t *testing.T) {
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	good := provider.Claims("alice")
	now := time.Now()
	tests := forgeries(t, provider, good, "JWT")
	for name, f := range map[string]struct {
		change oidctest.Claims
		fault  auth.TokenFault
	}{
		"for somebody else":    {oidctest.Claims{"aud": "another-app"}, auth.TokenInvalid},
		"for nobody":           {oidctest.Claims{"aud": nil}, auth.TokenInvalid},
		"for several":          {oidctest.Claims{"aud": []string{oidctest.ClientID, "b"}}, auth.TokenInvalid},
		"for several, through": {oidctest.Claims{"aud": []string{oidctest.ClientID, "b"}, "azp": "b"}, auth.TokenInvalid},
		"of another provider":  {oidctest.Claims{"iss": "https://login.example.com"}, auth.TokenInvalid},
		"of nobody":            {oidctest.Claims{"iss": nil}, auth.TokenInvalid},
		"of almost this one":   {oidctest.Claims{"iss": provider.Issuer + "/"}, auth.TokenInvalid},
		"expired":              {oidctest.Claims{"exp": now.Add(-40 * time.Second).Unix()}, auth.TokenStale},
		"for ever":             {oidctest.Claims{"exp": nil}, auth.TokenStale},
		"old":                  {oidctest.Claims{"iat": now.Add(-11 * time.Minute).Unix()}, auth.TokenStale},
		"of no time":           {oidctest.Claims{"iat": nil}, auth.TokenStale},
		"of the future":        {oidctest.Claims{"iat": now.Add(2 * time.Minute).Unix()}, auth.TokenInvalid},
		"not yet good":         {oidctest.Claims{"nbf": now.Add(time.Hour).Unix()}, auth.TokenInvalid},
		"about nobody":         {oidctest.Claims{"sub": nil}, auth.TokenInvalid},
		"about somebody long":  {oidctest.Claims{"sub": strings.Repeat("s", 257)}, auth.TokenInvalid},
		"of a long session":    {oidctest.Claims{"sid": strings.Repeat("s", 257)}, auth.TokenInvalid},
		"with another nonce":   {oidctest.Claims{"nonce": "another"}, auth.TokenInvalid},
		"an access token":      {oidctest.Claims{"typ": "Bearer"}, auth.TokenInvalid},
		"a sign-out": {oidctest.Claims{"events": map[string]any{
			"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, auth.TokenInvalid},
	} {
		tests = append(tests, forgery{name, provider.Sign(t, good.With(f.change), "JWT"), f.fault})
	}
	for _, kind := range []string{"at+jwt", "logout+jwt", "application/logout+jwt", "x"} {
		tests = append(tests, forgery{"of type " + kind, provider.Sign(t, good, kind), auth.TokenInvalid})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier.Verify(t.Context(), tt.token, "")
			wantFault(t, err, tt.fault, tt.token)
		})
	}
}

func TestIDTokensThatAreGood(t *testing.T) {
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	good := provider.Claims("alice")
	now := time.Now()
	for name, token := range map[string]string{
		"as it is":            provider.Sign(t, good, "JWT"),
		"without a type":      provider.Sign(t, good, ""),
		"of a type in full":   provider.Sign(t, good, "application/JWT"),
		"for several":         provider.Sign(t, good.With(oidctest.Claims{"aud": []string{"b", oidctest.ClientID}, "azp": oidctest.ClientID}), "JWT"),
		"through another app": provider.Sign(t, good.With(oidctest.Claims{"azp": "a phone's client"}), "JWT"),
		"just expired":        provider.Sign(t, good.With(oidctest.Claims{"exp": now.Add(-5 * time.Second).Unix()}), "JWT"),
		"of a moment ahead":   provider.Sign(t, good.With(oidctest.Claims{"iat": now.Add(5 * time.Second).Unix()}), "JWT"),
		"nine minutes old":    provider.Sign(t, good.With(oidctest.Claims{"iat": now.Add(-9 * time.Minute).Unix()}), "JWT"),
		"as Keycloak's":       provider.Sign(t, good.With(oidctest.Claims{"typ": "ID"}), "JWT"),
	} {
		t.Run(name, func(t *testing.T) {
			id, err := verifier.Verify(t.Context(), token, "")
			if err != nil || id.User != "sub-alice" || id.Voucher.Keep <= 0 {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
}

// TestVoucherIsOfWhatATokenSays has two tokens that say the same, with different signatures, be one.
func TestVoucherIsOfWhatATokenSays(t *testing.T) {
	provider := oidctest.Start(t)
	provider.Rotate(t, jose.ES256) // each of whose signatures is another
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	claims := provider.Claims("alice")
	one, two := provider.Sign(t, claims, "JWT"), provider.Sign(t, claims, "JWT")
	if one == two {
		t.Fatal("the tokens are the same")
	}
	first, err := verifier.Verify(t.Context(), one, "")
	second, again := verifier.Verify(t.Context(), two, "")
	third, other := verifier.Verify(t.Context(), provider.Sign(t, provider.Claims("alice"), "JWT"), "")
	if err != nil || again != nil || other != nil {
		t.Fatal(err, again, other)
	}
	if first.Voucher.Digest != second.Voucher.Digest || first.Voucher.Digest == third.Voucher.Digest {
		t.Error("vouchers do not tell tokens apart by what they say")
	}
}

func TestLogoutTokens(t *testing.T) {
	const event = "http://schemas.openid.net/event/backchannel-logout"
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	good := provider.LogoutClaims(t, "alice", "s-1")
	now := time.Now()
	for name, token := range map[string]string{
		"by subject and session": provider.Sign(t, good, "logout+jwt"),
		"by subject":             provider.Sign(t, good.With(oidctest.Claims{"sid": nil}), "logout+jwt"),
		"by session":             provider.Sign(t, good.With(oidctest.Claims{"sub": nil}), "logout+jwt"),
		"without a type":         provider.Sign(t, good, ""),
		"of a type in full":      provider.Sign(t, good, "application/logout+jwt"),
	} {
		out, err := verifier.VerifyLogout(t.Context(), token)
		if err != nil || out.Issuer != provider.Issuer || out.Subject+out.ID == "" || out.Token.Keep <= 0 {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}

	tests := forgeries(t, provider, good, "logout+jwt")
	for name, f := range map[string]struct {
		change oidctest.Claims
		fault  auth.TokenFault
	}{
		"for somebody else":   {oidctest.Claims{"aud": "another-app"}, auth.TokenInvalid},
		"of another provider": {oidctest.Claims{"iss": "https://login.example.com"}, auth.TokenInvalid},
		"expired":             {oidctest.Claims{"exp": now.Add(-40 * time.Second).Unix()}, auth.TokenStale},
		"for ever":            {oidctest.Claims{"exp": nil}, auth.TokenInvalid},
		"old":                 {oidctest.Claims{"iat": now.Add(-11 * time.Minute).Unix()}, auth.TokenStale},
		"of no time":          {oidctest.Claims{"iat": nil}, auth.TokenStale},
		"of the future":       {oidctest.Claims{"iat": now.Add(2 * time.Minute).Unix()}, auth.TokenInvalid},
		"of nobody":           {oidctest.Claims{"sub": nil, "sid": nil}, auth.TokenInvalid},
		"without an ID":       {oidctest.Claims{"jti": nil}, auth.TokenInvalid},
		"of a long ID":        {oidctest.Claims{"jti": strings.Repeat("j", 257)}, auth.TokenInvalid},
		"with a nonce":        {oidctest.Claims{"nonce": "n"}, auth.TokenInvalid},
		"of no event":         {oidctest.Claims{"events": nil}, auth.TokenInvalid},
		"of another event":    {oidctest.Claims{"events": map[string]any{event + "s": map[string]any{}}}, auth.TokenInvalid},
		"of a loud event":     {oidctest.Claims{"events": map[string]any{strings.ToUpper(event): map[string]any{}}}, auth.TokenInvalid},
		"of an event in text": {oidctest.Claims{"events": map[string]any{event: "yes"}}, auth.TokenInvalid},
		"of an event of null": {oidctest.Claims{"events": map[string]any{event: nil}}, auth.TokenInvalid},
		"of events in a list": {oidctest.Claims{"events": []string{event}}, auth.TokenInvalid},
	} {
		tests = append(tests, forgery{name, provider.Sign(t, good.With(f.change), "logout+jwt"), f.fault})
	}
	for _, kind := range []string{"JWT", "at+jwt", "x"} {
		tests = append(tests, forgery{"of type " + kind, provider.Sign(t, good, kind), auth.TokenInvalid})
	}
	tests = append(tests, forgery{"an ID token", provider.IDToken(t, oidctest.Login{User: "alice"}), auth.TokenInvalid})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier.VerifyLogout(t.Context(), tt.token)
			wantFault(t, err, tt.fault, tt.token)
		})
	}
}

func TestOIDCThatCannotBe(t *testing.T) {
	for name, o := range map[string]auth.OIDCOptions{
		"no issuer":        {Audience: "hub"},
		"no TLS":           {Issuer: "http://login.example.com", Audience: "hub"},
		"no address":       {Issuer: "login.example.com", Audience: "hub"},
		"with a password":  {Issuer: "https://a:b@login.example.com", Audience: "hub"},
		"with a query":     {Issuer: "https://login.example.com?tenant=a", Audience: "hub"},
		"no audience":      {Issuer: "https://login.example.com"},
		"another protocol": {Issuer: "ldap://login.example.com", Audience: "hub"},
	} {
		if _, err := auth.NewOIDC(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestClosedOIDCAnswersNobody(t *testing.T) {
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	verifier.Close()
	_, err := verifier.Verify(context.Background(), provider.Sign(t, provider.Claims("alice"), "JWT"), "")
	if !errors.Is(err, auth.ErrProvider) {
		t.Errorf("got %v, want ErrProvider", err)
	}
}
