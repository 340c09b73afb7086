package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/auth/oidctest"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

const rightPassword = `{"password":"demo"}`

// itWasNotMe sends a report with the token of an ended session.
func (s *site) itWasNotMe(token, body string) *reply {
	s.Helper()
	return s.do("POST", "/v1/session/report", body, "Authorization", "Bearer "+token)
}

// events returns the hub's events, the oldest first.
func (s *site) events() []session.EventView {
	s.Helper()
	page, err := s.faults.Events(s.Context(), "", 1000)
	if err != nil {
		s.Fatal(err)
	}
	views := make([]session.EventView, len(page.Events))
	for i, e := range page.Events {
		views[i] = e.View()
	}
	return views
}

func TestItWasNotMe(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Rule.Limit = 2 })
	victim, victimID := s.open("alice")
	_, otherID := s.open("alice")
	intruder, intruderID := s.open("alice")
	ws := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+intruder)
	ws.next("welcome")

	s.itWasNotMe(victim, `{"password":"Demo"}`).want(http.StatusUnauthorized).has("/problems/credentials", "type")
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+intruder).want(http.StatusOK)
	first := s.itWasNotMe(victim, rightPassword).want(http.StatusOK).
		has(intruderID, "session", "id").has("alice", "session", "user").has(true, "session", "connected").
		has(true, "ended").length(1, "sessions").has(otherID, "sessions", 0, "id")
	notice := ws.next("session.revoked")
	by, _ := notice["by"].(map[string]any)
	if notice["reason"] != "ended_by_user" || by["session_id"] != victimID {
		t.Errorf("the intruder is told %v", notice)
	}
	ws.ack(notice)
	ws.closed(hub.CodeRevoked)

	// Said again, by the cookie this time, it is the same, and no other event.
	again := s.do("POST", "/v1/session/report", rightPassword, "Cookie", "hub_session="+victim,
		"Origin", s.server.URL).want(http.StatusOK).has(intruderID, "session", "id").has(true, "ended")
	if again.at("reported_at") != first.at("reported_at") {
		t.Errorf("reported at %v, and again at %v", first.at("reported_at"), again.at("reported_at"))
	}
	var last []session.EventType
	for _, e := range s.events()[4:] {
		last = append(last, e.Type)
	}
	if got := encode(last); got != `["login.failed","session.ended","session.reported"]` {
		t.Errorf("events %s", got)
	}
	event := s.events()[6]
	if event.Session.ID.String() != intruderID || event.By.SessionID.String() != victimID || event.User != "alice" {
		t.Errorf("the event is %+v", event)
	}
	s.admin("GET", "/v1/admin/events?type=session.reported", "").want(http.StatusOK).length(1, "events")
	s.admin("GET", "/v1/admin/users/alice/sessions?ended=true", "").want(http.StatusOK).
		has(nil, "ended", 0, "reported_at").has(first.at("reported_at"), "ended", 1, "reported_at")
	if got := s.metric("hub_sessions_reported_total"); got != "1" {
		t.Errorf("%s reports are counted", got)
	}
}

// TestReportOfOneThatHasLeft has the intruder sign out in time.
func TestReportOfOneThatHasLeft(t *testing.T) {
	s := newSite(t)
	victim, _ := s.open("alice")
	intruder, intruderID := s.open("alice")
	s.do("DELETE", "/v1/session", "", "Authorization", "Bearer "+intruder).want(http.StatusNoContent)
	s.itWasNotMe(victim, rightPassword).want(http.StatusOK).has(intruderID, "session", "id").has(false, "ended").
		length(0, "sessions")
}

func TestNothingToReport(t *testing.T) {
	s := newSite(t)
	old, _ := s.open("alice")
	live, _ := s.open("alice")
	left, _ := s.open("bob")
	s.do("DELETE", "/v1/session", "", "Authorization", "Bearer "+left).want(http.StatusNoContent)
	for name, tt := range map[string]struct {
		token, body, problem, reason string
		status                       int
	}{
		"live":              {live, rightPassword, "nothing-to-report", "", http.StatusConflict},
		"signed out":        {left, rightPassword, "nothing-to-report", "signed_out", http.StatusConflict},
		"made up":           {"sh_x", rightPassword, "session-ended", "unknown", http.StatusUnauthorized},
		"another secret":    {old[:len(old)-3] + "AAA", rightPassword, "session-ended", "unknown", http.StatusUnauthorized},
		"no single sign-on": {old, `{"id_token":"x"}`, "no-single-sign-on", "", http.StatusNotFound},
		"neither":           {old, `{}`, "invalid-fields", "", http.StatusUnprocessableEntity},
		"both":              {old, `{"password":"demo","id_token":"x"}`, "invalid-fields", "", http.StatusUnprocessableEntity},
		"a nonce too much":  {old, `{"password":"demo","nonce":"x"}`, "invalid-fields", "", http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.itWasNotMe(tt.token, tt.body).want(tt.status).has("/problems/"+tt.problem, "type")
			if reason, _ := r.at("reason").(string); reason != tt.reason {
				t.Errorf("reason %q, want %q", reason, tt.reason)
			}
		})
	}
	s.do("POST", "/v1/session/report", rightPassword).want(http.StatusUnauthorized)
	s.do("POST", "/v1/session/report", rightPassword, "Cookie", "hub_session="+old, "Origin", "https://evil.example").
		want(http.StatusForbidden)
	for _, e := range s.events() {
		if e.Type == session.LoginFailed || e.Type == session.SessionReported {
			t.Errorf("there is an event %s", e.Type)
		}
	}
	none := newSite(t, func(o *web.Options) { o.Passwords = nil })
	none.itWasNotMe(old, rightPassword).want(http.StatusNotFound).has("/problems/no-passwords", "type")
}

