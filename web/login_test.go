package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func policy(p session.Policy) func(*web.Options) {
	return func(o *web.Options) { o.Rule.Policy = p }
}

func TestLoginEvictsAndTellsWhy(t *testing.T) {
	s := newSite(t)
	first := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusCreated).length(0, "ended")
	oldToken := "Bearer " + first.at("token").(string)
	s.do("GET", "/v1/session", "", "Authorization", oldToken).want(http.StatusOK).
		has("alice", "user").has(true, "current").has(false, "connected").has("127.0.0.1", "ip").has(nil, "expires_at")

	second := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`, "User-Agent", firefox).
		want(http.StatusCreated).length(1, "ended").
		has(first.at("session", "id"), "ended", 0, "id").
		has("Firefox on Linux", "session", "device", "name").
		has("web", "session", "device", "kind")

	s.do("GET", "/v1/session", "", "Authorization", oldToken).want(http.StatusUnauthorized).
		has("superseded", "reason").
		has(second.at("session", "id"), "by", "session_id").
		has("Firefox on Linux", "by", "device", "name")
	for _, name := range []string{"created_at", "last_active_at", "idle_expires_at"} {
		at := second.at("session", name).(string)
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`).MatchString(at) {
			t.Errorf("%s is %q", name, at)
		}
	}
	if strings.Contains(second.text, "digest") {
		t.Errorf("the digest shows: %s", second.text)
	}
}

func TestLoginByCookie(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*web.Options)
		want   string
	}{
		{"plain", func(*web.Options) {}, `^hub_session=(sh_[\w-]+); Path=/; HttpOnly; SameSite=Lax$`},
		{"on TLS", func(o *web.Options) { o.PublicURL = "https://hub.example.com" },
			`^__Host-hub_session=(sh_[\w-]+); Path=/; HttpOnly; Secure; SameSite=Lax$`},
		{"with a lifetime", func(o *web.Options) { o.SecureCookies, o.Rule.MaxLifetime = true, time.Hour },
			`^__Host-hub_session=(sh_[\w-]+); Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.change, func(o *web.Options) { o.ClearSiteData = true })
			r := s.do("POST", "/v1/login", `{"username":"alice","password":"demo","deliver":"cookie"}`).
				want(http.StatusCreated).has(nil, "token")
			set := r.header.Get("Set-Cookie")
			if !regexp.MustCompile(tt.want).MatchString(set) {
				t.Fatalf("Set-Cookie: %q", set)
			}
			cookie, _, _ := strings.Cut(set, ";")
			s.do("GET", "/v1/session", "", "Cookie", cookie).want(http.StatusOK).has("alice", "user")

			// Bearer goes before the cookie.
			s.do("GET", "/v1/session", "", "Cookie", cookie, "Authorization", "Bearer nonsense").want(http.StatusUnauthorized)

			out := s.do("DELETE", "/v1/session", "", "Cookie", cookie).want(http.StatusNoContent)
			if got := out.header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
				t.Errorf("the cookie is not taken back: %q", got)
			}
			if got := out.header.Get("Clear-Site-Data"); got != `"cache", "cookies", "storage"` {
				t.Errorf("Clear-Site-Data: %s", got)
			}
			again := s.do("DELETE", "/v1/session", "", "Cookie", cookie).want(http.StatusUnauthorized).has("signed_out", "reason")
			if got := again.header.Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
				t.Errorf("the cookie of an ended session is not taken back: %q", got)
			}
		})
	}
}

func TestRejectAtTheLimit(t *testing.T) {
	throttle := auth.NewThrottle(auth.Limits{PerPair: 1}, nil)
	s := newSite(t, policy(session.Reject), func(o *web.Options) { o.Throttle = throttle })
	first := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusCreated)
	for range 3 { // no refusal counts as a wrong password
		r := s.do("POST", "/v1/login", `{"username":"alice","password":"demo","force":true}`).want(http.StatusConflict).
			has(1.0, "limit").length(1, "sessions").has(first.at("session", "id"), "sessions", 0, "id")
		if kind := r.at("type").(string); !strings.HasSuffix(kind, "/session-limit") {
			t.Errorf("type %q", kind)
		}
	}
}

func TestAskAndChoose(t *testing.T) {
	s := newSite(t, policy(session.Ask))
	login := func() *reply { return s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`) }
	choose := func(question *reply, rest map[string]any) *reply {
		rest["ticket"] = question.at("ticket")
		return s.do("POST", "/v1/login/choice", encode(rest))
	}
	first := login().want(http.StatusCreated)
	question := login().want(http.StatusMultipleChoices).has(1.0, "limit").length(1, "sessions").has(1.0, "excess", "sessions")
	if question.header.Get("Cache-Control") != "no-store" {
		t.Error("a ticket may be cached")
	}

	choose(question, map[string]any{"force": false}).want(http.StatusNoContent)
	choose(question, map[string]any{"force": true}).want(http.StatusGone)

	// Sessions that are not there make no room: the question is put again.
	again := choose(login().want(http.StatusMultipleChoices), map[string]any{
		"force": true, "end": []string{"00000000-0000-4000-8000-000000000000"},
	}).want(http.StatusMultipleChoices)
	choose(again, map[string]any{"force": true, "end": []any{first.at("session", "id")}, "deliver": "cookie"}).
		want(http.StatusCreated).has("alice", "session", "user").has(nil, "token").length(1, "ended")

	s.do("POST", "/v1/login", `{"username":"alice","password":"demo","force":true}`).want(http.StatusCreated)
	s.do("POST", "/v1/login/choice", `{"ticket":"st_nonsense","force":true}`).want(http.StatusGone)
}

