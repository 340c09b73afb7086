package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

func TestFieldsHaveBounds(t *testing.T) {
	s := newSite(t)
	long := func(n int) string { return strings.Repeat("x", n) }
	const login, choice, open = "/v1/login", "/v1/login/choice", "/v1/admin/sessions"
	with := func(field string, value any) string {
		return encode(map[string]any{"username": "alice", "password": "demo", field: value})
	}
	user := func(field string, value any) string { return encode(map[string]any{"user": "alice", field: value}) }
	many := make(map[string]string)
	for i := range 17 {
		many[fmt.Sprint(i)] = ""
	}
	for _, tt := range []struct {
		name, path, body, field string
	}{
		{"no user name", login, `{"password":"demo"}`, "username"},
		{"empty user name", login, with("username", ""), "username"},
		{"long user name", login, with("username", long(257)), "username"},
		{"user name of few letters and many bytes", login, with("username", strings.Repeat("é", 129)), "username"},
		{"null user name", login, `{"username":null,"password":"demo"}`, "username"},
		{"user name is a number", login, with("username", 7), "username"},
		{"no password", login, `{"username":"alice"}`, "password"},
		{"long password", login, with("password", long(1025)), "password"},
		{"empty device ID", login, with("device", map[string]any{"id": ""}), "device.id"},
		{"long device ID", login, with("device", map[string]any{"id": long(129)}), "device.id"},
		{"long device name", login, with("device", map[string]any{"name": long(129)}), "device.name"},
		{"unknown kind", login, with("device", map[string]any{"kind": "fridge"}), "device.kind"},
		{"device is a list", login, with("device", []int{}), "device"},
		{"unknown field of the device", login, with("device", map[string]any{"colour": "red"}), "device.colour"},
		{"unknown delivery", login, with("deliver", "pigeon"), "deliver"},
		{"force is a word", login, with("force", "yes"), "force"},
		{"unknown field", login, with("remember", true), "remember"},
		{"field in capitals", login, with("Username", "bob"), "Username"},
		{"field twice", login, `{"username":"alice","username":"bob","password":"demo"}`, "username"},
		{"no force", choice, `{"ticket":"t"}`, "force"},
		{"no ticket", choice, `{"force":true}`, "ticket"},
		{"end is no ID", choice, `{"ticket":"t","force":true,"end":["x"]}`, "end.0"},
		{"long ticket", choice, encode(map[string]any{"ticket": long(257), "force": true}), "ticket"},
		{"no user", open, `{}`, "user"},
		{"long user", open, user("user", long(257)), "user"},
		{"limit 0", open, user("limit", 0), "limit"},
		{"limit -2", open, user("limit", -2), "limit"},
		{"limit 1001", open, user("limit", 1001), "limit"},
		{"limit of a fraction", open, user("limit", 1.5), "limit"},
		{"limit past all bounds", open, `{"user":"alice","limit":99999999999999999999}`, "limit"},
		{"limit of kind 0", open, user("limit_by_kind", map[string]int{"web": 0}), "limit_by_kind.web"},
		{"limit of an unknown kind", open, user("limit_by_kind", map[string]int{"fridge": 1}), "limit_by_kind"},
		{"unknown policy", open, user("policy", "pray"), "policy"},
		{"not an address", open, user("ip", "192.0.2.300"), "ip"},
		{"address with a port", open, user("ip", "192.0.2.3:80"), "ip"},
		{"long user agent", open, user("user_agent", long(513)), "user_agent"},
		{"many attributes", open, user("attributes", many), "attributes"},
		{"long attribute name", open, user("attributes", map[string]string{long(65): "x"}), "attributes (an entry's name)"},
		{"long attribute", open, user("attributes", map[string]string{"x": long(257)}), "attributes (an entry's value)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			send := s.do
			if tt.path == open {
				send = func(method, path, body string, _ ...string) *reply { return s.admin(method, path, body) }
			}
			r := send("POST", tt.path, tt.body).want(http.StatusUnprocessableEntity).has(tt.field, "errors", 0, "field")
			if strings.Contains(r.text, "demo") || strings.Contains(r.text, "xxx") {
				t.Errorf("a value is repeated: %s", r.text)
			}
		})
	}
	s.admin("DELETE", "/v1/admin/users/alice/sessions", encode(map[string]any{"message": long(501)})).
		want(http.StatusUnprocessableEntity).has("message", "errors", 0, "field")
	s.admin("GET", "/v1/admin/users/alice/sessions?ended=perhaps", "").
		want(http.StatusUnprocessableEntity).has("ended", "errors", 0, "field")
}

