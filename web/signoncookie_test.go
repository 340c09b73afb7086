package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/auth"
)

// TestSitePathStaysOnTheSite tries addresses of what browsers are known to take for something else.
func TestSitePathStaysOnTheSite(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"/", "//", "\\", ".", "..", ":", "@", "?", "#", "\t", "\n", "\r", " ", "%2f", "%5c", "a",
		"evil.example", "https:", "javascript:", "\u2028", "\u202e", "\x00", "\xff", "é"})
	here := &url.URL{Scheme: "https", Host: "here", Path: "/sign-in"}
	rapid.Check(t, func(t *rapid.T) {
		address := rapid.SampledFrom([]string{"/", "/", ""}).Draw(t, "slash") + strings.Join(rapid.SliceOfN(pieces, 0, 8).Draw(t, "pieces"), "")
		path := sitePath(address)
		if path == "" {
			return
		}
		if path != address || strings.ContainsAny(path, "\\\t\n\r\x00") {
			t.Fatalf("%q is taken for %q", address, path)
		}
		to, err := here.Parse(path)
		if err == nil && (to.Host != "here" || to.Scheme != "https" || to.User != nil || strings.HasPrefix(to.EscapedPath(), "//")) {
			t.Fatalf("%q leads to %s", address, to)
		}
		begun := signOn{SignOn: auth.NewSignOn(), at: time.Unix(1_700_000_000, 0), returnTo: path}
		if again, ok := parseSignOn(begun.String()); !ok || again != begun {
			t.Fatalf("%+v is read as %+v", begun, again)
		}
	})
}
