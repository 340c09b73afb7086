package web

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// How long an answer may take, from when the request is there whole. Two seconds is what clients are promised where
// the store is away, so every wait of a request ends in time for that.
const (
	// answerWithin is for all waits together.
	answerWithin = 1800 * time.Millisecond
	// verifyWithin is until when a password must have had its turn.
	verifyWithin = 1200 * time.Millisecond
	// storeLeast is what the store has after a password was looked at, however long that took: the user is known by
	// then, and where hashes are costly nobody could sign in otherwise.
	storeLeast = 500 * time.Millisecond
)

// call is one request on its way through an endpoint.
type call struct {
	*http.Request
	header http.Header // of the answer

	begun  time.Time
	ctx    context.Context // ends when the answer is due
	cancel context.CancelFunc
}

// newCall begins a call. Its end must follow.
func newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{Request: r, header: w.Header(), begun: time.Now()}
	c.ctx, c.cancel = context.WithDeadline(r.Context(), c.begun.Add(answerWithin))
	return c
}

func (c *call) end() { c.cancel() }

// Context ends when the client is gone or the answer is due. It takes the place of the request's own.
func (c *call) Context() context.Context { return c.ctx }

// until returns a context that ends so long after the call began, if not before.
func (c *call) until(within time.Duration) (context.Context, context.CancelFunc) {
	return context.WithDeadline(c.ctx, c.begun.Add(within))
}

// leave puts the answer off until there is so much time left, if there is less.
func (c *call) leave(least time.Duration) {
	if due, _ := c.ctx.Deadline(); time.Until(due) >= least {
		return
	}
	c.cancel()
	c.ctx, c.cancel = context.WithTimeout(c.Request.Context(), least)
}

// alone returns the call's context without its client, who may be gone.
func (c *call) alone() (context.Context, context.CancelFunc) {
	due, _ := c.ctx.Deadline()
	return context.WithDeadline(context.WithoutCancel(c.ctx), due)
}

// param returns a part of the path, unescaped: the routes are matched on the path as it was sent, so that a user
// with a slash in the name is one part.
func (c *call) param(name string) string {
	value := c.PathValue(name)
	if c.URL.RawPath == "" {
		return value // it was sent as it is, or is unescaped already
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
