package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// How a stream of the event log behaves.
const (
	// streamBatch is about how many bytes are written at a time, at most.
	streamBatch = 32 << 10
	// streamPage is how many events are read at a time by a stream that catches up.
	streamPage = 200
	// defaultStreams is how many streams an instance has, unless it is told otherwise.
	defaultStreams = 100
	lastEventID    = "Last-Event-ID"
	eventTrimmed   = "log.trimmed"
)

// errBehind is why a stream reads the log itself.
var errBehind = errors.New("the stream has been left behind by the feed")

// trimmedNotice is the data of the event that says that others are missing.
type trimmedNotice struct {
	Message string `json:"message"`
}

var trimmedText, _ = json.Marshal(trimmedNotice{"Events after the place you were at are no longer kept."})

// streamEvents answers with the events from a place in the log on, or with those that come from now on, until the
// client leaves or this instance does.
func (s *server) streamEvents(w http.ResponseWriter, r *http.Request) {
	until, ok := s.mayAsk(r, byOperator)
	if !ok {
		writeProblem(w, errAPIKey)
		return
	}
	q, err := readEventQuery(r, "after", "type", "user", "reason")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	field := "after"
	if id := r.Header.Get(lastEventID); id != "" {
		field, q.after = lastEventID, id // it is newer than what the URL says
	}
	if err := s.takeStream(); err != nil {
		s.fail(w, r, err)
		return
	}
	defer s.giveStream()
	st := &stream{server: s, sse: newSSE(w), query: q, at: q.after}
	page, err := st.first(w, r)
	if err != nil {
		s.fail(w, r, cursorProblem(err, field))
		return
	}
	ctx := r.Context()
	if !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until) // nobody is signed in after that
		defer cancel()
	}
	err = st.run(ctx, page)
	s.streamEnded(ctx, err)
}

// streamEnded counts and logs that a stream was cut, if it was.
func (s *server) streamEnded(ctx context.Context, err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		s.metrics.streamsCut.Inc()
	}
	if err != nil && ctx.Err() == nil {
		s.log.DebugContext(ctx, "a stream of events was cut", "error", err)
	}
}

// takeStream makes room for one more stream. giveStream must follow.
func (s *server) takeStream() error {
	select {
	case <-s.Hub.Leaving():
		return hub.ErrDraining
	default:
	}
	select {
	case s.streams <- struct{}{}:
		s.metrics.streams.Inc()
		return nil
	default:
		return errStreams
	}
}

func (s *server) giveStream() {
	<-s.streams
	s.metrics.streams.Dec()
}

// stream is one client that reads the log live. It is owned by the goroutine of its request.
type stream struct {
	*server
	sse
	query eventQuery

	at   string // the cursor after the last event that was looked at
	sent string // the last one that the client was given
}

// first makes the first look at the log, while there can still be a problem for an answer.
func (st *stream) first(w http.ResponseWriter, r *http.Request) (page session.Page, err error) {
	c := newCall(w, r)
	defer c.end()
	if st.at != "" {
		return st.Registry.Log().Events(c.Context(), st.at, streamPage)
	}
	st.at, err = st.Registry.Log().Tail(c.Context())
	return session.Page{From: st.at, Next: st.at}, err
}

// run writes the stream, which begins with a page, until its end.
func (st *stream) run(ctx context.Context, page session.Page) error {
	st.begin()
	st.at = page.From
	st.retry()
	st.id() // whoever is cut off before the first event comes back to here
	err := st.show(page)
	for err == nil || errors.Is(err, errBehind) {
		err = st.live(ctx, page.More)
		page.More = true
	}
	return st.finish(err)
}

// live reads what there is, and then what comes, until it is left behind.
func (st *stream) live(ctx context.Context, more bool) error {
	if more { // else the feed might begin with all of it
		if err := st.catchUp(ctx); err != nil {
			return err
		}
	}
	reader := st.feed.join(st.at)
	defer st.feed.leave(reader)
	// What was written between the two, the feed may not have.
	if err := st.catchUp(ctx); err != nil {
		return err
	}
	return st.follow(ctx, reader)
}

// catchUp reads the log to its end. Where the store does not answer it ends the stream: the client comes back.
func (st *stream) catchUp(ctx context.Context) error {
	for more := true; more; {
		select {
		case <-st.Hub.Leaving():
			return errLeaving
		default:
		}
		call, cancel := context.WithTimeout(ctx, feedTimeout)
		page, err := st.Registry.Log().Events(call, st.at, streamPage)
		cancel()
		if err != nil {
			return err
		}
		more = page.More
		if err := st.show(page); err != nil {
			return err
		}
	}
	return nil
}

// show writes a page that was read from where the stream is.
func (st *stream) show(page session.Page) error {
	st.at = page.From
	if page.Trimmed {
		st.write(eventTrimmed, trimmedText)
	}
	for _, e := range page.Events {
		if err := st.add(e, nil); err != nil {
			return err
		}
	}
	st.at = page.Next
	return st.flush()
}

// follow writes what the feed has, until it is left behind, or the stream ends.
func (st *stream) follow(ctx context.Context, reader *feedReader) error {
	quiet := time.NewTimer(keepAliveEvery)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-st.Hub.Leaving():
			return errLeaving
		case <-quiet.C:
			st.keepAlive()
			st.id() // past what was looked at and not wanted
		case e, ok := <-reader.events:
			if !ok {
				return errBehind
			}
			if err := st.addAll(e, reader); err != nil {
				return err
			}
		}
		if st.buf.Len() > 0 {
			if err := st.flush(); err != nil {
				return err
			}
			quiet.Reset(keepAliveEvery)
		}
	}
}

// addAll adds an event, and those that wait behind it.
func (st *stream) addAll(e *feedEvent, reader *feedReader) error {
	for {
		if err := st.add(e.Event, e.text); err != nil {
			return err
		}
		if st.buf.Len() > streamBatch {
			return nil
		}
		select {
		case next, ok := <-reader.events:
			if !ok {
				return nil // follow will see it, too
			}
			e = next
		default:
			return nil
		}
	}
}

// add passes an event, and adds it to what is to be written if it is news and wanted. The text may be there already.
func (st *stream) add(e session.Event, text []byte) error {
	next, news, err := st.Registry.Log().Pass(st.at, e)
	if err != nil || !news {
		return err
	}
	st.at = next
	if !st.query.wants(e) {
		return nil
	}
	if text == nil {
		text = encodeEvent(e.View())
	}
	st.write(string(e.Type), text)
	return nil
}

// write adds an event to what is to be written, with the place after it. Neither its type nor its data has line
// breaks: those would be the end of a field.
func (st *stream) write(typ string, data []byte) {
	fmt.Fprintf(&st.buf, "id: %s\nevent: %s\ndata: %s\n\n", st.at, typ, data)
	st.sent = st.at
}

// id ends a block with the place that the stream is at. A block without data is no event to the client, which
// remembers its ID all the same.
func (st *stream) id() {
	if st.sent != st.at {
		fmt.Fprintf(&st.buf, "id: %s\n", st.at)
		st.sent = st.at
	}
	st.buf.WriteByte('\n')
}
