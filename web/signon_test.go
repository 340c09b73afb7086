package web_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

const finish = "/v1/login/oidc/code"

// visitor is a browser as far as cookies go.
type visitor struct {
	*ssoSite
	cookies map[string]string
}

func (s *ssoSite) visitor() *visitor { return &visitor{s, make(map[string]string)} }

// ask sends a request with the visitor's cookies, and keeps those that it is given.
func (v *visitor) ask(method, path, body string, headers ...string) *reply {
	v.Helper()
	var sent []string
	for name, value := range v.cookies {
		sent = append(sent, name+"="+value)
	}
	r := v.do(method, path, body, append(headers, "Cookie", strings.Join(sent, "; "))...)
	for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
		if v.cookies[cookie.Name] = cookie.Value; cookie.MaxAge < 0 {
			delete(v.cookies, cookie.Name)
		}
	}
	return r
}

// start begins a sign-in, and returns where it leads to.
func (v *visitor) start(query string, headers ...string) string {
	v.Helper()
	r := v.ask("GET", "/v1/login/oidc/start"+query, "", headers...)
	if r.status != http.StatusSeeOther || r.header.Get("Cache-Control") != "no-store" {
		v.Fatalf("answered %d %v %s", r.status, r.header, r.text)
	}
	return r.header.Get("Location")
}

// finish brings the hub what the provider has sent, as the sign-in page does.
func (v *visitor) finish(from *url.URL, others ...map[string]any) *reply {
	v.Helper()
	body := make(map[string]any)
	for name, values := range from.Query() {
		if name != "error_description" {
			body[name] = values[0]
		}
	}
	for _, some := range others {
		for name, value := range some {
			body[name] = value
		}
	}
	return v.ask("POST", finish, encode(body))
}

// signOn signs a user in from the first step to the last.
func (v *visitor) signOn(user, query string) *reply {
	v.Helper()
	return v.finish(v.provider.SignIn(v.T, v.start(query), oidctest.Login{User: user, Session: "s-1"}))
}

func TestSignOn(t *testing.T) {
	s := newSSOSite(t)
	v := s.visitor()
	page := v.start("?return=/devices")
	asked, err := url.Parse(page)
	if err != nil || !strings.HasPrefix(page, s.provider.Issuer) {
		t.Fatalf("led to %s", page)
	}
	if got := asked.Query().Get("redirect_uri"); got != s.server.URL+"/sign-in" {
		t.Errorf("redirect_uri is %s", got)
	}
	back := s.provider.SignIn(t, page, oidctest.Login{User: "alice", Session: "s-1"})
	if back.Path != "/sign-in" {
		t.Fatalf("led back to %s", back)
	}
	if r := v.ask("GET", back.RequestURI(), ""); r.status != http.StatusOK || !strings.Contains(r.text, "<main>") {
		t.Errorf("at the address that the provider knows: %d %s", r.status, r.text)
	}
	first := v.finish(back, map[string]any{"device": map[string]any{"id": "d1", "name": "Kiosk"}}).
		want(http.StatusCreated).has("alice", "session", "user").has("Kiosk", "session", "device", "name").
		has("/devices", "return_to").length(0, "ended")
	if len(v.cookies) != 0 {
		t.Errorf("the browser keeps %v", v.cookies)
	}
	v.finish(back).want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")

	// With a cookie, where there is nowhere to return to; and the provider's sign-out finds it.
	second := v.finish(s.provider.SignIn(t, v.start(""), oidctest.Login{User: "alice", Session: "s-2"}),
		map[string]any{"deliver": "cookie"}).want(http.StatusCreated).has(nil, "token").has(nil, "return_to").length(1, "ended")
	if !strings.HasPrefix(v.cookies["hub_session"], "sh_") {
		t.Errorf("the browser keeps %v", v.cookies)
	}
	if second.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", second.header)
	}
	s.check(first.at("token").(string)).want(http.StatusUnauthorized).has("superseded", "reason")
	s.logout(s.provider.LogoutToken(t, "", "s-2")).want(http.StatusOK)
	v.ask("GET", "/v1/session", "").want(http.StatusUnauthorized).has("signed_out", "reason")
}

