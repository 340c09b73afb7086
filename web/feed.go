package web

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sessionhub/sessionhub/session"
)

// How the feed reads the log.
const (
	// feedEvery is how often it looks for new events, and feedRetry how soon again after the store did not answer.
	feedEvery = 200 * time.Millisecond
	feedRetry = time.Second
	// feedTimeout bounds each look.
	feedTimeout = 1500 * time.Millisecond
	// feedPage is how many events are read at a time, and feedQueue how many may wait for a stream.
	feedPage  = 500
	feedQueue = 256
)

// feed reads the event log once for all streams of this instance, and only while there are any. What it cannot hand
// to a stream at once waits in the stream's queue; a stream whose queue is full loses the feed, and reads the log
// itself until it has caught up. Whoever only wants to know that a user's sessions have changed is a watcher.
type feed struct {
	log session.Log

	mu       sync.Mutex
	readers  map[*feedReader]struct{}              // guarded by mu
	watchers map[session.Key]map[*watcher]struct{} // guarded by mu
	stop     context.CancelFunc                    // guarded by mu: ends the reading; nil while nothing is read
}

// feedReader is the end of the feed that one stream reads. Its channel is closed when the feed has left it behind.
type feedReader struct{ events chan *feedEvent }

// feedEvent is an event, with the text that all streams show of it, where that has been made.
type feedEvent struct {
	session.Event
	text []byte
}

// encodeEvent returns an event as one line of JSON, which escapes the line breaks in strings. Users are any bytes, and
// JSON is UTF-8.
func encodeEvent(e session.EventView) []byte {
	text, err := json.Marshal(e, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		panic(err) // plain data: it cannot fail
	}
	return text
}

func newFeed(log session.Log) *feed {
	return &feed{
		log: log, readers: make(map[*feedReader]struct{}), watchers: make(map[session.Key]map[*watcher]struct{}),
	}
}

// join adds a reader. It gets all events after a place in the log that is not later than the end of the log now,
// but perhaps earlier than the given one.
func (f *feed) join(at string) *feedReader {
	r := &feedReader{events: make(chan *feedEvent, feedQueue)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[r] = struct{}{}
	f.startLocked(at)
	return r
}

// startLocked begins to read at a place in the log, unless it is being read already.
func (f *feed) startLocked(at string) {
	if f.stop == nil {
		ctx, stop := context.WithCancel(context.Background())
		f.stop = stop
		go f.run(ctx, at)
	}
}

// restLocked ends the reading if nobody is left.
func (f *feed) restLocked() {
	if len(f.readers) == 0 && len(f.watchers) == 0 {
		f.stop()
		f.stop = nil
	}
}

// leave removes a reader; it may have been left behind before.
func (f *feed) leave(r *feedReader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.readers[r]; ok {
		f.dropLocked(r)
	}
}

// dropLocked removes a reader.
func (f *feed) dropLocked(r *feedReader) {
	delete(f.readers, r)
	close(r.events)
	f.restLocked()
}

// run reads the log from a place on, until ctx ends.
func (f *feed) run(ctx context.Context, at string) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		call, cancel := context.WithTimeout(ctx, feedTimeout)
		page, err := f.log.Events(call, at, feedPage)
		cancel()
		switch {
		case err != nil: // at is kept, so that nothing is missed
			wait.Reset(feedRetry)
			continue
		case page.More:
			wait.Reset(0)
		default:
			wait.Reset(feedEvery)
		}
		at = page.Next
		f.push(ctx, page)
	}
}

// push hands the events of a page to all readers and watchers. It never blocks.
func (f *feed) push(ctx context.Context, page session.Page) {
	f.mu.Lock()
	reading := len(f.readers) > 0
	f.mu.Unlock()
	events := make([]*feedEvent, len(page.Events))
	for i, e := range page.Events {
		events[i] = &feedEvent{Event: e}
		if reading { // else whoever joins in this very moment makes the text itself
			events[i].text = encodeEvent(e.View())
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if ctx.Err() != nil {
		return // the readers are those of a later run
	}
	f.ringLocked(page)
	for r := range f.readers {
		// Where events are missing, each stream is to find that out for itself, and say so.
		if page.Trimmed || !r.take(events) {
			f.dropLocked(r)
		}
	}
}

// take queues events, and reports whether there was room for all of them.
func (r *feedReader) take(events []*feedEvent) bool {
	for _, e := range events {
		select {
		case r.events <- e:
		default:
			return false
		}
	}
	return true
}
