package web

import (
	"bufio"
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// bearerProtocol begins the subprotocol that carries a token, for browsers without a cookie: they can set no
// header.
const bearerProtocol = "bearer."

var (
	errUpgrade     = plainProblem(http.StatusUpgradeRequired, "This is a WebSocket: connect with one.")
	errVersion     = plainProblem(http.StatusBadRequest, "The hub speaks version 13 of the WebSocket protocol.")
	errHandshake   = plainProblem(http.StatusBadRequest, "The WebSocket handshake is not as RFC 6455 wants it.")
	errSubprotocol = newProblem(http.StatusBadRequest, "subprotocol", "The subprotocol is missing",
		"Offer the subprotocol "+hub.Subprotocol+".")
	errOrigin = newProblem(http.StatusForbidden, "cross-site", "Not from this site",
		"With the cookie, the Origin must be the hub's own or one that its operator has allowed. "+
			"Other pages send the token as a subprotocol.")
)

// connectRoute is that of the WebSocket.
func (s *server) connectRoute() route {
	op := operation("GET", "/v1/connect", "connect", "Open the session's WebSocket", byToken)
	op.Parameters = []*huma.Param{{
		Name: "Sec-WebSocket-Protocol", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		Description: "The subprotocol, and the token where there is no other way to send it.",
		Example:     hub.Subprotocol + ", " + bearerProtocol + "sh_…",
	}}
	return raw(op, http.HandlerFunc(s.connect)).
		says("What is said on it is described in /asyncapi.json. The token comes as Authorization: Bearer, as a second "+
			"subprotocol, or as the cookie, which needs an Origin that is the hub's own or allowed. A token that is no "+
			"good is upgraded, told, and closed: no browser shows a page why a handshake was refused.").
		gives(http.StatusSwitchingProtocols, "The socket is open.", nil,
			headerField{"Sec-WebSocket-Protocol", "The subprotocol; never the token.", hub.Subprotocol, false}).
		refuses(errUpgrade, errVersion, errHandshake, errSubprotocol, errOrigin, errNoRoom, errStore)
}

// connect is the WebSocket endpoint. It finds out who wants to connect and answers the handshake; the hub does the
// rest. A token that is no good is upgraded like a good one, and told so: no browser shows a page why a handshake
// was refused.
func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	protocols := listed(r.Header, "Sec-Websocket-Protocol")
	cred, err := s.handshake(r, protocols)
	if err != nil {
		sayWhatIsSpoken(w, r, err)
		s.refuse(w, r, err)
		return
	}
	conn, err := s.attach(r.Context(), cred)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	upgrade := &upgrade{ResponseWriter: w}
	ws, err := websocket.Accept(upgrade, r, &websocket.AcceptOptions{
		Subprotocols:       []string{hub.Subprotocol},
		InsecureSkipVerify: true, // the origin has been checked by then, by rules of our own
	})
	if err != nil {
		conn.Cancel()
		s.log.DebugContext(r.Context(), "handshake failed", "error", err)
		return
	}
	conn.Serve(ws, upgrade.wire)
}

// attach is the hub's, within the time that any answer has.
func (s *server) attach(ctx context.Context, cred session.Credential) (*hub.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.Hub.Attach(ctx, cred)
}

// sayWhatIsSpoken adds to a refused handshake the protocol or the version that there is instead, as RFC 9110
// (15.5.22) and RFC 6455 (4.4) want it. HTTP/2 has no such header.
func sayWhatIsSpoken(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case err == errUpgrade && r.ProtoMajor == 1:
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
	case err == errVersion:
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
}

// refuse answers with a problem what is not on the way of the JSON routes, where the headers come from.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, err) })).ServeHTTP(w, r)
}

// handshake checks the request of a WebSocket, and returns what its token claims.
func (s *server) handshake(r *http.Request, protocols []string) (session.Credential, error) {
	switch {
	case !has(listed(r.Header, "Connection"), "upgrade"), !has(listed(r.Header, "Upgrade"), "websocket"):
		return session.Credential{}, errUpgrade
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return session.Credential{}, errVersion
	case !validKey(r.Header["Sec-Websocket-Key"]):
		return session.Credential{}, errHandshake
	case !slices.Contains(protocols, hub.Subprotocol):
		return session.Credential{}, errSubprotocol
	}
	token, fromCookie := s.socketToken(r, protocols)
	// A browser adds the cookie by itself, whichever page asks it to. Any other token is one that the page has.
	if fromCookie && (len(r.Header.Values("Origin")) == 0 || !s.origins.sameSite(r)) {
		return session.Credential{}, errOrigin
	}
	return claim(token), nil
}

// socketToken finds the token of a WebSocket's request: Bearer goes before the subprotocol, and both before the
// cookie.
func (s *server) socketToken(r *http.Request, protocols []string) (token string, fromCookie bool) {
	if token, ok := bearer(r); ok {
		return token, false
	}
	for _, protocol := range protocols {
		if token, ok := strings.CutPrefix(protocol, bearerProtocol); ok {
			return token, false
		}
	}
	if cookie, err := r.Cookie(s.cookieName()); err == nil {
		return cookie.Value, true
	}
	return "", false
}

// upgrade hands the connection over to the hub's small buffers as the WebSocket library takes it.
type upgrade struct {
	http.ResponseWriter
	wire *hub.Wire
}

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	wire, small := hub.NewWire(conn, buffers)
	u.wire = wire
	return wire, small, nil
}

// listed returns the elements of a header that is a list.
func listed(h http.Header, name string) []string {
	var elements []string
	for _, line := range h[name] {
		for element := range strings.SplitSeq(line, ",") {
			elements = append(elements, strings.TrimSpace(element))
		}
	}
	return elements
}

// has reports whether a list has an element, whose case does not matter.
func has(list []string, element string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, element) })
}

// validKey reports whether a handshake has one key, of 16 bytes.
func validKey(keys []string) bool {
	if len(keys) != 1 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0]))
	return err == nil && len(key) == 16
}
