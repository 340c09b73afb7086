package auth

import (
	"encoding/json"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// TestSignOnAnew holds that a provider is asked to ask, and that neither kind of sign-in passes for the other.
func TestSignOnAnew(t *testing.T) {
	plain := NewSignOn()
	anew := plain.Anew()
	if plain.Began(anew.State()) || anew.Began(plain.State()) || plain.nonce() == anew.nonce() ||
		plain.verifier() == anew.verifier() {
		t.Error("both have the same secrets")
	}
	provider, err := NewOIDC(OIDCOptions{Issuer: oidctest.Start(t).Issuer, Audience: oidctest.PublicClientID})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	for signOn, want := range map[SignOn][2]string{plain: {"", ""}, anew: {"login", "0"}} {
		page, err := provider.SignOnURL(t.Context(), signOn, "http://localhost/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		at, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		query := at.Query()
		if got := [2]string{query.Get("prompt"), query.Get("max_age")}; got != want || query.Get("state") != signOn.State() {
			t.Errorf("prompt and max_age are %q, want %q, in %s", got, want, page)
		}
	}
}

func TestSignedInSince(t *testing.T) {
	begun := time.Now().Add(-5 * time.Minute)
	for _, tt := range []struct {
		name, claim string
		at          time.Duration // from when the sign-in was begun
		good        bool
	}{
		{"then", "auth_time", 0, true},
		{"after", "auth_time", 4 * time.Minute, true},
		{"a little before, by another clock", "auth_time", -20 * time.Second, true},
		{"before", "auth_time", -time.Minute, false},
		{"in the future", "auth_time", 7 * time.Minute, false},
		{"unsaid", "auth", 0, false},
	} {
		text, err := json.Marshal(begun.Add(tt.at).Unix())
		if err != nil {
			t.Fatal(err)
		}
		err = signedInSince(claims{tt.claim: text}, begun)
		refused := new(SignOnError)
		if tt.good != (err == nil) || err != nil && (!errors.As(err, &refused) || refused.Fault != SignOnStale) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if signedInSince(claims{"auth_time": json.RawMessage(`"yesterday"`)}, begun) == nil {
		t.Error("what is no time is taken")
	}
}
