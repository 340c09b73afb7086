package auth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/sessionhub/sessionhub/session"
)

// What is taken of a provider's tokens.
const (
	// MaxProviderToken is how many bytes a token may have.
	MaxProviderToken = 16 << 10
	// MaxProviderName is how many bytes the name may have by which people know a provider.
	MaxProviderName = 60
	// maxTokenAge is how long after it was issued a token is taken, even if it says that it lives longer.
	maxTokenAge = 10 * time.Minute
	// clockLeeway is by how much the clocks of provider and hub may differ.
	clockLeeway = 30 * time.Second
	// maxClaim is how many bytes the user, and the provider's own names, may have.
	maxClaim = 256
)

// TokenFault is what may be told of why a token was refused.
type TokenFault string

// The faults of tokens. Whoever made one up learns no more than that it is not valid.
const (
	TokenInvalid TokenFault = "invalid"  // not a token of this provider, or not one for this hub
	TokenStale   TokenFault = "stale"    // it was good, and is too old
	TokenNoUser  TokenFault = "no-user"  // it is good, and does not say who the user is
	TokenUsed    TokenFault = "used"     // it was good, and has been used
	TokenOther   TokenFault = "other"    // it is good, and names another user than it is about
	SignedOff    TokenFault = "sign-out" // it was good, and the user has signed out at the provider since
)

// TokenError says that a token of a provider was refused. It is an ErrCredentials.
type TokenError struct {
	Fault TokenFault
	// Err is the reason, for the log. It does not hold the token.
	Err error
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("the provider's token was refused as %s: %s", e.Fault, clipped(e.Err))
}

// Unwrap returns ErrCredentials and the reason.
func (e *TokenError) Unwrap() []error { return []error{ErrCredentials, e.Err} }

func refused(fault TokenFault, format string, args ...any) error {
	return &TokenError{Fault: fault, Err: fmt.Errorf(format, args...)}
}

// OIDCOptions are who a provider is, and what it is to this hub.
type OIDCOptions struct {
	// Issuer is the provider's, exactly as its tokens name it: with https, or http on this machine.
	Issuer string
	// Audience is the client ID by which the provider knows whoever signs in here.
	Audience string
	// ClientSecret is by which this hub proves to the provider that it is the client; empty where PKCE alone does.
	ClientSecret string
	// Name is how people know the provider, in MaxProviderName bytes; the default is its host.
	Name string
	// UserClaim is the claim of an ID token that is the user; the default is sub. An email must be a verified one.
	UserClaim string
	// Transport is how the provider is reached; the default is a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// Logger is told when the provider fails, and when it is back; the default is slog.Default.
	Logger *slog.Logger
}

// Validate reports what of the options cannot be.
func (o OIDCOptions) Validate() error {
	if err := checkProviderURL(o.Issuer); err != nil {
		return fmt.Errorf("the provider's address: %w", err)
	}
	if o.Audience == "" {
		return errors.New("audience: want the client ID by which the provider knows whoever signs in here")
	}
	if len(o.Name) > MaxProviderName || !utf8.ValidString(o.Name) || strings.ContainsFunc(o.Name, unicode.IsControl) {
		return fmt.Errorf("the provider's name: want a line of text of %d bytes at most", MaxProviderName)
	}
	return nil
}

// OIDC signs users in at an OpenID provider, by the authorization code flow, and verifies what that signs: ID tokens
// (OpenID Connect Core 1.0) and logout tokens (Back-Channel Logout 1.0). Nothing is asked of the provider before the
// first sign-in or token comes. It may be used concurrently.
type OIDC struct {
	issuer, audience, secret, name, userClaim string
	keys                                      *keySource
}

