package web

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/auth"
)

const (
	// signOnStart is where a browser goes to sign in at the provider.
	signOnStart = "/v1/login/oidc/start"
	// signOnBack is where the provider sends it back to: the sign-in page, at the address that is no app's.
	signOnBack = "/sign-in"
	// providerWithin bounds what a sign-in asks of the provider. It is more than other answers may take: a code is
	// good once, so that who gives the provider up while it thinks has to begin anew.
	providerWithin = 4 * time.Second
)

// broughtBack is the provider's answer to a sign-in, as the browser brings it: a code, or an error.
type broughtBack struct {
	Code   string `json:"code,omitempty" maxLength:"8192" doc:"As it came from the provider; good once"`
	Error  string `json:"error,omitempty" maxLength:"128" doc:"The same, where there is no code"`
	Issuer string `json:"iss,omitempty" maxLength:"1024" doc:"The same, where it came"`
}

func (in *broughtBack) bound(f *fields) {
	f.text("code", in.Code, 0, auth.MaxCode)
	f.text("error", in.Error, 0, 128)
	f.text("iss", in.Issuer, 0, 1024)
}

func (in *broughtBack) check(f *fields) {
	in.bound(f)
	switch {
	case in.Code == "" && in.Error == "":
		f.fail("code", "is required where there is no error")
	case in.Code != "" && in.Error != "":
		f.fail("error", "does not go together with a code")
	}
}

// signOnInput signs in whom the provider's answer names.
type signOnInput struct {
	State string `json:"state" minLength:"1" maxLength:"256" doc:"As it came from the provider"`
	broughtBack
	clientInput
}

func (in *signOnInput) check(f *fields) {
	f.text("state", in.State, 1, 256)
	in.broughtBack.check(f)
	in.clientInput.check(f)
}

// signOnAnswer is that to a sign-in at the provider that was admitted.
type signOnAnswer struct {
	loginAnswer
	ReturnTo string `json:"return_to,omitempty" doc:"The path of this site that the sign-in was begun for"`
}

// signOnProblem returns the problem of a sign-in at the provider that led to nothing. It says what to do.
func signOnProblem(fault auth.SignOnFault) *problem {
	title, detail := "The sign-in at the provider did not succeed", ""
	switch fault {
	case auth.SignOnDenied:
		detail = "It was cancelled there, or the provider does not let this user in here. Sign in again, or in another way."
	case auth.SignOnUnfinished:
		detail = "The provider wanted to ask something first. Sign in again, and answer what it asks."
	case auth.SignOnCode:
		detail = "What the provider sent along has been used before, or is too old. Sign in again."
	case auth.SignOnIssuer:
		detail = "The answer is not that of the provider which the hub had asked. Sign in again."
	case auth.SignOnStale:
		detail = "The provider has not asked anew who the user is, or does not say so. Sign out there, then try again."
	case auth.SignOnSetUp:
		p := newProblem(http.StatusServiceUnavailable, "sign-on-"+string(fault), "The provider does not know this hub",
			"One of the two is not set up right; the hub's log says what is wrong. Tell whoever runs the hub.")
		p.retryAfter = time.Minute
		return p
	default:
		title = "This sign-in was not begun here"
		detail = "It was begun in another browser, took more than ten minutes, or is finished already. Sign in again."
	}
	return unauthorized("sign-on-"+string(fault), title, detail)
}

// signOnRoutes are those of a sign-in at the provider by the authorization code flow with PKCE (OpenID Connect Core
// 1.0, section 3.1; RFC 7636, RFC 9700), in the order in which a browser asks them.
func (s *server) signOnRoutes() []route {
	start := operation("GET", signOnStart, "start-sign-on", "Go and sign in at the OpenID provider", nil)
	start.Parameters = []*huma.Param{
		queryParam("return", huma.TypeString, "/devices",
			"The path of this site to go to afterwards, in 1000 bytes at most. What is none is left out."),
		queryParam("report", huma.TypeBoolean, true, "With true, it signs nobody in, and proves to POST "+
			"/v1/session/report who the user is: the provider asks even those whom it knows."),
	}
	finish := operation("POST", "/v1/login/oidc/code", "finish-sign-on", "Sign in by the OpenID provider's code", nil)
	return []route{
		raw(start, http.HandlerFunc(s.startSignOn)).
			says("For browsers: a link leads here. The cookie says for ten minutes that the sign-in was begun by this one; "+
				"several may be under way at once. The provider sends the browser back to "+signOnBack+", which is the "+
				"sign-in page. Who comes from a page of another site is led to the sign-in page first.").
			gives(http.StatusSeeOther, "Go on there.", nil,
				headerField{"Location", "The provider's page. Where the provider is away, or the hub is unknown to it, the " +
					"sign-in page, with sign_on=unavailable or sign_on=set-up.",
					"https://login.example.com/authorize?response_type=code&…", false},
				headerField{"Set-Cookie", "The sign-in that was begun.",
					signOnCookie + "…=…; Path=/; Max-Age=600; HttpOnly; SameSite=Lax", true}).
			refuses(errNoOIDC),
		on(s, creates(finish), s.finishSignOn).
			says("The sign-in page sends what came with the browser from the provider. The state must be that of a sign-in "+
				"which this browser has begun; that is over then, whatever comes of it. At the limit it is as with a password.").
			takes(signOnInput{State: exampleState, broughtBack: broughtBack{Code: "SplxlOBeZQQYbYS6WxSbIA"},
				clientInput: clientInput{Device: exampleDevice, Deliver: inCookie}}).
			gives(http.StatusCreated, "The user is signed in; ended lists the sessions that had to go.",
				signOnAnswer{exampleOpened, "/devices"}, cookieSet).
			refuses(errNoOIDC, signOnProblem(auth.SignOnUnknown), signOnProblem(auth.SignOnDenied),
				signOnProblem(auth.SignOnUnfinished), signOnProblem(auth.SignOnCode), signOnProblem(auth.SignOnIssuer),
				signOnProblem(auth.SignOnSetUp), tokenProblem(auth.TokenInvalid), tokenProblem(auth.TokenStale),
				tokenProblem(auth.TokenUsed), tokenProblem(auth.TokenNoUser), tokenProblem(auth.SignedOff),
				tooMany(30*time.Second), errBusy, errNoProvider, exampleChoice(), exampleAtLimit()),
	}
}

