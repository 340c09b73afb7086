package oidctest

import (
	"context"
	"crypto"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// users is the library's storage in memory, with users made up by name, sessions, and keys that change.
type users struct {
	*storage.Storage
	clients map[string]op.Client

	mu       sync.Mutex
	keys     []*signingKey     // guarded by mu; the first signs, and all are published
	sessions map[string]string // guarded by mu; by the request that began it
}

func newUsers(tb testing.TB) *users {
	secret := storage.WebClient(ClientID, ClientSecret, callback)
	public := storage.NativeClient(PublicClientID, "http://localhost/sign-in")
	quiet := storage.NativeClient(QuietClientID, "http://localhost/sign-in")
	known := map[string]*storage.Client{ClientID: secret, PublicClientID: public, QuietClientID: quiet}
	return &users{
		Storage: storage.NewStorageWithClients(directory{}, known),
		clients: map[string]op.Client{
			ClientID: talkative{anywhere{secret}}, PublicClientID: talkative{anywhere{public}}, QuietClientID: anywhere{quiet},
		},
		keys:     []*signingKey{newKey(tb, jose.RS256)},
		sessions: make(map[string]string),
	}
}

// directory knows everybody.
type directory struct{}

func (directory) GetUserByID(id string) *storage.User {
	return directory{}.GetUserByUsername(strings.TrimPrefix(id, "sub-"))
}

func (directory) GetUserByUsername(name string) *storage.User {
	return &storage.User{
		ID: "sub-" + name, Username: name, Password: password,
		Email: name + "@example.com", EmailVerified: !strings.HasPrefix(name, "new"),
	}
}

func (directory) ExampleClientID() string { return storage.ServiceUserID }

// talkative is a client that gets all claims in the ID token.
type talkative struct{ anywhere }

func (talkative) IDTokenUserinfoClaimsAssertion() bool { return true }

// anywhere is a client at any port of loopback.
type anywhere struct{ *storage.Client }

// RedirectURIGlobs implements op.HasRedirectGlobs.
func (anywhere) RedirectURIGlobs() []string {
	return []string{"http://127.0.0.1:*/sign-in", "http://localhost:*/sign-in"}
}

// PostLogoutRedirectURIGlobs implements op.HasRedirectGlobs.
func (anywhere) PostLogoutRedirectURIGlobs() []string { return nil }

// GetClientByClientID implements op.Storage.
func (u *users) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	if _, err := u.Storage.GetClientByClientID(ctx, id); err != nil {
		return nil, err
	}
	return u.clients[id], nil
}

// signIn is what the provider's page does with name and password.
func (u *users) signIn(request string, in Login) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sessions[request] = in.Session
	return u.CheckUsernamePassword(in.User, password, request)
}

// SetUserinfoFromRequest implements op.CanSetUserinfoFromRequest: it adds the session.
func (u *users) SetUserinfoFromRequest(
	ctx context.Context, info *oidc.UserInfo, request op.IDTokenRequest, scopes []string,
) error {
	if err := u.Storage.SetUserinfoFromRequest(ctx, info, request, scopes); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if r, ok := request.(op.AuthRequest); ok && u.sessions[r.GetID()] != "" {
		info.AppendClaims("sid", u.sessions[r.GetID()])
	}
	return nil
}

// SigningKey implements op.Storage.
func (u *users) SigningKey(context.Context) (op.SigningKey, error) { return u.current(), nil }

// SignatureAlgorithms implements op.Storage.
func (u *users) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}, nil
}

// KeySet implements op.Storage.
func (u *users) KeySet(context.Context) ([]op.Key, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	keys := make([]op.Key, len(u.keys))
	for i, key := range u.keys {
		keys[i] = publicKey{key}
	}
	return keys, nil
}

func (u *users) current() *signingKey {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.keys[0]
}

// signingKey implements op.SigningKey.
type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func (k *signingKey) ID() string                                  { return k.id }
func (k *signingKey) Key() any                                    { return k.private }
func (k *signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }

// publicKey implements op.Key.
type publicKey struct{ *signingKey }

func (k publicKey) Key() any                           { return k.private.Public() }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }
