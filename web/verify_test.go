package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// gateHeaders are those that say whose request it is.
var gateHeaders = []string{"X-Session-User", "X-Session-Id", "X-Session-Device", "X-Session-Attributes"}

// passes checks that a request may pass, and returns whose it is.
func (r *reply) passes() (user, id, device string, attributes map[string]string) {
	r.Helper()
	if r.status != http.StatusOK || r.text != "" {
		r.Fatalf("status %d, body %q; want 200 and none", r.status, r.text)
	}
	plain := func(name string) string {
		r.Helper()
		if values := r.header.Values(name); len(values) != 1 {
			r.Fatalf("%s is there %d times, want once", name, len(values))
		}
		text, err := url.PathUnescape(r.header.Get(name))
		if err != nil {
			r.Error(err)
		}
		return text
	}
	plain("X-Session-Attributes")
	pairs, err := url.ParseQuery(r.header.Get("X-Session-Attributes"))
	if err != nil {
		r.Error(err)
	}
	attributes = make(map[string]string)
	for name := range pairs {
		attributes[name] = pairs.Get(name)
	}
	return plain("X-Session-User"), plain("X-Session-Id"), plain("X-Session-Device"), attributes
}

// stops checks that a request may not pass, for a reason, and that nobody is named.
func (r *reply) stops(reason session.Reason) *reply {
	r.Helper()
	r.want(http.StatusUnauthorized).has(string(reason), "reason")
	if got := r.header.Get("X-Session-Reason"); got != string(reason) {
		r.Errorf("X-Session-Reason %q, want %q", got, reason)
	}
	if got := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
		r.Errorf("WWW-Authenticate %q", got)
	}
	return r.namesNobody()
}

func (r *reply) namesNobody() *reply {
	r.Helper()
	for _, name := range gateHeaders {
		if values, there := r.header[name]; there {
			r.Errorf("%s: %q with status %d", name, values, r.status)
		}
	}
	return r
}

