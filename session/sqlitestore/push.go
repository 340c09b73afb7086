package sqlitestore

import (
	"context"
	"fmt"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// Push implements [session.Store]. It returns session.ErrUnavailable too if an instance has no room for the message.
func (s *Store) Push(ctx context.Context, key session.Key, push session.Push) (session.Snapshot, error) {
	snap, err := s.Load(ctx, key)
	if err != nil {
		return session.Snapshot{}, err
	}
	for instance, sessions := range snap.Routes.For(push) {
		message := session.EncodePush(session.Pushed{
			ID: push.ID, Key: key, At: snap.Now, Sessions: sessions, Data: push.Data,
		})
		if !s.board.push(instance, message) {
			return session.Snapshot{}, fmt.Errorf("%w: instance %s has no room for messages", session.ErrUnavailable, instance)
		}
	}
	return snap, nil
}

// note records losses of messages to sessions, and takes back those that clients have been told of. They are kept in
// memory, like routes: a socket that was lost with the process may have missed more than anybody knows.
func (b *board) note(marks []session.Mark, now time.Time) {
	if len(marks) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range marks {
		known := b.losses[m.Key][m.Session]
		at := now.Add(-m.Ago)
		switch {
		case !m.Told.IsZero() && !known.After(m.Told):
			b.forgetLocked(m.Key, m.Session)
		case !m.Told.IsZero() || !at.After(known):
		case b.losses[m.Key] == nil:
			b.losses[m.Key] = map[session.ID]time.Time{m.Session: at}
		default:
			b.losses[m.Key][m.Session] = at
		}
	}
}

// forgetLocked forgets what a session has missed.
func (b *board) forgetLocked(key session.Key, id session.ID) {
	if delete(b.losses[key], id); len(b.losses[key]) == 0 {
		delete(b.losses, key)
	}
}
