package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// signIn opens a session by the admin API, with fields beside the user, and returns the answer.
func (s *site) signIn(user string, fields map[string]any) *reply {
	s.Helper()
	body := map[string]any{"user": user}
	for name, value := range fields {
		body[name] = value
	}
	return s.admin("POST", "/v1/admin/sessions", encode(body))
}

// openSome opens sessions for a user whose limit does not matter, and returns their IDs, the least recently active
// first.
func (s *site) openSome(user string, kinds ...session.Kind) []any {
	s.Helper()
	var ids []any
	for _, kind := range kinds {
		r := s.signIn(user, map[string]any{"limit": -1, "limit_by_kind": map[string]int{}, "device": map[string]any{"kind": kind}})
		ids = append(ids, r.want(http.StatusCreated).at("session", "id"))
		s.tick()
	}
	return ids
}

// tick waits for the next millisecond, which is what the store's clock tells apart.
func (s *site) tick() {
	s.Helper()
	now := func() int64 {
		snap, err := s.registry.Load(s.Context(), session.KeyOf("nobody"))
		if err != nil {
			s.Fatal(err)
		}
		return snap.Now.UnixMilli()
	}
	for start := now(); now() == start; {
	}
}

// ended checks which sessions an answer lists under a name.
func (r *reply) ended(name string, want ...any) *reply {
	r.Helper()
	r.length(len(want), name)
	for i, id := range want {
		r.has(id, name, i, "session", "id").has("offline", name, i, "delivery")
	}
	return r
}

const aliceLimit = "/v1/admin/users/alice/limit"

func TestPlansDiffer(t *testing.T) {
	s := newSite(t)
	premium, kiosk := map[string]any{"limit": 5}, map[string]any{"limit": -1}
	for i := range 6 {
		want := max(0, i-4)
		s.signIn("premium", premium).want(http.StatusCreated).length(want, "ended")
		s.signIn("kiosk", kiosk).want(http.StatusCreated).length(0, "ended")
		s.signIn("basic", nil).want(http.StatusCreated).length(min(1, i), "ended")
	}
	s.signIn("premium", map[string]any{"limit": 5, "policy": "reject"}).want(http.StatusConflict).
		has(5.0, "limit").length(5, "sessions")
	s.signIn("premium", map[string]any{"limit": 5, "policy": "ask"}).want(http.StatusMultipleChoices).length(5, "sessions")
	s.signIn("premium", map[string]any{"limit": 5, "policy": "ask", "force": true}).want(http.StatusCreated).length(1, "ended")
	tv := map[string]any{"limit": -1, "limit_by_kind": map[string]int{"tv": 1}, "device": map[string]string{"kind": "tv"}}
	s.signIn("kiosk", tv).want(http.StatusCreated).length(0, "ended")
	s.signIn("kiosk", tv).want(http.StatusCreated).length(1, "ended")
}

