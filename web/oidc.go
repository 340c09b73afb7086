package web

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

const maxNonce = 256

// oidcInput signs in whom an OpenID provider vouches for.
type oidcInput struct {
	IDToken string `json:"id_token" minLength:"1" maxLength:"16384" doc:"As the provider issued it to the app; good once"`
	Nonce   string `json:"nonce,omitempty" maxLength:"256" doc:"The one that the app sent the provider, if it sent one"`
	clientInput
}

func (in *oidcInput) check(f *fields) {
	f.text("id_token", in.IDToken, 1, auth.MaxProviderToken)
	f.text("nonce", in.Nonce, 0, maxNonce)
	in.clientInput.check(f)
}

var errNoOIDC = newProblem(http.StatusNotFound, "no-single-sign-on", "There is no single sign-on here",
	"The hub's operator has not named an OpenID provider.")

// tokenProblem returns the problem of a provider's token that is not good for signing in. It tells those whose token
// was good what became of it, and those who made one up nothing.
func tokenProblem(fault auth.TokenFault) *problem {
	detail := "It is not one that the provider has issued for signing in here."
	switch fault {
	case auth.TokenStale:
		detail = "It is too old. Get a new one from the provider."
	case auth.TokenUsed:
		detail = "It has been used before: each is good for one login. Get a new one from the provider."
	case auth.TokenNoUser:
		detail = "It does not say who the user is in the claim that the hub goes by, or the email is not verified."
	case auth.TokenOther:
		detail = "It names another user than the session has."
	case auth.SignedOff:
		detail = "The user has signed out at the provider since. Sign in there again."
	}
	return unauthorized("id-token-"+string(fault), "The ID token is not accepted", detail)
}

var errNoProvider = unavailable("The OpenID provider is not available.", retryStore)

// oidcRoutes are what clients ask.
func (s *server) oidcRoutes() []route {
	login := operation("POST", "/v1/login/oidc", "login-oidc", "Sign in by an ID token", nil)
	return []route{
		on(s, creates(login), s.loginOIDC).
			says("Opens a session for whom an OpenID provider vouches for. An ID token is good for one login, whatever "+
				"comes of it, and for ten minutes from when it was issued. Its nonce must be that of the request, also "+
				"where one of them has none. At the limit it is as with a password.").
			takes(oidcInput{IDToken: exampleJWT, clientInput: clientInput{Device: exampleDevice}}).
			gives(http.StatusCreated, "The user is signed in; ended lists the sessions that had to go.", exampleOpened, cookieSet).
			refuses(errNoOIDC, tokenProblem(auth.TokenInvalid), tokenProblem(auth.TokenStale), tokenProblem(auth.TokenUsed),
				tokenProblem(auth.TokenNoUser), tokenProblem(auth.SignedOff), tooMany(30*time.Second), errBusy, errNoProvider,
				exampleChoice(), exampleAtLimit()),
	}
}

// logoutRoute is what a provider tells of a sign-out by.
func (s *server) logoutRoute() route {
	op := operation("POST", "/v1/oidc/backchannel-logout", "backchannel-logout", "Told of a sign-out by the provider", nil)
	return raw(op, http.HandlerFunc(s.backchannelLogout)).
		says("OpenID Connect Back-Channel Logout 1.0. It ends the sessions that came of the provider's session which the "+
			"token names, or, where it names none, of its subject. Each token counts once, when all is done.").
		takesForm(logoutForm{LogoutToken: exampleJWT}).
		gives(http.StatusOK, "Those sessions have ended, if there were any.", nil).
		gives(http.StatusBadRequest, "The token is not accepted.",
			oauthError{"invalid_request", logoutFault(auth.TokenUsed)}).
		apart().
		refuses(errNoOIDC, errInURL, errInside, errStore, errNoProvider, errNotForm, errBadForm, errCutShort, errSlowBody,
			errTooLarge(maxBody))
}

// exampleJWT is where a token of a provider would stand.
const exampleJWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJhbGljZSJ9.…"

// logoutForm is what a provider sends. What else is in the form is to be ignored.
type logoutForm struct {
	LogoutToken string `json:"logout_token" doc:"As the provider signed it"`
}

// fromForm takes the token if there is one, and one only.
func (f *logoutForm) fromForm(values url.Values) error {
	if len(values["logout_token"]) == 1 {
		f.LogoutToken = values.Get("logout_token")
	}
	return nil
}

// loginOIDC signs in whom the provider vouches for.
func (s *server) loginOIDC(c *call, in *oidcInput) (*loginAnswer, error) {
	if s.OIDC == nil {
		return nil, errNoOIDC
	}
	return s.loginVouched(c, in.clientInput, func() (auth.Identity, error) {
		turn, cancel := c.until(verifyWithin)
		defer cancel()
		return s.OIDC.Verify(turn, in.IDToken, in.Nonce)
	})
}

// loginVouched signs in whom the provider vouches for, as vouch finds out. What may be a guess counts as a wrong
// password does.
func (s *server) loginVouched(c *call, in clientInput, vouch func() (auth.Identity, error)) (*loginAnswer, error) {
	end, err := s.beginFrom(c)
	if err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	req := s.request(c, "", in.Device)
	req.Force = in.Force
	answer, err := s.admitVouched(c, &req, in.Deliver, vouch)
	end(countable(err))
	s.logRefusal(c, err, req.IP)
	if !errors.Is(err, auth.ErrCredentials) {
		return answer, err
	}
	return nil, s.recordWrong(c, req, err)
}

