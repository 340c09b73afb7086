package sqlitestore

import "time"

// SetClock gives the store another clock. It must not be in use yet.
func (s *Store) SetClock(now func() time.Time) { s.now = now }

// Lapse lets the lease of an instance run out.
func (s *Store) Lapse(instance string) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.instances[instance].lease.BeatAt = time.Time{}
}

// TrimNotices forgets the notices of a shard.
func (s *Store) TrimNotices(shard int) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	for _, i := range s.board.instances {
		i.kept[shard] = nil
	}
}
