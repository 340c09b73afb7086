// Package oidctest runs an OpenID provider in a test: a real one, of a library, with users and one client of its own.
package oidctest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/oauth2"
)

// The provider knows the hub as a client with a secret and as one without. Both may have browsers sent back to any hub on
// loopback.
const (
	ClientID       = "session-hub" // the audience of its tokens
	ClientSecret   = "the-client's-secret"
	PublicClientID = "session-hub-public"
	QuietClientID  = "session-hub-quiet" // public too; its ID tokens say nothing that the userinfo endpoint would
)

const (
	password = "secret" // of all users
	callback = "http://localhost/callback"
)

// Provider is an OpenID provider on loopback.
type Provider struct {
	// Issuer is its address, the same after it was away.
	Issuer string

	addr    string
	library *op.Provider
	users   *users
	fetches atomic.Int64
	server  *http.Server
	gone    chan struct{} // closed when the server has ended
}

// Start starts a provider that ends with the test.
func Start(tb testing.TB) *Provider {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Provider{addr: listener.Addr().String(), users: newUsers(tb)}
	p.Issuer = "http://" + p.addr
	config := &op.Config{CryptoKey: sha256.Sum256([]byte(tb.Name())), CodeMethodS256: true}
	log := slog.New(slog.DiscardHandler)
	p.library, err = op.NewProvider(config, p.users, op.StaticIssuer(p.Issuer), op.WithAllowInsecure(), op.WithLogger(log))
	if err != nil {
		tb.Fatal(err)
	}
	p.serve(listener)
	tb.Cleanup(p.Leave)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case loginPath:
		p.login(w, r)
		return
	case op.DefaultEndpoints.JwksURI.Relative():
		p.fetches.Add(1)
	}
	p.library.ServeHTTP(w, r)
}

// Leave takes the provider away. Called again, it does nothing.
func (p *Provider) Leave() {
	if p.server != nil {
		p.server.Close()
		<-p.gone
		p.server = nil
	}
}

// Return brings the provider back, at the same address.
func (p *Provider) Return(tb testing.TB) {
	tb.Helper()
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		tb.Fatal(err)
	}
	p.serve(listener)
}

func (p *Provider) serve(listener net.Listener) {
	p.server, p.gone = &http.Server{Handler: p}, make(chan struct{})
	go func() {
		defer close(p.gone)
		p.server.Serve(listener)
	}()
}

// Fetches is how often the provider has been asked for its keys.
func (p *Provider) Fetches() int { return int(p.fetches.Load()) }

// Login is how somebody signs in at the provider.
type Login struct {
	// User has the subject "sub-USER" and the email "USER@example.com", which is verified unless the name begins
	// with "new".
	User string
	// Session is the sid of the provider's own session; empty is none.
	Session string
	Nonce   string
}

// IDToken signs a user in by the code flow, as a browser and an app would do it, and returns the ID token.
func (p *Provider) IDToken(tb testing.TB, in Login) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	token, err := p.codeFlow(ctx, in)
	if err != nil {
		tb.Fatal(fmt.Errorf("sign %s in at the provider: %w", in.User, err))
	}
	return token
}

func (p *Provider) codeFlow(ctx context.Context, in Login) (string, error) {
	browser := newBrowser()
	defer browser.CloseIdleConnections()
	app := oauth2.Config{
		ClientID: ClientID, ClientSecret: ClientSecret, RedirectURL: callback,
		Scopes: []string{"openid", "email", "profile"},
		Endpoint: oauth2.Endpoint{
			AuthURL:  op.DefaultEndpoints.Authorization.Absolute(p.Issuer),
			TokenURL: op.DefaultEndpoints.Token.Absolute(p.Issuer),
		},
	}
	verifier := oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	if in.Nonce != "" {
		options = append(options, oauth2.SetAuthURLParam("nonce", in.Nonce))
	}
	form := url.Values{"user": {in.User}, "session": {in.Session}}
	back, err := p.visit(ctx, browser, app.AuthCodeURL("a state", options...), form)
	if err != nil {
		return "", err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, browser)
	tokens, err := app.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	idToken, ok := tokens.Extra("id_token").(string)
	if !ok {
		return "", errors.New("there is no ID token")
	}
	return idToken, nil
}

// newBrowser returns a client with connections of its own, which says where it is sent to.
func newBrowser() *http.Client {
	return &http.Client{
		Transport:     new(http.Transport),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// follow returns where an address leads to; with a form, where that leads to once it is sent.
func follow(ctx context.Context, browser *http.Client, address string, form url.Values) (*url.URL, error) {
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusFound {
		text, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("%s leads nowhere: %s %s", address, response.Status, text)
	}
	return response.Location()
}
