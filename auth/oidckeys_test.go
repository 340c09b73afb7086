package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
)

func TestKeysRotate(t *testing.T) {
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.RS256} {
		old := provider.Sign(t, provider.Claims("alice"), "JWT")
		provider.Rotate(t, algorithm)
		token := provider.IDToken(t, oidctest.Login{User: "alice"})
		if _, err := verifier.Verify(t.Context(), token, ""); err != nil {
			t.Fatalf("with a new key: %v", err)
		}
		_, err := verifier.Verify(t.Context(), old, "")
		wantFault(t, err, auth.TokenInvalid, old)
	}
}

// TestForgersDoNotHammer has many tokens name keys that nobody has.
func TestForgersDoNotHammer(t *testing.T) {
	const forged = 60
	provider := oidctest.Start(t)
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	good := provider.IDToken(t, oidctest.Login{User: "alice"})
	if _, err := verifier.Verify(t.Context(), good, ""); err != nil {
		t.Fatal(err)
	}
	foreign := newECKey(t)
	claims := provider.Claims("alice")
	before, start := provider.Fetches(), time.Now()
	var rush sync.WaitGroup
	for range forged {
		rush.Go(func() {
			key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: foreign, KeyID: uuid.NewString()}}
			token := oidctest.SignWith(t, key, claims, "JWT")
			_, err := verifier.Verify(t.Context(), token, "")
			wantFault(t, err, auth.TokenInvalid, token)
		})
		// Who has a good token does not wait for them.
		if _, err := verifier.Verify(t.Context(), good, ""); err != nil {
			t.Error(err)
		}
	}
	rush.Wait()
	fetches, most := provider.Fetches()-before, 1+int(time.Since(start)/time.Second)
	if fetches < 1 || fetches > most {
		t.Errorf("the provider was asked %d times in %s for %d forged tokens", fetches, time.Since(start), forged)
	}
	t.Logf("%d fetches in %s for %d forged tokens", fetches, time.Since(start).Round(time.Millisecond), forged)
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestProviderIsAwayAndComesBack(t *testing.T) {
	provider := oidctest.Start(t)
	token := provider.IDToken(t, oidctest.Login{User: "alice"})
	provider.Leave()
	verifier := newOIDC(t, auth.OIDCOptions{Issuer: provider.Issuer})
	for range 2 {
		if _, err := verifier.Verify(t.Context(), token, ""); !errors.Is(err, auth.ErrProvider) {
			t.Fatalf("got %v, want ErrProvider", err)
		}
	}
	provider.Return(t)
	if _, err := verifier.Verify(t.Context(), token, ""); err != nil {
		t.Fatalf("the provider is back: %v", err)
	}
	// With its keys known it may be away.
	provider.Leave()
	if _, err := verifier.Verify(t.Context(), token, ""); err != nil {
		t.Errorf("the provider is away again: %v", err)
	}
	provider.Rotate(t, jose.RS256)
	next := provider.Sign(t, provider.Claims("alice"), "JWT")
	if _, err := verifier.Verify(t.Context(), next, ""); !errors.Is(err, auth.ErrProvider) {
		t.Errorf("a key that is not known, and nobody to ask: got %v, want ErrProvider", err)
	}
}

// script is a provider without a network, for time that is not real.
type script struct {
	discovery, keys string
	takes           time.Duration
	status          int
	header          http.Header
	asked           atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	text := s.keys
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		text = s.discovery
	}
	header := s.header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set("Content-Type", "application/json")
	return &http.Response{StatusCode: s.status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

const scriptIssuer = "https://login.example.com/realms/one"

// newScript returns a provider with one key, and what signs a token that is good from now on.
func newScript(t *testing.T) (*script, func() string) {
	t.Helper()
	private := newECKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: "k", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	about := `{"issuer":"` + scriptIssuer + `","jwks_uri":"` + scriptIssuer + `/keys",
		"id_token_signing_alg_values_supported":["RS256","ES256","HS256"]}`
	sign := func() string {
		key := jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: "k"}}
		return oidctest.SignWith(t, key, oidctest.Claims{
			"iss": scriptIssuer, "sub": "alice", "aud": oidctest.ClientID,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
		}, "JWT")
	}
	return &script{discovery: about, keys: string(set), status: http.StatusOK}, sign
}

