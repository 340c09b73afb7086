package web_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
	"github.com/sessionhub/sessionhub/web"
)

const streamPath = "/v1/admin/events/stream"

// eventSource reads a stream as the standard says, and remembers what it needs to come back.
type eventSource struct {
	*testing.T
	answer *http.Response
	lines  *bufio.Scanner
	lastID string
	retry  time.Duration
}

// block is what a client hears of a stream between two empty lines.
type block struct{ event, data, comment string }

// source opens a stream of the event log, and goes on where another has come to, if there is one.
func (s *site) source(query string, before *eventSource) *eventSource {
	s.Helper()
	headers := []string{"Authorization", "Bearer " + apiKey}
	if before != nil {
		headers = append(headers, "Last-Event-ID", before.lastID)
	}
	return s.sourceOf(streamPath+query, headers...)
}

// sourceOf opens a stream. The headers are names and values in turn.
func (s *site) sourceOf(path string, headers ...string) *eventSource {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), "GET", s.server.URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.server.Client().Do(r)
	if err != nil {
		s.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		s.Fatalf("status %d, %v", answer.StatusCode, answer.Header)
	}
	e := &eventSource{T: s.T, answer: answer, lines: bufio.NewScanner(answer.Body)}
	s.Cleanup(e.close)
	return e
}

func (e *eventSource) close() { e.answer.Body.Close() }

// block returns the next one. It returns io.EOF at the end of the stream.
func (e *eventSource) block() (b block, err error) {
	e.Helper()
	id := e.lastID
	for e.lines.Scan() {
		line := e.lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			e.lastID = id
			return b, nil
		case name == "":
			b.comment += value
		case name == "id":
			id = value
		case name == "event":
			b.event = value
		case name == "data":
			b.data += value
		case name == "retry":
			ms, err := strconv.Atoi(value)
			if err != nil {
				e.Fatalf("retry %q", value)
			}
			e.retry = time.Duration(ms) * time.Millisecond
		default:
			e.Fatalf("the stream has a line %q", line)
		}
	}
	if err := e.lines.Err(); err != nil {
		return b, err
	}
	return b, io.EOF
}

// next returns the next event.
func (e *eventSource) next() map[string]any {
	e.Helper()
	for {
		b, err := e.block()
		if err != nil {
			e.Fatal(err)
		}
		if b.data == "" {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(b.data), &event); err != nil {
			e.Fatalf("%q: %v", b.data, err)
		}
		if event["type"] != b.event {
			e.Errorf("event %q has the type %v", b.event, event["type"])
		}
		return event
	}
}

// endsWith has the hub of the stream leave, and wants the stream to end and to say when to come back.
func (e *eventSource) endsWith(s *site) {
	e.Helper()
	e.retry = 0
	s.hub.Drain(e.Context(), 0)
	for b, err := e.block(); !errors.Is(err, io.EOF); b, err = e.block() {
		if err != nil || b.data != "" {
			e.Fatalf("%+v, %v", b, err)
		}
	}
	if e.retry < time.Second || e.retry > 4*time.Second {
		e.Errorf("to come back after %s", e.retry)
	}
}

// TestStreamsResume reads a stream that breaks again and again, each time at another hub on the same store, while
// events are written by several writers: each comes once, and those of a user in order.
func TestStreamsResume(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		const writers, each = 6, 150
		hubs := []*site{serveEvents(t, store), serveEvents(t, store)}
		source := hubs[0].source("", nil)
		if _, err := source.block(); err != nil || source.lastID == "" {
			t.Fatalf("a place to come back to before the first event: %q, %v", source.lastID, err)
		}
		source.close() // and nothing was read
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					fail(t, store, fmt.Sprintf("user %d of %d", i%7, w), i, 1)
				}
			})
		}
		latest, ids := make(map[any]int), make(map[any]bool)
		for turn := 1; len(ids) < writers*each; turn++ {
			source = hubs[turn%2].source("", source)
			for range min(1+rand.IntN(80), writers*each-len(ids)) {
				event := source.next()
				if ids[event["id"]] {
					t.Fatalf("event %v comes twice", event["id"])
				}
				ids[event["id"]] = true
				i, err := strconv.Atoi(event["by"].(map[string]any)["ip"].(string))
				before, ok := latest[event["user"]]
				if err != nil || ok && i != before+7 {
					t.Fatalf("event %d of %v comes after %d", i, event["user"], before)
				}
				latest[event["user"]] = i
			}
			source.close()
		}
		wg.Wait()
		// There is no more: what is written last comes next.
		source = hubs[0].source("", source)
		fail(t, store, "last", 7, 1)
		if event := source.next(); event["user"] != "last" {
			t.Errorf("one event too many: %v", event)
		}
	})
}

