package hub

import "sync"

// How much may wait for one connection before it counts as too slow.
const (
	maxWaiting      = 256     // messages
	maxWaitingBytes = 1 << 20 // and their bytes
)

// outbox is the messages of apps on their way to one connection. Notices do not pass through it: they have a lane of
// their own, and nothing here delays them. Its zero value holds what comes until it is opened.
type outbox struct {
	mu    sync.Mutex // never held while writing
	state outboxState
	queue *queue // guarded by mu; nil while nothing waits and nobody sends: an idle connection pays for no queue
}

// outboxState is guarded by outbox.mu.
type outboxState uint8

const (
	held    outboxState = iota // until the welcome has been sent
	flowing                    // whoever puts the first message in begins to send
	overrun                    // more has come than may wait: the connection is about to be cut
	shut                       // nothing goes out any more
)

// queue is the frames that wait, oldest first. The frames are shared with other connections.
type queue struct {
	frames [][]byte
	bytes  int
	lost   int // frames that there was no room for, and those that waited then
}

// put adds a frame, and never blocks. It reports whether the caller must see to it that sending begins, and whether
// the box still takes anything.
func (o *outbox) put(frame []byte) (begin, taken bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == shut {
		return false, false
	}
	if o.queue == nil {
		o.queue = new(queue)
		begin = o.state == flowing
	}
	q := o.queue
	if o.state != overrun && (len(q.frames) == maxWaiting || q.bytes+len(frame) > maxWaitingBytes) {
		o.state = overrun
		q.lost, q.frames = len(q.frames), nil
	}
	if o.state == overrun {
		q.lost++
		return begin, true
	}
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	return begin, true
}

// open lets out what has been held, and reports whether the caller must see to it that sending begins.
func (o *outbox) open() (begin bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == held {
		o.state = flowing
	}
	return o.queue != nil
}

// next takes out the oldest frame; nil is that there is none any more, and whoever sends is to end. When the box is
// overrun, it is shut, and lost is how many frames are gone.
func (o *outbox) next() (frame []byte, lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queue
	switch {
	case q == nil:
		return nil, 0
	case o.state == overrun:
		o.state, o.queue = shut, nil
		return nil, q.lost
	case len(q.frames) == 0:
		o.queue = nil
		return nil, 0
	}
	frame = q.frames[0]
	q.frames[0] = nil
	q.frames = q.frames[1:]
	q.bytes -= len(frame)
	return frame, 0
}

// shut throws away what waits, and returns how many frames that were; those that were held have been promised to
// nobody.
func (o *outbox) shut() (lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.queue; q != nil && o.state != held {
		lost = len(q.frames) + q.lost
	}
	o.state, o.queue = shut, nil
	return lost
}
