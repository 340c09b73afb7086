package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/session"
)

const clockKey = "an-api-key-of-the-clock"

// memoryLog is an event log in memory, which counts how often it is read and can be away. Its cursors are numbers. The
// one account beside it has nothing to do with the events.
type memoryLog struct {
	session.Store // nil: what is not here is not called

	mu     sync.Mutex
	events []session.Event // guarded by mu
	reads  int             // guarded by mu
	away   bool            // guarded by mu
	live   session.Account // guarded by mu

	trimmed bool // guarded by mu: the next page says that events are missing

	late func() // guarded by mu: happens once, when a stream has read and before it has the answer
	ends func() // guarded by mu: happens, with mu held, when the end of the log is looked up
}

func (l *memoryLog) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		id := strconv.Itoa(len(l.events) + 1)
		l.events = append(l.events, session.Event{ID: id, Type: session.LoginFailed, User: strings.Repeat("user ", 20) + id})
	}
}

func (l *memoryLog) set(away bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.away = away
}

// readsSince returns how often the log was read since the last time this was asked.
func (l *memoryLog) readsSince() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.reads = 0 }()
	return l.reads
}

func (l *memoryLog) Events(_ context.Context, after string, limit int) (session.Page, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	from, err := strconv.Atoi(after)
	if l.away || err != nil {
		return session.Page{}, session.ErrUnavailable
	}
	until := min(from+limit, len(l.events))
	page := session.Page{
		Events: l.events[from:until], From: after, Next: strconv.Itoa(until), More: until < len(l.events),
	}
	page.Trimmed, l.trimmed = l.trimmed, false
	if late := l.late; late != nil && limit == streamPage {
		l.late = nil
		l.mu.Unlock()
		late()
		l.mu.Lock()
	}
	return page, nil
}

func (l *memoryLog) Load(context.Context, session.Key) (session.Snapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		return session.Snapshot{}, session.ErrUnavailable
	}
	return session.Snapshot{Account: l.live, Now: time.Now()}, nil
}

func (l *memoryLog) Tail(context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends != nil {
		l.ends()
	}
	return strconv.Itoa(len(l.events)), nil
}

func (l *memoryLog) Pass(at string, e session.Event) (string, bool, error) {
	from, _ := strconv.Atoi(at)
	id, _ := strconv.Atoi(e.ID)
	if id <= from {
		return at, false, nil
	}
	if id > from+1 {
		return "", false, fmt.Errorf("event %d after %d: some are missing", id, from)
	}
	return e.ID, true, nil
}

// clockSite is a hub's HTTP side in a bubble of synctest, with the bounds of hub serve.
type clockSite struct {
	*testing.T
	log      *memoryLog
	listener *pipe
	closed   chan struct{}
	clients  []net.Conn
}

// inBubble runs a test at such a site.
func inBubble(t *testing.T, test func(t *testing.T, s *clockSite)) {
	synctest.Test(t, func(t *testing.T) {
		s := newClockSite(t)
		defer s.close()
		test(t, s)
	})
}

func newClockSite(t *testing.T) *clockSite {
	log := new(memoryLog)
	registry := session.NewRegistry(log)
	keys, err := auth.NewAPIKeys(clockKey)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := New(Options{
		Registry: registry, Hub: hub.New(registry, log, new(pubsub.Memory).Inbox("here"), hub.Options{}), APIKeys: keys,
		Rule: session.Rule{Limit: 1, Policy: session.Evict}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &clockSite{T: t, log: log, listener: &pipe{conns: make(chan net.Conn)}, closed: make(chan struct{})}
	server := &http.Server{Handler: handler, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second}
	go func() { defer close(s.closed); server.Serve(s.listener) }()
	return s
}

// close has the clients leave, and lets the server end.
func (s *clockSite) close() {
	for _, client := range s.clients {
		client.Close()
	}
	close(s.listener.conns)
	<-s.closed
	synctest.Wait()
}

// stream opens a stream of the event log, and returns the connection, from which nothing has been read.
func (s *clockSite) stream(after string) net.Conn {
	return s.ask("/v1/admin/events/stream?after="+after, clockKey)
}

// ask sends a request with a token or a key, on a connection of its own.
func (s *clockSite) ask(path, secret string) net.Conn {
	return s.askWith(path, "Authorization: Bearer "+secret)
}

// askWith sends a request with a header.
func (s *clockSite) askWith(path, header string) net.Conn {
	ours, theirs := net.Pipe()
	s.clients = append(s.clients, theirs)
	s.listener.conns <- ours
	_, err := io.WriteString(theirs, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+header+"\r\n\r\n")
	if err != nil {
		s.Fatal(err)
	}
	return theirs
}

// heard is what a client has heard: it reads all the time.
type heard struct {
	mu    sync.Mutex
	text  strings.Builder // guarded by mu
	ended bool            // guarded by mu
}

func (s *clockSite) listen(conn net.Conn) *heard {
	h := new(heard)
	go func() {
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			s.Error(err)
			return
		}
		defer answer.Body.Close()
		body := bufio.NewReader(answer.Body)
		for {
			line, err := body.ReadString('\n')
			h.mu.Lock()
			h.text.WriteString(line)
			h.ended = err != nil
			h.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return h
}

// since returns what has come since the last call.
func (h *heard) since() string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	text := h.text.String()
	h.text.Reset()
	return text
}

// isOver reports whether the stream has ended.
func (h *heard) isOver() bool {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ended
}

// wantEvents wants that the events with these numbers have come since the last call, each once and in order.
func (h *heard) wantEvents(t *testing.T, from, to int) {
	t.Helper()
	var got []string
	for line := range strings.Lines(h.since()) {
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			got = append(got, strings.TrimSpace(id))
		}
	}
	for i, id := range got {
		if id != strconv.Itoa(from+i) {
			t.Fatalf("event %s, want %d", id, from+i)
		}
	}
	if len(got) != to-from+1 {
		t.Errorf("%d events, want %d to %d", len(got), from, to)
	}
}

func TestStreamIsKeptAlive(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		h := s.listen(s.stream(""))
		if text := h.since(); !strings.HasPrefix(text, "retry: ") || !strings.HasSuffix(text, "\nid: 0\n\n") {
			t.Errorf("it begins with %q", text)
		}
		// Far beyond the bounds of other requests.
		for range 20 {
			time.Sleep(14 * time.Second)
			if text := h.since(); text != "" {
				t.Errorf("too early: %q", text)
			}
			time.Sleep(time.Second)
			if text := h.since(); text != ": still here\n\n" {
				t.Errorf("kept alive by %q", text)
			}
		}
		s.log.add(1)
		time.Sleep(feedEvery)
		h.wantEvents(t, 1, 1)
		time.Sleep(keepAliveEvery - time.Millisecond)
		if text := h.since(); text != "" {
			t.Errorf("%q so soon after an event", text)
		}
	})
}

