package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// The cookie of an operator who has signed in to the dashboard, named as that of sessions is.
const (
	secureAdminCookie = "__Host-hub_admin"
	plainAdminCookie  = "hub_admin"
)

// maxAPIKey bounds a key that is typed in, in bytes. A longer one must come as Authorization: Bearer.
const maxAPIKey = 1024

var (
	errNoAPIKeys = newProblem(http.StatusNotFound, "no-api-keys", "There is no dashboard here",
		"This hub has no API key, so nobody can be let in. Start it with --api-key, or HUB_API_KEY in its environment.")
	errWrongAPIKey = unauthorized("api-key", "That is not an API key of this hub", "Look at how the hub was started: "+
		"--api-key, HUB_API_KEY, or api-key in its file.")
	errNotSignedIn = unauthorized("api-key", "Nobody is signed in to the dashboard", "Sign in with an API key.")
)

// operatorInput signs in to the dashboard.
type operatorInput struct {
	APIKey string `json:"api_key" minLength:"1" maxLength:"1024" doc:"One of the hub's API keys"`
}

func (in *operatorInput) check(f *fields) { f.text("api_key", in.APIKey, 1, maxAPIKey) }

// operatorAnswer says until when an operator is signed in.
type operatorAnswer struct {
	ExpiresAt session.Timestamp `json:"expires_at"`
}

func (s *server) operatorRoutes() []route {
	const path = "/v1/admin/session"
	enter := operation("POST", path, "sign-in-operator", "Sign in to the dashboard", nil)
	leave := operation("DELETE", path, "sign-out-operator", "Sign out of the dashboard", nil)
	leave.DefaultStatus = http.StatusNoContent
	answer := operatorAnswer{ExpiresAt: session.Timestamp(exampleNow.Add(auth.AdminSessionTTL))}
	return []route{
		on(s, creates(enter), s.enter).
			says("For the hub's own pages: gives the browser a cookie, which for twelve hours takes the place of the API key "+
				"in every call under /v1/admin/, from those pages alone. It does not hold the key, needs no store, is good at "+
				"every instance with the same key, and for nothing once that key is taken away.").
			takes(operatorInput{APIKey: "an example of an API key"}).
			gives(http.StatusCreated, "The cookie is set.", answer, headerField{"Set-Cookie", "Who the operator is.",
				plainAdminCookie + "=sa_…; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", false}).
			refuses(errNoAPIKeys, errWrongAPIKey, tooMany(30*time.Second), errBusy),
		on(s, operation("GET", path, "get-operator", "Whether an operator is signed in", byCookie), s.operator).
			says("By the cookie alone: an API key is not looked at.").
			gives(http.StatusOK, "One is.", answer).
			refuses(errNoAPIKeys, errNotSignedIn),
		on(s, leave, s.leave).
			says("Takes the cookie back. It is kept nowhere else: a copy of it, should there be one, goes on until it "+
				"expires, or until its key is taken away.").
			gives(http.StatusNoContent, "Nobody is signed in any more.", nil,
				headerField{"Set-Cookie", "Removes the cookie.", plainAdminCookie + "=; Path=/; Max-Age=0", false}),
	}
}

// enter signs an operator in. It asks no store, so that the dashboard opens while that is away.
func (s *server) enter(c *call, in *operatorInput) (*operatorAnswer, error) {
	switch {
	case s.APIKeys.Empty():
		return nil, errNoAPIKeys
	case !s.origins.ownPage(c.Request):
		return nil, errCrossSite // pages of allowed origins sign in users, not operators
	}
	end, err := s.beginFrom(c)
	if err != nil {
		return nil, err
	}
	value, until, err := s.APIKeys.Admit(in.APIKey, time.Now())
	end(err)
	if errors.Is(err, auth.ErrCredentials) {
		s.log.WarnContext(c.Context(), "somebody tried to sign in to the dashboard", "ip", c.address())
		return nil, errWrongAPIKey
	}
	s.log.InfoContext(c.Context(), "an operator has signed in to the dashboard", "ip", c.address())
	cookie := s.adminCookie(value)
	cookie.MaxAge = int(auth.AdminSessionTTL.Seconds())
	c.header.Add("Set-Cookie", cookie.String())
	return &operatorAnswer{ExpiresAt: session.Timestamp(until)}, nil
}

// operator says until when an operator is signed in.
func (s *server) operator(c *call, _ *none) (*operatorAnswer, error) {
	if s.APIKeys.Empty() {
		return nil, errNoAPIKeys
	}
	until, ok := s.operatorUntil(c.Request)
	if !ok {
		return nil, errNotSignedIn
	}
	return &operatorAnswer{ExpiresAt: session.Timestamp(until)}, nil
}

// leave signs an operator out; without one, too.
func (s *server) leave(c *call, _ *none) (*none, error) {
	if !s.origins.ownPage(c.Request) {
		return nil, errCrossSite
	}
	cookie := s.adminCookie("")
	cookie.MaxAge = -1
	c.header.Add("Set-Cookie", cookie.String())
	return nil, nil
}

func (s *server) adminCookie(value string) *http.Cookie {
	cookie := s.cookie(value)
	cookie.Name, cookie.SameSite = plainAdminCookie, http.SameSiteStrictMode
	if s.SecureCookies {
		cookie.Name = secureAdminCookie
	}
	return cookie
}

// mayAsk reports whether an operation with the given security, which has an API key in it, is open to a request, and
// until when; the zero time is for ever. A key in the request counts for more than a cookie, and alone.
func (s *server) mayAsk(r *http.Request, security []map[string][]string) (until time.Time, ok bool) {
	if key, sent := bearer(r); sent {
		return time.Time{}, s.APIKeys != nil && s.APIKeys.Valid(key)
	}
	if !takes(security, "operator") {
		return time.Time{}, false
	}
	return s.operatorUntil(r)
}

// operatorUntil returns until when the operator is signed in whose browser sent a request, from one of the hub's own
// pages. An allowed origin is allowed what a user may, and no more.
func (s *server) operatorUntil(r *http.Request) (until time.Time, ok bool) {
	cookie, err := r.Cookie(s.adminCookie("").Name)
	if err != nil || !s.origins.ownPage(r) {
		return time.Time{}, false
	}
	return s.APIKeys.Admitted(cookie.Value, time.Now())
}

// takes reports whether one of the ways to authenticate is among those of an operation.
func takes(security []map[string][]string, way string) bool {
	for _, one := range security {
		if _, ok := one[way]; ok {
			return true
		}
	}
	return false
}

// operatorScheme describes the cookie in the document.
func (s *server) operatorScheme() *huma.SecurityScheme {
	return &huma.SecurityScheme{Type: "apiKey", In: "cookie", Name: s.adminCookie("").Name,
		Description: "An operator who has signed in to the dashboard, from the hub's own pages."}
}