func TestLimitHoldsAtOnce(t *testing.T) {
	s := newSite(t)
	ids := s.openSome("alice", "web", "tv", "web", "tv", "mobile")
	body := `{"limit":3,"limit_by_kind":{"tv":1},"policy":"reject","message":"Your plan has changed."}`
	would := s.admin("PUT", aliceLimit+"?dry_run=1", body).want(http.StatusOK).ended("would_end", ids[0], ids[1])
	would.has(3.0, "limit").has(1.0, "limit_by_kind", "tv").has("reject", "policy").has(3.0, "own", "limit").has(nil, "ended")
	s.admin("GET", "/v1/admin/users/alice/sessions?ended=1", "").length(5, "sessions").length(0, "ended")
	s.admin("GET", aliceLimit, "").want(http.StatusOK).has(1.0, "limit").has("evict", "policy").has(nil, "own", "limit")

	done := s.admin("PUT", aliceLimit, body).want(http.StatusOK).ended("ended", ids[0], ids[1]).has(nil, "would_end")
	for _, name := range []string{"limit", "limit_by_kind", "policy", "own"} {
		if got, want := encode(done.at(name)), encode(would.at(name)); got != want {
			t.Errorf("%s is %s, and was foreseen as %s", name, got, want)
		}
	}
	s.admin("GET", "/v1/admin/users/alice/sessions?ended=1", "").length(3, "sessions").length(2, "ended").
		has("ended_by_admin", "ended", 0, "reason").has("Your plan has changed.", "ended", 1, "message")
	s.admin("GET", aliceLimit, "").want(http.StatusOK).has(3.0, "limit").has("reject", "policy").has(1.0, "own", "limit_by_kind", "tv")
	s.admin("PUT", aliceLimit, body).want(http.StatusOK).ended("ended")

	// A full replacement: what is not said again is the hub's.
	s.admin("PUT", aliceLimit, `{"limit":-1}`).want(http.StatusOK).ended("ended").
		has("evict", "policy").has(nil, "limit_by_kind", "tv").has(nil, "own", "policy")
	s.admin("DELETE", aliceLimit+"?dry_run=true", "").want(http.StatusOK).ended("would_end", ids[2], ids[3]).has(1.0, "limit")
	s.admin("DELETE", aliceLimit+"?dry_run=false", "").want(http.StatusOK).ended("ended", ids[2], ids[3]).has(nil, "own", "limit")
	s.admin("GET", aliceLimit, "").want(http.StatusOK).has(1.0, "limit")
}

