package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// reportInput is what shows, beside the token of the session that has ended, that it is its user who speaks: one of
// the three.
type reportInput struct {
	Password *string `json:"password,omitzero" minLength:"1" maxLength:"1024" doc:"The user's; or else id_token"`
	IDToken  *string `json:"id_token,omitzero" minLength:"1" maxLength:"16384" doc:"Of the same user, as the provider issued it to the app; in place of the password"`
	Nonce    string  `json:"nonce,omitempty" maxLength:"256" doc:"The one that the app sent the provider, if it sent one"`
	State    *string `json:"state,omitzero" minLength:"1" maxLength:"256" doc:"Of a sign-in at the provider that was begun for a report, with what came along; in place of the password"`
	broughtBack
}

func (in *reportInput) check(f *fields) {
	brought := in.broughtBack != broughtBack{}
	if in.State == nil {
		in.bound(f)
	}
	switch {
	case in.Password != nil && in.IDToken != nil:
		f.fail("id_token", "goes in place of password, and not with it")
	case in.State != nil && (in.Password != nil || in.IDToken != nil):
		f.fail("state", "goes in place of password and id_token, and not with them")
	case brought && in.State == nil:
		f.fail("state", "is required with what came from the provider")
	case in.State != nil:
		f.text("state", *in.State, 1, 256)
		in.broughtBack.check(f)
	case in.IDToken != nil:
		f.text("id_token", *in.IDToken, 1, auth.MaxProviderToken)
	case in.Password != nil:
		f.text("password", *in.Password, 1, maxPassword)
	default:
		f.fail("password", "is required, or else id_token or state")
	}
	f.text("nonce", in.Nonce, 0, maxNonce)
	if in.Nonce != "" && in.IDToken == nil {
		f.fail("nonce", "belongs to an id_token")
	}
}

// reportAnswer says what came of a report.
type reportAnswer struct {
	Session    session.View      `json:"session" doc:"The one that was reported"`
	Ended      bool              `json:"ended" doc:"Whether the report has ended it; else it had ended before"`
	ReportedAt session.Timestamp `json:"reported_at" doc:"When it was reported for the first time"`
	Sessions   []session.View    `json:"sessions" doc:"The user's other live sessions"`
	ReturnTo   string            `json:"return_to,omitempty" doc:"The path of this site that a sign-in for the report was begun for"`
}

// reportWays is how a user can prove to be the one who reports.
type reportWays struct {
	Password bool   `json:"password" doc:"Whether by the password"`
	Provider string `json:"provider,omitempty" doc:"By signing in there: the provider, as people know it"`
	Start    string `json:"start,omitempty" doc:"Where a browser goes for that; for sessions by cookie"`
}

// errReported is that there is no session of such an ID to report.
var errReported = newProblem(http.StatusNotFound, "no-session", "There is no such live session",
	"Nor is it one of those that ended lately.")

// unforced returns the problem of a session that cannot report who ended it.
func unforced(s session.Session) *problem {
	p := newProblem(http.StatusConflict, "nothing-to-report", "No other session has ended this one",
		"It is live. To end another session of the account, send DELETE /v1/sessions/{id}.")
	if s.Ended != nil {
		p.Detail = "There is no session to report. To see which are live, sign in."
		p.endingView = viewEnding(*s.Ended)
	}
	return p
}

func (s *server) reportRoutes() []route {
	signedOut := exampleNew
	signedOut.Ended = &session.Ending{Reason: session.SignedOut, At: exampleNow}
	answer := reportAnswer{
		Session: exampleNew.View(exampleUser, true, false), Ended: true,
		ReportedAt: session.Timestamp(exampleNow.Add(time.Minute)), Sessions: []session.View{},
	}
	const sessions = "/v1/admin/users/{user}/sessions"
	const start = "https://hub.example.com" + signOnStart + "?report=true"
	return []route{
		on(s, operation("GET", "/v1/session/report", "report-ways", "How to prove who says that it was not me", byToken),
			s.reportWays).
			says("What POST takes of the device's user here, for whoever asks them. It needs the same token.").
			gives(http.StatusOK, "One of them, both, or neither, where only an app can report.",
				reportWays{Password: true, Provider: "Example ID", Start: start}).
			refuses(unforced(session.Session{}), unforced(signedOut)),
		on(s, operation("POST", "/v1/session/report", "report", "It was not me", byToken), s.report).
			says("For a device whose session another one has ended: superseded, replaced or ended_by_user. With the token of "+
				"the ended session, and the password, an ID token or a sign-in at the provider of the same user, it reports the session that did so, "+
				"which is ended if it is live, and the hub's operator can be told at once. Said again, it answers the same. "+
				"The password stays as it is: have it changed.").
			takes(reportInput{Password: examplePointer("correct horse battery staple")}).
			gives(http.StatusOK, "It is reported, and is not live.", answer, headerField{"Set-Cookie",
				"Takes the sign-in at the provider back, where that was the proof.",
				signOnCookie + "…=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", true}).
			refuses(unforced(session.Session{}), unforced(signedOut), errNoPasswords, errCredentials, tooMany(30*time.Second),
				errBusy, errNoOIDC, errNoProvider, tokenProblem(auth.TokenInvalid), tokenProblem(auth.TokenStale),
				tokenProblem(auth.TokenUsed), tokenProblem(auth.TokenNoUser), tokenProblem(auth.TokenOther),
				tokenProblem(auth.SignedOff), signOnProblem(auth.SignOnUnknown), signOnProblem(auth.SignOnDenied),
				signOnProblem(auth.SignOnUnfinished), signOnProblem(auth.SignOnCode), signOnProblem(auth.SignOnIssuer),
				signOnProblem(auth.SignOnStale), signOnProblem(auth.SignOnSetUp)),
		on(s, operation("POST", sessions+"/{id}/report", "report-user-session",
			"Report a session that its user says was not theirs", byOperator), s.adminReport).
			says("For apps that check passwords themselves. The session named is the one to report, live or ended lately; the "+
				"last that it has ended stands as the one that reports it.").
			gives(http.StatusOK, "It is reported, and is not live.", answer).
			refuses(errReported),
	}
}

