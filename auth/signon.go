package auth

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// MaxCode is how many bytes the code of a provider may have.
const MaxCode = 8 << 10

// SignOn is a sign-in at the provider that one browser has begun: the three secrets of the authorization code flow,
// which are made of one, so that the browser has only that to keep. The state says which browser may finish, the nonce
// which ID token is meant, and the verifier (PKCE, RFC 7636) who may redeem the code.
type SignOn struct {
	secret [32]byte
	anew   bool
}

// anewSuffix ends the states of sign-ins anew, for the page that they come back to: it has another use for them.
const anewSuffix = "-anew"

// NewSignOn returns one that nobody can guess.
func NewSignOn() SignOn {
	var s SignOn
	rand.Read(s.secret[:]) // it never fails
	return s
}

// Anew returns the sign-in as one for which the provider is to ask users who they are even if it knows them. None of its
// secrets is that of the other.
func (s SignOn) Anew() SignOn {
	s.anew = true
	return s
}

// ParseSignOn reads what Secret has written.
func ParseSignOn(text string) (s SignOn, ok bool) {
	secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(secret) != len(s.secret) || len(text) != base64.RawURLEncoding.EncodedLen(len(secret)) {
		return SignOn{}, false // the decoder passes over line ends
	}
	return SignOn{secret: [32]byte(secret)}, true
}

// Secret is what the browser keeps, and nobody else may know, in letters that a cookie can have.
func (s SignOn) Secret() string { return base64.RawURLEncoding.EncodeToString(s.secret[:]) }

// State is what the provider sends back with its answer: 43 letters, and whether it is a sign-in anew. It tells nothing
// of the rest.
func (s SignOn) State() string {
	if s.anew {
		return s.derive("state") + anewSuffix
	}
	return s.derive("state")
}

// Began reports whether a state is of this sign-in, in a time that tells nothing of it.
func (s SignOn) Began(state string) bool {
	return subtle.ConstantTimeCompare([]byte(s.State()), []byte(state)) == 1
}

func (s SignOn) nonce() string    { return s.derive("nonce") }
func (s SignOn) verifier() string { return s.derive("verifier") }

// derive returns one of the secrets that are made of the one.
func (s SignOn) derive(what string) string {
	if s.anew {
		what += anewSuffix
	}
	key, err := hkdf.Expand(sha256.New, s.secret[:], "sessionhub sign-on "+what, sha256.Size)
	if err != nil {
		panic(err) // it is not longer than the function gives
	}
	return base64.RawURLEncoding.EncodeToString(key)
}

// SignOnFault is what may be told of why a sign-in at the provider led to nothing.
type SignOnFault string

// The faults of sign-ins at the provider.
const (
	SignOnDenied     SignOnFault = "denied"     // the user has said no there, or may not sign in here
	SignOnUnfinished SignOnFault = "unfinished" // the provider would have had to ask the user something, and has not
	SignOnUnknown    SignOnFault = "unknown"    // not begun by this browser, too long ago, or finished already
	SignOnCode       SignOnFault = "code"       // the provider does not take its code: it is used, too old or made up
	SignOnIssuer     SignOnFault = "issuer"     // it is another provider that has answered
	SignOnStale      SignOnFault = "stale"      // the provider has not asked anew who the user is, or does not say so
	SignOnSetUp      SignOnFault = "set-up"     // the provider does not know the hub as it is set up
)

// SignOnError says that a sign-in at the provider led to nothing. It is an ErrCredentials where that may be somebody's
// guess, and an ErrProvider where only the operator can mend it.
type SignOnError struct {
	Fault SignOnFault
	// Err is the reason, for the log. It holds no secret.
	Err error
}

func (e *SignOnError) Error() string {
	return fmt.Sprintf("the sign-in at the provider failed as %s: %s", e.Fault, clipped(e.Err))
}

// Unwrap returns the reason, and what kind of error it is.
func (e *SignOnError) Unwrap() []error {
	switch e.Fault {
	case SignOnCode, SignOnIssuer, SignOnStale:
		return []error{ErrCredentials, e.Err}
	case SignOnSetUp:
		return []error{ErrProvider, e.Err}
	default:
		return []error{e.Err}
	}
}

func failed(fault SignOnFault, format string, args ...any) error {
	return &SignOnError{Fault: fault, Err: fmt.Errorf(format, args...)}
}