func TestBoundsAreInclusive(t *testing.T) {
	s := newSite(t)
	name := strings.Repeat("n", 128)
	s.admin("POST", "/v1/admin/sessions", encode(map[string]any{
		"user": strings.Repeat("u", 256), "limit": 1000, "limit_by_kind": map[string]int{"web": -1},
		"device": map[string]any{"id": name, "name": name, "kind": "other"}, "ip": "::ffff:192.0.2.7",
		"user_agent": strings.Repeat("a", 512), "policy": "reject",
		"attributes": map[string]string{strings.Repeat("k", 64): strings.Repeat("v", 256)},
	})).want(http.StatusCreated).has("192.0.2.7", "session", "ip")
	s.admin("POST", "/v1/admin/sessions", `{"user":"u","limit":-1}`).want(http.StatusCreated)
	s.do("POST", "/v1/login", encode(map[string]any{"username": strings.Repeat("ü", 128), "password": "x"})).
		want(http.StatusUnauthorized)
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	s := newSite(t)
	const good = `{"username":"alice","password":"demo"}`
	for _, tt := range []struct {
		name, body, contentType string
		want                    int
	}{
		{"nothing", "", "application/json", http.StatusBadRequest},
		{"half", good[:20], "application/json", http.StatusBadRequest},
		{"something after it", good + "{}", "application/json", http.StatusBadRequest},
		{"bad UTF-8", "{\"username\":\"al\xffce\",\"password\":\"demo\"}", "application/json", http.StatusBadRequest},
		{"half a surrogate pair", `{"username":"al\ud800ce","password":"demo"}`, "application/json", http.StatusBadRequest},
		{"a list", "[]", "application/json", http.StatusUnprocessableEntity},
		{"a form", "username=alice&password=demo", "application/x-www-form-urlencoded", http.StatusUnsupportedMediaType},
		{"text", good, "text/plain", http.StatusUnsupportedMediaType},
		{"no type", good, "", http.StatusUnsupportedMediaType},
		{"10 MB", `{"username":"` + strings.Repeat("x", 10<<20) + `"}`, "application/json", http.StatusRequestEntityTooLarge},
		{"just too large", good + strings.Repeat(" ", 64<<10), "application/json", http.StatusRequestEntityTooLarge},
		{"a character set", good, "application/json; charset=utf-8", http.StatusCreated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			s.do("POST", "/v1/login", tt.body, "Content-Type", tt.contentType).want(tt.want)
		})
	}
	// Whatever came before, others are served.
	s.do("POST", "/v1/login", good).want(http.StatusCreated)
}

func TestUnsizedBodyIsBounded(t *testing.T) {
	s := newSite(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.server.URL+"/v1/login",
		struct{ *strings.Reader }{strings.NewReader(strings.Repeat(" ", 1<<20))})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	s.send(r).want(http.StatusRequestEntityTooLarge)
}

