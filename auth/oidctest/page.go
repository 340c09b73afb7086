package oidctest

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// loginPath is where the library sends browsers to sign in. It has no page there.
const loginPath = "/login/username"

// loginPage lets anybody sign in by a name, or say no.
var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<title>The provider</title>
<main>
<h1>The provider</h1>
<form method="post">
<label>Name <input name="user" id="user" autofocus></label>
<button id="yes">Sign in</button>
<button id="no" name="deny" value="yes">Cancel</button>
</form>
</main>
`))

// login answers on the page of the provider: a browser's form, or what SignIn and Deny send in its place.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		loginPage.Execute(w, nil) // a browser that is gone needs no page
		return
	}
	id := r.URL.Query().Get("authRequestID")
	request, err := p.users.AuthRequestByID(r.Context(), id)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.FormValue("deny") != "" {
		op.AuthRequestError(w, r, request, oidc.ErrAccessDenied(), p.library)
		return
	}
	if err := p.users.signIn(id, Login{User: r.FormValue("user"), Session: r.FormValue("session")}); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, op.DefaultEndpoints.Authorization.Relative()+"/callback?id="+url.QueryEscape(id), http.StatusFound)
}

// SignIn signs a user in at the provider, where a client has sent the browser to, and returns the address that the
// provider sends it back to. The nonce is the client's own.
func (p *Provider) SignIn(tb testing.TB, page string, in Login) *url.URL {
	tb.Helper()
	return p.answer(tb, page, url.Values{"user": {in.User}, "session": {in.Session}})
}

// Deny is SignIn for somebody who says no.
func (p *Provider) Deny(tb testing.TB, page string) *url.URL {
	tb.Helper()
	return p.answer(tb, page, url.Values{"deny": {"yes"}})
}

func (p *Provider) answer(tb testing.TB, page string, form url.Values) *url.URL {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	browser := newBrowser()
	defer browser.CloseIdleConnections()
	back, err := p.visit(ctx, browser, page, form)
	if err != nil {
		tb.Fatal(err)
	}
	return back
}

// visit goes from the address that a client has sent a browser to over the provider's page to where that leads back.
func (p *Provider) visit(ctx context.Context, browser *http.Client, page string, form url.Values) (*url.URL, error) {
	at, err := follow(ctx, browser, page, nil)
	if err != nil {
		return nil, err
	}
	if at.Path != loginPath {
		return nil, errors.New(page + " leads to " + at.String())
	}
	if at, err = follow(ctx, browser, at.String(), form); err != nil {
		return nil, err
	}
	if strings.HasPrefix(at.String(), p.Issuer) {
		return follow(ctx, browser, at.String(), nil)
	}
	return at, nil
}
