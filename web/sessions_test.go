package web_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

func unlimited(o *web.Options) { o.Rule.Limit = session.Unlimited }

func TestRoundTrips(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	for _, tt := range []struct {
		name string
		want int64
		do   func()
	}{
		{"admin login that evicts", 2, func() { token, _ = s.open("alice") }},
		{"check", 1, func() { s.do("GET", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusOK) }},
		{"connect", 1, func() {
			s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token).next("welcome")
		}},
		{"forged token", 1, func() { s.do("GET", "/v1/session", "", "Authorization", "Bearer x").want(http.StatusUnauthorized) }},
		{"login", 2, func() { s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`).want(http.StatusCreated) }},
		{"report", 3, func() {
			old := token
			token, _ = s.open("alice")
			s.faults.calls.Add(-2) // of the login
			s.itWasNotMe(old, rightPassword).want(http.StatusOK)
		}},
		{"no token", 0, func() { s.do("GET", "/v1/session", "").want(http.StatusUnauthorized) }},
		{"no API key", 0, func() { s.do("POST", "/v1/admin/sessions", `{"user":"x"}`).want(http.StatusUnauthorized) }},
		{"bad input", 0, func() { s.admin("POST", "/v1/admin/sessions", `{}`).want(http.StatusUnprocessableEntity) }},
	} {
		before := s.faults.calls.Load()
		tt.do()
		if got := s.faults.calls.Load() - before; got != tt.want {
			t.Errorf("%s: %d round trips to the store, want %d", tt.name, got, tt.want)
		}
	}
}

func TestUsersEndTheirSessions(t *testing.T) {
	s := newSite(t, unlimited)
	one, oneID := s.open("alice")
	two, twoID := s.open("alice")
	three, _ := s.open("alice")
	_, bobs := s.open("bob")
	as := func(token, method, path string) *reply {
		return s.do(method, path, "", "Authorization", "Bearer "+token)
	}

	as(one, "GET", "/v1/sessions").want(http.StatusOK).length(3, "sessions").
		has(true, "sessions", 0, "current").has(false, "sessions", 1, "current")
	as(one, "DELETE", "/v1/sessions/"+bobs).want(http.StatusNotFound)
	as(one, "DELETE", "/v1/sessions/"+twoID).want(http.StatusOK).length(1, "ended").has(twoID, "ended", 0, "id")
	as(one, "DELETE", "/v1/sessions/"+twoID).want(http.StatusNotFound)
	as(two, "GET", "/v1/session").want(http.StatusUnauthorized).has("ended_by_user", "reason").has(oneID, "by", "session_id")
	as(two, "DELETE", "/v1/sessions").want(http.StatusUnauthorized)

	as(one, "DELETE", "/v1/sessions").want(http.StatusOK).length(1, "ended")
	as(three, "GET", "/v1/session").want(http.StatusUnauthorized).has("ended_by_user", "reason")
	as(one, "DELETE", "/v1/sessions").want(http.StatusOK).length(0, "ended")

	// To end the current one by its ID is to sign out.
	as(one, "DELETE", "/v1/sessions/"+oneID).want(http.StatusOK).has(true, "ended", 0, "current")
	as(one, "GET", "/v1/session").want(http.StatusUnauthorized).has("signed_out", "reason")
	s.admin("GET", "/v1/admin/users/bob/sessions", "").length(1, "sessions")
}

func TestHeartbeat(t *testing.T) {
	s := newSite(t)
	token, id := s.open("alice")
	beat := func(body string) *reply {
		return s.do("POST", "/v1/session/heartbeat", body, "Authorization", "Bearer "+token)
	}
	first := beat("").want(http.StatusOK).has("live", "state").has(id, "session", "id").has(60_000.0, "next_ms").
		has(nil, "reason").has(nil, "forced_exit")
	before := first.at("session", "last_active_at").(string)
	if got := beat(`{"active":false}`).at("session", "last_active_at"); got != before {
		t.Errorf("a bare heartbeat moved the activity from %v to %v", before, got)
	}
	active := beat(`{"active":true}`).want(http.StatusOK).at("session", "last_active_at").(string)
	if active < before {
		t.Errorf("activity went back from %s to %s", before, active)
	}
	if got := beat("{}").at("session", "last_active_at").(string); got < active {
		t.Errorf("activity is lost: %s, before it %s", got, active)
	}
	s.open("alice")
	beat("").want(http.StatusOK).has("ended", "state").has(true, "forced_exit").has("superseded", "reason").has(nil, "session")

	token, _ = s.open("bob")
	s.do("DELETE", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusNoContent)
	beat("").want(http.StatusOK).has("ended", "state").has(false, "forced_exit").has("signed_out", "reason")
}

func TestHeartbeatOfShortIdleTimes(t *testing.T) {
	for idle, want := range map[time.Duration]float64{
		0: 60_000, 30 * time.Second: 10_000, time.Minute: 20_000, time.Hour: 60_000,
	} {
		s := newSite(t, func(o *web.Options) { o.Rule.IdleTimeout = idle })
		token, _ := s.open("alice")
		s.do("POST", "/v1/session/heartbeat", "{}", "Authorization", "Bearer "+token).has(want, "next_ms")
	}
}

func TestAdmin(t *testing.T) {
	s := newSite(t)
	const path = "/v1/admin/users/alice/sessions"
	for _, key := range []string{"", "Bearer ", "Bearer wrong-wrong-wrong-wrong", "Basic " + apiKey} {
		for _, call := range [][2]string{
			{"POST", "/v1/admin/sessions"}, {"GET", path}, {"DELETE", path}, {"DELETE", path + "/x"},
			{"GET", "/v1/admin/stats"}, {"GET", "/v1/admin/instances"},
		} {
			s.do(call[0], call[1], "", "Authorization", key).want(http.StatusUnauthorized)
		}
	}
	_, first := s.open("alice")
	s.admin("POST", "/v1/admin/sessions", `{"user":"alice","ip":"192.0.2.9","user_agent":"`+firefox+
		`","attributes":{"tenant":"t1"}}`).want(http.StatusCreated)
	s.admin("GET", path, "").want(http.StatusOK).length(1, "sessions").has(nil, "ended").
		length(0, "sessions", 0, "instances").has(0.0, "sessions", 0, "connections").
		has("t1", "sessions", 0, "attributes", "tenant").has("192.0.2.9", "sessions", 0, "ip").
		has("Firefox on Linux", "sessions", 0, "device", "name")
	s.admin("GET", path+"?ended=true", "").want(http.StatusOK).length(1, "ended").
		has(first, "ended", 0, "id").has("superseded", "ended", 0, "reason").has(nil, "ended", 0, "receipt").
		has("offline", "ended", 0, "delivery").has(false, "ended", 0, "connected")
}

func TestAdminRules(t *testing.T) {
	s := newSite(t)
	open := func(body string) *reply { return s.admin("POST", "/v1/admin/sessions", body) }
	open(`{"user":"u"}`).want(http.StatusCreated)
	open(`{"user":"u","policy":"reject"}`).want(http.StatusConflict)
	open(`{"user":"u","policy":"ask"}`).want(http.StatusMultipleChoices).length(1, "sessions")
	open(`{"user":"u","policy":"ask","force":true}`).want(http.StatusCreated).length(1, "ended")
	open(`{"user":"u","limit":3}`).want(http.StatusCreated).length(0, "ended")
	tv := open(`{"user":"u","limit":-1,"limit_by_kind":{"tv":1},"device":{"kind":"tv"}}`).want(http.StatusCreated)
	for policy, status := range map[string]int{"reject": http.StatusConflict, "ask": http.StatusMultipleChoices} {
		// Told is the limit that is in the way, and what it counts.
		open(`{"user":"u","limit":5,"limit_by_kind":{"tv":1},"device":{"kind":"tv"},"policy":"`+policy+`"}`).want(status).
			has(1.0, "limit").length(1, "sessions").has(tv.at("session", "id"), "sessions", 0, "id")
		open(`{"user":"u","limit":3,"limit_by_kind":{"tv":2},"device":{"kind":"tv"},"policy":"`+policy+`"}`).want(status).
			has(3.0, "limit").length(3, "sessions")
	}
	open(`{"user":"u","limit":-1,"limit_by_kind":{"tv":1},"device":{"kind":"tv"}}`).want(http.StatusCreated).length(1, "ended")
	s.admin("DELETE", "/v1/admin/users/u/sessions", `{"message":"Maintenance."}`).want(http.StatusOK).
		length(3, "ended").has("offline", "ended", 0, "delivery")
	s.admin("GET", "/v1/admin/users/u/sessions?ended=true", "").
		has("Maintenance.", "ended", 4, "message").has("ended_by_admin", "ended", 4, "reason")
	s.admin("DELETE", "/v1/admin/users/u/sessions", "").want(http.StatusOK).length(0, "ended")
}

// TestSessionsSayWhatTheyAreOn asks in every way in which sessions are shown.
func TestSessionsSayWhatTheyAreOn(t *testing.T) {
	s := newSite(t)
	open := func(policy string) *reply {
		return s.admin("POST", "/v1/admin/sessions", `{"user":"alice","policy":"`+policy+`","user_agent":"`+firefox+`"}`)
	}
	first := open("evict").want(http.StatusCreated)
	bearer := []string{"Authorization", "Bearer " + first.at("token").(string)}
	const admin = "/v1/admin/users/alice/sessions?ended=true"
	for _, shown := range []struct {
		reply *reply
		path  []any
	}{
		{first, []any{"session"}},
		{s.do("GET", "/v1/session", "", bearer...), nil},
		{s.do("GET", "/v1/sessions", "", bearer...), []any{"sessions", 0}},
		{open("ask"), []any{"sessions", 0}},
		{open("reject"), []any{"sessions", 0}},
		{s.admin("GET", admin, ""), []any{"sessions", 0}},
		{open("evict"), []any{"ended", 0}},
		{s.admin("GET", admin, ""), []any{"ended", 0}},
	} {
		at := append(shown.path, "client")
		shown.reply.has("Firefox", append(at, "browser")...).has("Linux", append(at, "system")...).
			has("computer", append(at, "type")...).has("", append(at, "system_version")...)
	}
}