func TestForgedTokensAreAllAlike(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	other, _ := s.open("bob")
	foreign, _ := auth.Mint("alice")
	want := s.do("GET", "/v1/session", "", "Authorization", "Bearer "+foreign).want(http.StatusUnauthorized)
	want.has("unknown", "reason").has(nil, "at")
	for name, forged := range map[string]string{
		"nonsense":     "nonsense",
		"only a name":  "sh_",
		"truncated":    token[:len(token)-1],
		"longer":       token + "A",
		"last letter":  token[:len(token)-1] + map[bool]string{true: "A", false: "B"}[token[len(token)-1] != 'A'],
		"swapped":      token[:50] + other[50:],
		"of nobody":    "sh_" + strings.Repeat("A", 86),
		"API key":      apiKey,
		"other prefix": "st_" + token[3:],
	} {
		t.Run(name, func(t *testing.T) {
			for _, call := range []struct{ method, path, body string }{
				{"GET", "/v1/session", ""}, {"DELETE", "/v1/session", ""}, {"GET", "/v1/sessions", ""},
				{"DELETE", "/v1/sessions", ""}, {"POST", "/v1/session/heartbeat", "{}"},
			} {
				s := *s
				s.T = t
				got := s.do(call.method, call.path, call.body, "Authorization", "Bearer "+forged).want(http.StatusUnauthorized)
				if got.text != want.text {
					t.Errorf("%s %s: %s, want %s", call.method, call.path, got.text, want.text)
				}
				if got.header.Get("WWW-Authenticate") == "" {
					t.Error("no WWW-Authenticate")
				}
			}
		})
	}
	s.do("GET", "/v1/session", "").want(http.StatusUnauthorized).has("unknown", "reason")
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusOK)
}

func TestSecretsInURLsAreRefused(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	ticket, _ := auth.MintTicket("alice")
	for _, query := range []string{
		"token=" + token, "access_token=x", "Token=x", "x=" + token, "x=1&y=" + token, "a=1;token=" + token, "ticket=x",
		"a=1;access_token=x", "x=bearer." + token, "x=Bearer%20" + token, "x=" + ticket, token + "=x", token,
		"x=%73%68" + token[2:], "x=%zz" + token, "x=%zz&y=%73" + token[1:], "t%6Fken=x",
	} {
		for _, path := range []string{"/v1/session", "/v1/connect", "/", "/v1/nothing"} {
			r := s.do("GET", path+"?"+query, "", "Authorization", "Bearer "+token).want(http.StatusBadRequest)
			if strings.Contains(r.text, token) {
				t.Errorf("the token is repeated: %s", r.text)
			}
		}
	}
	for _, path := range []string{
		"/" + token, "/v1/session/" + token, "/v1/sessions/bearer." + token, "/v1/sessions/Bearer%20" + token,
		"/v1/sessions/%73%68" + token[2:], "/v1/sessions/" + ticket,
	} {
		r := s.do("GET", path, "", "Authorization", "Bearer "+token).want(http.StatusBadRequest).
			has("/problems/token-in-url", "type")
		if strings.Contains(r.text, token) {
			t.Errorf("the token is repeated: %s", r.text)
		}
	}
	for _, query := range []string{
		"", "x=1", "next=st_x", "next=sh_", "next=/wash_tub", "next=%zz", "x=sh_" + strings.Repeat("x", 59), "tokens=x",
	} {
		s.do("GET", "/v1/session?"+query, "", "Authorization", "Bearer "+token).want(http.StatusOK)
	}
}