// TestStreamsShareTheirReading counts how often the log is read for none, one and many.
func TestStreamsShareTheirReading(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		var conns []net.Conn
		for _, n := range []int{0, 1, 10} {
			for len(conns) < n {
				conns = append(conns, s.stream(""))
				s.listen(conns[len(conns)-1])
			}
			synctest.Wait()
			s.log.readsSince()
			time.Sleep(10 * time.Second)
			if reads := s.log.readsSince(); reads > min(n, 1)*int(10*time.Second/feedEvery) {
				t.Errorf("%d streams read the log %d times", n, reads)
			}
		}
		for _, conn := range conns {
			conn.Close()
		}
		synctest.Wait()
		s.log.readsSince()
		time.Sleep(time.Minute)
		if reads := s.log.readsSince(); reads > 0 {
			t.Errorf("the log is read %d times for nobody", reads)
		}
	})
}

// TestStreamsTakeBursts writes more at once than can wait for a stream.
func TestStreamsTakeBursts(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		s.log.add(3000)
		behind, ahead := s.listen(s.stream("1")), s.listen(s.stream(""))
		behind.wantEvents(t, 1, 3000) // the place it began at, and all the rest
		ahead.wantEvents(t, 3000, 3000)
		for last := 3000; last < 30_000; last += 9000 {
			s.log.add(9000)
			time.Sleep(feedEvery)
			behind.wantEvents(t, last+1, last+9000)
			ahead.wantEvents(t, last+1, last+9000)
		}
	})
}

// TestStreamJoinsAFeedThatIsAhead has a stream that comes back read the log to its end, and the feed read what is
// written after that, before the stream joins the feed.
func TestStreamJoinsAFeedThatIsAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		s.log.add(5)
		ahead := s.listen(s.stream(""))
		ahead.wantEvents(t, 5, 5)
		s.log.mu.Lock()
		s.log.late = func() {
			s.log.add(3)
			time.Sleep(2 * feedEvery)
		}
		s.log.mu.Unlock()
		behind := s.listen(s.stream("2"))
		time.Sleep(2 * feedEvery)
		ahead.wantEvents(t, 6, 8)
		behind.wantEvents(t, 2, 8)
		s.log.add(1)
		time.Sleep(feedEvery)
		behind.wantEvents(t, 9, 9)
	})
}

func TestStreamWaitsForTheStore(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		h := s.listen(s.stream(""))
		h.since()
		s.log.set(true)
		s.log.add(100)
		time.Sleep(time.Minute)
		if text := h.since(); strings.Contains(text, "data:") || !strings.Contains(text, ": still here") {
			t.Errorf("without the store: %q", text)
		}
		s.log.set(false)
		time.Sleep(feedRetry)
		h.wantEvents(t, 1, 100)
	})
}

// TestSlowReaderIsCut has one client that reads nothing, one that does, and what the first finds when it comes back.
func TestSlowReaderIsCut(t *testing.T) {
	inBubble(t, func(t *testing.T, s *clockSite) {
		slow, h := s.stream(""), s.listen(s.stream(""))
		h.since()
		time.Sleep(streamWrite - time.Millisecond) // its very first bytes are not taken
		s.log.add(10)
		time.Sleep(feedEvery)
		h.wantEvents(t, 1, 10)
		// What it was sent is lost with the connection.
		if n, err := io.Copy(io.Discard, slow); err != nil || n > 4096 {
			t.Errorf("%d bytes, %v", n, err)
		}
		slow.Close()
		back := s.listen(s.stream("0"))
		back.wantEvents(t, 0, 10)
	})
}
