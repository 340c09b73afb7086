package web

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// maxHeartbeat is the longest that a client without a socket is left without news.
const maxHeartbeat = 60 * time.Second

var errNoSession = newProblem(http.StatusNotFound, "no-session", "There is no such live session", "")

type heartbeatInput struct {
	Active bool `json:"active,omitempty" doc:"Whether the user did something since the last one"`
}

// heartbeatAnswer tells a client without a socket how its session is.
type heartbeatAnswer struct {
	State      string        `json:"state" enum:"live,ended"`
	Session    *session.View `json:"session,omitempty"`
	NextMS     int64         `json:"next_ms,omitzero" doc:"When to ask again"`
	Expiring   *idleWarning  `json:"expiring,omitempty" doc:"What a socket would be told: the session is about to end for want of activity"`
	ForcedExit *bool         `json:"forced_exit,omitempty" doc:"Whether somebody else ended it"`
	endingView
}

// idleWarning is the socket's message of that name, for a client without one.
type idleWarning struct {
	Type string            `json:"type" enum:"session.expiring"`
	At   session.Timestamp `json:"at" doc:"When it ends"`
	InMS int64             `json:"in_ms" doc:"How long until then"`
}

// sessionList is an answer that lists sessions.
type sessionList struct {
	Sessions []session.View `json:"sessions"`
}

// endedList is an answer that lists sessions which have ended by the request.
type endedList struct {
	Ended []session.View `json:"ended"`
}