// TestKeysGetOld lets the time pass after which keys are fetched again, and that after which they do not count.
func TestKeysGetOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, sign := newScript(t)
		verifier := newOIDC(t, auth.OIDCOptions{Issuer: scriptIssuer, Transport: provider})
		verify := func(want error) {
			t.Helper()
			if _, err := verifier.Verify(t.Context(), sign(), ""); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			synctest.Wait()
		}
		asked := func(want int64) {
			t.Helper()
			if got := provider.asked.Swap(0); got != want {
				t.Errorf("asked %d times, want %d", got, want)
			}
		}
		asked(0) // nothing, before there is a token
		verify(nil)
		asked(2)
		verify(nil)
		asked(0)

		time.Sleep(5 * time.Minute)
		provider.takes = time.Second
		start := time.Now()
		verify(nil) // and does not wait for the new ones
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s", waited)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		asked(2)

		provider.status = http.StatusBadGateway
		time.Sleep(59 * time.Minute)
		verify(nil)
		time.Sleep(time.Minute)
		verify(auth.ErrProvider)
		provider.status = http.StatusOK
		verify(nil)
	})
}

// TestProviderHangs has one that takes longer than a login may.
func TestProviderHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, sign := newScript(t)
		provider.takes = 2 * time.Second
		verifier := newOIDC(t, auth.OIDCOptions{Issuer: scriptIssuer, Transport: provider})
		verify := func(want error) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
			defer cancel()
			start := time.Now()
			if _, err := verifier.Verify(ctx, sign(), ""); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
			if waited := time.Since(start); waited > 1200*time.Millisecond {
				t.Errorf("waited %s", waited)
			}
		}
		verify(auth.ErrProvider)
		time.Sleep(3 * time.Second)
		verify(nil) // what came late is there now
	})
}

func TestProvidersThatCannotBeBelieved(t *testing.T) {
	for name, spoil := range map[string]func(*script){
		"says it is another":    func(s *script) { s.discovery = strings.Replace(s.discovery, `one"`, `two"`, 1) },
		"keys without TLS":      func(s *script) { s.discovery = strings.Replace(s.discovery, `jwks_uri":"https`, `jwks_uri":"http`, 1) },
		"keys nowhere":          func(s *script) { s.discovery = strings.Replace(s.discovery, "jwks_uri", "jwks", 1) },
		"signs with a secret":   func(s *script) { s.discovery = strings.Replace(s.discovery, `"RS256","ES256",`, "", 1) },
		"does not sign with it": func(s *script) { s.discovery = strings.Replace(s.discovery, `,"ES256"`, "", 1) },
		"no JSON":               func(s *script) { s.discovery = "<html>" },
		"no keys":               func(s *script) { s.keys = `{"keys":[]}` },
		"an endless document":   func(s *script) { s.keys = strings.Repeat(" ", 2<<20) + s.keys },
		"moved": func(s *script) {
			s.status, s.header = http.StatusFound, http.Header{"Location": {"http://elsewhere.example"}}
		},
		"a secret as a key": func(s *script) { s.keys = `{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}` },
		"a key to encrypt":  func(s *script) { s.keys = strings.Replace(s.keys, `"sig"`, `"enc"`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider, sign := newScript(t)
				verifier := newOIDC(t, auth.OIDCOptions{Issuer: scriptIssuer, Transport: provider})
				good, keys := provider.discovery, provider.keys
				spoil(provider)
				if _, err := verifier.Verify(t.Context(), sign(), ""); err == nil {
					t.Error("a token is accepted")
				}
				provider.discovery, provider.keys = good, keys
				provider.status, provider.header = http.StatusOK, nil
				time.Sleep(time.Millisecond) // in a bubble, what comes next is at the same moment otherwise
				if _, err := verifier.Verify(t.Context(), sign(), ""); err != nil {
					t.Errorf("after it was mended: %v", err)
				}
			})
		})
	}
}

// TestKeysOfKindsThatAreNotKnown are passed over.
func TestKeysOfKindsThatAreNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, sign := newScript(t)
		provider.keys = strings.Replace(provider.keys, "[", `[{"kty":"quantum","kid":"k"},{"kty":"EC","crv":"P-0"},`, 1)
		verifier := newOIDC(t, auth.OIDCOptions{Issuer: scriptIssuer, Transport: provider})
		if _, err := verifier.Verify(t.Context(), sign(), ""); err != nil {
			t.Error(err)
		}
	})
}

// TestKeysAtAnAddressWithAQuery are taken, as Microsoft has them for some policies.
func TestKeysAtAnAddressWithAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider, sign := newScript(t)
		provider.discovery = strings.Replace(provider.discovery, `/keys"`, `/keys?p=policy"`, 1)
		verifier := newOIDC(t, auth.OIDCOptions{Issuer: scriptIssuer, Transport: provider})
		if _, err := verifier.Verify(t.Context(), sign(), ""); err != nil {
			t.Error(err)
		}
	})
}
