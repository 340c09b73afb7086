package web

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// signIn gives the site's log a user with a session, and returns the session and its token.
func (s *clockSite) signIn(user string) (session.Session, string) {
	token, cred := auth.Mint(user)
	live := session.Session{
		ID: cred.ID, Digest: cred.Digest, Device: session.Device{ID: "d", Kind: session.Web},
		CreatedAt: time.Now(), LastActiveAt: time.Now(),
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.live = session.Account{User: user, Live: []session.Session{live}}
	return live, token
}

// happen records that sessions of a user began, other than those that follow.
func (l *memoryLog) happen(user string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.events = append(l.events, session.Event{
			ID: fmt.Sprint(len(l.events) + 1), Type: session.SessionCreated, User: user, Session: new(session.Session),
		})
	}
}

// end ends the session of the account, without an event.
func (l *memoryLog) end(live session.Session) {
	live.Ended = &session.Ending{Reason: session.EndedByAdmin, At: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = session.Account{User: l.live.User, Ended: []session.Session{live}}
}

// follow gives alice a session, which follows the sessions of its user and has heard the first word.
func (s *clockSite) follow() (live session.Session, h *heard) {
	live, token := s.signIn("alice")
	h = s.listen(s.ask("/v1/sessions/stream", token))
	h.since()
	return live, h
}

const changed = "event: changed\ndata: {}\n\n"

func TestSessionStreamIsCalm(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		_, token := s.signIn("alice")
		conn := s.ask("/v1/sessions/stream", token)
		h := s.listen(conn)
		if text := h.since(); !strings.HasPrefix(text, "retry: ") || strings.Count(text, changed) != 1 {
			t.Errorf("it begins with %q", text)
		}
		// A busy user: something every 10 ms, for ten seconds.
		for range 1000 {
			s.log.happen("alice", 1)
			s.log.happen("bob", 3)
			time.Sleep(10 * time.Millisecond)
		}
		if n := strings.Count(h.since(), changed); n < 10 || n > 20 {
			t.Errorf("%d words of changes in ten seconds", n)
		}
		time.Sleep(time.Second)
		h.since()
		s.log.happen("alice", 5)
		time.Sleep(feedEvery)
		if text := h.since(); text != changed {
			t.Errorf("what came last is told by %q", text)
		}
		// What happens to others is not told, and the stream is kept alive.
		s.log.happen("bob", 100)
		time.Sleep(keepAliveEvery)
		if text := h.since(); text != ": still here\n\n" {
			t.Errorf("kept alive by %q", text)
		}
		// A page of the log that says that some is missing is a change, for all that is known.
		s.log.mu.Lock()
		s.log.trimmed = true
		s.log.mu.Unlock()
		time.Sleep(2 * feedEvery)
		if text := h.since(); text != changed {
			t.Errorf("when events are missing: %q", text)
		}
		conn.Close()
		synctest.Wait()
		s.log.readsSince()
		time.Sleep(time.Minute)
		if reads := s.log.readsSince(); reads > 0 {
			t.Errorf("the log is read %d times for nobody", reads)
		}
	})
}

// TestSessionStreamLooksForItself has a session end without an event, while the store is away for a while.
func TestSessionStreamLooksForItself(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		live, h := s.follow()
		s.log.set(true)
		s.log.end(live)
		time.Sleep(3 * lookEvery / 2)
		if text := h.since(); strings.Contains(text, "event:") {
			t.Errorf("without the store: %q", text)
		}
		s.log.set(false)
		time.Sleep(lookEvery)
		const last = `{"reason":"ended_by_admin","at":"2000-01-01T00:00:00.000Z"}`
		if text := h.since(); !strings.HasSuffix(text, "event: ended\ndata: "+last+"\n\n") {
			t.Errorf("it ends with %q", text)
		}
		if !h.isOver() {
			t.Error("the stream goes on")
		}
	})
}

// TestSessionStreamOfASessionThatEndsMeanwhile has it end when it was seen to live and nobody listens for it yet.
func TestSessionStreamOfASessionThatEndsMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		live, token := s.signIn("alice")
		live.Ended = &session.Ending{Reason: session.EndedByAdmin, At: time.Now()}
		s.log.ends = func() { s.log.live = session.Account{User: "alice", Ended: []session.Session{live}} }
		answer, err := http.ReadResponse(bufio.NewReader(s.ask("/v1/sessions/stream", token)), nil)
		if err != nil || answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("answered %+v, %v", answer, err)
		}
	})
}

// TestSessionStreamOfABusyUserLooksForItself has changes so often that the stream is never quiet.
func TestSessionStreamOfABusyUserLooksForItself(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		live, h := s.follow()
		s.log.end(live)
		for range 3 * lookEvery / keepAliveEvery {
			s.log.happen("alice", 1)
			time.Sleep(keepAliveEvery / 2)
		}
		if text := h.since(); !strings.Contains(text, "event: ended\n") || !h.isOver() {
			t.Errorf("a minute after the session's end: %q", text)
		}
	})
}

// TestSessionStreamsShareTheirReading counts how often the log is read for many users, of whom one is told something.
func TestSessionStreamsShareTheirReading(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		var all []*heard
		for i := range 20 {
			_, token := s.signIn(fmt.Sprint("user ", i))
			all = append(all, s.listen(s.ask("/v1/sessions/stream", token)))
			synctest.Wait()
		}
		time.Sleep(changedEvery)
		s.log.readsSince()
		s.log.happen("user 7", 1)
		time.Sleep(10 * time.Second)
		if reads := s.log.readsSince(); reads > int(10*time.Second/feedEvery)+1 {
			t.Errorf("%d streams read the log %d times", len(all), reads)
		}
		for i, h := range all {
			if n, want := strings.Count(h.since(), changed), 1; i == 7 && n != want+1 || i != 7 && n != want {
				t.Errorf("user %d is told %d times", i, n)
			}
		}
	})
}
