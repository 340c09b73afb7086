package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/web"
)

const operatorPath = "/v1/admin/session"

// operator signs in to the dashboard and returns the cookie.
func (s *site) operator() string {
	s.Helper()
	r := s.do("POST", operatorPath, encode(map[string]string{"api_key": apiKey}), "Sec-Fetch-Site", "same-origin").
		want(http.StatusCreated)
	cookie, _, _ := strings.Cut(r.header.Get("Set-Cookie"), ";")
	return cookie
}

func TestOperatorSignsInAndOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*web.Options)
		set    string
	}{
		{"plain", func(*web.Options) {}, `^hub_admin=(sa_[\w-]+); Path=/; Max-Age=43200; HttpOnly; SameSite=Strict$`},
		{"on TLS", func(o *web.Options) { o.PublicURL = "https://hub.example.com" },
			`^__Host-hub_admin=(sa_[\w-]+); Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, tt.change)
			s.ready()
			close(s.faults.away) // none of this needs the store
			s.do("GET", operatorPath, "").want(http.StatusUnauthorized)
			in := s.do("POST", operatorPath, encode(map[string]string{"api_key": apiKey})).want(http.StatusCreated)
			set := in.header.Get("Set-Cookie")
			if !regexp.MustCompile(tt.set).MatchString(set) || strings.Contains(set, apiKey) {
				t.Fatalf("Set-Cookie: %q", set)
			}
			until, err := time.Parse(time.RFC3339, in.at("expires_at").(string))
			if left := time.Until(until); err != nil || left < 11*time.Hour || left > 12*time.Hour {
				t.Errorf("expires in %v, %v", left, err)
			}
			cookie, _, _ := strings.Cut(set, ";")
			s.do("GET", operatorPath, "", "Cookie", cookie).want(http.StatusOK).has(in.at("expires_at"), "expires_at")
			s.do("GET", "/v1/admin/stats", "", "Cookie", cookie).want(http.StatusOK)
			s.do("GET", "/v1/admin/users/alice/sessions", "", "Cookie", cookie).want(http.StatusServiceUnavailable)

			out := s.do("DELETE", operatorPath, "", "Cookie", cookie).want(http.StatusNoContent)
			if got := out.header.Get("Set-Cookie"); !strings.Contains(got, "hub_admin=; Path=/; Max-Age=0; HttpOnly") {
				t.Errorf("the cookie is not taken back: %q", got)
			}
			s.do("DELETE", operatorPath, "").want(http.StatusNoContent)
			if logs := s.logs.String(); strings.Contains(logs, apiKey) || strings.Contains(logs, "sa_") {
				t.Errorf("a secret is in the logs: %s", logs)
			}
		})
	}
}

func TestOperatorNeedsAKey(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Throttle = auth.NewThrottle(auth.Limits{PerAddress: 3}, nil) })
	const wrong = `{"api_key":"not-a-key-of-this-hub"}`
	for range 3 {
		r := s.do("POST", operatorPath, wrong).want(http.StatusUnauthorized).has("/problems/api-key", "type")
		if r.header.Get("Set-Cookie") != "" || strings.Contains(r.text, "not-a-key") {
			t.Errorf("refused with %v, %s", r.header, r.text)
		}
	}
	s.do("POST", operatorPath, wrong).want(http.StatusTooManyRequests).retryAfter()
	s.do("POST", operatorPath, encode(map[string]string{"api_key": apiKey})).want(http.StatusTooManyRequests).retryAfter()
	s.admin("GET", eventsPath, "").want(http.StatusOK) // an app with its key is not in the way of this

	for _, keys := range []func(*web.Options){
		func(o *web.Options) { o.APIKeys = nil },
		func(o *web.Options) { o.APIKeys = new(auth.APIKeys) },
	} {
		none := newSite(t, keys)
		for _, method := range []string{"GET", "POST"} {
			body := map[string]string{"POST": wrong}[method]
			none.do(method, operatorPath, body).want(http.StatusNotFound).has("/problems/no-api-keys", "type")
		}
		none.do("GET", eventsPath, "", "Cookie", "hub_admin=x").want(http.StatusUnauthorized)
	}
}

func TestOperatorsCookieGoesWithItsKey(t *testing.T) {
	cookie := newSite(t).operator()
	newSite(t).do("GET", eventsPath, "", "Cookie", cookie).want(http.StatusOK)
	other, err := auth.NewAPIKeys("another-api-key-of-the-tests")
	if err != nil {
		t.Fatal(err)
	}
	without := newSite(t, func(o *web.Options) { o.APIKeys = other })
	without.do("GET", operatorPath, "", "Cookie", cookie).want(http.StatusUnauthorized)
	without.do("GET", eventsPath, "", "Cookie", cookie).want(http.StatusUnauthorized)
}

// TestOperatorsCookieIsForTheHubsOwnPages sends it from elsewhere, and to where it does not belong.
func TestOperatorsCookieIsForTheHubsOwnPages(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.PublicURL = "https://hub.example.com"
		o.AllowOrigins = []string{"https://app.example.com"}
	})
	cookie := s.operator()
	const in, out, refused = http.StatusOK, http.StatusUnauthorized, http.StatusForbidden
	for _, tt := range []struct {
		name         string
		headers      []string
		read, change int
	}{
		{"no page", nil, in, in},
		{"a person", []string{"Sec-Fetch-Site", "none"}, in, in},
		{"own page", []string{"Origin", "https://hub.example.com", "Sec-Fetch-Site", "same-origin"}, in, in},
		{"own page, reading", []string{"Sec-Fetch-Site", "same-origin"}, in, in},
		{"as it was asked for", []string{"Host", "inner:8080", "Origin", "https://inner:8080"}, in, in},
		{"an allowed page", []string{"Origin", "https://app.example.com"}, out, out},
		{"an allowed page of the same site",
			[]string{"Origin", "https://app.example.com", "Sec-Fetch-Site", "same-site"}, out, out},
		{"own page, says a page of the same site",
			[]string{"Origin", "https://hub.example.com", "Sec-Fetch-Site", "same-site"}, out, out},
		{"a page of the same site", []string{"Sec-Fetch-Site", "same-site"}, out, refused},
		{"a foreign page", []string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, out, refused},
		{"a foreign page, reading", []string{"Sec-Fetch-Site", "cross-site"}, out, refused},
		{"null", []string{"Origin", "null"}, out, refused},
		{"empty", []string{"Origin", ""}, out, refused},
		{"without TLS", []string{"Origin", "http://hub.example.com"}, out, refused},
		{"with a wrong key", []string{"Authorization", "Bearer x"}, out, out},
		{"with another's token", []string{"Authorization", "Basic x"}, in, in},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			headers := append([]string{"Cookie", cookie}, tt.headers...)
			s.do("GET", eventsPath, "", headers...).want(tt.read)
			s.do("GET", "/v1/admin/users/alice/limit", "", headers...).want(tt.read)
			if tt.read == out {
				s.do("GET", streamPath, "", headers...).want(out)
			}
			s.do("DELETE", "/v1/admin/users/alice/sessions", "", headers...).want(tt.change)
			s.do("PUT", "/v1/admin/users/alice/limit", `{"limit":2}`, headers...).want(tt.change)
			if tt.change == in || strings.HasPrefix(tt.name, "with ") {
				return
			}
			for _, method := range []string{"POST", "DELETE"} {
				s.do(method, operatorPath, encode(map[string]string{"api_key": apiKey}), headers...).want(refused)
			}
		})
	}
	token, _ := s.open("alice")
	s.do("POST", "/v1/introspect", "token="+token, "Content-Type", "application/x-www-form-urlencoded", "Cookie", cookie).
		want(http.StatusUnauthorized)
	s.do("GET", "/v1/session", "", "Cookie", cookie).want(http.StatusUnauthorized)
	value := strings.TrimPrefix(cookie, "__Host-hub_admin=")
	s.do("GET", eventsPath, "", "Authorization", "Bearer "+value).want(http.StatusUnauthorized)
	s.do("GET", eventsPath, "", "Cookie", "hub_admin="+value).want(http.StatusUnauthorized)
	s.do("GET", "/?x="+value, "").want(http.StatusBadRequest)
	s.do("GET", "/"+value, "").want(http.StatusBadRequest)
}

// TestOperatorsCookieIsGoodForTheWholeAdminAPI tries every call of it, those that are still to come as well: from the
// hub's own page, from an allowed one and from a foreign one.
func TestOperatorsCookieIsGoodForTheWholeAdminAPI(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.PublicURL = "https://hub.example.com"
		o.AllowOrigins = []string{"https://app.example.com"}
	})
	cookie := s.operator()
	mux, err := web.Mux()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	err = chi.Walk(mux, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !strings.HasPrefix(path, "/v1/admin/") || path == operatorPath {
			return nil
		}
		path = strings.NewReplacer("{user}", "alice", "{id}", "00000000-0000-4000-8000-000000000001").Replace(path)
		tried++
		for origin, own := range map[string]bool{
			"https://hub.example.com": true, "https://app.example.com": false, "https://evil.example": false,
		} {
			if own && path == streamPath {
				continue // it has no end
			}
			r := s.do(method, path, "{}", "Cookie", cookie, "Origin", origin)
			if admitted := r.status != http.StatusUnauthorized && r.status != http.StatusForbidden; admitted != own {
				t.Errorf("%s %s from %s: %d %s", method, path, origin, r.status, r.text)
			}
		}
		return nil
	})
	if err != nil || tried < 10 {
		t.Errorf("%d calls, %v", tried, err)
	}
}
