package session

import (
	"slices"
	"sort"
	"time"
)

// Instance is a running hub, how it is doing, and its counters as of its last beat.
type Instance struct {
	ID        string    `json:"id"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	BeatAt    time.Time `json:"beat_at"` // by the store's clock; set by it
	Health
	Counters
	// Notices are how long the notices took.
	Notices NoticeTimes `json:"notice_ms,omitzero"`
}

// State says whether an instance may take traffic.
type State string

// The states of an instance. One of a version that did not say has the empty State.
const (
	Ready    State = "ready"
	Draining State = "draining"  // it is going away, and asks its sockets to go elsewhere
	NotReady State = "not_ready" // something is wrong, of which Health.Detail tells
)

// States lists every state.
var States = []State{Ready, Draining, NotReady}

// Health is how an instance is doing, and what it takes of its machine.
type Health struct {
	State State `json:"state"`
	// Detail says what is wrong where the instance is not ready, for operators.
	Detail string `json:"detail,omitempty"`
	// CPU is how much of one core the process took between its last two beats: 1 is all of it, and several are more.
	// It is 0 where the system does not tell.
	CPU float64 `json:"cpu"`
	// Memory is what the process has in memory, in bytes: the resident set where the system tells, and else what the Go
	// runtime holds.
	Memory     uint64 `json:"memory_bytes"`
	Goroutines int    `json:"goroutines"`
	// MaxConnections is how many connections it takes; 0 is no limit.
	MaxConnections int `json:"max_connections"`
}

// Counters are an instance's own counts: of what is open now, and of what has happened since it started.
type Counters struct {
	Connections int    `json:"connections"`
	Sessions    int    `json:"sessions"` // with at least one connection here
	Admitted    uint64 `json:"admitted"`
	Ended       uint64 `json:"ended"`
	Forced      uint64 `json:"forced"` // of those ended, for a reason that is Forced
	Told        uint64 `json:"told"`   // notices written to sockets
	Acked       uint64 `json:"acked"`  // receipts for them
	Late        uint64 `json:"late"`   // sessions found ended without a notice, by looking
}

// noticeBounds are those of a Histogram, in whole ms. They are a part of what a beat says: instances of different
// versions add up what they count by them.
var noticeBounds = [...]int{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000}

// NoticeBounds returns the bounds of a Histogram: how long a notice may have taken to be counted there, in ms.
func NoticeBounds() []int { return slices.Clone(noticeBounds[:]) }

// Histogram counts notices by how long they took: up to each of NoticeBounds and longer than the bound before it, and
// at the end those that took longer than all.
type Histogram [len(noticeBounds) + 1]uint64

// NoticeBound returns where in a Histogram something is counted that took so long.
func NoticeBound(took time.Duration) int {
	return sort.Search(len(noticeBounds), func(i int) bool {
		return took <= time.Duration(noticeBounds[i])*time.Millisecond
	})
}

// NoticeTimes are how long notices took from the commit that ended the session: until they were written to a socket,
// and until the receipt for them was back.
type NoticeTimes struct {
	Told  Histogram `json:"told"`
	Acked Histogram `json:"acked"`
}

// Totals are the sums over several instances.
type Totals struct {
	Instances int
	Counters
	Notices NoticeTimes
}

// Total adds up instances.
func Total(instances []Instance) Totals {
	sum := Totals{Instances: len(instances)}
	for _, i := range instances {
		sum.Connections += i.Connections
		sum.Sessions += i.Sessions
		sum.Admitted += i.Admitted
		sum.Ended += i.Ended
		sum.Forced += i.Forced
		sum.Told += i.Told
		sum.Acked += i.Acked
		sum.Late += i.Late
		sum.Notices.Told.add(i.Notices.Told)
		sum.Notices.Acked.add(i.Notices.Acked)
	}
	return sum
}

func (h *Histogram) add(other Histogram) {
	for i := range h {
		h[i] += other[i]
	}
}