func TestLoginsComeUnderTheLimitOfTheirUser(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Rule.LimitByKind = map[session.Kind]int{session.TV: 1} })
	const login = `{"username":"alice","password":"demo"}`
	s.admin("PUT", aliceLimit, `{"limit":2,"limit_by_kind":{},"policy":"ask"}`).want(http.StatusOK).has(nil, "limit_by_kind", "tv")
	tv := map[string]any{"device": map[string]string{"kind": "tv"}}
	s.signIn("alice", tv).want(http.StatusCreated)
	s.signIn("alice", tv).want(http.StatusCreated).length(0, "ended")
	asked := s.do("POST", "/v1/login", login).want(http.StatusMultipleChoices).has(2.0, "limit").length(2, "sessions")
	answer := func(ticket any) string { return encode(map[string]any{"ticket": ticket, "force": true}) }
	s.do("POST", "/v1/login/choice", answer(asked.at("ticket"))).want(http.StatusCreated).length(1, "ended")

	// The answer to a question comes under the limits of by then.
	asked = s.do("POST", "/v1/login", login).want(http.StatusMultipleChoices)
	s.admin("PUT", aliceLimit, `{"limit":1,"policy":"reject"}`).want(http.StatusOK).length(1, "ended")
	s.do("POST", "/v1/login", login).want(http.StatusConflict).has(1.0, "limit")
	s.do("POST", "/v1/login/choice", answer(asked.at("ticket"))).want(http.StatusCreated).length(1, "ended")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")

	// What a login of an app says itself comes first.
	s.signIn("alice", map[string]any{"limit": 2}).want(http.StatusCreated).length(0, "ended")
	s.signIn("alice", map[string]any{"policy": "evict"}).want(http.StatusCreated).length(2, "ended")
	s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`).want(http.StatusCreated)
}

func TestLimitTellsTheSocketsOverIt(t *testing.T) {
	s := newSite(t)
	opened := s.signIn("alice", map[string]any{"limit": 2, "attributes": map[string]string{"plan": "premium"}})
	c := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+opened.at("token").(string))
	c.next("welcome")
	s.tick()
	s.signIn("alice", map[string]any{"limit": 2}).want(http.StatusCreated).length(0, "ended")
	s.admin("PUT", aliceLimit+"?dry_run=1", `{"limit":1}`).length(1, "would_end").has("sent", "would_end", 0, "delivery")
	r := s.admin("PUT", aliceLimit, `{"limit":1,"message":"One device from now on."}`).length(1, "ended").
		has("sent", "ended", 0, "delivery").has("premium", "ended", 0, "session", "attributes", "plan")
	notice := c.next("session.revoked")
	if notice["reason"] != "ended_by_admin" || notice["message"] != "One device from now on." ||
		notice["session_id"] != r.at("ended", 0, "session", "id") {
		t.Errorf("the notice is %v", notice)
	}
	c.closed(hub.CodeRevoked)
}

func TestLimitIsRefused(t *testing.T) {
	s := newSite(t)
	s.openSome("alice", "web", "web")
	for _, tt := range []struct {
		name, query, body, field string
	}{
		{"limit 0", "", `{"limit":0}`, "limit"},
		{"limit -2", "", `{"limit":-2}`, "limit"},
		{"limit 1001", "", `{"limit":1001}`, "limit"},
		{"limit is a word", "", `{"limit":"1"}`, "limit"},
		{"limit of kind 0", "", `{"limit_by_kind":{"web":0}}`, "limit_by_kind.web"},
		{"limit of an unknown kind", "", `{"limit_by_kind":{"fridge":1}}`, "limit_by_kind"},
		{"limits by kind are a list", "", `{"limit_by_kind":[]}`, "limit_by_kind"},
		{"unknown policy", "", `{"policy":"pray"}`, "policy"},
		{"long message", "", encode(map[string]any{"message": strings.Repeat("x", 501)}), "message"},
		{"unknown field", "", `{"limits":1}`, "limits"},
		{"a dry run in the body", "", `{"limit":1,"dry_run":true}`, "dry_run"},
		{"perhaps a dry run", "?dry_run=perhaps", `{"limit":1}`, "dry_run"},
		{"a dry run without a word", "?dry_run", `{"limit":1}`, "dry_run"},
		{"a dry run, and none", "?dry_run=0&dry_run=1", `{"limit":1}`, "dry_run"},
		{"a dry run with a letter wrong", "?dryrun=1", `{"limit":1}`, "dryrun"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			s.admin("PUT", aliceLimit+tt.query, tt.body).want(http.StatusUnprocessableEntity).has(tt.field, "errors", 0, "field")
		})
	}
	s.admin("PUT", aliceLimit+"?dry_run=%zz", `{"limit":1}`).want(http.StatusBadRequest)
	s.admin("PUT", aliceLimit, "{").want(http.StatusBadRequest)
	s.admin("DELETE", aliceLimit+"?dryrun=1", "").want(http.StatusUnprocessableEntity).has("dryrun", "errors", 0, "field")
	s.admin("DELETE", aliceLimit, `{"limit":1}`).want(http.StatusUnprocessableEntity).has("limit", "errors", 0, "field")
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		s.admin(method, "/v1/admin/users/%ff/limit", `{}`).want(http.StatusUnprocessableEntity).has("user", "errors", 0, "field")
		s.do(method, aliceLimit, `{"limit":1}`, "Authorization", "Bearer wrong").want(http.StatusUnauthorized)
	}
	// None of it has changed or ended anything.
	s.admin("GET", aliceLimit, "").want(http.StatusOK).has(nil, "own", "limit")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(2, "sessions")
}

func TestLimitOfAnyUser(t *testing.T) {
	s := newSite(t)
	for _, user := range []string{"a/b", "a\x00b", "🦊", "..", "a%2Fb", "{user}", strings.Repeat("\xe2\x82\xac", 85)} {
		t.Run(fmt.Sprintf("%.20q", user), func(t *testing.T) {
			s := *s
			s.T = t
			path := "/v1/admin/users/" + url.PathEscape(user) + "/limit"
			s.admin("PUT", path, `{"limit":2}`).want(http.StatusOK).ended("ended")
			s.admin("GET", path, "").want(http.StatusOK).has(2.0, "own", "limit")
			s.signIn(user, nil).want(http.StatusCreated)
			s.tick()
			s.signIn(user, nil).want(http.StatusCreated).length(0, "ended")
			s.admin("DELETE", path, "").want(http.StatusOK).length(1, "ended").has(user, "ended", 0, "session", "user")
		})
	}
}

// TestLimitRoundTrips counts what the calls cost the store.
func TestLimitRoundTrips(t *testing.T) {
	s := newSite(t)
	s.openSome("alice", "web", "web")
	for _, tt := range []struct {
		method, path, body string
		want               int64
	}{
		{"GET", aliceLimit, "", 1},
		{"PUT", aliceLimit + "?dry_run=1", `{"limit":1}`, 1},
		{"PUT", aliceLimit, `{"limit":1}`, 2},
		{"PUT", aliceLimit, `{"limit":1}`, 1}, // as it was
		{"DELETE", aliceLimit, "", 2},
	} {
		before := s.faults.calls.Load()
		s.admin(tt.method, tt.path, tt.body).want(http.StatusOK)
		if got := s.faults.calls.Load() - before; got != tt.want {
			t.Errorf("%s %s: %d round trips, want %d", tt.method, tt.path, got, tt.want)
		}
	}
}

// TestLimitIsAnsweredInTime changes and foresees limits on a store that does not answer, in time that is not real.
func TestLimitIsAnsweredInTime(t *testing.T) {
	for _, call := range []struct{ method, path, body string }{
		{"GET", aliceLimit, ""}, {"PUT", aliceLimit, `{"limit":1}`}, {"PUT", aliceLimit + "?dry_run=1", `{"limit":1}`},
		{"DELETE", aliceLimit, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			handler := bare(t, &slow{memory: newMemory(), takes: time.Hour}, nil)
			start := time.Now()
			serve(t, handler, call.method, call.path, call.body, "Authorization", "Bearer "+apiKey).
				want(http.StatusServiceUnavailable).retryAfter()
			if got := time.Since(start); got > 2*time.Second {
				t.Errorf("%s %s answered after %s", call.method, call.path, got)
			}
		})
	}
}

// TestAttributesAreShownToTheirOwn shows a session's attributes to itself and to operators, and to no other device of
// its user.
func TestAttributesAreShownToTheirOwn(t *testing.T) {
	s := newSite(t)
	with := func(plan string) map[string]any {
		return map[string]any{"limit": 2, "attributes": map[string]string{"plan": plan}}
	}
	one := s.signIn("alice", with("one")).want(http.StatusCreated).has("one", "session", "attributes", "plan")
	s.tick()
	two := s.signIn("alice", with("two")).want(http.StatusCreated).has("two", "session", "attributes", "plan")
	bearer := func(r *reply) []string { return []string{"Authorization", "Bearer " + r.at("token").(string)} }

	welcome := s.connect([]string{hub.Subprotocol}, bearer(one)...).next("welcome")
	if got := encode(welcome["session"].(map[string]any)["attributes"]); got != `{"plan":"one"}` {
		t.Errorf("welcome with attributes %s", got)
	}
	s.do("GET", "/v1/session", "", bearer(one)...).has("one", "attributes", "plan")
	s.do("POST", "/v1/session/heartbeat", "{}", bearer(one)...).has("one", "session", "attributes", "plan")
	s.do("GET", "/v1/sessions", "", bearer(two)...).has(nil, "sessions", 0, "attributes").has("two", "sessions", 1, "attributes", "plan")
	s.signIn("alice", map[string]any{"limit": 2, "policy": "reject"}).want(http.StatusConflict).
		length(2, "sessions").has(nil, "sessions", 0, "attributes")

	path := "/v1/admin/users/alice/sessions"
	s.admin("GET", path, "").has("one", "sessions", 0, "attributes", "plan").has("two", "sessions", 1, "attributes", "plan")
	s.admin("DELETE", path+"/"+one.at("session", "id").(string), "").has("one", "ended", 0, "session", "attributes", "plan")
	s.admin("GET", path+"?ended=1", "").has("one", "ended", 0, "attributes", "plan")
	s.do("GET", "/v1/session", "", bearer(one)...).want(http.StatusUnauthorized).has(nil, "attributes")
}