func TestUsersOfAnyKind(t *testing.T) {
	s := newSite(t)
	for _, user := range []string{
		"a b", "a/b", "/", "//", "..", ".", "a%2Fb", "a%", "{user}", "}{", `"`, "'", "a\nb", "a\x00b", "🦊", "a+b", "a?b#c",
		"*", `a\b`, "sessions", strings.Repeat("\xe2\x82\xac", 85) + "x", "é/é", "%00", ";", "user:a@b",
	} {
		t.Run(fmt.Sprintf("%.20q", user), func(t *testing.T) {
			s := *s
			s.T = t
			token, id := s.open(user)
			path := "/v1/admin/users/" + url.PathEscape(user) + "/sessions"
			s.admin("GET", path, "").want(http.StatusOK).length(1, "sessions").has(user, "sessions", 0, "user")
			// Escaped to the last byte, as some clients do, it is the same user.
			whole := ""
			for i := range len(user) {
				whole += fmt.Sprintf("%%%02x", user[i])
			}
			s.admin("GET", "/v1/admin/users/"+whole+"/sessions", "").want(http.StatusOK).has(id, "sessions", 0, "id")
			s.do("GET", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusOK).has(user, "user")
			s.admin("DELETE", path+"/"+id, "").want(http.StatusOK).length(1, "ended").has(user, "ended", 0, "session", "user")
			s.admin("GET", path, "").want(http.StatusOK).length(0, "sessions")
		})
	}
	for _, bad := range []string{"%ff", strings.Repeat("x", 257)} {
		s.admin("GET", "/v1/admin/users/"+bad+"/sessions", "").want(http.StatusUnprocessableEntity).
			has("user", "errors", 0, "field")
	}
}

func TestAddressesThatAreNotThere(t *testing.T) {
	s := newSite(t)
	s.do("GET", "/v2/session", "").want(http.StatusNotFound)
	s.do("GET", "/v1/session/", "").want(http.StatusNotFound)
	s.do("GET", "/v1/admin/users//sessions", "", "Authorization", "Bearer "+apiKey).want(http.StatusUnprocessableEntity)
	for _, tt := range []struct{ method, path, allow string }{
		{"POST", "/v1/session", "GET, DELETE"},
		{"PUT", "/v1/login", "POST"},
		{"OPTIONS", "/v1/sessions", "GET, DELETE"},
		{"BREW", "/v1/login", "POST"},
		{"PATCH", "/v1/admin/users/a%2Fb/sessions", "GET, DELETE"},
		{"POST", "/", "GET, HEAD"},
		{"POST", "/healthz", "GET, HEAD"},
	} {
		r := s.do(tt.method, tt.path, "").want(http.StatusMethodNotAllowed)
		if got := r.header.Get("Allow"); got != tt.allow {
			t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
		}
	}
	s.do("DELETE", "/v1/sessions/none", "", "Authorization", "Bearer x").want(http.StatusNotFound)
	s.admin("DELETE", "/v1/admin/users/alice/sessions/00000000-0000-4000-8000-000000000000", "").want(http.StatusNotFound)
}

func TestUserAgentIsCut(t *testing.T) {
	s := newSite(t)
	r := s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`,
		"User-Agent", "A/1 "+strings.Repeat("é", 400)+"\xff").want(http.StatusCreated)
	if got := r.at("session", "user_agent").(string); len(got) != 512 {
		t.Errorf("%d bytes of user agent", len(got))
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	good := func() web.Options {
		s := newSite(t)
		return web.Options{Registry: s.registry, Hub: s.hub, Rule: session.Rule{Limit: 1, Policy: session.Evict}}
	}
	for name, spoil := range map[string]func(*web.Options){
		"no registry":        func(o *web.Options) { o.Registry = nil },
		"no hub":             func(o *web.Options) { o.Hub = nil },
		"no rule":            func(o *web.Options) { o.Rule = session.Rule{} },
		"origin with a path": func(o *web.Options) { o.AllowOrigins = []string{"https://a.example/b"} },
		"origin of anything": func(o *web.Options) { o.AllowOrigins = []string{"https://*.example"} },
		"null origin":        func(o *web.Options) { o.AllowOrigins = []string{"null"} },
		"public URL of mail": func(o *web.Options) { o.PublicURL = "mailto:hub@example.com" },
		"public URL of file": func(o *web.Options) { o.PublicURL = "ftp://hub.example.com" },
	} {
		o := good()
		spoil(&o)
		if _, err := web.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := web.New(good()); err != nil {
		t.Error(err)
	}
}
