package redisstore

// Outdate makes the store keep events for a moment only.
func (s *Store) Outdate() { s.keepFor = 1 }