// countable returns an error as the throttle is to take it. A code or an error can be made up, also one that has the
// provider, or the browser, speak as if the hub were not set up right: it counts too, so that nobody has the hub ask the
// provider, or fill its log, as often as they like.
func countable(err error) error {
	if sign := new(auth.SignOnError); errors.As(err, &sign) && sign.Fault == auth.SignOnSetUp {
		return auth.ErrCredentials
	}
	return err
}

// logRefusal says in the log why the provider's word was not taken: what the client learns is less.
func (s *server) logRefusal(c *call, err error, ip string) {
	token, sign := new(auth.TokenError), new(auth.SignOnError)
	switch {
	case errors.As(err, &token):
		s.log.InfoContext(c.Context(), "an ID token was refused", "fault", token.Fault, "error", token, "ip", ip)
	case errors.As(err, &sign) && sign.Fault == auth.SignOnSetUp:
		s.log.ErrorContext(c.Context(), "the OpenID provider does not know the hub as it is set up", "error", sign)
	case errors.As(err, &sign):
		s.log.InfoContext(c.Context(), "a sign-in at the provider led to nothing", "fault", sign.Fault, "error", sign, "ip", ip)
	case errors.Is(err, auth.ErrProvider):
		s.log.WarnContext(c.Context(), "a sign-in could not be verified", "error", err)
	}
}

// beginFrom counts a login that says of its user only what must be verified first. Its end is told what came of it.
func (s *server) beginFrom(c *call) (end func(error), err error) {
	if s.Throttle == nil {
		return func(error) {}, nil
	}
	turn, cancel := c.until(verifyWithin)
	defer cancel()
	attempt, err := s.Throttle.BeginFrom(turn, c.client())
	if err != nil {
		return nil, err
	}
	return attempt.End, nil
}

// admitVouched opens a session for the user whom the provider vouches for. The request is filled in as far as is known.
func (s *server) admitVouched(c *call, req *session.Request, deliver delivery,
	vouch func() (auth.Identity, error)) (*loginAnswer, error) {
	id, err := vouch()
	if err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	req.User, req.SSO = id.User, &id.SSO
	return s.admit(c, *req, deliver, func(req session.Request) (session.Outcome, error) {
		out, err := s.Registry.LoginSSO(c.Context(), req, s.Rule, id.Voucher)
		return out, spent(err)
	})
}

// spent turns what the registry says of a token into what a verifier would.
func spent(err error) error {
	switch {
	case errors.Is(err, session.ErrTokenUsed):
		return &auth.TokenError{Fault: auth.TokenUsed, Err: err}
	case errors.Is(err, session.ErrProviderSession):
		return &auth.TokenError{Fault: auth.SignedOff, Err: err}
	default:
		return err
	}
}

// oauthError is what a provider is told that sent something which cannot be (RFC 6749, section 5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// signedOutThere is what the people are told whose sessions end because they have signed out at the provider. The notice
// knows it, to say it in other languages (sdk/notice-texts.js).
const signedOutThere = "You were signed out at the service that you sign in with."

// backchannelLogout ends the sessions that the provider says have ended (OpenID Connect Back-Channel Logout 1.0). No
// page ever sends it, and nothing but the token's signature speaks for it.
func (s *server) backchannelLogout(w http.ResponseWriter, r *http.Request) {
	if s.OIDC == nil {
		writeProblem(w, errNoOIDC)
		return
	}
	var form logoutForm
	if err := readBody(w, r, false, &form); err != nil {
		s.fail(w, r, err)
		return
	}
	if form.LogoutToken == "" {
		writeJSON(w, http.StatusBadRequest, oauthError{"invalid_request", "Send one logout_token."})
		return
	}
	c := newCall(w, r)
	defer c.end()
	ended, err := s.signOut(c, form.LogoutToken)
	var refused *auth.TokenError
	switch {
	case errors.As(err, &refused):
		s.log.InfoContext(c.Context(), "a logout token was refused", "fault", refused.Fault, "error", refused,
			"ip", c.address())
		writeJSON(w, http.StatusBadRequest, oauthError{"invalid_request", logoutFault(refused.Fault)})
	case err != nil:
		s.fail(w, r, err)
	default:
		s.log.InfoContext(c.Context(), "the provider has told of a sign-out", "ended", len(ended))
		w.WriteHeader(http.StatusOK)
	}
}

// signOut ends the sessions that a logout token is about. It goes on if the provider does not wait.
func (s *server) signOut(c *call, token string) ([]session.Ended, error) {
	turn, cancel := c.until(verifyWithin)
	defer cancel()
	out, err := s.OIDC.VerifyLogout(turn, token)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.alone()
	defer cancel()
	why := session.Ending{Reason: session.SignedOut, Message: signedOutThere}
	ended, err := s.Registry.SignOut(ctx, out, why)
	return ended, spent(err)
}

// logoutFault says why a logout token is refused.
func logoutFault(fault auth.TokenFault) string {
	switch fault {
	case auth.TokenStale:
		return "The logout token is too old."
	case auth.TokenUsed:
		return "The logout token has been used before."
	default:
		return "The logout token is not valid here."
	}
}
