package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// onlySSO leaves the sign-in page without a form for passwords.
func onlySSO(o *web.Options) { o.Passwords = nil }

// toProvider goes on to the provider's page.
func (w *window) toProvider() {
	w.Helper()
	w.do(chromedp.WaitVisible("#sso"), chromedp.Click("#sso"), chromedp.WaitVisible("#user"))
}

// asProvider signs in there.
func (w *window) asProvider(user string) {
	w.Helper()
	w.do(chromedp.SendKeys("#user", user), chromedp.Click("#yes"))
}

// wantAddress wants the window to be at a path of the site, with nothing of the provider's in the address.
func (w *window) wantAddress(s *ssoSite, want string) {
	w.Helper()
	if at := get(w, chromedp.Location()); at != s.server.URL+want {
		w.Errorf("the window is at %s, want %s", at, want)
	}
}

func TestPageSignsInAtTheProvider(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t, demo)
	w := browser(t, s.site)()
	if text := w.see("#sso", "sso"); !strings.Contains(text, "Continue with Example ID") {
		t.Errorf("the page says: %s", text)
	}
	w.accessible()
	w.shot("sso")
	// By keyboard, as by any link.
	w.do(chromedp.Focus("#sso"), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#user"))
	w.asProvider("alice")
	if text := w.see(live, "sso-live"); !strings.Contains(text, "Hello, alice") {
		t.Errorf("the page says: %s", text)
	}
	w.wantAddress(s, "/sign-in")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")
	if kept := w.keepsSignOns(); len(kept) != 0 {
		t.Errorf("the browser keeps %d sign-ins", len(kept))
	}
	// Back in the history is what is done already: it is no reason to say that something went wrong.
	w.do(chromedp.Navigate(s.server.URL + "/sign-in?code=x&state=" + strings.Repeat("A", 43)))
	w.see(live, "sso-live-still")
	w.wantAddress(s, "/sign-in")
	// The provider's sign-out reaches the page.
	s.logout(s.provider.LogoutToken(t, "alice", "")).want(http.StatusOK)
	w.contains(w.says("You were signed out"), "You were signed out at the service that you sign in with.")
}

// keepsSignOns returns the sign-ins that the browser keeps, and fails the test if a script could read one.
func (w *window) keepsSignOns() []auth.SignOn {
	w.Helper()
	got, err := chromedp.Call(w.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		w.Fatal(err)
	}
	var kept []auth.SignOn
	for _, cookie := range got.Cookies {
		if !strings.HasPrefix(cookie.Name, "hub_sso_") {
			continue
		}
		secret, _, _ := strings.Cut(cookie.Value, ".")
		signOn, ok := auth.ParseSignOn(secret)
		if !ok || !cookie.HTTPOnly || cookie.SameSite != network.CookieSameSiteLax {
			w.Errorf("the browser keeps %+v", cookie)
		}
		kept = append(kept, signOn)
	}
	return kept
}

// goTo leaves for a page of another site in the same browser, and waits for the way to its provider.
func (w *window) goTo(s *ssoSite, path string) {
	w.Helper()
	w.do(chromedp.Navigate(s.server.URL+path), chromedp.WaitVisible("#sso"))
}

func TestPageReturnsFromTheProvider(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t, onlySSO, unlimited)
	one := browser(t, s.site)()
	if text := one.see("#sso", "sso-only"); strings.Contains(text, "password") {
		t.Errorf("the page says: %s", text)
	}
	one.accessible()
	one.shot("sso-only")
	one.goTo(s, "/sign-in?return=//evil.example")
	one.toProvider()
	other := one.tab(s.server.URL + "/sign-in?return=/docs%3Fa%3Db")
	other.toProvider()
	if kept := one.keepsSignOns(); len(kept) != 2 {
		t.Fatalf("the browser keeps %d sign-ins, want 2", len(kept))
	}
	one.asProvider("alice")
	one.see(live, "sso-stays")
	one.wantAddress(s, "/sign-in")
	other.asProvider("alice")
	other.do(chromedp.WaitVisible("#content"))
	other.wantAddress(s, "/docs?a=b")
}