// entrance is where users and codes go to, and what is known of the answers, as the provider's metadata has it
// (OpenID Connect Discovery 1.0, RFC 9207).
type entrance struct {
	Page        string   `json:"authorization_endpoint"`
	Tokens      string   `json:"token_endpoint"`
	UserInfo    string   `json:"userinfo_endpoint"`
	AuthMethods []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
}

// check wants addresses that secrets may be sent to.
func (e entrance) check() error {
	for name, address := range map[string]string{"authorization_endpoint": e.Page, "token_endpoint": e.Tokens} {
		if err := checkEndpoint(address); err != nil {
			return failed(SignOnSetUp, "discovery: %s: %w", name, err)
		}
	}
	return nil
}

// style returns how the client proves who it is. A secret goes into the header, as all providers have to take it,
// unless this one says that it takes it in the form alone.
func (e entrance) style(secret string) oauth2.AuthStyle {
	takes := func(method string) bool { return slices.Contains(e.AuthMethods, method) }
	if secret == "" || takes("client_secret_post") && !takes("client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// SignOnURL returns the provider's page for a sign-in that begins, which comes back to the given address with a code or
// an error. It returns ErrProvider, wrapped, if the provider cannot be asked for it before ctx ends, and a *SignOnError
// if it has no such page.
func (o *OIDC) SignOnURL(ctx context.Context, s SignOn, back string) (string, error) {
	client, _, err := o.client(ctx, back)
	if err != nil {
		return "", err
	}
	asked := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("nonce", s.nonce()), oauth2.S256ChallengeOption(s.verifier())}
	if s.anew { // OpenID Connect Core 1.0, section 3.1.2.1; some providers know one of the two alone
		asked = append(asked, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return client.AuthCodeURL(s.State(), asked...), nil
}

// SignOnAnswer is what the provider has sent back by way of the browser: a code, or an error (RFC 6749, section 4.1.2).
type SignOnAnswer struct {
	Code, Error string
	Issuer      string // iss; empty is none
	// Begun is when the sign-in was, for one anew: the provider must have asked its user since.
	Begun time.Time
}

// Redeem returns whom the provider's answer to a sign-in vouches for, whose state must have been compared. It sends the
// code to the provider, which takes it once, verifies the ID token that it gets, and asks for the user where that does
// not say. It returns a *SignOnError or a *TokenError if that led to nothing, and ErrProvider, wrapped, if it cannot be
// known before ctx ends.
func (o *OIDC) Redeem(ctx context.Context, s SignOn, back string, answer SignOnAnswer) (Identity, error) {
	client, known, err := o.client(ctx, back)
	if err != nil {
		return Identity{}, err
	}
	// RFC 9207, section 2.4: an answer of somebody else's must not make the hub send anything anywhere.
	if answer.Issuer != o.issuer && (answer.Issuer != "" || known.NamesItself) {
		return Identity{}, failed(SignOnIssuer, "iss is %q", answer.Issuer)
	}
	if answer.Error != "" {
		return Identity{}, turnedAway(answer.Error)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, o.keys.client)
	tokens, err := client.Exchange(ctx, answer.Code, oauth2.VerifierOption(s.verifier()))
	if err != nil {
		return Identity{}, unredeemed(err)
	}
	idToken, _ := tokens.Extra("id_token").(string)
	if idToken == "" {
		return Identity{}, failed(SignOnSetUp, "the provider answers without an ID token")
	}
	id, claims, err := o.verify(ctx, idToken, s.nonce())
	if err != nil {
		return Identity{}, err
	}
	if s.anew {
		if err := signedInSince(claims, answer.Begun); err != nil {
			return Identity{}, err
		}
	}
	if id.User, err = o.user(claims); err != nil && known.UserInfo != "" {
		id.User, err = o.userFromInfo(ctx, known.UserInfo, tokens, id.SSO.Subject)
	}
	if err != nil {
		return Identity{}, err
	}
	return id, nil
}

// signedInSince checks that the user of an ID token has signed in at the provider since then. Browsers carry what is asked
// for, and may leave it out: the token alone counts (OpenID Connect Core 1.0, sections 2 and 3.1.2.1).
func signedInSince(c claims, begun time.Time) error {
	var seconds float64
	if err := json.Unmarshal(c["auth_time"], &seconds); err != nil {
		return failed(SignOnStale, "the ID token does not say when the user signed in: auth_time is %q", c["auth_time"])
	}
	at := time.Unix(int64(seconds), 0)
	if at.Before(begun.Add(-clockLeeway)) || time.Until(at) > clockLeeway {
		return failed(SignOnStale, "the user signed in at %s, and was to do so since %s", at.UTC(), begun.UTC())
	}
	return nil
}

// userFromInfo asks the provider's userinfo endpoint for the user, whom some providers do not name in the ID token
// (OpenID Connect Core 1.0, section 5.3). It must be the same whom the ID token vouches for.
func (o *OIDC) userFromInfo(ctx context.Context, endpoint string, tokens *oauth2.Token, subject string) (string, error) {
	if err := checkEndpoint(endpoint); err != nil {
		return "", failed(SignOnSetUp, "discovery: userinfo_endpoint: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return "", failed(SignOnSetUp, "discovery: userinfo_endpoint: %w", err)
	}
	tokens.SetAuthHeader(request)
	response, err := o.keys.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrProvider, err)
	}
	defer response.Body.Close()
	switch status := response.StatusCode; {
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return "", fmt.Errorf("%w: its userinfo endpoint answers %s", ErrProvider, response.Status)
	case status != http.StatusOK:
		return "", failed(SignOnSetUp, "the provider's userinfo endpoint answers %s", response.Status)
	}
	var info claims
	if err := json.NewDecoder(response.Body).Decode(&info); err != nil {
		return "", failed(SignOnSetUp, "what the userinfo endpoint answers is no JSON object: %w", err)
	}
	if info.text("sub") != subject {
		return "", refused(TokenInvalid, "the userinfo endpoint tells of somebody else")
	}
	return o.user(info)
}

// client returns the hub as the provider's client, and what is known of that.
func (o *OIDC) client(ctx context.Context, back string) (*oauth2.Config, entrance, error) {
	ring, err := o.keys.ask(ctx, func(*keyring) bool { return true })
	if err != nil {
		return nil, entrance{}, err
	}
	known := ring.entrance
	if err := known.check(); err != nil {
		return nil, entrance{}, err
	}
	return &oauth2.Config{
		ClientID: o.audience, ClientSecret: o.secret, RedirectURL: back, Scopes: o.scopes(),
		Endpoint: oauth2.Endpoint{AuthURL: known.Page, TokenURL: known.Tokens, AuthStyle: known.style(o.secret)},
	}, known, nil
}

// scopes are what must be asked for so that the user's claim is in the ID token (OpenID Connect Core 1.0, section 5.4).
func (o *OIDC) scopes() []string {
	switch o.userClaim {
	case "sub":
		return []string{"openid"}
	case "email":
		return []string{"openid", "email"}
	case "phone_number":
		return []string{"openid", "phone"}
	default:
		return []string{"openid", "profile"}
	}
}

// turnedAway returns what an error means that came in place of a code (RFC 6749, section 4.1.2.1; OpenID Connect Core
// 1.0, section 3.1.2.6). What came with it in words is anybody's, and not read.
func turnedAway(code string) error {
	fault := SignOnSetUp
	switch code {
	case "access_denied":
		fault = SignOnDenied
	case "login_required", "interaction_required", "consent_required", "account_selection_required":
		fault = SignOnUnfinished
	case "server_error", "temporarily_unavailable":
		return fmt.Errorf("%w: it answers %s", ErrProvider, code)
	}
	return failed(fault, "the provider answers %q", code)
}

// unredeemed returns what an error of the provider's token endpoint means. The library quotes the whole of an answer
// that is none: only its status is said.
func unredeemed(err error) error {
	refusal := new(oauth2.RetrieveError)
	if !errors.As(err, &refusal) {
		return fmt.Errorf("%w: %w", ErrProvider, err)
	}
	status := refusal.Response.StatusCode
	switch {
	case refusal.ErrorCode == "invalid_grant":
		return failed(SignOnCode, "the provider answers %q", refusal.ErrorDescription)
	case status >= http.StatusInternalServerError || status == http.StatusTooManyRequests:
		return fmt.Errorf("%w: its token endpoint answers %s", ErrProvider, refusal.Response.Status)
	default:
		return failed(SignOnSetUp, "the provider's token endpoint answers %s %q %q",
			refusal.Response.Status, refusal.ErrorCode, refusal.ErrorDescription)
	}
}
