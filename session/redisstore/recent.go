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
	clockGood = session.LeaseTTL
)

// recent is the records of the accounts that were written last, as they were written.
type recent struct {
	mu      sync.Mutex
	records *simplelru.LRU[session.Key, []byte] // guarded by mu
	bytes   int                                 // guarded by mu
}

func newRecent() *recent {
	r := new(recent)
	forget := func(_ session.Key, record []byte) { r.bytes -= len(record) + recordOverhead }
	r.records, _ = simplelru.NewLRU(math.MaxInt, forget) // it fails for no size only
	return r
}

// put remembers a record, and forgets those that were not asked for the longest.
func (r *recent) put(key session.Key, record []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records.Remove(key)
	r.records.Add(key, record)
	for r.bytes += len(record) + recordOverhead; r.bytes > rememberBytes; {
		r.records.RemoveOldest()
	}
}

func (r *recent) get(key session.Key) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.records.Get(key)
}

// Recall implements session.Store.
func (s *Store) Recall(key session.Key) (session.Snapshot, bool) {
	record, ok := s.recent.get(key)
	if !ok {
		return session.Snapshot{}, false
	}
	now, ok := s.clock()
	if !ok {
		return session.Snapshot{}, false
	}
	snap := session.Snapshot{Now: now}
	if err := readRecord(&snap, record); err != nil {
		return session.Snapshot{}, false
	}
	return snap, true
}

// clock returns the time by Redis's clock as of the last beat, which came from Redis a little before it was read here:
// so this is never later than Redis's own.
func (s *Store) clock() (time.Time, bool) {
	seen := s.leases.Load()
	if seen == nil {
		return time.Time{}, false
	}
	since := time.Since(seen.read)
	return time.UnixMilli(seen.at).Add(since).UTC().Truncate(time.Millisecond), since < clockGood
}