func (s *server) sessionRoutes() []route {
	heartbeat := operation("POST", "/v1/session/heartbeat", "heartbeat", "Ask, without a socket, how the session is", byToken)
	return []route{
		on(s, operation("GET", "/v1/session", "get-session", "The current session", byToken), s.current).
			says("Whether the session is live: this is what an app's backend asks with the token of a device.").
			gives(http.StatusOK, "It is live.", exampleView),
		on(s, operation("DELETE", "/v1/session", "logout", "Sign out", byToken), s.logout).
			says("Ends the session that asks, and takes the cookie back.").
			gives(http.StatusNoContent, "The session has ended.", nil,
				headerField{"Set-Cookie", "Takes the cookie back.", plainCookie + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", true},
				headerField{"Clear-Site-Data", "Where the hub's operator turned it on.", siteData, true}),
		on(s, mayHaveBody(heartbeat), s.heartbeat).
			says("For clients without a socket. A bare heartbeat is no activity: an idle session ends all the same. "+
				"That a session has ended is no error here; 401 is for a token that was never issued.").
			takes(heartbeatInput{Active: true}).
			gives(http.StatusOK, "How the session is, and when to ask again.", examples{
				"live": heartbeatAnswer{State: "live", Session: &exampleView, NextMS: maxHeartbeat.Milliseconds()},
				"expiring": heartbeatAnswer{State: "live", Session: &exampleView, NextMS: 50_000, Expiring: &idleWarning{
					Type: "session.expiring", At: session.Timestamp(exampleNow.Add(50 * time.Second)), InMS: 50_000,
				}},
				"ended": heartbeatAnswer{
					State: "ended", ForcedExit: examplePointer(true), endingView: viewEnding(exampleEnding),
				},
			}),
		on(s, operation("GET", "/v1/sessions", "list-sessions", "The user's live sessions", byToken), s.list).
			gives(http.StatusOK, "All of them, the current one among them.",
				sessionList{Sessions: []session.View{exampleOldView, exampleView}}),
		on(s, operation("DELETE", "/v1/sessions", "end-others", "End all sessions but the current one", byToken), s.endOthers).
			gives(http.StatusOK, "They have ended, and their devices are told.",
				endedList{Ended: []session.View{exampleOldView}}),
		on(s, operation("DELETE", "/v1/sessions/{id}", "end-session", "End one of the user's sessions", byToken), s.endOne).
			says("To end the current one is to sign out.").
			gives(http.StatusOK, "It has ended, and its device is told.",
				endedList{Ended: []session.View{exampleOldView}},
				headerField{"Set-Cookie", "Takes the cookie back, where it was the current one.",
					plainCookie + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", true}),
	}
}

// siteData is what a browser forgets of the site when its user signs out.
const siteData = `"cache", "cookies", "storage"`

// check returns the live session that asks, and its user's account.
func (s *server) check(c *call) (session.Session, session.Snapshot, session.Key, error) {
	cred, err := s.credential(c.Request)
	if err != nil {
		return session.Session{}, session.Snapshot{}, session.Key{}, err
	}
	live, snap, err := s.Registry.Check(c.Context(), cred)
	return live, snap, cred.Key, err
}

func (s *server) current(c *call, _ *none) (*session.View, error) {
	live, snap, _, err := s.check(c)
	if err != nil {
		return nil, err
	}
	v := view(snap.Account.User, live, snap.Routes, live.ID)
	return &v, nil
}

// logout ends the session that asks, and takes the browser's cookie back, whatever became of the session before.
func (s *server) logout(c *call, _ *none) (*none, error) {
	cred, err := s.credential(c.Request)
	if err != nil {
		return nil, err
	}
	proven := func(live session.Session) bool {
		return live.ID == cred.ID && subtle.ConstantTimeCompare(live.Digest[:], cred.Digest[:]) == 1
	}
	ended, err := s.Registry.End(c.Context(), cred.Key, proven, session.Ending{Reason: session.SignedOut})
	if err != nil {
		return nil, err
	}
	s.clearCookie(c)
	if len(ended) == 0 {
		// There was nothing to end; say why.
		_, _, err := s.Registry.Check(c.Context(), cred)
		return nil, err
	}
	if s.ClearSiteData {
		c.header.Set("Clear-Site-Data", siteData)
	}
	return nil, nil
}

func (s *server) heartbeat(c *call, in *heartbeatInput) (*heartbeatAnswer, error) {
	live, snap, key, err := s.check(c)
	var over *session.EndedError
	if errors.As(err, &over) && over.Ending.Reason != session.Unknown {
		forced := over.Ending.Reason.Forced()
		return &heartbeatAnswer{State: "ended", ForcedExit: &forced, endingView: viewEnding(over.Ending)}, nil
	}
	if err != nil {
		return nil, err
	}
	if in.Active {
		mark := session.Mark{Key: key, Session: live.ID, IdleTimeout: live.IdleTimeout}
		if err := s.Registry.Touch(c.Context(), mark); err != nil {
			return nil, err
		}
		live.LastActiveAt = snap.Now
	}
	v := view(snap.Account.User, live, snap.Routes, live.ID)
	next, expiring := nextHeartbeat(live, snap.Now)
	return &heartbeatAnswer{State: "live", Session: &v, NextMS: next.Milliseconds(), Expiring: expiring}, nil
}

// nextHeartbeat returns when a client should ask again: a few times in the time that the session may be idle, when it is
// to be warned, and when it ends. The warning, if it is time for one, comes earlier than by a socket, as clients may first
// try one of these for ten seconds: a minute before the end, or at half of the timeout.
func nextHeartbeat(live session.Session, now time.Time) (time.Duration, *idleWarning) {
	if live.IdleTimeout == 0 {
		return maxHeartbeat, nil
	}
	next := min(maxHeartbeat, live.IdleTimeout/3)
	ends := live.IdleExpiresAt()
	left := ends.Sub(now)
	warn := left - min(time.Minute, live.IdleTimeout/2)
	if warn > 0 {
		return max(time.Second, min(next, warn)), nil
	}
	warning := &idleWarning{Type: "session.expiring", At: session.Timestamp(ends), InMS: left.Milliseconds()}
	return max(time.Second, min(next, left)), warning
}

func (s *server) list(c *call, _ *none) (*sessionList, error) {
	live, snap, _, err := s.check(c)
	if err != nil {
		return nil, err
	}
	a, _ := snap.Account.Expire(snap.Now)
	return &sessionList{Sessions: viewAll(a.User, a.Live, snap.Routes, live.ID)}, nil
}

func (s *server) endOthers(c *call, _ *none) (*endedList, error) {
	return s.end(c, func(live, other session.Session) bool { return other.ID != live.ID })
}

// endOne ends one session of the user; to end the current one is to sign out.
func (s *server) endOne(c *call, _ *none) (*endedList, error) {
	id, err := sessionID(c)
	if err != nil {
		return nil, err
	}
	list, err := s.end(c, func(_, other session.Session) bool { return other.ID == id })
	if err == nil && len(list.Ended) == 0 {
		return nil, errNoSession
	}
	return list, err
}

// end ends those of the user's sessions that the session which asks picks.
func (s *server) end(c *call, pick func(own, other session.Session) bool) (*endedList, error) {
	cred, err := s.credential(c.Request)
	if err != nil {
		return nil, err
	}
	own, gone, err := s.Registry.EndAs(c.Context(), cred, func(own session.Session) (func(session.Session) bool, session.Ending) {
		why := session.Ending{Reason: session.EndedByUser, By: own.Actor()}
		if pick(own, own) {
			why = session.Ending{Reason: session.SignedOut}
		}
		return func(other session.Session) bool { return pick(own, other) }, why
	})
	if err != nil {
		return nil, err
	}
	if pick(own, own) {
		s.clearCookie(c)
	}
	list := &endedList{Ended: make([]session.View, len(gone))}
	for i, e := range gone {
		list.Ended[i] = view(e.User, e.Session, nil, own.ID)
	}
	return list, nil
}

// sessionID reads the session ID in a path.
func sessionID(c *call) (session.ID, error) {
	text := c.param("id")
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(id.String()) {
		return session.ID{}, &problem{
			Type: errNoSession.Type, Title: errNoSession.Title, Status: http.StatusNotFound,
			Detail: "That is not the ID of a session.",
		}
	}
	return id, nil
}
