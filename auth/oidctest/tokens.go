package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// Rotate has the provider sign with a new key from now on. The old ones are published no longer.
func (p *Provider) Rotate(tb testing.TB, algorithm jose.SignatureAlgorithm) {
	tb.Helper()
	key := newKey(tb, algorithm)
	p.users.mu.Lock()
	defer p.users.mu.Unlock()
	p.users.keys = []*signingKey{key}
}

func newKey(tb testing.TB, algorithm jose.SignatureAlgorithm) *signingKey {
	tb.Helper()
	key := &signingKey{id: uuid.NewString(), algorithm: algorithm}
	var err error
	if algorithm == jose.ES256 {
		key.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		key.private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Claims are those of a token.
type Claims map[string]any

// With returns the claims with others in place of some; one that is nil is left out.
func (c Claims) With(others Claims) Claims {
	all := make(Claims)
	for _, some := range []Claims{c, others} {
		for name, value := range some {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
	}
	return all
}

// Claims are those of an ID token of this provider, issued now.
func (p *Provider) Claims(user string) Claims {
	now := time.Now()
	return Claims{
		"iss": p.Issuer, "sub": "sub-" + user, "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"jti": uuid.NewString(),
	}
}

// LogoutClaims are those of a logout token of this provider, issued now, for a user, a session, or both.
func (p *Provider) LogoutClaims(tb testing.TB, user, session string) Claims {
	tb.Helper()
	if user != "" {
		user = "sub-" + user
	}
	token := oidc.NewLogoutTokenClaims(p.Issuer, user, oidc.Audience{ClientID}, time.Now().Add(2*time.Minute),
		uuid.NewString(), session, 0)
	text, err := json.Marshal(token)
	if err != nil {
		tb.Fatal(err)
	}
	var claims Claims
	if err := json.Unmarshal(text, &claims); err != nil {
		tb.Fatal(err)
	}
	return claims
}

// LogoutToken is what the provider sends when somebody signs out there.
func (p *Provider) LogoutToken(tb testing.TB, user, session string) string {
	tb.Helper()
	return p.Sign(tb, p.LogoutClaims(tb, user, session), "logout+jwt")
}

// Sign signs claims with the provider's key. The header has the given type; an empty one is none.
func (p *Provider) Sign(tb testing.TB, claims Claims, kind string) string {
	tb.Helper()
	key := p.users.current()
	return SignWith(tb, jose.SigningKey{
		Algorithm: key.algorithm, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id},
	}, claims, kind)
}

// KeyID is the name of the provider's key.
func (p *Provider) KeyID() string { return p.users.current().id }

// PublicKey is the provider's, as everybody knows it.
func (p *Provider) PublicKey() any { return p.users.current().private.Public() }

// SignWith signs claims with any key.
func SignWith(tb testing.TB, key jose.SigningKey, claims Claims, kind string) string {
	tb.Helper()
	options := new(jose.SignerOptions)
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	signer, err := jose.NewSigner(key, options)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return token
}
