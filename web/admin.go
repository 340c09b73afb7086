package web

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/session"
)

// openInput opens a session for a user whom an app has authenticated itself.
type openInput struct {
	User      string       `json:"user" minLength:"1" maxLength:"256"`
	Device    *deviceInput `json:"device,omitempty"`
	IP        string       `json:"ip,omitempty" doc:"The user's address, as the app sees it"`
	UserAgent string       `json:"user_agent,omitempty" maxLength:"512"`
	limitsInput
	Force      bool              `json:"force,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty" doc:"The app's own: up to 16, of 64 and 256 bytes"`
}

func (in *openInput) check(f *fields) {
	f.text("user", in.User, 1, maxUser)
	f.device("device", in.Device)
	if in.IP != "" {
		in.IP = f.address("ip", in.IP)
	}
	f.text("user_agent", in.UserAgent, 0, maxUserAgent)
	in.limitsInput.check(f)
	f.attributes("attributes", in.Attributes)
}

type endInput struct {
	Message string `json:"message,omitempty" maxLength:"500" doc:"For the person whose session ends"`
}

func (in *endInput) check(f *fields) { f.text("message", in.Message, 0, maxMessage) }

// adminSession is a live session as operators see it.
type adminSession struct {
	session.View
	Connections int           `json:"connections"`
	Instances   []connectedTo `json:"instances" doc:"Where its sockets are"`
}

// connectedTo says how many sockets of a session an instance holds.
type connectedTo struct {
	ID          string `json:"id"`
	Connections int    `json:"connections"`
}

// endedSession is a session that has ended as operators see it.
type endedSession struct {
	session.View
	endingView
	Delivery   session.NoticeDelivery `json:"delivery,omitempty" enum:"sent,offline" doc:"Whether it had a connection to send the notice to when it ended; absent is not known"`
	Receipt    *receipt               `json:"receipt" doc:"When a device said that it had shown the notice; null is not yet"`
	ReportedAt *session.Timestamp     `json:"reported_at" doc:"When its user said that it was not theirs; null is not at all"`
}

type receipt struct {
	AckedAt session.Timestamp `json:"acked_at"`
}

type adminList struct {
	Sessions []adminSession  `json:"sessions"`
	Ended    *[]endedSession `json:"ended,omitzero" doc:"Recently ended ones, the latest last, if they were asked for"`
}

type adminEnded struct {
	Ended []delivered `json:"ended"`
}

type delivered struct {
	Session  session.View           `json:"session"`
	Delivery session.NoticeDelivery `json:"delivery" enum:"sent,offline"`
}

func (s *server) adminRoutes() []route {
	const sessions = "/v1/admin/users/{user}/sessions"
	open := operation("POST", "/v1/admin/sessions", "open-session", "Open a session for a user", byOperator)
	list := operation("GET", sessions, "list-user-sessions", "A user's sessions", byOperator)
	list.Parameters = []*huma.Param{queryParam("ended", huma.TypeBoolean, true,
		"Whether to list sessions that ended lately too, with how, and whether their device said so.")}
	endAll := operation("DELETE", sessions, "end-user-sessions", "End all of a user's sessions", byOperator)
	endOne := operation("DELETE", sessions+"/{id}", "end-user-session", "End one of a user's sessions", byOperator)
	return []route{
		on(s, creates(open), s.adminOpen).
			says("For a user whom the app has authenticated itself. Limits and policy may be said for this login alone; "+
				"else the hub's own count. It answers as a login does.").
			takes(openInput{User: exampleUser, Device: exampleDevice, IP: exampleAddress,
				limitsInput: limitsInput{Limit: examplePointer(3)}}).
			gives(http.StatusCreated, "The session is open; its token is for the device.", exampleOpened).
			refuses(exampleChoice(), exampleAtLimit()),
		on(s, list, s.adminList).
			gives(http.StatusOK, "The live sessions and, where asked for, those that ended lately.", adminList{
				Sessions: []adminSession{{View: exampleNew.View(exampleUser, true, false), Connections: 1,
					Instances: []connectedTo{{ID: exampleInstance, Connections: 1}}}},
				Ended: &[]endedSession{{View: exampleOld.View(exampleUser, false, false),
					endingView: viewEnding(exampleEnding), Delivery: session.NoticeSent,
					Receipt: &receipt{AckedAt: session.Timestamp(exampleNow)}}},
			}),
		on(s, mayHaveBody(endAll), s.adminEndAll).
			takes(endInput{Message: "Your password was reset. Please sign in again."}).
			gives(http.StatusOK, "They have ended: those with a socket were sent a notice.",
				adminEnded{Ended: []delivered{{Session: exampleOldView, Delivery: session.NoticeSent}}}),
		on(s, mayHaveBody(endOne), s.adminEndOne).
			takes(endInput{Message: "This device was reported as stolen."}).
			gives(http.StatusOK, "It has ended.",
				adminEnded{Ended: []delivered{{Session: exampleOldView, Delivery: session.NoticeOffline}}}),
	}
}