func TestReportsAreThrottledAsLogins(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerPair: 3}, nil) })
	victim, _ := s.open("alice")
	_, intruderID := s.open("alice")
	for range 2 {
		s.itWasNotMe(victim, `{"password":"Demo"}`).want(http.StatusUnauthorized)
	}
	s.do("POST", "/v1/login", `{"username":"alice","password":"Demo"}`).want(http.StatusUnauthorized)
	s.itWasNotMe(victim, rightPassword).want(http.StatusTooManyRequests).retryAfter()
	if got := s.metric(`hub_logins_total{outcome="credentials"}`); got != "3" {
		t.Errorf("%s wrong passwords are counted, want 3", got)
	}
	failed := s.events()[3]
	if failed.Type != session.LoginFailed || failed.User != "alice" || failed.By.Device == nil || failed.By.IP != "127.0.0.1" {
		t.Errorf("the event of a wrong password is %+v", failed)
	}
	s.admin("GET", "/v1/admin/users/alice/sessions", "").has(intruderID, "sessions", 0, "id")
}

func TestReportWithoutTheStore(t *testing.T) {
	s := newSite(t)
	victim, _ := s.open("alice")
	_, intruderID := s.open("alice")
	close(s.faults.away)
	s.itWasNotMe(victim, rightPassword).want(http.StatusServiceUnavailable).retryAfter()
	s.admin("POST", "/v1/admin/users/alice/sessions/"+intruderID+"/report", "").want(http.StatusServiceUnavailable).retryAfter()
}

func TestReportByIDToken(t *testing.T) {
	s := newSSOSite(t, func(o *web.Options) { o.Passwords = nil })
	login := s.idToken("alice", "s-1")
	victim := s.present(login).want(http.StatusCreated).at("token").(string)
	intruder := s.present(s.idToken("alice", "s-2")).want(http.StatusCreated).at("session", "id").(string)
	fresh := s.provider.IDToken(t, oidctest.Login{User: "alice", Session: "s-1", Nonce: "n-1"})
	with := func(token, nonce string) string {
		return encode(map[string]any{"id_token": token, "nonce": nonce})
	}
	for _, tt := range []struct{ token, nonce, problem string }{
		{login, "", "used"}, {"forged", "", "invalid"}, {fresh, "n-2", "invalid"}, {s.idToken("bob", "s-3"), "", "other"},
	} {
		s.itWasNotMe(victim, with(tt.token, tt.nonce)).want(http.StatusUnauthorized).
			has("/problems/id-token-"+tt.problem, "type")
	}
	for range 2 { // the answer may be lost
		s.itWasNotMe(victim, with(fresh, "n-1")).want(http.StatusOK).has(intruder, "session", "id").has(true, "ended")
	}
	failed := 0
	for _, e := range s.events() {
		if e.Type == session.LoginFailed && e.User == "alice" {
			failed++
		}
	}
	if failed != 4 {
		t.Errorf("%d refused tokens of alice's report are events, want 4", failed)
	}
	s.present(fresh, map[string]any{"nonce": "n-1"}).want(http.StatusUnauthorized).has("/problems/id-token-used", "type")
	s.server.Close() // with it the log is written
	if strings.Contains(s.logs.String(), "eyJ") {
		t.Errorf("logged: %s", s.logs)
	}
}

func TestReportOnTheWordOfAnApp(t *testing.T) {
	s := newSite(t)
	victim, victimID := s.open("alice")
	intruder, intruderID := s.open("alice")
	path := "/v1/admin/users/alice/sessions/" + intruderID + "/report"
	s.do("POST", path, "", "Authorization", "Bearer "+victim).want(http.StatusUnauthorized)
	for _, wrong := range []string{
		strings.Replace(path, "alice", "bob", 1), strings.Replace(path, intruderID, "x", 1),
		strings.Replace(path, intruderID, "00000000-0000-0000-0000-000000000000", 1),
	} {
		s.admin("POST", wrong, "").want(http.StatusNotFound).has("/problems/no-session", "type")
	}
	for range 2 {
		s.admin("POST", path, "").want(http.StatusOK).has(intruderID, "session", "id").has(true, "ended").length(0, "sessions")
	}
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+intruder).want(http.StatusUnauthorized).
		has("ended_by_user", "reason").has(victimID, "by", "session_id")
	s.admin("GET", "/v1/admin/events?type=session.reported", "").length(1, "events").
		has(victimID, "events", 0, "by", "session_id")
}
