package web_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestWithoutTheStoreNobodyIsLetInOrOut(t *testing.T) {
	s := newSite(t)
	token, id := s.open("alice")
	close(s.faults.away)
	bearer := []string{"Authorization", "Bearer " + token}
	key := []string{"Authorization", "Bearer " + apiKey}
	for _, call := range []struct {
		method, path, body string
		headers            []string
	}{
		{"POST", "/v1/login", `{"username":"alice","password":"demo"}`, nil},
		{"POST", "/v1/login", `{"username":"alice","password":"wrong"}`, nil},
		{"GET", "/v1/session", "", bearer},
		{"GET", "/v1/session", "", []string{"Authorization", "Bearer forged"}},
		{"DELETE", "/v1/session", "", bearer},
		{"GET", "/v1/sessions", "", bearer},
		{"GET", "/v1/sessions/stream", "", bearer},
		{"DELETE", "/v1/sessions", "", bearer},
		{"DELETE", "/v1/sessions/" + id, "", bearer},
		{"POST", "/v1/session/heartbeat", "{}", bearer},
		{"POST", "/v1/admin/sessions", `{"user":"alice"}`, key},
		{"GET", "/v1/admin/users/alice/sessions", "", key},
		{"DELETE", "/v1/admin/users/alice/sessions", "", key},
		{"GET", "/v1/admin/users/alice/limit", "", key},
		{"PUT", "/v1/admin/users/alice/limit", "{}", key},
		{"PUT", "/v1/admin/users/alice/limit?dry_run=1", "{}", key},
		{"DELETE", "/v1/admin/users/alice/limit", "", key},
		{"POST", "/v1/admin/users/alice/messages", `{"data":1}`, key},
		{"POST", "/v1/admin/users/alice/messages", `{"data":1,"session_id":"` + id + `"}`, key},
	} {
		r := s.do(call.method, call.path, call.body, call.headers...).want(http.StatusServiceUnavailable)
		r.retryAfter()
		if r.header.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: a cookie is set", call.method, call.path)
		}
	}
	s.do("GET", "/healthz", "").want(http.StatusOK)
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	s := newSite(t)
	r := s.do("POST", "/v1/login", `{"username":"panic","password":"a-secret"}`).want(http.StatusInternalServerError)
	if strings.Contains(r.text, "as asked") {
		t.Errorf("the panic shows: %s", r.text)
	}
	s.server.Close() // the handler has returned, and with it the log is written
	if logs := s.logs.String(); !strings.Contains(logs, "as asked") || strings.Contains(logs, "a-secret") {
		t.Errorf("logged: %s", logs)
	}
}
