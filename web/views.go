package web

import (
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// view shows a session of a user, of whose account these are the routes. One that has ended counts as connected if it was
// until then. Current is who asks; the zero ID is nobody.
func view(user string, s session.Session, routes session.Routes, current session.ID) session.View {
	return s.View(user, routes.Connections(s.ID) > 0 || sent(s), s.ID == current)
}

// sent reports whether a session has ended and its notice was sent.
func sent(s session.Session) bool { return s.Ended != nil && s.Ended.Sent() }

// viewAll shows several sessions of a user; no sessions are an empty list, not null.
func viewAll(user string, sessions []session.Session, routes session.Routes, current session.ID) []session.View {
	views := make([]session.View, len(sessions))
	for i, s := range sessions {
		views[i] = view(user, s, routes, current)
	}
	return views
}

// viewWhole shows a session as operators see it: with its attributes, whosesoever it is.
func viewWhole(user string, s session.Session, connected bool) session.View {
	v := s.View(user, connected, false)
	v.Attributes = s.Attributes
	return v
}

// endingView is how a session ended, among the members of what shows it.
type endingView struct {
	Reason  session.Reason     `json:"reason,omitempty"`
	At      *session.Timestamp `json:"at,omitempty"`
	By      *session.Actor     `json:"by,omitempty"`
	Message string             `json:"message,omitempty" doc:"In plain words, for the person whose session it was"`
}

// viewEnding shows how a session ended. Of one that nobody knows, there is no time to tell.
func viewEnding(why session.Ending) endingView {
	v := endingView{Reason: why.Reason, By: why.By.Shown(), Message: why.Text()}
	if why.Reason != session.Unknown {
		v.At = timestamp(why.At)
	}
	return v
}

// timestamp shows a time; the zero time is absent.
func timestamp(t time.Time) *session.Timestamp {
	if t.IsZero() {
		return nil
	}
	at := session.Timestamp(t)
	return &at
}