// NewOIDC returns the verifier of a provider, which need not be there yet. It must be closed.
func NewOIDC(o OIDCOptions) (*OIDC, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.UserClaim == "" {
		o.UserClaim = "sub"
	}
	if o.Name == "" {
		issuer, _ := url.Parse(o.Issuer) // it is valid
		o.Name = issuer.Host
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport.(*http.Transport).Clone()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	keys := newKeySource(o.Issuer, o.Transport, o.Logger)
	return &OIDC{
		issuer: o.Issuer, audience: o.Audience, secret: o.ClientSecret, name: o.Name, userClaim: o.UserClaim, keys: keys,
	}, nil
}

// Name is how people know the provider.
func (o *OIDC) Name() string { return o.name }

// Close gives up what is being asked of the provider.
func (o *OIDC) Close() { o.keys.close() }

// Identity is whom an ID token vouches for.
type Identity struct {
	User    string
	SSO     session.SSO
	Voucher session.Voucher
}

// Verify returns whom an ID token vouches for. The nonce must be the token's own: empty where it has none. It
// returns a *TokenError if the token is not good, and ErrProvider, wrapped, if that cannot be known before ctx ends.
func (o *OIDC) Verify(ctx context.Context, token, nonce string) (Identity, error) {
	id, claims, err := o.verify(ctx, token, nonce)
	if err == nil {
		id.User, err = o.user(claims)
	}
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

// verify is Verify but for the user, whom the claims tell of.
func (o *OIDC) verify(ctx context.Context, token, nonce string) (Identity, claims, error) {
	verifier, err := o.verifier(ctx, token, "JWT")
	if err != nil {
		return Identity{}, nil, err
	}
	id, err := verifier.Verify(ctx, token)
	if err != nil {
		return Identity{}, nil, unverified(err)
	}
	var claims claims
	if err := id.Claims(&claims); err != nil {
		return Identity{}, nil, refused(TokenInvalid, "claims: %w", err)
	}
	if err := o.checkIDToken(id, claims, nonce); err != nil {
		return Identity{}, nil, err
	}
	keep, err := usableFor(id.IssuedAt, id.Expiry)
	if err != nil {
		return Identity{}, nil, err
	}
	return Identity{
		SSO:     session.SSO{Issuer: o.issuer, Subject: id.Subject, ID: claims.text("sid"), VouchedAt: id.IssuedAt.UTC()},
		Voucher: session.Voucher{Digest: claims.digest(), Keep: keep},
	}, claims, nil
}

// checkIDToken checks what the library leaves to others.
func (o *OIDC) checkIDToken(id *oidc.IDToken, claims claims, nonce string) error {
	switch {
	case len(id.Audience) > 1 && claims.text("azp") != o.audience:
		return refused(TokenInvalid, "it is for several, and azp is %q", claims.text("azp"))
	case claims["events"] != nil:
		return refused(TokenInvalid, "it tells of an event")
	case claims["typ"] != nil && claims.text("typ") != "ID":
		// Keycloak says here which of its tokens it is: its access tokens look the same otherwise.
		return refused(TokenInvalid, "its claim typ is %q", claims.text("typ"))
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) == 0:
		return refused(TokenInvalid, "the nonce is another")
	case id.Subject == "" || len(id.Subject) > maxClaim || len(claims.text("sid")) > maxClaim:
		return refused(TokenInvalid, "sub or sid is missing or too long")
	}
	return nil
}

// user returns the user of an ID token.
func (o *OIDC) user(c claims) (string, error) {
	user := c.text(o.userClaim)
	if user == "" || len(user) > maxClaim || !utf8.ValidString(user) {
		return "", refused(TokenNoUser, "its claim %s is not a text of 1 to %d bytes", o.userClaim, maxClaim)
	}
	if verified := string(c["email_verified"]); o.userClaim == "email" && verified != "true" && verified != `"true"` {
		return "", refused(TokenNoUser, "its email is not verified")
	}
	return user, nil
}

// VerifyLogout returns what a logout token says has ended. Its errors are those of Verify.
func (o *OIDC) VerifyLogout(ctx context.Context, token string) (session.SignOut, error) {
	const event = "http://schemas.openid.net/event/backchannel-logout"
	verifier, err := o.verifier(ctx, token, "logout+jwt")
	if err != nil {
		return session.SignOut{}, err
	}
	logout, err := verifier.VerifyLogout(ctx, token)
	if err != nil {
		return session.SignOut{}, unverified(err)
	}
	var claims claims
	if err := logout.Claims(&claims); err != nil {
		return session.SignOut{}, refused(TokenInvalid, "claims: %w", err)
	}
	// The library looks less closely: the event's member must have this very name, and be an object.
	var events, member map[string]json.RawMessage
	if json.Unmarshal(claims["events"], &events) != nil || json.Unmarshal(events[event], &member) != nil || member == nil {
		return session.SignOut{}, refused(TokenInvalid, "events holds no object %s", event)
	}
	if len(logout.Subject) > maxClaim || len(logout.SessionID) > maxClaim || len(logout.TokenID) > maxClaim {
		return session.SignOut{}, refused(TokenInvalid, "sub, sid or jti is too long")
	}
	keep, err := usableFor(logout.IssuedAt, logout.Expiry)
	if err != nil {
		return session.SignOut{}, err
	}
	return session.SignOut{
		Issuer: o.issuer, Subject: logout.Subject, ID: logout.SessionID, At: logout.IssuedAt.UTC(),
		Token: session.Voucher{Digest: sha256.Sum256([]byte(o.issuer + "\n" + logout.TokenID)), Keep: keep},
	}, nil
}

// verifier returns what verifies a token that was signed with the key which its header names, with one of the keys of
// the provider that may be meant. A token with a type in its header must have the given one.
func (o *OIDC) verifier(ctx context.Context, token, kind string) (*oidc.IDTokenVerifier, error) {
	if len(token) > MaxProviderToken {
		return nil, refused(TokenInvalid, "it has %d bytes", len(token))
	}
	signed, err := jose.ParseSignedCompact(token, signingAlgorithms)
	if err != nil {
		return nil, refused(TokenInvalid, "%w", err)
	}
	header := signed.Signatures[0].Protected
	if found, ok := header.ExtraHeaders[jose.HeaderType]; ok && !isType(found, kind) {
		return nil, refused(TokenInvalid, "its type is %q", found)
	}
	keys, err := o.keys.find(ctx, header.KeyID, jose.SignatureAlgorithm(header.Algorithm))
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, refused(TokenInvalid, "the provider has no key %q for %s", header.KeyID, header.Algorithm)
	}
	set := new(oidc.StaticKeySet)
	for _, key := range keys {
		set.PublicKeys = append(set.PublicKeys, crypto.PublicKey(key.Key))
	}
	return oidc.NewVerifier(o.issuer, set, &oidc.Config{
		ClientID:             o.audience,
		SupportedSigningAlgs: []string{header.Algorithm},
		Now:                  func() time.Time { return time.Now().Add(-clockLeeway) },
	}), nil
}

