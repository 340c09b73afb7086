package web_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/sessionhub/sessionhub/web"
)

// getPaths are the paths of all that can be read, with something in place of what is variable.
func getPaths(t *testing.T) (paths []string) {
	t.Helper()
	filled := strings.NewReplacer("{user}", "alice", "{id}", "00000000-0000-4000-8000-000000000001", "{type}", "invalid")
	mux, err := web.Mux()
	if err != nil {
		t.Fatal(err)
	}
	err = chi.Walk(mux, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path = filled.Replace(path)
		if method == http.MethodGet && !strings.ContainsAny(path, "{*") {
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d paths, %v", len(paths), err)
	}
	return paths
}

func TestHeadersKeepAnswersSafe(t *testing.T) {
	t.Parallel()
	paths := append(getPaths(t), "/v1/nothing", "/v1/verify", "/nothing", "/ui/", "/ui/lib/", "/ui/lib/../../ui.go",
		"/v1/session?token=x", "/v1/sessions/x", "/problems/%3Cscript%3E")
	for _, address := range []string{"", "http://hub.example.com", "https://hub.example.com"} {
		s := newSite(t, func(o *web.Options) { o.PublicURL = address })
		tls := strings.HasPrefix(address, "https:")
		for _, path := range paths {
			if !strings.HasSuffix(path, "/stream") { // it has no end, and a test of its own
				judgeHeaders(t, path, s.do("GET", path, ""), tls)
				judgeHeaders(t, path+" with the key", s.admin("GET", path, ""), tls)
			}
		}
		for _, r := range []*reply{
			s.do("BREW", "/", ""), s.do("POST", "/v1/login", "{"),
			s.do("OPTIONS", "/v1/session", "", "Origin", "https://x.example"),
			s.do("POST", "/v1/login", `{"username":"alice","password":"demo"}`), s.do("HEAD", "/", ""),
			s.do("POST", "/v1/login", `{"username":"panic","password":"demo"}`), s.do("POST", "/v1/oidc/logout", "x"),
		} {
			judgeHeaders(t, fmt.Sprint(r.status), r, tls)
		}
	}
}

// judgeHeaders checks what every answer has, and what pages have besides.
func judgeHeaders(t *testing.T, what string, r *reply, tls bool) {
	t.Helper()
	h := r.header
	want := map[string]string{
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Strict-Transport-Security":    "",
		"Cache-Control":                "no-store",
		"Server":                       "",
		"X-Powered-By":                 "",
	}
	if tls {
		want["Strict-Transport-Security"] = "max-age=31536000"
	}
	if h.Get("ETag") != "" { // a file of the hub's, the same for everybody
		want["Cache-Control"] = "no-cache"
	}
	if strings.HasPrefix(what, "/sdk/") {
		want["Cross-Origin-Resource-Policy"] = "cross-origin"
	}
	kind, policy := h.Get("Content-Type"), directives(h.Get("Content-Security-Policy"))
	if strings.HasPrefix(kind, "text/html") {
		want["Cross-Origin-Opener-Policy"] = "same-origin"
		want["X-Frame-Options"] = "DENY"
		for name, sources := range map[string]string{
			"script-src": "'self'", "style-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
			"require-trusted-types-for": "'script'", "trusted-types": "'none'",
		} {
			if policy[name] != sources {
				t.Errorf("%s: its policy has %s %q", what, name, policy[name])
			}
		}
		if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s may use the camera", what)
		}
	}
	for name, value := range want {
		if got := h.Get(name); got != value {
			t.Errorf("%s: %s is %q, want %q", what, name, got, value)
		}
	}
	if policy["default-src"] != "'none'" || policy["frame-ancestors"] != "'none'" {
		t.Errorf("%s: its policy is %q", what, policy)
	}
	for name, sources := range policy {
		if strings.Contains(sources, "unsafe") || strings.Contains(sources, "*") || strings.Contains(sources, "http") {
			t.Errorf("%s: its policy has %s %q", what, name, sources)
		}
	}
	if r.text != "" && kind == "" {
		t.Errorf("%s has text of no type", what)
	}
}

// directives splits a policy.
func directives(policy string) map[string]string {
	all := make(map[string]string)
	for directive := range strings.SplitSeq(policy, ";") {
		name, sources, _ := strings.Cut(strings.TrimSpace(directive), " ")
		all[name] = sources
	}
	return all
}

// inline is what a page would hold that its policy forbids: scripts and styles of its own, and what is not the hub's.
var inline = regexp.MustCompile(`(?i)<style|\sstyle\s*=|<script>|<script\s[^>]*>[^<]|\son[a-z]+\s*=\s*["']|` +
	`javascript:|(src|href|action)="(https?:|//|data:)|<base|<iframe|<object|<embed|http-equiv`)

func TestPagesHoldNothingInline(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, func(o *web.Options) { o.PublicURL = "https://hub.example.com" })
	pages := 0
	for _, path := range getPaths(t) {
		if strings.HasSuffix(path, "/stream") {
			continue
		}
		r := s.do("GET", path, "")
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		if found := inline.FindAllString(r.text, -1); len(found) > 0 {
			t.Errorf("%s has %q", path, found)
		}
	}
	if pages < 3 {
		t.Errorf("only %d pages", pages)
	}
}

// TestScriptsMakeNoMarkup reads all that browsers are sent, for the ways from text to markup and to code. The policy
// shuts them too; a page that tries is broken.
func TestScriptsMakeNoMarkup(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|` +
		`createContextualFragment|\beval\(|new Function|srcdoc|setHTML|\.style\.cssText|createPolicy|set(Timeout|Interval)\(["'\x60]`)
	scripts := 0
	for _, folder := range []string{"ui", "sdk"} {
		err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
			if entry.IsDir() && slices.Contains([]string{"node_modules", "test", "types"}, name) {
				return fs.SkipDir
			}
			if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".js") {
				return err
			}
			scripts++
			text, err := os.ReadFile(folder + "/" + name)
			for _, found := range forbidden.FindAllString(string(text), -1) {
				t.Errorf("%s/%s has %s", folder, name, found)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if scripts < 6 {
		t.Errorf("only %d scripts", scripts)
	}
}