func TestVerifyNamesTheSession(t *testing.T) {
	s := newSite(t)
	for _, tt := range []struct {
		user, device string
		attributes   map[string]string
		sent         [3]string // user, device and attributes, as they stand in the headers
	}{
		{"alice@example.com", "laptop-7", map[string]string{"tenant": "t 1", "plan": "premium"},
			[3]string{"alice@example.com", "laptop-7", "plan=premium&tenant=t%201"}},
		{"a-b.c_d~0Z", "x", nil, [3]string{"a-b.c_d~0Z", "x", ""}},
		{"new\nline\r\nX-Session-User: root", "nul\x00", map[string]string{"a&b=c": "d&e=f", "": ""}, [3]string{
			"new%0Aline%0D%0AX-Session-User%3A%20root", "nul%00", ""}},
		{"percent%41 a+b", "%", map[string]string{"x+y": "%2B", "z": ""}, [3]string{
			"percent%2541%20a%2Bb", "%25", "x%2By=%252B&z="}},
		{"Zoë 日本 😀", `,;"'\`, map[string]string{"é": "ü"}, [3]string{
			"Zo%C3%AB%20%E6%97%A5%E6%9C%AC%20%F0%9F%98%80", "%2C%3B%22%27%5C", "%C3%A9=%C3%BC"}},
		{strings.Repeat("\n", 256), strings.Repeat("é", 64), manyAttributes(), [3]string{
			strings.Repeat("%0A", 256), strings.Repeat("%C3%A9", 64), ""}},
	} {
		delete(tt.attributes, "") // a name has a byte at least
		if tt.sent[2] == "" {
			tt.sent[2] = strings.ReplaceAll(url.Values(lists(tt.attributes)).Encode(), "+", "%20")
		}
		body := encode(map[string]any{"user": tt.user, "device": map[string]string{"id": tt.device}, "attributes": tt.attributes})
		opened := s.admin("POST", "/v1/admin/sessions", body).want(http.StatusCreated)
		r := s.do("GET", "/v1/verify", "", "Authorization", "Bearer "+opened.at("token").(string))
		user, id, device, attributes := r.passes()
		if user != tt.user || id != opened.at("session", "id") || device != tt.device || !maps.Equal(attributes, tt.attributes) {
			t.Errorf("%q: verified as %q %s %q %q", tt.user, user, id, device, attributes)
		}
		if got := [3]string{r.header.Get("X-Session-User"), r.header.Get("X-Session-Device"),
			r.header.Get("X-Session-Attributes")}; got != tt.sent {
			t.Errorf("%q: sent as %q, want %q", tt.user, got, tt.sent)
		}
	}
}

// manyAttributes are as many, and as long, as a session may have.
func manyAttributes() map[string]string {
	attributes := make(map[string]string)
	for i := range 16 {
		attributes[fmt.Sprintf("%02d%s", i, strings.Repeat("é", 31))] = strings.Repeat("\n", 256)
	}
	return attributes
}

func lists(attributes map[string]string) map[string][]string {
	values := make(map[string][]string)
	for name, value := range attributes {
		values[name] = []string{value}
	}
	return values
}

// TestVerifyTakesAnyRequest asks with what an app's clients may send, none of which is a fault.
func TestVerifyTakesAnyRequest(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.AllowOrigins = []string{"https://app.example.com"} })
	token, id := s.open("alice")
	bearer := []string{"Authorization", "Bearer " + token}
	cookie := []string{"Cookie", "theme=dark; hub_session=" + token}
	preflight := []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "POST"}
	for _, tt := range []struct {
		method, path, body string
		headers            []string
	}{
		{"GET", "/v1/verify", "", bearer},
		{"GET", "/v1/verify", "", []string{"Authorization", "bearer " + token}},
		{"GET", "/v1/verify", "", cookie},
		{"GET", "/v1/verify", "", append([]string{"Authorization", "Basic YTpi"}, cookie...)},
		{"GET", "/v1/verify/", "", bearer},
		{"GET", "/v1/verify/any/page?q=1&active=perhaps", "", bearer},
		{"GET", "/v1/verify//x/../../y/%2e%2e/%00/%C0%AF", "", bearer},
		{"GET", "/v1/verify/v1/admin/sessions", "", bearer},
		{"GET", "/v1/verify/" + token + "?token=" + token + "&password=x;%zz", "", bearer},
		{"POST", "/v1/verify", "not JSON", bearer},
		{"PUT", "/v1/verify/upload", strings.Repeat("x", 1<<20), bearer},
		{"PATCH", "/v1/verify", "{}", cookie},
		{"DELETE", "/v1/verify", "", cookie},
		{"TRACE", "/v1/verify", "", bearer},
		{"PROPFIND", "/v1/verify/dav", "", bearer},
		{"MADE-UP", "/v1/verify", "", bearer},
		{"OPTIONS", "/v1/verify", "", append(preflight, bearer...)},
		{"POST", "/v1/verify", "a=b", append([]string{"Origin", "https://evil.example"}, cookie...)},
		{"POST", "/v1/verify", "", append([]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, cookie...)},
		{"GET", "/v1/verify", "", append([]string{"Connection", "Upgrade", "Upgrade", "websocket"}, cookie...)},
		{"GET", "/v1/verify", "", append([]string{"Origin", "https://app.example.com"}, cookie...)},
	} {
		r := s.do(tt.method, tt.path, tt.body, tt.headers...)
		if user, session, _, _ := r.passes(); user != "alice" || session != id {
			t.Errorf("%s %s: verified as %q %s", tt.method, tt.path, user, session)
		}
		if got := r.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s %s: pages of %s may read who it is", tt.method, tt.path, got)
		}
		if got := r.header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", tt.method, tt.path, got)
		}
		s.do(tt.method, tt.path, tt.body).status401(tt.method)
	}
	s.do("HEAD", "/v1/verify", "", bearer...).passes()
	s.do("HEAD", "/v1/verify", "").status401("HEAD")
	s.do("GET", "/v1/verifyx", "", bearer...).want(http.StatusNotFound)
	s.do("GET", "/v1/Verify", "", bearer...).want(http.StatusNotFound)
}

// status401 is stops for a request without a token, where the answer to HEAD has no body.
func (r *reply) status401(method string) {
	r.Helper()
	if method != "HEAD" {
		r.stops(session.Unknown)
	} else if r.status != http.StatusUnauthorized || r.header.Get("X-Session-Reason") != "unknown" {
		r.Errorf("%s: %d %v", method, r.status, r.header)
	}
}

func TestVerifyStopsAnEndedSessionAtOnce(t *testing.T) {
	s := newSite(t)
	verify := func(token string) *reply { return s.do("GET", "/v1/verify", "", "Authorization", "Bearer "+token) }
	device := encode(map[string]any{"user": "alice", "device": map[string]string{"id": "d"}})
	for _, tt := range []struct {
		want session.Reason
		end  func(token, id string)
	}{
		{session.Superseded, func(string, string) { s.open("alice") }},
		{session.Replaced, func(string, string) { s.admin("POST", "/v1/admin/sessions", device).want(http.StatusCreated) }},
		{session.SignedOut, func(token, _ string) {
			s.do("DELETE", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusNoContent)
		}},
		{session.EndedByAdmin, func(_, id string) {
			s.admin("DELETE", "/v1/admin/users/alice/sessions/"+id, `{"message":"Bye."}`).want(http.StatusOK)
		}},
	} {
		opened := s.admin("POST", "/v1/admin/sessions", device).want(http.StatusCreated)
		token := opened.at("token").(string)
		verify(token).passes()
		tt.end(token, opened.at("session", "id").(string))
		r := verify(token).stops(tt.want)
		if r.at("at") == nil || r.at("message") == nil {
			t.Errorf("%s: the body does not say when and how: %s", tt.want, r.text)
		}
		verify(token).stops(tt.want)
	}
	token, _ := s.open("alice")
	for _, forged := range []string{"", "x", token + "A", token[:len(token)-1], apiKey} {
		verify(forged).stops(session.Unknown)
	}
	s.do("GET", "/v1/verify", "", "Cookie", "hub_session=x").stops(session.Unknown)
	// The first of both counts, as elsewhere.
	s.do("GET", "/v1/verify", "", "Authorization", "Bearer x", "Cookie", "hub_session="+token).stops(session.Unknown)
}

func TestVerifyWithoutTheStore(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	close(s.faults.away)
	for _, headers := range [][]string{{"Authorization", "Bearer " + token}, {"Cookie", "hub_session=" + token},
		{"Authorization", "Bearer forged"}} {
		s.do("POST", "/v1/verify/x?active=1", "", headers...).want(http.StatusServiceUnavailable).namesNobody().retryAfter()
	}
}

// counting is a store that counts its calls, and can fail in a way that nobody expects.
type counting struct {
	*memory
	loads, others int
	fails         error
}

func (c *counting) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	c.loads++
	if c.fails == errPanic {
		panic("as asked")
	}
	snap, err := c.memory.Load(ctx, key)
	return snap, errors.Join(err, c.fails)
}

func (c *counting) Touch(context.Context, ...session.Mark) error { c.others++; return nil }

var errPanic = errors.New("panic")

func TestVerifyCostsOneRoundTrip(t *testing.T) {
	store := &counting{memory: newMemory()}
	handler := bare(t, store, accounts{"alice": "demo"})
	token := serve(t, handler, "POST", "/v1/login", `{"username":"alice","password":"demo"}`).
		want(http.StatusCreated).at("token").(string)
	for _, tt := range []struct {
		path, token  string
		want, status int
	}{
		{"/v1/verify", token, 1, http.StatusOK},
		{"/v1/verify?active=1", token, 1, http.StatusOK},
		{"/v1/verify/x?active=true", token, 1, http.StatusOK},
		{"/v1/verify?active=1", "forged", 1, http.StatusUnauthorized},
		{"/v1/verify?active=1", "", 0, http.StatusUnauthorized},
	} {
		store.loads = 0
		var headers []string
		if tt.token != "" {
			headers = []string{"Authorization", "Bearer " + tt.token}
		}
		r := serve(t, handler, "GET", tt.path, "", headers...)
		if r.status != tt.status || store.loads != tt.want || store.others != 0 {
			t.Errorf("%s with %q: %d, %d loads and %d others; want %d and %d loads", tt.path, tt.token, r.status,
				store.loads, store.others, tt.status, tt.want)
		}
	}
	// What nobody expects is neither yes nor no.
	for _, store.fails = range []error{errors.New("secret trouble"), errPanic, context.Canceled} {
		r := serve(t, handler, "GET", "/v1/verify", "", "Authorization", "Bearer "+token).
			want(http.StatusServiceUnavailable).namesNobody()
		r.retryAfter()
		if strings.Contains(r.text, "secret") {
			t.Errorf("the trouble shows: %s", r.text)
		}
	}
}

func TestVerifyAnswersInTime(t *testing.T) {
	for takes, want := range map[time.Duration]struct {
		status int
		after  time.Duration
	}{
		time.Second: {http.StatusOK, time.Second},
		time.Hour:   {http.StatusServiceUnavailable, 1500 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &slow{memory: newMemory()}
			handler := bare(t, store, accounts{"alice": "demo"})
			token := serve(t, handler, "POST", "/v1/login", `{"username":"alice","password":"demo"}`).at("token").(string)
			store.takes = takes
			start := time.Now()
			r := serve(t, handler, "GET", "/v1/verify?active=1", "", "Authorization", "Bearer "+token)
			if got := time.Since(start); r.status != want.status || got != want.after {
				t.Errorf("%d after %s, want %d after %s", r.status, got, want.status, want.after)
			}
		})
	}
}

// TestVerifyDoesNotWaitForABody announces bodies that never come. The connection ends with the answer, so that
// whatever comes in their place is not taken for one, nor for the rest of one.
func TestVerifyDoesNotWaitForABody(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	for _, body := range []string{"Content-Length: 500", "Content-Length: 9000000000", "Transfer-Encoding: chunked"} {
		conn, err := net.Dial("tcp", s.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n\r\n", token, body)
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !answer.Close {
			t.Errorf("%s: status %d, closing %t; want 200, and that the connection closes", body, answer.StatusCode, answer.Close)
		}
	}
}

func TestVerifyCountsAsActivityIfItSaysSo(t *testing.T) {
	s := newSite(t)
	idle, _ := s.open("alice")
	busy, _ := s.open("bob")
	active := func(token string) string {
		s.Helper()
		return s.do("GET", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusOK).at("last_active_at").(string)
	}
	idleAt, busyAt := active(idle), active(busy)
	for _, path := range []string{"", "?active=0", "?active=", "?active=yes", "/active=1", "?inactive=1"} {
		s.do("GET", "/v1/verify"+path, "", "Authorization", "Bearer "+idle).passes()
	}
	s.do("GET", "/v1/verify?active=1&for=/page?x=%zz;active=0", "", "Authorization", "Bearer "+busy).passes()
	await(t, "the activity is written", func() bool { return active(busy) != busyAt })
	// Whatever came before it would have been written with it.
	if got := active(idle); got != idleAt {
		t.Errorf("the activity moved from %s to %s without being told", idleAt, got)
	}
}

// safeText is what may stand in a header that names somebody.
var safeText = regexp.MustCompile(`^(?:[A-Za-z0-9._~@-]|%[0-9A-F]{2})*$`)

func TestIdentitiesAreUnambiguous(t *testing.T) {
	store := newMemory()
	handler := bare(t, store, nil)
	rapid.Check(t, func(rt *rapid.T) {
		user := rapid.StringN(1, 64, 256).Draw(rt, "user")
		device := rapid.StringN(1, 32, 128).Draw(rt, "device")
		attributes := rapid.MapOfN(rapid.StringN(1, 16, 64), rapid.StringN(0, 64, 256), 0, 16).Draw(rt, "attributes")
		body := encode(map[string]any{"user": user, "device": map[string]string{"id": device}, "attributes": attributes})
		token := serve(t, handler, "POST", "/v1/admin/sessions", body, "Authorization", "Bearer "+apiKey).
			want(http.StatusCreated).at("token").(string)
		r := serve(t, handler, "GET", "/v1/verify", "", "Authorization", "Bearer "+token)
		gotUser, _, gotDevice, gotAttributes := r.passes()
		if gotUser != user || gotDevice != device || !maps.Equal(gotAttributes, attributes) {
			rt.Fatalf("verified as %q %q %q", gotUser, gotDevice, gotAttributes)
		}
		for _, name := range gateHeaders[:3] {
			if !safeText.MatchString(r.header.Get(name)) {
				rt.Fatalf("%s: %q", name, r.header.Get(name))
			}
		}
	})
}
