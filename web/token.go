package web

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// The session's cookie. The prefix makes browsers refuse one that was not set by this very host over TLS.
const (
	secureCookie = "__Host-hub_session"
	plainCookie  = "hub_session"
)

var (
	errNoToken = func() *problem {
		p := endedProblem(session.Ending{Reason: session.Unknown})
		p.Detail = "Send the session's token as Authorization: Bearer, or as the cookie."
		return p
	}()
	errAPIKey = unauthorized("api-key", "An API key is needed", "Send one of the hub's API keys as Authorization: Bearer.")
	errInURL  = newProblem(http.StatusBadRequest, "token-in-url", "Secrets do not belong in a URL",
		"URLs end up in logs and histories. Send the token as Authorization: Bearer, and regard this one as known to others.")
)

// bearer returns what stands after Bearer in the Authorization header, if anything does.
func bearer(r *http.Request) (secret string, ok bool) {
	scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(secret), true
}

// cookieName returns the name that the session's cookie has here.
func (s *server) cookieName() string {
	if s.SecureCookies {
		return secureCookie
	}
	return plainCookie
}

// credential returns what a request's token claims; Bearer goes before the cookie. Whatever is not a token claims
// a session that nobody has, so that it takes the same way, and time, as one that was forged with care.
func (s *server) credential(r *http.Request) (session.Credential, error) {
	if token, ok := bearer(r); ok {
		return claim(token), nil
	}
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		return claim(cookie.Value), nil
	}
	return session.Credential{}, errNoToken
}

// claim reads a token, or makes a claim up.
func claim(token string) session.Credential {
	cred, err := auth.Parse(token)
	if err != nil {
		_, cred = auth.Mint(token)
	}
	return cred
}

// setCookie hands a session's token to the browser. It lasts as long as the session may, or, where only idleness
// ends that, as long as the browser runs.
func (s *server) setCookie(h http.Header, token string, of session.Session) {
	cookie := s.cookie(token)
	if !of.ExpiresAt.IsZero() {
		cookie.MaxAge = max(1, int(of.ExpiresAt.Sub(of.CreatedAt).Seconds()))
	}
	h.Add("Set-Cookie", cookie.String())
}

// clearCookie takes the token back from a browser that sent it.
func (s *server) clearCookie(c *call) {
	if _, err := c.Cookie(s.cookieName()); err == nil {
		cookie := s.cookie("")
		cookie.MaxAge = -1
		c.header.Add("Set-Cookie", cookie.String())
	}
}

func (s *server) cookie(value string) *http.Cookie {
	return &http.Cookie{
		Name:     s.cookieName(),
		Value:    value,
		Path:     "/",
		HttpOnly: true,
		Secure:   s.SecureCookies,
		SameSite: http.SameSiteLaxMode,
	}
}

// secretParams are names under which people put secrets into URLs.
var secretParams = []string{"token", "access_token", "session_token", "auth_token", "api_key", "apikey", "bearer",
	"ticket", "password", "authorization", "id_token", "logout_token", plainAdminCookie}

// tokenShape is what the tokens of sessions, the tickets of logins and the cookies of operators look like.
var tokenShape = regexp.MustCompile(`s[hta]_[A-Za-z0-9_-]{60,}`)

// refuseURLSecrets answers 400 to a request that has a secret in its URL.
func (s *server) refuseURLSecrets(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if holdsSecret(r.URL.Path) || hasSecretParam(r.URL) {
			s.refuse(w, r, errInURL)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// holdsSecret reports whether there is a token, a ticket or an operator's cookie somewhere in the text.
func holdsSecret(text string) bool {
	return strings.Contains(text, "_") && tokenShape.MatchString(text)
}

// hasSecretParam reports whether a query has a secret, or a parameter that is named like one. It takes both & and
// ; for the end of a parameter, and one that cannot be unescaped as it is: what a parser leaves out is in the logs.
//
// The code that a provider sends to the sign-in page is any letters, and may look like a token. It has to be there, and
// is worth nothing without what the browser keeps.
func hasSecretParam(u *url.URL) bool {
	for param := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		if u.Path == signOnBack && strings.HasPrefix(param, "code=") {
			continue
		}
		if plain, err := url.QueryUnescape(param); err == nil {
			param = plain
		}
		name, _, _ := strings.Cut(param, "=")
		if slices.Contains(secretParams, strings.ToLower(name)) || holdsSecret(param) {
			return true
		}
	}
	return false
}