func TestPageAtTheLimitAfterTheProvider(t *testing.T) {
	t.Parallel()
	asks, rejects := newSSOSite(t, onlySSO, policy(session.Ask)), newSSOSite(t, onlySSO, policy(session.Reject))
	asks.signIn("alice", "s-1")
	w := browser(t, asks.site)()
	w.goTo(asks, "/sign-in?return=/docs")
	w.toProvider()
	w.asProvider("alice")
	w.see("#choice-yes", "sso-choice")
	w.wantAddress(asks, "/sign-in?return=%2Fdocs")
	w.do(chromedp.Click("#choice-yes"), chromedp.WaitVisible("#content"))
	w.wantAddress(asks, "/docs")
	asks.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")

	token := rejects.signIn("alice", "s-1")
	w.goTo(rejects, "/")
	w.toProvider()
	w.asProvider("alice")
	w.see("#refused-again", "sso-refused")
	rejects.do("DELETE", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusNoContent)
	// The provider is asked again, which would know the user by itself.
	w.do(chromedp.Click("#refused-again"), chromedp.WaitVisible("#user"))
	w.asProvider("alice")
	w.see(live, "sso-room")
}

func TestPageSaysWhyTheProviderDidNotSignIn(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t, demo)
	open := browser(t, s.site)
	w := open()
	w.toProvider()
	w.do(chromedp.Click("#no"))
	w.shows("#problem", "it was cancelled at Example ID")
	w.see("#problem", "sso-denied")
	w.wantAddress(s, "/sign-in")

	// Cookies that are gone, as after ten minutes.
	w.toProvider()
	if _, err := chromedp.Call(w.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	w.asProvider("alice")
	w.shows("#problem", "begun in another browser, took more than ten minutes, or is finished already")

	// Begun in one browser, finished in another; forged; and without anything that belongs there.
	first := s.visitor()
	back := s.provider.SignIn(t, first.start(""), oidctest.Login{User: "mallory"})
	for _, address := range []string{back.String(), s.server.URL + "/sign-in?code=x&state=" + strings.Repeat("A", 43),
		s.server.URL + "/sign-in?code=x", s.server.URL + "/sign-in?error=access_denied&error_description=Call+0190"} {
		w.do(chromedp.Navigate(address))
		w.shows("#problem", "begun in another browser")
		w.wantAddress(s, "/sign-in")
	}
	s.admin("GET", "/v1/admin/users/mallory/sessions", "").length(0, "sessions")

	// A code that is spent, in the browser that has begun.
	w.toProvider()
	w.do(chromedp.Navigate(s.server.URL + "/sign-in?code=spent&state=" + w.keepsSignOns()[0].State()))
	w.shows("#problem", "What Example ID sent along was used already, or is too old.")
	w.wantAddress(s, "/sign-in")
	if kept := w.keepsSignOns(); len(kept) != 0 {
		t.Errorf("the browser keeps %d sign-ins", len(kept))
	}

	// The provider is away: when a hub would ask it where to go, and when the code is to be redeemed.
	s = newSSOSite(t, demo)
	w.goTo(s, "/?return=/docs")
	s.provider.Leave()
	w.do(chromedp.Click("#sso"))
	w.shows("#problem", "Example ID does not answer at the moment. Please try again")
	w.wantAddress(s, "/sign-in?return=%2Fdocs")
	w.see("#problem", "sso-away")
	s.provider.Return(t)
	w.toProvider()
	s.provider.Leave()
	state := w.keepsSignOns()[0].State()
	w.do(chromedp.Navigate(s.server.URL + "/sign-in?code=x&state=" + state))
	w.shows("#problem", "Signing in with Example ID is not possible at the moment.")
	w.wantAddress(s, "/sign-in?return=%2Fdocs")
	s.provider.Return(t)
	w.toProvider()
	w.asProvider("alice")
	w.do(chromedp.WaitVisible("#content"))
	w.wantAddress(s, "/docs")
}
