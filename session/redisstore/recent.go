package redisstore

import (
	"math"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// rememberBytes bounds the memory for the records of accounts, and recordOverhead is what each takes besides.
	rememberBytes  = 12 << 20
	recordOverhead = 128
	// clockGood is how long Redis's clock can be told from one reading of it: clocks do not run apart by much.
	// clockLate is how long that reading may have been on its way: by so much sessions can be dated early. clockStep
	// is what is lost of it in any case, as it is in whole milliseconds.
	clockGood = session.LeaseTTL
	clockLate = 50 * time.Millisecond
	clockStep = 2 * time.Millisecond
)

// recent is the records of the accounts that were written last, as they were written.
type recent struct {
	mu      sync.Mutex
	records *simplelru.LRU[session.Key, remembered] // guarded by mu
	bytes   int                                     // guarded by mu
}

// remembered is a record, the time by Redis's clock that it was decided at, and what is noted beside it: the sessions
// that it says to be offline and that were sent their notice.
type remembered struct {
	record []byte
	at     time.Time
	sent   []session.ID
}

func (m remembered) size() int { return len(m.record) + len(session.ID{})*len(m.sent) + recordOverhead }

func newRecent() *recent {
	r := new(recent)
	forget := func(_ session.Key, m remembered) { r.bytes -= m.size() }
	r.records, _ = simplelru.NewLRU(math.MaxInt, forget) // it fails for no size only
	return r
}

// put remembers a record, and forgets those that were not asked for the longest.
func (r *recent) put(key session.Key, m remembered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records.Remove(key)
	r.records.Add(key, m)
	for r.bytes += m.size(); r.bytes > rememberBytes; {
		r.records.RemoveOldest()
	}
}

func (r *recent) get(key session.Key) (remembered, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records.Get(key)
}

// Recall implements session.Store.
func (s *Store) Recall(key session.Key) (session.Snapshot, bool) {
	now, ok := s.clock()
	if !ok {
		return session.Snapshot{}, false
	}
	m, ok := s.recent.get(key)
	// Nothing may seem to have happened before what came before it.
	if !ok || m.at.Sub(now) > clockStep {
		return session.Snapshot{}, false
	}
	snap := session.Snapshot{Now: now}
	if now.Before(m.at) {
		snap.Now = m.at
	}
	if err := readRecord(&snap, m.record); err != nil {
		return session.Snapshot{}, false
	}
	delivered(&snap, m.sent...)
	return snap, true
}

// clock returns the time by Redis's clock as of the last beat, which came from Redis a little before it was read here:
// so this is never later than Redis's own. It knows that of one Redis: the nodes of a cluster have each its own.
func (s *Store) clock() (time.Time, bool) {
	seen := s.leases.Load()
	if seen == nil || s.cluster || seen.read.Sub(seen.asked) > clockLate {
		return time.Time{}, false
	}
	since := time.Since(seen.read)
	return time.UnixMilli(seen.at).Add(since).UTC().Truncate(time.Millisecond), since < clockGood
}