// adminOpen opens a session. It is the way of every login of an app, and the one whose speed counts.
func (s *server) adminOpen(c *call, in *openInput) (*loginAnswer, error) {
	return s.open(c, session.Request{
		User:       in.User,
		Device:     in.Device.device(in.UserAgent),
		IP:         in.IP,
		UserAgent:  in.UserAgent,
		Attributes: in.Attributes,
		Limits:     in.limits(),
		Force:      in.Force,
	}, s.Rule, inBody)
}

func (s *server) adminList(c *call, _ *none) (*adminList, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	withEnded := false
	if text := c.URL.Query().Get("ended"); text != "" {
		if withEnded, err = strconv.ParseBool(text); err != nil {
			return nil, invalid(fieldError{"ended", "is neither true nor false"})
		}
	}
	snap, err := s.Registry.Load(c.Context(), session.KeyOf(user))
	if err != nil {
		return nil, err
	}
	a, _ := snap.Account.Expire(snap.Now)
	routes := make(map[session.ID]session.Routes, len(snap.Routes))
	for _, route := range snap.Routes {
		routes[route.Session] = append(routes[route.Session], route)
	}
	list := &adminList{Sessions: make([]adminSession, len(a.Live))}
	for i, live := range a.Live {
		list.Sessions[i] = viewAdmin(user, live, routes[live.ID])
	}
	if withEnded {
		ended := make([]endedSession, len(a.Ended))
		for i, e := range a.Ended {
			ended[i] = endedSession{View: viewWhole(user, e, false), endingView: viewEnding(*e.Ended),
				Delivery: e.Ended.Delivery, ReportedAt: timestamp(e.Ended.ReportedAt)}
			if at := e.Ended.AckedAt; !at.IsZero() {
				ended[i].Receipt = &receipt{AckedAt: session.Timestamp(at)}
			}
		}
		list.Ended = &ended
	}
	return list, nil
}

// viewAdmin shows a live session as operators see it, with the routes to it.
func viewAdmin(user string, live session.Session, routes session.Routes) adminSession {
	v := adminSession{
		View:        viewWhole(user, live, routes.Connections(live.ID) > 0),
		Connections: routes.Connections(live.ID),
		Instances:   []connectedTo{},
	}
	for _, route := range routes {
		if route.Connections > 0 {
			v.Instances = append(v.Instances, connectedTo{ID: route.Instance, Connections: route.Connections})
		}
	}
	return v
}

func (s *server) adminEndAll(c *call, in *endInput) (*adminEnded, error) {
	return s.adminEnd(c, in, func(session.Session) bool { return true })
}

func (s *server) adminEndOne(c *call, in *endInput) (*adminEnded, error) {
	id, err := sessionID(c)
	if err != nil {
		return nil, err
	}
	answer, err := s.adminEnd(c, in, func(live session.Session) bool { return live.ID == id })
	if err == nil && len(answer.Ended) == 0 {
		return nil, errNoSession
	}
	return answer, err
}

func (s *server) adminEnd(c *call, in *endInput, which func(session.Session) bool) (*adminEnded, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	why := session.Ending{Reason: session.EndedByAdmin, Message: in.Message}
	gone, err := s.Registry.End(c.Context(), session.KeyOf(user), which, why)
	if err != nil {
		return nil, err
	}
	return &adminEnded{Ended: viewDelivered(gone)}, nil
}

// viewDelivered shows sessions that an operator has ended, or would end.
func viewDelivered(gone []session.Ended) []delivered {
	list := make([]delivered, len(gone))
	for i, e := range gone {
		list[i] = delivered{Session: viewWhole(e.User, e.Session, sent(e.Session)), Delivery: e.Session.Ended.Delivery}
	}
	return list
}

// userParam reads the user in a path.
func userParam(c *call) (string, error) {
	user := c.param("user")
	var f fields
	f.text("user", user, 1, maxUser)
	return user, f.err()
}
