package web

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// How streams of server-sent events behave. The format is that of the WHATWG's HTML standard.
const (
	// keepAliveEvery is how often a stream says something, so that proxies do not take it for dead.
	keepAliveEvery = 15 * time.Second
	// streamWrite is how long a client may take to make room for what is written; then it is cut.
	streamWrite = 10 * time.Second
	// retryLeast and retryMost are when clients come back after a stream has ended, each at another time.
	retryLeast = time.Second
	retryMost  = 4 * time.Second
)

// errLeaving is why streams end that would go on otherwise.
var errLeaving = errors.New("this instance is going away")

// sse writes server-sent events to one client. It is owned by the goroutine of the request.
type sse struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     bytes.Buffer // what is to be written
}

func newSSE(w http.ResponseWriter) sse {
	return sse{w: w, control: http.NewResponseController(w)}
}

// begin sends the head of the answer.
func (e *sse) begin() {
	h := e.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx is to pass on each event at once
	h.Set("Connection", "close")     // the deadlines are this stream's own, and no later request's
	e.w.WriteHeader(http.StatusOK)
	// The server's bound on reading a request would end this one too. A test's recorder has none.
	_ = e.control.SetReadDeadline(time.Time{})
}

// event adds an event without an ID. Neither its type nor its data has line breaks: those would be the end of a field.
func (e *sse) event(typ string, data []byte) {
	fmt.Fprintf(&e.buf, "event: %s\ndata: %s\n\n", typ, data)
}

// retry adds when the client should come back after the end of the stream.
func (e *sse) retry() {
	fmt.Fprintf(&e.buf, "retry: %d\n", (retryLeast + rand.N(retryMost-retryLeast)).Milliseconds())
}

// keepAlive begins a block that is no event. An empty line, or an ID and one, must follow.
func (e *sse) keepAlive() { e.buf.WriteString(": still here\n") }

// flush writes what there is to write. It returns os.ErrDeadlineExceeded, wrapped, if the client does not take it.
func (e *sse) flush() error {
	if e.buf.Len() == 0 {
		return nil
	}
	_ = e.control.SetWriteDeadline(time.Now().Add(streamWrite)) // a test's recorder has no deadlines
	_, err := e.w.Write(e.buf.Bytes())
	e.buf.Reset()
	if err != nil {
		return err
	}
	return e.control.Flush()
}

// finish ends a stream for the reason that is given. Where this instance is going away, the client is told when to come
// back.
func (e *sse) finish(why error) error {
	if !errors.Is(why, errLeaving) {
		return why
	}
	e.retry()
	e.buf.WriteByte('\n')
	return e.flush()
}