// exampleState is where the state of a sign-in would stand.
const exampleState = "b25seSBhbiBleGFtcGxlIG9ubHkgYW4gZXhhbXBsZSE"

// startSignOn leads a browser to the provider's page.
func (s *server) startSignOn(w http.ResponseWriter, r *http.Request) {
	if s.OIDC == nil {
		writeProblem(w, errNoOIDC)
		return
	}
	c := newCall(w, r)
	defer c.end()
	query := r.URL.Query()
	c.header.Set("Location", s.beginSignOn(c, sitePath(query.Get("return")), query.Get("report") == "true"))
	w.WriteHeader(http.StatusSeeOther)
}

// beginSignOn returns where a browser goes to sign in, and has it keep what it needs when it comes back.
func (s *server) beginSignOn(c *call, returnTo string, report bool) string {
	if c.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// Where the provider asks nothing, this would sign the user in, and somebody out, on another site's wish.
		return signInPage("", returnTo)
	}
	begun := signOn{SignOn: auth.NewSignOn(), at: time.Now(), returnTo: returnTo, report: report}
	if report {
		begun.SignOn = begun.Anew()
	}
	c.leave(providerWithin)
	page, err := s.OIDC.SignOnURL(c.Context(), begun.SignOn, s.backAddress(c.Request))
	if err != nil {
		s.log.WarnContext(c.Context(), "no sign-in at the OpenID provider can begin", "error", err)
		why := "unavailable"
		if refused := new(auth.SignOnError); errors.As(err, &refused) {
			why = string(refused.Fault)
		}
		return signInPage(why, returnTo)
	}
	s.keepSignOn(c, begun)
	return page
}

// signInPage returns the address of the sign-in page, with what it is to say, and where to go afterwards.
func signInPage(why, returnTo string) string {
	query := make(url.Values)
	if why != "" {
		query.Set("sign_on", why)
	}
	if returnTo != "" {
		query.Set("return", returnTo)
	}
	return (&url.URL{Path: signOnBack, RawQuery: query.Encode()}).String()
}

// backAddress returns where the provider sends the browser back to. The public URL says where the hub is; without one,
// it is where the browser has found it.
func (s *server) backAddress(r *http.Request) string {
	return s.siteAddress(r) + signOnBack
}

// siteAddress returns where the hub is.
func (s *server) siteAddress(r *http.Request) string {
	if s.origins.own != "" {
		return s.origins.own
	}
	own := url.URL{Scheme: "http", Host: r.Host}
	if s.SecureCookies || r.TLS != nil {
		own.Scheme = "https"
	}
	return own.String()
}

// finishSignOn signs in whom the provider vouches for in its answer.
func (s *server) finishSignOn(c *call, in *signOnInput) (*signOnAnswer, error) {
	if s.OIDC == nil {
		return nil, errNoOIDC
	}
	begun, err := s.takeSignOn(c, in.State, false)
	if err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	answer, err := s.loginVouched(c, in.clientInput, func() (auth.Identity, error) {
		return s.redeem(c, begun, in.broughtBack)
	})
	if err != nil {
		return nil, returning(err, begun.returnTo)
	}
	return &signOnAnswer{*answer, begun.returnTo}, nil
}

// redeem returns whom the provider vouches for in its answer to a sign-in, and leaves the store time.
func (s *server) redeem(c *call, begun signOn, in broughtBack) (auth.Identity, error) {
	c.leave(providerWithin)
	defer c.leave(storeLeast)
	given := auth.SignOnAnswer{Code: in.Code, Error: in.Error, Issuer: in.Issuer, Begun: begun.at}
	return s.OIDC.Redeem(c.Context(), begun.SignOn, s.backAddress(c.Request), given)
}

// returning adds to the problem that err is where its user wanted to go.
func returning(err error, to string) error {
	p, known := problemOf(err)
	if !known || to == "" {
		return err
	}
	own := *p
	own.ReturnTo = to
	return &own
}