func TestSignOnAtTheLimit(t *testing.T) {
	s := newSSOSite(t, policy(session.Ask))
	v := s.visitor()
	v.signOn("alice", "").want(http.StatusCreated)
	question := v.signOn("alice", "?return=/a%3Fb").want(http.StatusMultipleChoices).length(1, "sessions").
		has("/a?b", "return_to")
	v.ask("POST", "/v1/login/choice", encode(map[string]any{"ticket": question.at("ticket"), "force": true})).
		want(http.StatusCreated).length(1, "ended")
	page := v.start("")
	v.finish(s.provider.SignIn(t, page, oidctest.Login{User: "alice"}), map[string]any{"force": true}).
		want(http.StatusCreated).length(1, "ended")

	v = newSSOSite(t, policy(session.Reject)).visitor()
	v.signOn("alice", "").want(http.StatusCreated)
	v.signOn("alice", "?return=/b").want(http.StatusConflict).has(1.0, "limit").length(1, "sessions").has("/b", "return_to")
}

// TestSignOnCookie looks at what the browser keeps, and for how long.
func TestSignOnCookie(t *testing.T) {
	const name, value = `hub_sso_[A-Za-z0-9_-]{16}`, `[A-Za-z0-9_-]{43}\.\d{10}\.[A-Za-z0-9_-]*`
	for _, tt := range []struct{ public, want string }{
		{"", "^" + name + "=" + value + "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax$"},
		{"https://hub.example", "^__Host-" + name + "=" + value + "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$"},
	} {
		s := newSSOSite(t, func(o *web.Options) { o.PublicURL = tt.public })
		r := s.do("GET", "/v1/login/oidc/start?return=/x", "", "Sec-Fetch-Site", "same-origin")
		if cookie := r.header.Get("Set-Cookie"); !regexp.MustCompile(tt.want).MatchString(cookie) {
			t.Errorf("Set-Cookie: %s", cookie)
		}
		own := cmp.Or(tt.public, s.server.URL)
		if got := r.header.Get("Location"); !strings.Contains(got, "redirect_uri="+url.QueryEscape(own+"/sign-in")+"&") {
			t.Errorf("led to %s", got)
		}
	}
}

// TestSignOnsOfOneBrowser has several under way at once, and then too many.
func TestSignOnsOfOneBrowser(t *testing.T) {
	s := newSSOSite(t, unlimited)
	v := s.visitor()
	one, other := v.start("?return=/one"), v.start("?return=/other")
	v.finish(s.provider.SignIn(t, other, oidctest.Login{User: "alice"})).want(http.StatusCreated).has("/other", "return_to")
	v.finish(s.provider.SignIn(t, one, oidctest.Login{User: "alice"})).want(http.StatusCreated).has("/one", "return_to")

	var pages []string
	for range 6 {
		pages = append(pages, v.start(""))
	}
	if len(v.cookies) != 3 {
		t.Errorf("the browser keeps %d sign-ins, want 3", len(v.cookies))
	}
	last := s.provider.SignIn(t, pages[5], oidctest.Login{User: "alice"})
	v.finish(last).want(http.StatusCreated)

	// Of the oldest it says which have to go.
	aged := s.visitor()
	for i := range 4 {
		page := aged.start("")
		aged.age(stateOf(t, page), time.Duration(4-i)*time.Minute)
		pages[i] = page
	}
	aged.finish(s.provider.SignIn(t, pages[0], oidctest.Login{User: "alice"})).
		want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")
	aged.finish(s.provider.SignIn(t, pages[1], oidctest.Login{User: "alice"})).want(http.StatusCreated)
}

