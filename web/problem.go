package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// How long a client is asked to wait before it tries again.
const (
	retryStore = 2 * time.Second // the store is away
	retryBusy  = 1 * time.Second // this instance has no room, or is going away: the next one may do
)

// bearerChallenge says how to authenticate, where nobody did (RFC 6750).
const bearerChallenge = `Bearer realm="sessionhub"`

// problem is an answer that is not a success: problem details for HTTP APIs (RFC 9457). Beside the members that
// all of them have, each type has its own.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	// Errors name the fields of the request that cannot be.
	Errors []fieldError `json:"errors,omitempty"`

	// How a session has ended.
	endingView

	// Limit and Sessions say what is in the way of a login, Excess how many of them must go, and Ticket is for the
	// answer.
	Limit           int                `json:"limit,omitzero"`
	Sessions        []session.View     `json:"sessions,omitempty"`
	Excess          session.Excess     `json:"excess,omitzero" doc:"How many of the sessions must end; of_kind of them must be of the kind."`
	Ticket          string             `json:"ticket,omitempty"`
	TicketExpiresAt *session.Timestamp `json:"ticket_expires_at,omitempty"`

	// ReturnTo is the path of this site that a sign-in at the provider was begun for.
	ReturnTo string `json:"return_to,omitempty"`

	retryAfter time.Duration // sent as Retry-After
	challenge  bool          // sent as WWW-Authenticate
}

// fieldError says what is wrong with one field, without repeating its value, which may be a secret.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// problemPrefix begins the types of the hub's own problems. What each means is found at that address.
const problemPrefix = "/problems/"

// newProblem returns a problem of one of the hub's own types; the type is a URI reference that ends in name.
func newProblem(status int, name, title, detail string) *problem {
	return &problem{Type: problemPrefix + name, Title: title, Status: status, Detail: detail}
}

// plainProblem returns a problem about which nothing more can be said than its status and detail.
func plainProblem(status int, detail string) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// invalid returns the problem of a request with fields that cannot be.
func invalid(errs ...fieldError) *problem {
	p := newProblem(http.StatusUnprocessableEntity, "invalid-fields", "Some fields are not valid", "")
	p.Detail = errs[0].Field + ": " + errs[0].Message
	p.Errors = errs
	return p
}

func unauthorized(name, title, detail string) *problem {
	p := newProblem(http.StatusUnauthorized, name, title, detail)
	p.challenge = true
	return p
}

// The problems that errors of the packages below are. They are not changed.
var (
	errInside      = plainProblem(http.StatusInternalServerError, "Something went wrong inside the hub.")
	errStore       = unavailable("The session store is not available.", retryStore)
	errNoRoom      = unavailable("This instance takes no connections at the moment.", retryBusy)
	errBusy        = unavailable("Too many people are signing in at the moment.", retryBusy)
	errTicket      = newProblem(http.StatusGone, "ticket", "The choice is no longer open", session.ErrTicket.Error())
	errCredentials = unauthorized("credentials", "Wrong user name or password", "")
)

// errTooLarge is that a body has more bytes than it may.
func errTooLarge(most int64) *problem {
	return plainProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body may have %d bytes.", most))
}

// tooMany is that there have been too many wrong passwords.
func tooMany(retryAfter time.Duration) *problem {
	p := newProblem(http.StatusTooManyRequests, "throttled", "Too many wrong passwords", "Try again later.")
	p.retryAfter = max(retryAfter, time.Second)
	return p
}

// problemOf turns any error into the problem that is answered. An error that it does not know is the hub's own
// fault: the caller logs it, and the client learns nothing of it.
func problemOf(err error) (p *problem, known bool) {
	var ended *session.EndedError
	var tooLarge *http.MaxBytesError
	var throttled *auth.ThrottledError
	var refused *auth.TokenError
	var signOn *auth.SignOnError
	var alone *session.UnforcedError
	switch {
	case errors.As(err, &p):
		return p, true
	case errors.As(err, &ended):
		return endedProblem(ended.Ending), true
	case errors.As(err, &alone):
		return unforced(alone.Session), true
	case errors.Is(err, session.ErrTicket):
		return errTicket, true
	case errors.Is(err, session.ErrUnavailable):
		return errStore, true
	case errors.Is(err, hub.ErrFull), errors.Is(err, hub.ErrDraining):
		return errNoRoom, true
	case errors.As(err, &refused):
		return tokenProblem(refused.Fault), true
	case errors.As(err, &signOn):
		return signOnProblem(signOn.Fault), true
	case errors.Is(err, auth.ErrProvider):
		return errNoProvider, true
	case errors.Is(err, session.ErrProviderSession): // by the time a ticket was answered
		return tokenProblem(auth.SignedOff), true
	case errors.Is(err, auth.ErrCredentials):
		return errCredentials, true
	case errors.As(err, &throttled):
		return tooMany(throttled.RetryAfter), true
	case errors.Is(err, auth.ErrBusy):
		return errBusy, true
	case errors.As(err, &tooLarge):
		return errTooLarge(tooLarge.Limit), true
	case errors.Is(err, context.DeadlineExceeded):
		return unavailable("There was no answer in time.", retryStore), true
	case errors.Is(err, context.Canceled):
		// The client is gone; nobody reads this.
		return unavailable("The request was given up.", retryBusy), true
	default:
		return errInside, false
	}
}

func unavailable(detail string, retryAfter time.Duration) *problem {
	p := newProblem(http.StatusServiceUnavailable, "unavailable", "Not available at the moment", detail)
	p.retryAfter = retryAfter
	return p
}

// endedProblem returns the problem of a session that is no longer live. A token that was never issued, or that
// is not a token at all, gets the very same: its reason is Unknown.
func endedProblem(why session.Ending) *problem {
	p := unauthorized("session-ended", "The session is not live", "")
	p.endingView = viewEnding(why)
	return p
}

// writeProblem answers with p.
func writeProblem(w http.ResponseWriter, p *problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data: it cannot fail
	}
	h := w.Header()
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.challenge {
		h.Set("WWW-Authenticate", bearerChallenge)
	}
	h["Content-Type"] = contentProblem
	w.WriteHeader(p.Status)
	w.Write(body)
}

// fail answers with the problem that err is, and logs it if it is the hub's own.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, known := problemOf(err)
	if !known {
		s.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "route", r.Pattern, "error", err)
	}
	writeProblem(w, p)
}