func TestTicketIsForOne(t *testing.T) {
	s := newSite(t, policy(session.Ask))
	s.open("alice")
	question := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusMultipleChoices)
	body := encode(map[string]any{"ticket": question.at("ticket"), "force": true})
	counts := make(chan int, 50)
	var wg sync.WaitGroup
	for range cap(counts) {
		wg.Go(func() { counts <- s.do("POST", "/v1/login/choice", body).status })
	}
	wg.Wait()
	close(counts)
	got := make(map[int]int)
	for status := range counts {
		got[status]++
	}
	if got[http.StatusCreated] != 1 || got[http.StatusGone] != 49 {
		t.Errorf("answers by status: %v", got)
	}
}

func TestWrongPasswords(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerPair: 3}, nil) })
	unknown := s.do("POST", "/v1/login", `{"username":"nobody","password":"demo"}`).want(http.StatusUnauthorized)
	wrong := s.do("POST", "/v1/login", `{"username":"alice","password":"Demo"}`).want(http.StatusUnauthorized)
	if unknown.text != wrong.text {
		t.Errorf("an unknown user shows: %s against %s", unknown.text, wrong.text)
	}
	s.do("POST", "/v1/login", `{"username":"busy","password":"demo"}`).want(http.StatusServiceUnavailable).retryAfter()
	for range 2 {
		s.do("POST", "/v1/login", `{"username":"alice","password":"Demo"}`).want(http.StatusUnauthorized)
	}
	s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusTooManyRequests).retryAfter()
	s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`).want(http.StatusCreated)
}

func (r *reply) retryAfter() {
	r.Helper()
	if r.header.Get("Retry-After") == "" {
		r.Error("no Retry-After")
	}
}

func TestNoPasswordsHere(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Passwords = nil })
	s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`).want(http.StatusNotFound).
		has("/problems/no-passwords", "type")
}

func TestSameDeviceReplacesItself(t *testing.T) {
	s := newSite(t)
	login := func() *reply {
		return s.do("POST", "/v1/login", `{"username":"alice","password":"demo","device":{"id":"d1","name":"Kiosk","kind":"tv"}}`).
			want(http.StatusCreated).has("d1", "session", "device", "id").has("tv", "session", "device", "kind")
	}
	first := login()
	login().length(1, "ended")
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+first.at("token").(string)).
		want(http.StatusUnauthorized).has("replaced", "reason")
}
