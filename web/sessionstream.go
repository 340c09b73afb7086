package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// How a stream behaves by which a user follows their own sessions.
const (
	// changedEvery is the least time between two words of changes: what happens meanwhile is one.
	changedEvery = 500 * time.Millisecond
	// lookEvery is how often it is looked whether the session lives, should an event have been lost.
	lookEvery = time.Minute
	// defaultSessionStreams is how many an instance has, unless it is told otherwise.
	defaultSessionStreams = 1000
	// maxStreamsOfSession is how many a session has. A browser has six connections to a host without HTTP/2.
	maxStreamsOfSession = 3
	// maxStreamsOfUser is how many all sessions of a user have, who may have any number of those.
	maxStreamsOfUser = 30
	// retryStreams is when to try again where there are as many as there may be.
	retryStreams = 10 * time.Second

	eventChanged = "changed"
	eventOver    = "ended"
)

var errSessionStreams = unavailable("There are as many streams as there may be, of this user or at this instance. "+
	"Ask for the list now and then meanwhile.", retryStreams)

// sessionOver is the data of a stream's last event. Who did it, the session's token can ask for.
type sessionOver struct {
	Reason session.Reason     `json:"reason"`
	At     *session.Timestamp `json:"at,omitempty"`
}

// exampleChanges is a stream from its beginning to its end.
const exampleChanges = "retry: 2718\nevent: changed\ndata: {}\n\n: still here\n\nevent: changed\ndata: {}\n\n" +
	"event: ended\ndata: {\"reason\":\"superseded\",\"at\":\"2026-03-09T08:30:00.000Z\"}\n\n"

func (s *server) watchRoutes() []route {
	watch := operation("GET", "/v1/sessions/stream", "watch-sessions", "Hear of changes to the user's sessions", byToken)
	return []route{
		raw(watch, http.HandlerFunc(s.streamSessions)).
			says("Server-sent events. The event "+eventChanged+" says that the list of the user's sessions may be another: "+
				"ask for it then. It comes once at the beginning, and then at most twice a second, of sessions that begin "+
				"and end; not of sockets that come and go, or of activity. The event "+eventOver+" is the last, with "+
				"the reason, when the session has ended that asks. To follow is no activity.").
			gives(http.StatusOK, "The stream, until one of the two leaves, or the session ends.",
				text{"text/event-stream", exampleChanges}).
			refuses(errNoToken, endedProblem(exampleEnding), errStore, errSessionStreams),
	}
}

// streamSessions tells a client that its user's sessions have changed, until the client leaves, its session ends or
// this instance goes away.
func (s *server) streamSessions(w http.ResponseWriter, r *http.Request) {
	st, err := s.beginWatch(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer st.close()
	s.streamEnded(r.Context(), st.finish(st.run(r.Context())))
}

// sessionStream is one client that follows its user's sessions. It is owned by the goroutine of its request.
type sessionStream struct {
	*server
	sse
	credential session.Credential
	watcher    *watcher
	looked     time.Time // when the session was last seen to live
}

// beginWatch lets a session that is live begin to watch. Its close must follow.
func (s *server) beginWatch(w http.ResponseWriter, r *http.Request) (*sessionStream, error) {
	c := newCall(w, r)
	defer c.end()
	select {
	case <-s.Hub.Leaving():
		return nil, hub.ErrDraining
	default:
	}
	cred, err := s.credential(r)
	if err != nil {
		return nil, err
	}
	if _, _, err := s.Registry.Check(c.Context(), cred); err != nil {
		return nil, err
	}
	if !s.watching.take(cred) {
		return nil, errSessionStreams
	}
	watcher, err := s.feed.watch(c.Context(), cred.Key, cred.ID)
	if err != nil {
		s.watching.give(cred)
		return nil, err
	}
	s.metrics.watchers.Inc()
	st := &sessionStream{server: s, sse: newSSE(w), credential: cred, watcher: watcher, looked: time.Now()}
	// It may have ended before there was a watcher to hear of that.
	if _, _, err := s.Registry.Check(c.Context(), cred); err != nil {
		st.close()
		return nil, err
	}
	return st, nil
}

func (st *sessionStream) close() {
	st.feed.unwatch(st.watcher)
	st.watching.give(st.credential)
	st.metrics.watchers.Dec()
}

// run writes the stream until it ends. What happened before the first word, the client sees in the list.
func (st *sessionStream) run(ctx context.Context) error {
	st.begin()
	st.retry()
	quiet, calm := time.NewTimer(keepAliveEvery), time.NewTimer(changedEvery)
	defer quiet.Stop()
	defer calm.Stop()
	var bell chan struct{} // nil until the last word of changes is long enough ago
	st.event(eventChanged, []byte("{}"))
	for {
		if st.buf.Len() > 0 {
			if err := st.flush(); err != nil {
				return err
			}
			quiet.Reset(keepAliveEvery)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-st.Hub.Leaving():
			return errLeaving
		case why := <-st.watcher.over:
			return st.over(why)
		case <-calm.C:
			bell = st.watcher.bell
		case <-bell:
			st.event(eventChanged, []byte("{}"))
			calm.Reset(changedEvery)
			bell = nil
		case <-quiet.C:
			st.keepAlive()
			st.buf.WriteByte('\n')
		}
		if why, ended := st.look(ctx); ended {
			return st.over(why)
		}
	}
}

// look looks, now and then, whether the session lives. While the store does not answer, it does for all that is known.
func (st *sessionStream) look(ctx context.Context) (why session.Ending, ended bool) {
	if time.Since(st.looked) < lookEvery {
		return session.Ending{}, false
	}
	st.looked = time.Now()
	_, _, err := st.Registry.Check(ctx, st.credential)
	var over *session.EndedError
	if errors.As(err, &over) {
		return over.Ending, true
	}
	return session.Ending{}, false
}

// over writes the last word of a stream whose session has ended.
func (st *sessionStream) over(why session.Ending) error {
	text, err := json.Marshal(sessionOver{Reason: why.Reason, At: viewEnding(why).At})
	if err != nil {
		return err
	}
	st.event(eventOver, text)
	return st.flush()
}

// seats bounds the streams of sessions: in all, for each user and for each session.
type seats struct {
	most int // static after construction

	mu    sync.Mutex
	taken int                 // guarded by mu
	of    map[session.ID]int  // guarded by mu: those that have any
	users map[session.Key]int // guarded by mu: the same
}

// take reports whether there is room for one more stream of a session, and keeps it; give must follow then.
func (s *seats) take(cred session.Credential) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.most || s.of[cred.ID] >= maxStreamsOfSession || s.users[cred.Key] >= maxStreamsOfUser {
		return false
	}
	if s.of == nil {
		s.of, s.users = make(map[session.ID]int), make(map[session.Key]int)
	}
	s.taken++
	s.of[cred.ID]++
	s.users[cred.Key]++
	return true
}

// give gives back what take has kept.
func (s *seats) give(cred session.Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.of[cred.ID]--; s.of[cred.ID] == 0 {
		delete(s.of, cred.ID)
	}
	if s.users[cred.Key]--; s.users[cred.Key] == 0 {
		delete(s.users, cred.Key)
	}
}