// stateOf returns the state that a page of the provider was asked with.
func stateOf(t *testing.T, page string) string {
	t.Helper()
	asked, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	return asked.Query().Get("state")
}

// age makes a sign-in that the browser keeps older.
func (v *visitor) age(state string, by time.Duration) {
	v.Helper()
	name := "hub_sso_" + state[:16]
	parts := strings.Split(v.cookies[name], ".")
	if len(parts) != 3 {
		v.Fatalf("the browser keeps %v", v.cookies)
	}
	v.cookies[name] = fmt.Sprintf("%s.%d.%s", parts[0], time.Now().Add(-by).Unix(), parts[2])
}

// TestSignOnThatFails has the provider refuse.
func TestSignOnThatFails(t *testing.T) {
	s := newSSOSite(t)
	v := s.visitor()
	v.finish(s.provider.Deny(t, v.start("?return=/x"))).want(http.StatusUnauthorized).
		has("/problems/sign-on-denied", "type").has("/x", "return_to")
	for code, want := range map[string]string{
		"login_required": "sign-on-unfinished", "unauthorized_client": "sign-on-set-up", "server_error": "unavailable",
		"<script>alert(1)</script>": "sign-on-set-up",
	} {
		back := &url.URL{RawQuery: url.Values{"error": {code}, "state": {stateOf(t, v.start(""))}}.Encode()}
		r := v.finish(back).has("/problems/"+want, "type")
		if strings.Contains(r.text, code) {
			t.Errorf("%s", r.text)
		}
	}
	// A code of another's, and one that is used.
	state := map[string]any{"state": stateOf(t, v.start(""))}
	other := s.provider.SignIn(t, s.visitor().start(""), oidctest.Login{User: "mallory"})
	v.finish(other, state).want(http.StatusUnauthorized).has("/problems/sign-on-code", "type")
	v.finish(other, map[string]any{"state": stateOf(t, v.start("")), "iss": "https://evil.example"}).
		want(http.StatusUnauthorized).has("/problems/sign-on-issuer", "type")
	if len(v.cookies) != 0 {
		t.Errorf("the browser keeps %v", v.cookies)
	}
	page, err := s.faults.Events(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Events) != 2 || page.Events[0].Type != session.LoginFailed || page.Events[0].By.IP != "127.0.0.1" {
		t.Errorf("events, of which a denial is none: %+v", page.Events)
	}
	s.server.Close() // with it the log is written
	for _, secret := range []string{other.Query().Get("code"), oidctest.ClientSecret} {
		if strings.Contains(s.logs.String(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
	if !strings.Contains(s.logs.String(), "level=ERROR") {
		t.Error("the log does not say what is not set up right")
	}
}

func TestRefusedSignOnsAreThrottled(t *testing.T) {
	s := newSSOSite(t, unlimited, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerAddress: 3}, nil) })
	v := s.visitor()
	for range 4 { // neither counts
		v.signOn("alice", "").want(http.StatusCreated)
		v.finish(s.provider.Deny(t, v.start(""))).want(http.StatusUnauthorized)
	}
	guess := func() *reply {
		return v.finish(&url.URL{RawQuery: "code=guessed&state=" + stateOf(t, v.start(""))})
	}
	for range 3 {
		guess().want(http.StatusUnauthorized).has("/problems/sign-on-code", "type")
	}
	guess().want(http.StatusTooManyRequests).retryAfter()
	v.signOn("alice", "?return=/x").want(http.StatusTooManyRequests).has("/x", "return_to")
}

// TestMadeUpFaultsAreThrottled has a browser say what only a hub that is not set up right should hear.
func TestMadeUpFaultsAreThrottled(t *testing.T) {
	s := newSSOSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerAddress: 3}, nil) })
	v := s.visitor()
	claim := func() *reply {
		return v.finish(&url.URL{RawQuery: "error=unauthorized_client&state=" + stateOf(t, v.start(""))})
	}
	for range 3 {
		claim().want(http.StatusServiceUnavailable).has("/problems/sign-on-set-up", "type")
	}
	claim().want(http.StatusTooManyRequests).retryAfter()
	if lines := strings.Count(s.logs.String(), "level=ERROR"); lines != 3 {
		t.Errorf("the log has %d errors", lines)
	}
}

