package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/sessionhub/sessionhub/session"
)

// introspectInput is the form of OAuth 2.0 Token Introspection (RFC 7662, section 2.1). As that has it, parameters
// that are not known, and the hint, are ignored.
type introspectInput struct {
	Token string `json:"token" doc:"The token of a session"`
	Hint  string `json:"token_type_hint,omitempty" doc:"Ignored: there is one type of token"`
}

var errNoIntrospection = newProblem(http.StatusBadRequest, "malformed", "The body cannot be read",
	"Send the session's token once, as the form's parameter token.")

func (in *introspectInput) fromForm(values url.Values) error {
	tokens := values["token"]
	if len(tokens) != 1 || tokens[0] == "" {
		return errNoIntrospection
	}
	in.Token = tokens[0]
	return nil
}

// introspection is the answer of RFC 7662, section 2.2. Of a token that is not live, for whatever reason, it says
// nothing but that.
type introspection struct {
	Active    bool   `json:"active"`
	Sub       string `json:"sub,omitempty" doc:"The user"`
	Username  string `json:"username,omitempty" doc:"The user"`
	Sid       string `json:"sid,omitempty" doc:"The ID of the session"`
	TokenType string `json:"token_type,omitempty" enum:"Bearer"`
	Iat       int64  `json:"iat,omitzero" doc:"When the session was opened, in seconds since 1970"`
	Exp       int64  `json:"exp,omitzero" doc:"When it ends without further activity, in seconds since 1970; absent is never"`

	Device       *session.Device    `json:"device,omitempty"`
	IP           string             `json:"ip,omitempty"`
	UserAgent    string             `json:"user_agent,omitempty"`
	LastActiveAt *session.Timestamp `json:"last_active_at,omitempty"`
	Attributes   map[string]string  `json:"attributes,omitempty" doc:"The app's own, from when it opened the session"`
}

func (s *server) introspectRoutes() []route {
	live := introspection{
		Active: true, Sub: exampleUser, Username: exampleUser, Sid: exampleID.String(), TokenType: "Bearer",
		Iat: exampleNow.Unix(), Exp: exampleNow.Add(exampleNew.IdleTimeout).Unix(), Device: &examplePhone,
		IP: exampleNew.IP, UserAgent: exampleNew.UserAgent, LastActiveAt: timestamp(exampleNow),
		Attributes: map[string]string{"plan": "premium"},
	}
	return []route{
		on(s, operation("POST", "/v1/introspect", "introspect", "Ask about a token (RFC 7662)", byAPIKey), s.introspect).
			says("Of a token that is not live, whether it has ended, has run out or was made up, the answer says nothing but that.").
			takesForm(introspectInput{Token: exampleToken}).
			gives(http.StatusOK, "What the token is for, or that it is not live.", examples{
				"live": live, "not-live": introspection{},
			}).
			refuses(errNoIntrospection),
	}
}

// introspect takes one round trip, and for a token that was made up no other way than for a good one.
func (s *server) introspect(c *call, in *introspectInput) (*introspection, error) {
	live, snap, err := s.Registry.Check(c.Context(), claim(in.Token))
	if over := new(session.EndedError); errors.As(err, &over) {
		return &introspection{}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := &introspection{
		Active: true, Sub: snap.Account.User, Username: snap.Account.User, Sid: live.ID.String(), TokenType: "Bearer",
		Iat:    live.CreatedAt.Unix(),
		Device: &live.Device, IP: live.IP, UserAgent: live.UserAgent,
		LastActiveAt: timestamp(live.LastActiveAt), Attributes: live.Attributes,
	}
	if ends, _ := live.Deadline(); !ends.IsZero() {
		answer.Exp = ends.Unix()
	}
	return answer, nil
}
