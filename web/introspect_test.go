package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

const inactive = `{"active":false}`

// introspect asks about a token.
func (s *site) introspect(token string) *reply {
	s.Helper()
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}, "unknown": {"x"}}
	return s.do("POST", "/v1/introspect", form.Encode(), "Authorization", "Bearer "+apiKey,
		"Content-Type", "application/x-www-form-urlencoded")
}

func TestIntrospectionOfALiveSession(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Rule.IdleTimeout, o.Rule.MaxLifetime = time.Hour, 2*time.Hour })
	opened := s.admin("POST", "/v1/admin/sessions", `{"user":"al+ice & co","ip":"192.0.2.7","user_agent":"Test/1",
		"device":{"id":"laptop","name":"Laptop","kind":"desktop"},"attributes":{"plan":"premium"}}`).want(http.StatusCreated)
	before := s.faults.calls.Load()
	r := s.introspect(opened.at("token").(string)).want(http.StatusOK)
	if calls := s.faults.calls.Load() - before; calls != 1 {
		t.Errorf("%d round trips, want 1", calls)
	}
	for name, want := range map[string]any{
		"active": true, "sub": "al+ice & co", "username": "al+ice & co", "token_type": "Bearer",
		"sid": opened.at("session", "id"), "ip": "192.0.2.7", "user_agent": "Test/1",
		"last_active_at": opened.at("session", "last_active_at"),
	} {
		r.has(want, name)
	}
	r.has("laptop", "device", "id").has("Laptop", "device", "name").has("desktop", "device", "kind")
	r.has("premium", "attributes", "plan")
	created, err := time.Parse(time.RFC3339, opened.at("session", "created_at").(string))
	if err != nil {
		t.Fatal(err)
	}
	r.has(float64(created.Unix()), "iat").has(float64(created.Add(time.Hour).Unix()), "exp")
	if got := r.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control %q: an answer may not be kept", got)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	forEver := newSite(t, func(o *web.Options) { o.Rule.IdleTimeout = 0 })
	token, _ := forEver.open("alice")
	forEver.introspect(token).want(http.StatusOK).has(true, "active").has(nil, "exp")
}

func TestIntrospectionOfWhatIsNotLive(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Rule.Limit = 2 })
	live, _ := s.open("alice")
	ended, id := s.open("alice")
	s.admin("DELETE", "/v1/admin/users/alice/sessions/"+id, "").want(http.StatusOK)
	foreign, _ := auth.Mint("alice")
	other, _ := auth.Mint("nobody")
	expired, cred := auth.Mint("bob")
	_, err := s.registry.Login(t.Context(), session.Request{User: "bob", Credential: cred},
		session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Millisecond) // by when it is over
	for name, r := range map[string]*reply{
		"ended":         s.introspect(ended),
		"expired":       s.introspect(expired),
		"foreign":       s.introspect(foreign),
		"of nobody":     s.introspect(other),
		"forged":        s.introspect(live[:50] + foreign[50:]),
		"truncated":     s.introspect(live[:len(live)-1]),
		"longer":        s.introspect(live + "A"),
		"with a space":  s.introspect(live + " "),
		"nonsense":      s.introspect("nonsense"),
		"an API key":    s.introspect(apiKey),
		"very long":     s.introspect(strings.Repeat("x", 60_000)),
		"not even text": s.introspect("\xff\x00"),
	} {
		if r.status != http.StatusOK || r.text != inactive {
			t.Errorf("%s: %d %s, want exactly %s", name, r.status, r.text, inactive)
		}
	}
	s.introspect(live).want(http.StatusOK).has(true, "active")
}

func TestIntrospectionThatCannotBeRead(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	const form = "application/x-www-form-urlencoded"
	for _, tt := range []struct {
		name, body, contentType, key string
		want                         int
	}{
		{"no key", "token=" + token, form, "", http.StatusUnauthorized},
		{"the token for a key", "token=" + token, form, token, http.StatusUnauthorized},
		{"JSON", `{"token":"` + token + `"}`, "application/json", apiKey, http.StatusUnsupportedMediaType},
		{"a form in parts", "token=" + token, "multipart/form-data; boundary=x", apiKey, http.StatusUnsupportedMediaType},
		{"no type", "token=" + token, "", apiKey, http.StatusUnsupportedMediaType},
		{"nothing", "", form, apiKey, http.StatusBadRequest},
		{"no token", "token_type_hint=access_token", form, apiKey, http.StatusBadRequest},
		{"an empty token", "token=", form, apiKey, http.StatusBadRequest},
		{"two tokens", "token=" + token + "&token=x", form, apiKey, http.StatusBadRequest},
		{"a bad escape", "token=%zz", form, apiKey, http.StatusBadRequest},
		{"a semicolon", "a=b;token=" + token, form, apiKey, http.StatusBadRequest},
		{"too large", "token=" + strings.Repeat("x", 64<<10), form, apiKey, http.StatusRequestEntityTooLarge},
		{"with a character set", "token=" + token, form + "; charset=utf-8", apiKey, http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			r := s.do("POST", "/v1/introspect", tt.body, "Authorization", "Bearer "+tt.key, "Content-Type", tt.contentType)
			r.want(tt.want)
			if strings.Contains(r.text, token) {
				t.Errorf("the token is repeated: %s", r.text)
			}
		})
	}
	s.do("POST", "/v1/introspect?token="+token, "", "Authorization", "Bearer "+apiKey, "Content-Type", form).
		want(http.StatusBadRequest).has("/problems/token-in-url", "type")
	s.admin("GET", "/v1/introspect", "").want(http.StatusMethodNotAllowed)
}

func TestIntrospectionWithoutAStore(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	close(s.faults.away)
	for _, token := range []string{token, "nonsense"} {
		s.introspect(token).want(http.StatusServiceUnavailable).retryAfter()
	}
}