// isType compares media types as RFC 7515 says in section 4.1.9: in any case, with or without application/.
func isType(found any, want string) bool {
	text, _ := found.(string)
	text = strings.ToLower(text)
	return strings.TrimPrefix(text, "application/") == strings.ToLower(want)
}

// unverified turns an error of the library into one of ours. It has looked at the signature before all else.
func unverified(err error) error {
	if expired := new(oidc.TokenExpiredError); errors.As(err, &expired) {
		return refused(TokenStale, "%w", err)
	}
	return refused(TokenInvalid, "%w", err)
}

// usableFor returns how long a token can be used from now on, with some more so that clocks may differ.
func usableFor(issued, expires time.Time) (time.Duration, error) {
	age := time.Since(issued)
	switch {
	case age < -clockLeeway:
		return 0, refused(TokenInvalid, "it was issued %s from now", -age)
	case age > maxTokenAge+clockLeeway:
		return 0, refused(TokenStale, "it was issued %s ago", age)
	}
	last := slices.MinFunc([]time.Time{issued.Add(maxTokenAge), expires}, time.Time.Compare)
	return time.Until(last) + 4*clockLeeway, nil
}

// claims are those of a token, by name.
type claims map[string]json.RawMessage

// text returns a claim that is a text; all else is empty.
func (c claims) text(name string) string {
	var text string
	if json.Unmarshal(c[name], &text) != nil {
		return ""
	}
	return text
}

// digest is the same for all forms in which a token can be written, with any signature: of what it says.
func (c claims) digest() session.Digest {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return sha256.Sum256(text)
}