// TestStreamBeginsNow has two streams side by side, of which one wants to know what was before.
func TestStreamBeginsNow(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		fail(t, store, "before", 0, 3)
		start := s.admin("GET", eventsPath+"?limit=1", "")
		fresh, all := s.source("", nil), s.source("?after="+start.at("next").(string), nil)
		only := s.source("?user=after&type=login.failed", nil)
		for _, source := range []*eventSource{fresh, only} {
			if _, err := source.block(); err != nil {
				t.Fatal(err)
			}
		}
		fail(t, store, "after", 3, 1)
		for _, source := range []*eventSource{fresh, only} {
			if event := source.next(); event["user"] != "after" {
				t.Errorf("the first event from now on: %v", event)
			}
		}
		for i := range 3 {
			if event := all.next(); event["by"].(map[string]any)["ip"] != fmt.Sprint(i+1) {
				t.Errorf("event %d: %v", i+1, event)
			}
		}
	})
}

// TestEventsKeepTheirFrame has users whose names look like the frame of the stream.
func TestEventsKeepTheirFrame(t *testing.T) {
	users := []string{
		"a\nb", "a\r\n\r\nevent: session.ended\r\ndata: {}\r\n\r\n", "\n\nid: 7\n\n", ": comment", "\u2028\u2029\u0085", "\x00\x1b",
		`"}` + "\n\n", "\ufeffdata:", strings.Repeat("\n", 256), "\xff\xfe", "</script>",
	}
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		source := s.source("", nil)
		for _, user := range users {
			fail(t, store, user, 0, 1)
			if got := source.next()["user"]; got != strings.ToValidUTF8(user, "\ufffd") && user != "\xff\xfe" {
				t.Errorf("%q came as %q", user, got)
			}
		}
		// In one millisecond those of different users are in any order.
		r, listed := s.admin("GET", eventsPath, "").want(http.StatusOK), make(map[any]bool)
		for i := range users {
			listed[r.at("events", i, "user")] = true
		}
		for _, user := range users {
			if !listed[user] && user != "\xff\xfe" {
				t.Errorf("%q is not in the list", user)
			}
		}
	})
}

func TestStreamEndsAsTheHubLeaves(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		here, there := serveEvents(t, store), serveEvents(t, store)
		source := here.source("", nil)
		if _, err := source.block(); err != nil {
			t.Fatal(err)
		}
		source.endsWith(here)
		here.admin("GET", streamPath, "").want(http.StatusServiceUnavailable).retryAfter()
		fail(t, store, "meanwhile", 0, 1)
		if event := there.source("", source).next(); event["user"] != "meanwhile" {
			t.Errorf("at the other hub: %v", event)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.MaxEventStreams = 2 })
	one, two := s.source("", nil), s.source("", nil)
	s.admin("GET", streamPath, "").want(http.StatusServiceUnavailable).retryAfter()
	if text := s.do("GET", "/metrics", "").text; !strings.Contains(text, "\nhub_event_streams 2\n") {
		t.Error("the metrics do not show two streams")
	}
	one.close()
	two.close()
	s.awaitMetric("hub_event_streams 0")
	s.source("", nil)
}

// TestStreamSaysWhatIsMissing comes back to a log that has been trimmed meanwhile.
func TestStreamSaysWhatIsMissing(t *testing.T) {
	store, err := sqlitestore.Open(t.TempDir()+"/hub.db", func(string, []byte) {}, sqlitestore.Options{Events: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := serveEvents(t, store)
	fail(t, store, "alice", 1, 2)
	first := s.admin("GET", eventsPath+"?limit=1", "").at("next").(string)
	fail(t, store, "alice", 3, 18)
	s.admin("GET", eventsPath+"?after="+first, "").want(http.StatusOK).has(true, "trimmed").length(10, "events")
	source := s.source("?after="+first, nil)
	b, err := source.block()
	if err != nil || b.data != "" {
		t.Fatalf("%+v, %v", b, err)
	}
	if b, err = source.block(); err != nil || b.event != "log.trimmed" || !strings.Contains(b.data, "no longer kept") {
		t.Errorf("%+v, %v; want to be told", b, err)
	}
	if event := source.next(); event["by"].(map[string]any)["ip"] != "11" {
		t.Errorf("and then %v", event)
	}
	source.close()
}
