package web_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/web"
)

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	s := newSite(t, func(o *web.Options) {
		o.PublicURL = "https://hub.example.com"
		o.AllowOrigins = []string{"https://app.example.com", "capacitor://localhost"}
		o.Rule.Limit = -1
	})
	token, _ := s.open("alice")
	cookie, bearer := "__Host-hub_session="+token, "Bearer "+token
	const fine, refused = http.StatusOK, http.StatusForbidden
	for _, tt := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"own page", []string{"Cookie", cookie, "Origin", "https://hub.example.com"}, fine},
		{"allowed page", []string{"Cookie", cookie, "Origin", "https://app.example.com"}, fine},
		{"allowed app", []string{"Cookie", cookie, "Origin", "capacitor://localhost"}, fine},
		{"no page", []string{"Cookie", cookie}, fine},
		{"same host, as it was asked for", []string{"Cookie", cookie, "Host", "inner:8080", "Origin", "https://inner:8080"}, fine},
		{"foreign page with Bearer alone", []string{"Authorization", bearer, "Origin", "https://evil.example"}, fine},
		{"navigation", []string{"Cookie", cookie, "Sec-Fetch-Site", "none"}, fine},

		{"foreign page", []string{"Cookie", cookie, "Origin", "https://evil.example"}, refused},
		{"null", []string{"Cookie", cookie, "Origin", "null"}, refused},
		{"empty", []string{"Cookie", cookie, "Origin", ""}, refused},
		{"our name and more", []string{"Cookie", cookie, "Origin", "https://hub.example.com.evil.example"}, refused},
		{"more and our name", []string{"Cookie", cookie, "Origin", "https://evilhub.example.com"}, refused},
		{"a name under ours", []string{"Cookie", cookie, "Origin", "https://x.hub.example.com"}, refused},
		{"allowed name and more", []string{"Cookie", cookie, "Origin", "https://app.example.com.evil.example"}, refused},
		{"allowed name on a port", []string{"Cookie", cookie, "Origin", "https://app.example.com:8443"}, refused},
		{"without TLS", []string{"Cookie", cookie, "Origin", "http://hub.example.com"}, refused},
		{"our name as a user", []string{"Cookie", cookie, "Origin", "https://hub.example.com@evil.example"}, refused},
		{"foreign page with both", []string{"Cookie", cookie, "Authorization", bearer, "Origin", "https://evil.example"}, refused},
		{"a page of the same site", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site"}, refused},
		{"a foreign page without Origin", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site"}, refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := *s
			s.T = t
			s.do("POST", "/v1/session/heartbeat", `{"active":true}`, tt.headers...).want(tt.want)
			if tt.want == refused {
				for _, call := range [][2]string{
					{"DELETE", "/v1/session"}, {"DELETE", "/v1/sessions"}, {"DELETE", "/v1/sessions/x"},
					{"POST", "/v1/login"}, {"POST", "/v1/login/choice"}, {"POST", "/v1/admin/sessions"},
					{"DELETE", "/v1/admin/users/alice/sessions"}, {"POST", "/v1/nothing"},
				} {
					s.do(call[0], call[1], "", tt.headers...).want(refused)
				}
			}
		})
	}
	// Nobody signs a visitor in to another account from elsewhere, either.
	s.do("POST", "/v1/login", `{"username":"bob","password":"demo"}`, "Origin", "https://evil.example").want(refused)
	s.do("GET", "/v1/session", "", "Cookie", cookie).want(fine)
}

func TestAllowedPagesMayRead(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.AllowOrigins = []string{"HTTPS://App.example.com:443/"} })
	ask := func(path, origin string) *reply {
		return s.do("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "content-type")
	}
	yes := ask("/v1/login", "https://app.example.com").want(http.StatusNoContent)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":      "https://app.example.com",
		"Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods":     "GET, POST, DELETE",
		"Access-Control-Allow-Headers":     "Authorization, Content-Type",
	} {
		if got := yes.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	read := s.do("GET", "/v1/session", "", "Origin", "https://app.example.com").want(http.StatusUnauthorized)
	if read.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Error("an allowed page cannot read why it is signed out")
	}
	for _, no := range []*reply{
		ask("/v1/login", "https://evil.example"),
		ask("/v1/login", "null"),
		ask("/v1/admin/sessions", "https://app.example.com"),
		s.do("GET", "/v1/session", "", "Origin", "https://evil.example"),
	} {
		if got := no.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("allowed %q", got)
		}
	}
	if !slices.Contains(read.header.Values("Vary"), "Origin") {
		t.Error("answers do not vary by Origin")
	}
}

func TestClientAddress(t *testing.T) {
	for _, tt := range []struct {
		name      string
		proxies   []string
		forwarded []string
		want      string
	}{
		{"nobody is trusted", nil, []string{"192.0.2.1"}, "127.0.0.1"},
		{"another is trusted", []string{"10.0.0.0/8"}, []string{"192.0.2.1"}, "127.0.0.1"},
		{"one proxy", []string{"127.0.0.0/8"}, []string{"192.0.2.1"}, "192.0.2.1"},
		{"what the client claims to the left", []string{"127.0.0.0/8"}, []string{"203.0.113.9, 192.0.2.1"}, "192.0.2.1"},
		{"two proxies", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"203.0.113.9, 192.0.2.1, 10.1.2.3"}, "192.0.2.1"},
		{"several headers", []string{"127.0.0.0/8"}, []string{"203.0.113.9", "192.0.2.1"}, "192.0.2.1"},
		{"IPv6", []string{"127.0.0.0/8"}, []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv4 in IPv6", []string{"127.0.0.0/8"}, []string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{"no header", []string{"127.0.0.0/8"}, nil, "127.0.0.1"},
		{"empty header", []string{"127.0.0.0/8"}, []string{"", " , "}, "127.0.0.1"},
		{"proxies alone", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"10.9.9.9", "10.1.2.3, 127.0.0.2"}, "10.9.9.9"},
		{"proxies alone, IPv4 in IPv6", []string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"::ffff:10.9.9.9"}, "10.9.9.9"},
		{"no address", []string{"127.0.0.0/8"}, []string{"192.0.2.1, unknown"}, "127.0.0.1"},
		{"no address to the left of proxies", []string{"127.0.0.0/8"}, []string{"unknown, 127.0.0.2"}, "127.0.0.1"},
		{"no address to the left of the client's", []string{"127.0.0.0/8"}, []string{"unknown, 192.0.2.1"}, "192.0.2.1"},
		{"proxies to whom nobody listens", nil, []string{"10.9.9.9"}, "127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, func(o *web.Options) {
				for _, p := range tt.proxies {
					o.TrustedProxies = append(o.TrustedProxies, netip.MustParsePrefix(p))
				}
			})
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.server.URL+"/v1/login",
				strings.NewReader(`{"username":"alice","password":"demo"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = http.Header{"Content-Type": {"application/json"}, "X-Forwarded-For": tt.forwarded,
				"X-Real-Ip": {"198.51.100.1"}}
			s.send(r).want(http.StatusCreated).has(tt.want, "session", "ip")
		})
	}
}
