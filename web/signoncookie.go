package web

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sessionhub/sessionhub/auth"
)

const (
	// signOnCookie begins the names of the cookies in which browsers keep sign-ins. The rest is of the state, so that
	// those of two tabs do not meet.
	signOnCookie = "hub_sso_"
	// signOnWithin is how long a sign-in at the provider may take.
	signOnWithin = 10 * time.Minute
	// maxSignOns is how many of them a browser has under way. They go with each of its requests, and a page of
	// another site might have it begin any number.
	maxSignOns = 3
	// maxReturn is how many bytes the path may have to which one returns.
	maxReturn = 1000
)

// signOn is a sign-in at the provider as the browser that has begun it keeps it.
type signOn struct {
	auth.SignOn
	at       time.Time
	returnTo string // a path of this site, or nothing
	report   bool   // it is to prove who reports an intruder, and signs nobody in
}

// forReport ends the cookie of such a sign-in. Without it the state is another, so that it cannot be taken away.
const forReport = "report"

// signOnCookie returns the one in which a sign-in is kept; without a value, it is taken back.
func (s *server) signOnCookie(state, value string) *http.Cookie {
	cookie := s.cookie(value)
	cookie.Name = signOnCookie + state[:min(16, len(state))]
	if s.SecureCookies {
		cookie.Name = "__Host-" + cookie.Name
	}
	cookie.MaxAge = int(signOnWithin.Seconds())
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

// keepSignOn has the browser keep a sign-in, and forget the oldest of too many.
func (s *server) keepSignOn(c *call, begun signOn) {
	var others []signOn
	for _, cookie := range c.Cookies() {
		if other, ok := parseSignOn(cookie.Value); ok && s.signOnCookie(other.State(), "").Name == cookie.Name {
			others = append(others, other)
		}
	}
	slices.SortFunc(others, func(a, b signOn) int { return b.at.Compare(a.at) })
	for _, old := range others[min(len(others), maxSignOns-1):] {
		c.header.Add("Set-Cookie", s.signOnCookie(old.State(), "").String())
	}
	c.header.Add("Set-Cookie", s.signOnCookie(begun.State(), begun.String()).String())
}

// takeSignOn returns the sign-in that this browser has begun under a state, for a login or a report, and has the browser
// forget it.
func (s *server) takeSignOn(c *call, state string, report bool) (begun signOn, err error) {
	begun, ok := s.findSignOn(c, state)
	if ok && begun.report == report {
		return begun, nil
	}
	return signOn{}, &auth.SignOnError{
		Fault: auth.SignOnUnknown, Err: errors.New("this browser has no cookie for its state, or for another use"),
	}
}

func (s *server) findSignOn(c *call, state string) (begun signOn, ok bool) {
	cookie, err := c.Cookie(s.signOnCookie(state, "").Name)
	if err != nil {
		return signOn{}, false
	}
	begun, ok = parseSignOn(cookie.Value)
	if !ok || !begun.Began(state) {
		return signOn{}, false
	}
	c.header.Add("Set-Cookie", s.signOnCookie(state, "").String())
	return begun, time.Since(begun.at) <= signOnWithin
}

// String writes a sign-in as the value of a cookie: the secret, when it was begun in seconds of Unix time, and the way
// back.
func (b signOn) String() string {
	back := base64.RawURLEncoding.EncodeToString([]byte(b.returnTo))
	parts := []string{b.Secret(), strconv.FormatInt(b.at.Unix(), 10), back}
	if b.report {
		parts = append(parts, forReport)
	}
	return strings.Join(parts, ".")
}

// parseSignOn reads what String has written. The browser's owner may have changed it: it is checked again.
func parseSignOn(value string) (signOn, bool) {
	parts := strings.Split(value, ".")
	report := len(parts) == 4 && parts[3] == forReport
	if len(parts) != 3 && !report {
		return signOn{}, false
	}
	secret, ok := auth.ParseSignOn(parts[0])
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	back, bad := base64.RawURLEncoding.DecodeString(parts[2])
	if !ok || err != nil || bad != nil {
		return signOn{}, false
	}
	if report {
		secret = secret.Anew()
	}
	return signOn{SignOn: secret, at: time.Unix(seconds, 0), returnTo: sitePath(string(back)), report: report}, true
}

// sitePath returns an address if it is a path of this site to whoever reads it, and nothing if it may be anything else:
// browsers take // and /\ for the beginning of another site, and leave tabs, line ends and the like out before they look.
func sitePath(address string) string {
	unsafe := func(r rune) bool {
		return r == '\\' || r == utf8.RuneError || r != ' ' && unicode.In(r, unicode.C, unicode.Z)
	}
	path := address
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	// "/.//elsewhere" is "//elsewhere" once the dot is gone.
	if len(address) > maxReturn || !strings.HasPrefix(path, "/") || strings.Contains(path, "//") ||
		strings.ContainsFunc(address, unsafe) {
		return ""
	}
	return address
}