func TestSignOnWithoutTheProvider(t *testing.T) {
	s := newSSOSite(t)
	s.provider.Leave()
	v := s.visitor()
	if at := v.start("?return=/devices"); at != "/sign-in?return=%2Fdevices&sign_on=unavailable" || len(v.cookies) != 0 {
		t.Errorf("led to %s, with %v", at, v.cookies)
	}
	s.provider.Return(t)
	back := s.provider.SignIn(t, v.start("?return=/devices"), oidctest.Login{User: "alice"})
	s.provider.Leave()
	v.finish(back).want(http.StatusServiceUnavailable).has("/devices", "return_to").retryAfter()
	s.provider.Return(t)
	v.signOn("alice", "").want(http.StatusCreated)
	close(s.faults.away)
	v.signOn("alice", "").want(http.StatusServiceUnavailable).retryAfter()
}

func TestBadSignOnInput(t *testing.T) {
	s := newSSOSite(t)
	for field, body := range map[string]map[string]any{
		"state":       {"code": "x"},
		"code":        {"state": "x"},
		"error":       {"state": "x", "code": "x", "error": "access_denied"},
		"iss":         {"state": "x", "code": "x", "iss": strings.Repeat("i", 1025)},
		"device.kind": {"state": "x", "code": "x", "device": map[string]any{"kind": "car"}},
		"deliver":     {"state": "x", "code": "x", "deliver": "mail"},
		"username":    {"state": "x", "code": "x", "username": "alice"},
	} {
		s.do("POST", finish, encode(body)).want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
	}
	// Codes are any letters, some of which look like a token's; nowhere else may such be in an address.
	const lookalike = "?code=x.sh_" + "0123456789012345678901234567890123456789012345678901234567890123456789"
	if r := s.do("GET", "/sign-in"+lookalike, ""); r.status != http.StatusOK {
		t.Errorf("a code that looks like a token: %d %s", r.status, r.text)
	}
	s.do("GET", "/"+lookalike, "").want(http.StatusBadRequest)
	s.do("GET", "/sign-in"+lookalike+"&token=x", "").want(http.StatusBadRequest)
	s.do("GET", "/sign-in?state="+lookalike, "").want(http.StatusBadRequest)

	none := newSite(t)
	none.do("GET", "/v1/login/oidc/start", "").want(http.StatusNotFound).has("/problems/no-single-sign-on", "type")
	none.do("POST", finish, `{"state":"x","code":"y"}`).want(http.StatusNotFound)
}

// TestSignOnIsAnsweredInTime has a provider that never answers.
func TestSignOnIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := hangingHub(t, "https://login.example.com")
		start := time.Now()
		r := serve(t, handler, "GET", "/v1/login/oidc/start", "")
		if at := r.header.Get("Location"); r.status != http.StatusSeeOther || at != "/sign-in?sign_on=unavailable" ||
			time.Since(start) > 5*time.Second {
			t.Errorf("answered %d %v after %s", r.status, r.header, time.Since(start))
		}
		kept := auth.NewSignOn()
		cookie := fmt.Sprintf("hub_sso_%s=%s.%d.", kept.State()[:16], kept.Secret(), time.Now().Unix())
		start = time.Now()
		serve(t, handler, "POST", finish, encode(map[string]any{"state": kept.State(), "code": "c"}),
			"Content-Type", "application/json", "Cookie", cookie).want(http.StatusServiceUnavailable).retryAfter()
		if got := time.Since(start); got > 5*time.Second {
			t.Errorf("answered after %s", got)
		}
	})
}
