package web_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// TestSignOnOfNobody has the hub asked to finish what this browser has not begun.
func TestSignOnOfNobody(t *testing.T) {
	s := newSSOSite(t)
	v := s.visitor()
	back := s.provider.SignIn(t, v.start(""), oidctest.Login{User: "alice"})
	unknown := func(r *reply) {
		t.Helper()
		r.want(http.StatusUnauthorized).has("/problems/sign-on-unknown", "type")
		if r.header.Get("Set-Cookie") != "" && !strings.Contains(r.header.Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("Set-Cookie: %s", r.header.Get("Set-Cookie"))
		}
	}
	unknown(s.visitor().finish(back)) // another browser
	unknown(v.finish(back, map[string]any{"state": strings.Repeat("A", 43)}))
	unknown(v.finish(back, map[string]any{"state": back.Query().Get("state")[:16] + strings.Repeat("A", 27)}))
	unknown(v.finish(back, map[string]any{"state": "x"}))
	unknown(s.visitor().finish(&url.URL{RawQuery: "error=access_denied&state=made-up"}))
	if len(v.cookies) != 1 {
		t.Fatalf("the browser keeps %v", v.cookies)
	}
	v.age(back.Query().Get("state"), 10*time.Minute+2*time.Second)
	unknown(v.finish(back))
	if len(v.cookies) != 0 {
		t.Errorf("the browser keeps %v", v.cookies)
	}
	for _, junk := range []string{"", "x", "a.b.c", "..", strings.Repeat("A", 43) + ".x.", strings.Repeat("A", 43) + ".1.="} {
		v.cookies["hub_sso_AAAAAAAAAAAAAAAA"] = junk
		unknown(v.finish(back, map[string]any{"state": strings.Repeat("A", 43)}))
		v.start("") // and it is no trouble to the next
	}
	if got := s.metric(`hub_logins_total{outcome="abandoned"}`); got != "12" {
		t.Errorf("%s logins are counted as abandoned, want 12", got)
	}
}

// TestSignOnReturnsToThisSite has the way back lead elsewhere, in the address and in the cookie.
func TestSignOnReturnsToThisSite(t *testing.T) {
	s := newSSOSite(t, unlimited)
	for _, tt := range []struct {
		to   string
		kept bool
	}{
		{"/", true}, {"/devices?a=b#c", true}, {"/%09/evil.example", true}, {"/ü", true}, {"/a b", true},
		{"/" + strings.Repeat("x", 999), true},
		{"", false}, {"devices", false}, {"//evil.example", false}, {`/\evil.example`, false}, {`\\evil.example`, false},
		{"https://evil.example", false}, {"javascript:alert(1)", false}, {"/\t/evil.example", false}, {"/\n/evil.example", false},
		{" //evil.example", false}, {"/\u0085/evil.example", false}, {"/\u202egro", false}, {"/\u00a0", false},
		{"/\xff", false},
		{"/.//evil.example", false}, {"/a/..//evil.example", false}, {"/a#//b?//c", true}, {"/" + strings.Repeat("x", 1000), false},
	} {
		var want any
		if tt.kept {
			want = tt.to
		}
		v := s.visitor()
		v.signOn("alice", "?return="+url.QueryEscape(tt.to)).want(http.StatusCreated).has(want, "return_to")

		back := s.provider.SignIn(t, v.start(""), oidctest.Login{User: "alice"})
		name := "hub_sso_" + back.Query().Get("state")[:16]
		v.cookies[name] += base64.RawURLEncoding.EncodeToString([]byte(tt.to))
		v.finish(back).want(http.StatusCreated).has(want, "return_to")
	}
}

// TestSignOnIsNotBegunByOthers has pages of other sites send a browser to the provider.
func TestSignOnIsNotBegunByOthers(t *testing.T) {
	s := newSSOSite(t)
	for from, begun := range map[string]bool{"cross-site": false, "same-site": true, "same-origin": true, "none": true} {
		v := s.visitor()
		at := v.start("?return=/devices", "Sec-Fetch-Site", from)
		page := "/sign-in?return=%2Fdevices"
		if begun {
			page = s.provider.Issuer
		}
		if !strings.HasPrefix(at, page) || (len(v.cookies) > 0) != begun {
			t.Errorf("from %s it leads to %s, with %v", from, at, v.cookies)
		}
	}
	s.do("POST", finish, `{"state":"x","code":"y"}`, "Origin", "https://evil.example").want(http.StatusForbidden)
}
