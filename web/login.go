package web

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// delivery is how a client gets its token.
type delivery string

const (
	inBody   delivery = "token"
	inCookie delivery = "cookie"
)

func (f *fields) delivery(name string, d delivery) {
	if d != "" && d != inBody && d != inCookie {
		f.fail(name, "is neither %s nor %s", inBody, inCookie)
	}
}

// clientInput is what a client says of itself with a login of any kind.
type clientInput struct {
	Device  *deviceInput `json:"device,omitempty"`
	Force   bool         `json:"force,omitempty" doc:"Answers beforehand the question that policy ask would put"`
	Deliver delivery     `json:"deliver,omitempty" enum:"token,cookie" doc:"How the token comes; in the body by default"`
}

func (in *clientInput) check(f *fields) {
	f.device("device", in.Device)
	f.delivery("deliver", in.Deliver)
}

type loginInput struct {
	Username string `json:"username" minLength:"1" maxLength:"256"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
	clientInput
}

func (in *loginInput) check(f *fields) {
	f.text("username", in.Username, 1, maxUser)
	f.text("password", in.Password, 1, maxPassword)
	in.clientInput.check(f)
}

type choiceInput struct {
	Ticket  string       `json:"ticket" minLength:"1" maxLength:"256"`
	Force   *bool        `json:"force" doc:"Whether to make room and sign in; else the old sessions stay"`
	End     []session.ID `json:"end,omitempty" maxItems:"1000" doc:"Which sessions make room; the least recently active by default"`
	Deliver delivery     `json:"deliver,omitempty" enum:"token,cookie"`
}

func (in *choiceInput) check(f *fields) {
	f.text("ticket", in.Ticket, 1, maxTicket)
	if in.Force == nil {
		f.fail("force", "is required")
	}
	if len(in.End) > session.MaxSessions {
		f.fail("end", "has %d entries; want %d at most", len(in.End), session.MaxSessions)
	}
	f.delivery("deliver", in.Deliver)
}

// loginAnswer is that to a login that was admitted.
type loginAnswer struct {
	Session session.View   `json:"session"`
	Token   string         `json:"token,omitempty"`
	Ended   []session.View `json:"ended" doc:"The sessions that it forced out"`
}

var errNoPasswords = newProblem(http.StatusNotFound, "no-passwords", "There is no sign-in by password here",
	"The hub's operator has not set up any. Sign in through the app.")

func (s *server) loginRoutes() []route {
	return []route{
		on(s, creates(operation("POST", "/v1/login", "login", "Sign in by password", nil)), s.login).
			says("Opens a session on the device. At the limit the hub's policy decides: it ends other sessions, refuses, "+
				"or asks which it is to be. No refusal at the limit counts as a wrong password.").
			takes(loginInput{exampleUser, "correct horse battery staple", clientInput{Device: exampleDevice}}).
			gives(http.StatusCreated, "The user is signed in; ended lists the sessions that had to go.", exampleOpened, cookieSet).
			refuses(errNoPasswords, errCredentials, tooMany(30*time.Second), errBusy, exampleChoice(), exampleAtLimit()),
		on(s, creates(operation("POST", "/v1/login/choice", "choose", "Answer a login's question", nil)), s.choose).
			says("A ticket is good once, and for two minutes. Where the named sessions do not make room, the question is "+
				"put again with another ticket, for ten minutes in all.").
			takes(choiceInput{Ticket: exampleTicket, Force: examplePointer(true), End: []session.ID{exampleOtherID}}).
			gives(http.StatusCreated, "Room was made, and the user is signed in.", exampleOpened, cookieSet).
			gives(http.StatusNoContent, "The old sessions stay, and no new one was opened.", nil).
			refuses(errTicket, exampleChoice(), exampleAtLimit(), tokenProblem(auth.SignedOff)),
	}
}

// cookieSet is the header of a login that is to be delivered as a cookie.
var cookieSet = headerField{"Set-Cookie", "The session's token, with deliver: cookie.",
	plainCookie + "=sh_…; Path=/; HttpOnly; SameSite=Lax", true}

// exampleChoice and exampleAtLimit are Alice's second login where she may have one session.
func exampleChoice() *problem {
	return undecided(exampleUser, session.Outcome{
		Verdict: session.Challenged, Limit: 1, Standing: []session.Session{exampleOld}, Excess: session.Excess{Sessions: 1},
		Ticket: session.Ticket{ExpiresAt: exampleNow.Add(2 * time.Minute)},
	}, exampleTicket)
}

func exampleAtLimit() *problem {
	return undecided(exampleUser, session.Outcome{
		Verdict: session.Rejected, Limit: 1, Standing: []session.Session{exampleOld}, Excess: session.Excess{Sessions: 1},
	}, "")
}

// login signs in by password.
func (s *server) login(c *call, in *loginInput) (*loginAnswer, error) {
	if s.Passwords == nil {
		return nil, errNoPasswords
	}
	req := s.request(c, in.Username, in.Device)
	req.Force = in.Force
	if err := s.authenticate(c, req, in.Password); err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	return s.open(c, req, s.Rule, in.Deliver)
}

// request returns the login of a client that speaks for itself.
func (s *server) request(c *call, user string, device *deviceInput) session.Request {
	userAgent := clip(c.UserAgent(), maxUserAgent)
	return session.Request{
		User:      user,
		Device:    device.device(userAgent),
		IP:        c.address(),
		UserAgent: userAgent,
	}
}

// authenticate checks a password, unless there have been too many wrong ones. Only a wrong password counts as one:
// a login that is refused at the limit does not.
func (s *server) authenticate(c *call, req session.Request, password string) error {
	turn, cancel := c.until(verifyWithin)
	defer cancel()
	end := func(error) {}
	if s.Throttle != nil {
		attempt, err := s.Throttle.Begin(turn, c.client(), req.User)
		if err != nil {
			return err
		}
		end = attempt.End
	}
	err := s.Passwords.Verify(turn, req.User, password)
	c.leave(storeLeast)
	end(err)
	if !errors.Is(err, auth.ErrCredentials) {
		return err
	}
	return s.recordWrong(c, req, err)
}

// recordWrong records a wrong password, or what stands for one, also for a client that has left meanwhile. It returns
// why it was wrong, or that it could not be recorded.
func (s *server) recordWrong(c *call, req session.Request, wrong error) error {
	by := session.Actor{Device: &req.Device, IP: req.IP, UserAgent: req.UserAgent}
	ctx, cancel := c.alone()
	defer cancel()
	if err := s.Registry.LoginFailed(ctx, req.User, by); err != nil {
		return err
	}
	return wrong
}

// open opens a session for a user who has been authenticated, if the rule lets it, or what the user's own limits and the
// request say in its place.
func (s *server) open(c *call, req session.Request, rule session.Rule, deliver delivery) (*loginAnswer, error) {
	return s.admit(c, req, deliver, func(req session.Request) (session.Outcome, error) {
		return s.Registry.Login(c.Context(), req, rule)
	})
}

// admit lets a login be decided, with the token and the ticket that may come of it.
func (s *server) admit(c *call, req session.Request, deliver delivery,
	login func(session.Request) (session.Outcome, error)) (*loginAnswer, error) {
	token, cred := auth.Mint(req.User)
	req.Credential = cred
	ticket, digest := auth.MintTicket(req.User) // the user's own policy may be to ask
	req.Ticket = digest
	out, err := login(req)
	if err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	return s.decided(c, req.User, out, secrets{token, ticket, deliver})
}

// choose answers the question that a login at the limit was given.
func (s *server) choose(c *call, in *choiceInput) (*loginAnswer, error) {
	key, digest, err := auth.ParseTicket(in.Ticket)
	if err != nil {
		return nil, session.ErrTicket
	}
	token, cred := auth.MintKey(key)
	ticket, next := auth.MintTicketKey(key)
	out, err := s.Registry.Choose(c.Context(), session.Choice{
		Ticket: digest, Force: *in.Force, End: slices.Compact(in.End), Credential: cred, Next: next,
	})
	if err != nil {
		s.metrics.failed(err)
		return nil, err
	}
	return s.decided(c, out.User, out, secrets{token, ticket, in.Deliver})
}

// secrets are what a login may hand out, and how.
type secrets struct {
	token, ticket string
	deliver       delivery
}

// decided answers with the outcome of a login.
func (s *server) decided(c *call, user string, out session.Outcome, give secrets) (*loginAnswer, error) {
	s.metrics.decided(out.Verdict)
	switch out.Verdict {
	case session.Admitted:
		answer := &loginAnswer{
			Session: view(user, out.Session, out.Routes, out.Session.ID),
			Ended:   viewAll(user, out.Ended, nil, session.ID{}),
		}
		if give.deliver == inCookie {
			s.setCookie(c.header, give.token, out.Session)
		} else {
			answer.Token = give.token
		}
		return answer, nil
	case session.Declined:
		return nil, nil
	default:
		return nil, undecided(user, out, give.ticket)
	}
}

// undecided returns the problem of a login at the limit: a question, or a refusal.
func undecided(user string, out session.Outcome, ticket string) *problem {
	p := newProblem(http.StatusConflict, "session-limit", "The account is in use on as many devices as it may be",
		"Sign out on one of them, and try again.")
	if out.Verdict == session.Challenged {
		p = newProblem(http.StatusMultipleChoices, "choose-session", "Choose which session makes room",
			"The account is in use on as many devices as it may be. Answer at /v1/login/choice with the ticket.")
		p.Ticket, p.TicketExpiresAt = ticket, timestamp(out.Ticket.ExpiresAt)
	}
	p.Limit, p.Excess, p.Sessions = out.Limit, out.Excess, viewAll(user, out.Standing, out.Routes, session.ID{})
	return p
}