// victim returns the session whose token is sent, which another one must have ended, and what its user asks for.
func (s *server) victim(c *call) (session.Credential, session.Request, error) {
	cred, err := s.credential(c.Request)
	if err != nil {
		return cred, session.Request{}, err
	}
	snap, err := s.Registry.Load(c.Context(), cred.Key)
	if err != nil {
		return cred, session.Request{}, err
	}
	victim, _, err := snap.Victim(cred)
	req := s.request(c, snap.Account.User, nil)
	req.Device = victim.Device
	return cred, req, err
}

// reportWays says how the user of a session can prove to be that. The way to the provider and back is for browsers that
// keep the session's cookie: they come back to the hub's own page, which has no other token.
func (s *server) reportWays(c *call, _ *none) (*reportWays, error) {
	if _, _, err := s.victim(c); err != nil {
		return nil, err
	}
	ways := &reportWays{Password: s.Passwords != nil}
	if _, byHeader := bearer(c.Request); s.OIDC != nil && !byHeader {
		ways.Provider = s.OIDC.Name()
		ways.Start = s.siteAddress(c.Request) + signOnStart + "?report=true"
	}
	return ways, nil
}

// report reports who ended the session whose token is sent. The token alone is not enough: it may be what the
// intruder has found.
func (s *server) report(c *call, in *reportInput) (*reportAnswer, error) {
	switch {
	case in.Password != nil && s.Passwords == nil:
		return nil, errNoPasswords
	case in.Password == nil && s.OIDC == nil:
		return nil, errNoOIDC
	}
	var begun signOn
	var err error
	if in.State != nil {
		if begun, err = s.takeSignOn(c, *in.State, true); err != nil {
			s.metrics.failed(err)
			return nil, err
		}
	}
	cred, req, err := s.victim(c)
	if err != nil {
		return nil, returning(err, begun.returnTo)
	}
	var out session.Reported
	if in.Password != nil {
		out, err = s.reportByPassword(c, cred, req, *in.Password)
	} else {
		out, err = s.reportVouched(c, cred, req, func() (auth.Identity, error) {
			if in.State != nil {
				return s.redeem(c, begun, in.broughtBack)
			}
			turn, cancel := c.until(verifyWithin)
			defer cancel()
			return s.OIDC.Verify(turn, *in.IDToken, in.Nonce)
		})
	}
	if err != nil {
		return nil, returning(err, begun.returnTo)
	}
	answer := viewReported(out)
	answer.ReturnTo = begun.returnTo
	return answer, nil
}

func (s *server) reportByPassword(c *call, cred session.Credential, req session.Request, password string) (
	session.Reported, error) {
	if err := s.authenticate(c, req, password); err != nil {
		s.metrics.failed(err)
		return session.Reported{}, err
	}
	return s.Registry.Report(c.Context(), cred)
}

// reportVouched reports on the word of the provider, as vouch finds it out, which must be of the session's user.
func (s *server) reportVouched(c *call, cred session.Credential, req session.Request,
	vouch func() (auth.Identity, error)) (session.Reported, error) {
	end, err := s.beginFrom(c)
	if err != nil {
		s.metrics.failed(err)
		return session.Reported{}, err
	}
	id, err := vouch()
	if err == nil && id.User != req.User {
		err = &auth.TokenError{Fault: auth.TokenOther, Err: errors.New("it names another user than the session's")}
	}
	var out session.Reported
	if err == nil {
		out, err = s.Registry.ReportSSO(c.Context(), cred, id.SSO, id.Voucher)
		err = spent(err)
	}
	end(countable(err))
	if err != nil {
		s.metrics.failed(err)
	}
	s.logRefusal(c, err, req.IP)
	if !errors.Is(err, auth.ErrCredentials) {
		return out, err
	}
	return session.Reported{}, s.recordWrong(c, req, err)
}

// adminReport reports a session on the word of an app.
func (s *server) adminReport(c *call, _ *none) (*reportAnswer, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	id, err := sessionID(c)
	if err != nil {
		return nil, err
	}
	out, err := s.Registry.ReportFor(c.Context(), user, id)
	if errors.Is(err, session.ErrForgotten) {
		return nil, errReported
	}
	if err != nil {
		return nil, err
	}
	return viewReported(out), nil
}

func viewReported(out session.Reported) *reportAnswer {
	return &reportAnswer{
		Session:    out.Session.View(out.User, out.Ended && sent(out.Session), false),
		Ended:      out.Ended,
		ReportedAt: session.Timestamp(out.Session.Ended.ReportedAt),
		Sessions:   viewAll(out.User, out.Standing, out.Routes, session.ID{}),
	}
}
