package web_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

const sessionStreamPath = "/v1/sessions/stream"

// follow opens a stream of the sessions of a token's user, and hears its first word.
func (s *site) follow(token string) *eventSource {
	s.Helper()
	e := s.sourceOf(sessionStreamPath, "Authorization", "Bearer "+token)
	e.hear("changed", "{}")
	return e
}

// hear wants the next event to be this one.
func (e *eventSource) hear(event, data string) {
	e.Helper()
	b, err := e.block()
	if err != nil || b.event != event || !strings.HasPrefix(b.data, data) {
		e.Fatalf("%+v, %v; want %s %s", b, err, event, data)
	}
}

// over wants the stream to have ended.
func (e *eventSource) over() {
	e.Helper()
	if b, err := e.block(); !errors.Is(err, io.EOF) {
		e.Fatalf("it goes on with %+v, %v", b, err)
	}
}

// TestSessionStreams has users who follow their sessions at two hubs of one store.
func TestSessionStreams(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		here, there := serveEvents(t, store, unlimited), serveEvents(t, store, unlimited)
		alice, _ := here.open("alice")
		phone, phoneID := there.open("alice")
		bob, _ := here.open("bob")
		bearer := []string{"Authorization", "Bearer " + alice}
		before := here.do("GET", "/v1/session", "", bearer...).at("last_active_at")

		one, two, other := here.follow(alice), there.follow(phone), here.follow(bob)
		_, third := there.open("alice")
		one.hear("changed", "{}")
		two.hear("changed", "{}")
		fail(t, store, "alice", 0, 3) // which changes no session
		here.do("DELETE", "/v1/sessions/"+third, "", bearer...).want(http.StatusOK)
		one.hear("changed", "{}")
		two.hear("changed", "{}")
		here.do("DELETE", "/v1/sessions/"+phoneID, "", bearer...).want(http.StatusOK)
		one.hear("changed", "{}")
		two.hear("ended", `{"reason":"ended_by_user","at":"20`)
		two.over()
		there.do("GET", sessionStreamPath, "", "Authorization", "Bearer "+phone).want(http.StatusUnauthorized).
			has("ended_by_user", "reason")

		// All that was no business of bob's, whose session ends with a word of who is to know.
		here.admin("DELETE", "/v1/admin/users/bob/sessions", `{"message":"A secret."}`).want(http.StatusOK)
		other.hear("ended", `{"reason":"ended_by_admin","at":"20`)
		other.over()
		if got := here.do("GET", "/v1/session", "", bearer...).at("last_active_at"); got != before {
			t.Errorf("to follow was activity: %v, before it %v", got, before)
		}
	})
}

func TestSessionStreamNeedsALiveSession(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	s.open("alice")
	for _, headers := range [][]string{nil, {"Authorization", "Bearer forged"}, {"Authorization", "Bearer " + apiKey}} {
		s.do("GET", sessionStreamPath, "", headers...).want(http.StatusUnauthorized).has("unknown", "reason")
	}
	s.do("GET", sessionStreamPath, "", "Authorization", "Bearer "+token).want(http.StatusUnauthorized).
		has("superseded", "reason")
	fresh, _ := s.open("alice")
	s.sourceOf(sessionStreamPath, "Cookie", "hub_session="+fresh).hear("changed", "{}")
}

func TestSessionStreamEndsAsTheHubLeaves(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	s.follow(token).endsWith(s)
	s.do("GET", sessionStreamPath, "", "Authorization", "Bearer "+token).want(http.StatusServiceUnavailable).retryAfter()
}

func TestSessionStreamsOfAUserAreBounded(t *testing.T) {
	s := newSite(t, unlimited)
	for range 10 {
		alice, _ := s.open("alice")
		for range 3 {
			s.follow(alice)
		}
	}
	alice, _ := s.open("alice")
	s.do("GET", sessionStreamPath, "", "Authorization", "Bearer "+alice).want(http.StatusServiceUnavailable).retryAfter()
	bob, _ := s.open("bob")
	s.follow(bob)
}

func TestSessionStreamsAreBounded(t *testing.T) {
	s := newSite(t, unlimited, func(o *web.Options) { o.MaxSessionStreams = 4 })
	alice, _ := s.open("alice")
	bob, _ := s.open("bob")
	refused := func(token string) {
		t.Helper()
		s.do("GET", sessionStreamPath, "", "Authorization", "Bearer "+token).want(http.StatusServiceUnavailable).retryAfter()
	}
	open := func(n string) bool {
		return strings.Contains(s.do("GET", "/metrics", "").text, "\nhub_session_streams "+n+"\n")
	}
	sources := []*eventSource{s.follow(alice), s.follow(alice), s.follow(alice)}
	refused(alice) // has three
	sources = append(sources, s.follow(bob))
	refused(bob) // is the fifth
	if !open("4") {
		t.Error("the metrics do not show four streams")
	}
	for _, source := range sources {
		source.close()
	}
	await(t, "the streams end with their clients", func() bool { return open("0") })
	s.follow(bob)
}
