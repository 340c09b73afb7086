package hub

import (
	"sync/atomic"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// tally counts notices by how long they took. It may be used concurrently.
type tally struct {
	counts [len(session.Histogram{})]atomic.Uint64
	sum    atomic.Int64 // of all, in ns
}

// add counts a notice; one that seems to have come before it was sent, because clocks are not exact, took no time.
func (t *tally) add(took time.Duration) {
	took = max(took, 0)
	t.counts[session.NoticeBound(took)].Add(1)
	t.sum.Add(int64(took))
}

func (t *tally) histogram() (h session.Histogram) {
	for i := range t.counts {
		h[i] = t.counts[i].Load()
	}
	return h
}

// timed returns when a session ended if its notice can be timed, and else the zero time. What has run out ends at its
// deadline, and is found some time after that; what nobody knows ended nobody knows when.
func timed(why session.Ending) time.Time {
	switch why.Reason {
	case session.Idle, session.Lifetime, session.Unknown:
		return time.Time{}
	default:
		return why.At
	}
}

// timeNotice counts how long a notice took until now, by the store's clock: from when the ending was decided, which is
// a round trip to the store before its commit. How exact this is, storeClock says.
func (h *Hub) timeNotice(bye *farewell, t *tally) {
	if !bye.endedAt.IsZero() {
		t.add(h.storeNow().Sub(bye.endedAt))
	}
}
