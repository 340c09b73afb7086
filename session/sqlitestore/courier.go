package sqlitestore

import (
	"cmp"
	"context"
	"slices"

	"github.com/sessionhub/sessionhub/session"
)

// Beat implements [session.Courier]. It also forgets the routes of other instances whose lease has
// run out, and what they were told, but not how often.
func (s *Store) Beat(ctx context.Context, self session.Instance) ([]session.Instance, bool, error) {
	if err := ended(ctx); err != nil {
		return nil, false, err
	}
	b, now := s.board, s.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.instanceLocked(self.ID)
	kept := i.alive(now)
	i.lease = self
	i.lease.BeatAt = now

	var alive []session.Instance
	var dead []string
	for id, i := range b.instances {
		switch {
		case i.alive(now):
			alive = append(alive, i.lease)
		case i.routed:
			i.routed, i.kept = false, [session.Shards][][]byte{}
			dead = append(dead, id)
		}
	}
	if len(dead) > 0 {
		b.pruneLocked(dead)
	}
	slices.SortFunc(alive, func(a, b session.Instance) int { return cmp.Compare(a.ID, b.ID) })
	return alive, kept, nil
}

// pruneLocked forgets the routes of instances.
func (b *board) pruneLocked(dead []string) {
	for key, routes := range b.routes {
		b.setLocked(key, slices.DeleteFunc(routes, func(r session.Route) bool {
			return slices.Contains(dead, r.Instance)
		}))
	}
}

// Told implements [session.Courier].
func (s *Store) Told(ctx context.Context, instance string) ([session.Shards]session.Mailed, error) {
	if err := ended(ctx); err != nil {
		return [session.Shards]session.Mailed{}, err
	}
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if i := s.board.instances[instance]; i != nil {
		return i.told, nil
	}
	return [session.Shards]session.Mailed{}, nil
}

// Missed implements [session.Courier].
func (s *Store) Missed(
	ctx context.Context, instance string, shard int, after session.Mailed,
) ([]session.Notice, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	messages, complete := s.board.missed(instance, shard, after)
	var notices []session.Notice
	for _, message := range messages {
		notice, err := session.DecodeNotice(message)
		if err != nil {
			return nil, err
		}
		notices = append(notices, notice)
	}
	if !complete {
		return notices, session.ErrTrimmed
	}
	return notices, nil
}

// missed returns the messages after the given place, and whether that is all of them.
func (b *board) missed(id string, shard int, after session.Mailed) (messages [][]byte, complete bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.instances[id]
	if i == nil {
		return nil, after == session.Mailed{}
	}
	kept, last := i.kept[shard], i.told[shard]
	missing := last.Number - after.Number
	switch {
	case after == last:
		return nil, true
	case after.Number >= last.Number || missing > uint64(len(kept)):
		return slices.Clone(kept), false
	default:
		return slices.Clone(kept[uint64(len(kept))-missing:]), true
	}
}
