package web

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/session"
)

// gatePath is where reverse proxies ask whether a request may pass; some of them append the path that the client
// asked for.
const gatePath = "/v1/verify"

// The headers in which a proxy learns whose request it is, and why one is refused. Their values are headerText;
// those of the attributes are name=value, sorted by name, with & between. Where a request may pass all four are
// there, if empty, so that a proxy which copies them overwrites what the client made up.
const (
	userHeader       = "X-Session-User"
	idHeader         = "X-Session-Id"
	deviceHeader     = "X-Session-Device"
	attributesHeader = "X-Session-Attributes"
	reasonHeader     = "X-Session-Reason"
)

// errGate is what a proxy gets where others get a 500: the gate says yes, no, or that it cannot tell.
var errGate = unavailable("Something went wrong inside the hub.", retryBusy)

// beforeGate answers what proxies ask, and leaves the rest to next. The requests are those of a client to an app,
// and what they are is the app's business: there may be any method in them, any path, token or not in the URL,
// and any page may have sent them. So nothing that judges requests to the hub itself comes before.
func (s *server) beforeGate(next http.Handler) http.Handler {
	gate := s.recoverPanics(errGate)(s.secure(s.gateRoute().serve))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, gatePath); ok && (rest == "" || rest[0] == '/') {
			gate.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// gateRoute is that of the gate. It stands for any method, and for any path below its own.
func (s *server) gateRoute() route {
	op := operation("GET", gatePath, "verify", "Whether a request may pass", byToken)
	op.Parameters = []*huma.Param{queryParam("active", huma.TypeBoolean, true,
		"Whether the request counts as activity of the user.")}
	return raw(op, http.HandlerFunc(s.verify)).apart().
		says("The gate of a reverse proxy: nginx auth_request, forward auth, ext_authz. It takes any method, and any path "+
			"below its own, as some proxies append the one that was asked for; bodies are not read. The headers' values "+
			"have each byte but letters, digits and -._~@ as %XX.").
		gives(http.StatusOK, "The session is live.", nil,
			headerField{userHeader, "The user.", exampleUser, false},
			headerField{idHeader, "The session's ID.", exampleID.String(), false},
			headerField{deviceHeader, "The device's ID.", exampleLaptop.ID, false},
			headerField{attributesHeader, "The session's attributes, as a query has them; empty without any.", "plan=premium", false}).
		refuses(errNoToken, endedProblem(exampleEnding), errStore, errGate).
		sends(http.StatusUnauthorized, headerField{reasonHeader, "Why it has ended.", string(session.Superseded), false})
}

// verify answers a proxy: 200 and whose request it is, 401 and why not, or 503 where the store cannot say. It takes
// one round trip to the store, and none more for the activity, which the hub writes with that of its sockets.
func (s *server) verify(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// A body is the app's. Not all who announce it here send it: the answer does not wait for it, and what
		// comes after is not taken for the next request.
		w.Header().Set("Connection", "close")
	}
	c := newCall(w, r)
	defer c.end()
	live, snap, _, err := s.check(c)
	if err != nil {
		s.shut(w, r, err)
		return
	}
	if active, _ := strconv.ParseBool(r.URL.Query().Get("active")); active {
		s.Hub.Active(live, snap)
	}
	h := w.Header()
	h.Set(userHeader, headerText(snap.Account.User))
	h.Set(idHeader, live.ID.String())
	h.Set(deviceHeader, headerText(live.Device.ID))
	h.Set(attributesHeader, headerPairs(live.Attributes))
	w.WriteHeader(http.StatusOK)
}

// shut refuses a request. What is not the session's end is the hub's own trouble.
func (s *server) shut(w http.ResponseWriter, r *http.Request, err error) {
	p, _ := problemOf(err)
	switch p.Status {
	case http.StatusUnauthorized:
		w.Header().Set(reasonHeader, string(p.Reason))
	case http.StatusServiceUnavailable:
	default:
		s.log.ErrorContext(r.Context(), "the gate failed", "error", err)
		p = errGate
	}
	writeProblem(w, p)
}

// headerPairs writes attributes as the value of one header, in the form of a query: each language has a function
// that reads it.
func headerPairs(attributes map[string]string) string {
	pairs := make([]string, 0, len(attributes))
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		pairs = append(pairs, headerText(name)+"="+headerText(attributes[name]))
	}
	return strings.Join(pairs, "&")
}

// headerText writes any bytes as the value of a header, where a line break would begin another one and proxies
// differ on the rest. Letters, digits and -._~@ stand for themselves, and all else is %XX for each byte (RFC 3986,
// section 2.1), in capitals: one text has one form, and no two the same.
func headerText(text string) string {
	const digits = "0123456789ABCDEF"
	plain := func(b byte) bool {
		return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~@", b) >= 0
	}
	var out strings.Builder
	out.Grow(len(text))
	for i := range len(text) {
		if b := text[i]; plain(b) {
			out.WriteByte(b)
		} else {
			out.WriteString(string([]byte{'%', digits[b>>4], digits[b&15]}))
		}
	}
	return out.String()
}
