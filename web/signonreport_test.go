package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// evicted returns a visitor who was signed in by cookie at the provider, and whose session another login has ended.
func (s *ssoSite) evicted() *visitor {
	s.Helper()
	v := s.visitor()
	v.finish(s.provider.SignIn(s.T, v.start(""), oidctest.Login{User: "alice"}), map[string]any{"deliver": "cookie"}).
		want(http.StatusCreated)
	s.open("alice")
	return v
}

// tells reports with what the provider has sent along.
func (v *visitor) tells(login oidctest.Login, query string) *reply {
	v.Helper()
	back := v.provider.SignIn(v.T, v.start(query), login).Query()
	return v.ask("POST", "/v1/session/report",
		encode(map[string]string{"state": back.Get("state"), "code": back.Get("code")}))
}

func TestReportBySignOn(t *testing.T) {
	s := newSSOSite(t, onlySSO)
	v := s.evicted()
	ways := v.ask("GET", "/v1/session/report", "").want(http.StatusOK).has(false, "password").has("Example ID", "provider")
	start := ways.at("start").(string)
	query, ok := strings.CutPrefix(start, s.server.URL+"/v1/login/oidc/start")
	if !ok {
		t.Fatalf("it begins at %s", start)
	}
	asked := v.start(query)
	if !strings.Contains(asked, "prompt=login") || !strings.Contains(asked, "max_age=0") {
		t.Errorf("the provider is not to ask anew: %s", asked)
	}
	v.tells(oidctest.Login{User: "mallory"}, query).want(http.StatusUnauthorized).has("/problems/id-token-other", "type")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")
	v.tells(oidctest.Login{User: "alice"}, query+"&return=/devices").want(http.StatusOK).has(true, "ended").
		has("/devices", "return_to")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
	s.admin("GET", "/v1/admin/events?type=session.reported", "").length(1, "events")
	v.tells(oidctest.Login{User: "alice"}, query).want(http.StatusOK).has(true, "ended").has(nil, "return_to")
	s.admin("GET", "/v1/admin/events?type=session.reported", "").length(1, "events")
}

func TestReportBySignOnRefuses(t *testing.T) {
	s := newSSOSite(t, onlySSO)
	v := s.evicted()

	// One that was begun to sign in proves nothing here, as the provider may have asked nothing, nor the reverse.
	v.tells(oidctest.Login{User: "alice"}, "").want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")
	v.finish(s.provider.SignIn(t, v.start("?report=true"), oidctest.Login{User: "alice"})).
		want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")

	// Somebody at the device changes what the browser keeps: that it was for a report, or when it was begun, as if the
	// user had signed in long before.
	changed := func(query string, change func(parts []string) []string) *reply {
		t.Helper()
		back := s.provider.SignIn(t, v.start(query), oidctest.Login{User: "alice"}).Query()
		for name, value := range v.cookies {
			if strings.HasPrefix(name, "hub_sso_") {
				v.cookies[name] = strings.Join(change(strings.Split(value, ".")), ".")
			}
		}
		return v.ask("POST", "/v1/session/report",
			encode(map[string]string{"state": back.Get("state"), "code": back.Get("code")}))
	}
	changed("", func(parts []string) []string { return append(parts, "report") }).
		want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")
	changed("?report=true", func(parts []string) []string {
		parts[1] = strconv.FormatInt(time.Now().Add(5*time.Minute).Unix(), 10)
		return parts
	}).want(http.StatusUnauthorized).has("/problems/sign-on-stale", "type")

	// The provider says no, and nobody has the device's token.
	denied := s.provider.Deny(t, v.start("?report=true")).Query()
	v.ask("POST", "/v1/session/report", encode(map[string]string{"state": denied.Get("state"), "error": denied.Get("error")})).
		want(http.StatusUnauthorized).has("/problems/sign-on-denied", "type")
	s.visitor().ask("GET", "/v1/session/report", "").want(http.StatusUnauthorized)
	s.visitor().tells(oidctest.Login{User: "alice"}, "?report=true").want(http.StatusUnauthorized)
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")

	for _, body := range []string{`{"state": "x"}`, `{"code": "x"}`, `{"state": "x", "code": "y", "password": "z"}`,
		`{"state": "x", "code": "y", "id_token": "z"}`, `{"state": "x", "code": "y", "error": "z"}`, `{"state": "", "code": "y"}`} {
		v.ask("POST", "/v1/session/report", body).want(http.StatusUnprocessableEntity)
	}

	// A token in the header has no way to the provider and back; a live session has nothing to report.
	token, _ := s.open("bob")
	s.do("GET", "/v1/session/report", "", "Authorization", "Bearer "+token).want(http.StatusConflict)
	s.open("bob")
	s.do("GET", "/v1/session/report", "", "Authorization", "Bearer "+token).want(http.StatusOK).has(nil, "start")
}
