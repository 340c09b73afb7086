package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/sessionhub/sessionhub/session"
)

const (
	insertEvent  = `INSERT INTO events (at, type, user, body) VALUES (?, ?, ?, ?)`
	selectEvents = `SELECT id, user, body FROM events WHERE id > ? ORDER BY id LIMIT ?`
	trimEvents   = `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)`
)

// entry is an event on its way into the database.
type entry struct {
	event session.Event
	body  []byte
}

func encode(events []session.Event) ([]entry, error) {
	entries := make([]entry, len(events))
	for i, e := range events {
		body, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
		entries[i] = entry{event: e, body: body}
	}
	return entries, nil
}

// Record implements [session.Store].
func (s *Store) Record(ctx context.Context, _ session.Key, events ...session.Event) error {
	entries, err := encode(events)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(tx *statements) error {
		_, err := s.putEvents(tx, entries)
		return err
	}, nil)
}

// putEvents writes events, and forgets up to twice as many of those that are too many. It returns the last
// one's ID.
func (s *Store) putEvents(tx *statements, entries []entry) (last int64, err error) {
	for _, e := range entries {
		at := e.event.At.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		result, err := tx.putEvent.Exec(at, string(e.event.Type), text(e.event.User), string(e.body))
		if err != nil {
			return 0, err
		}
		if last, err = result.LastInsertId(); err != nil {
			return 0, err
		}
	}
	if tooOld := last - int64(s.events); tooOld > 0 {
		_, err = tx.trimEvents.Exec(tooOld, 2*len(entries))
	}
	return last, err
}

// Events implements [session.Store].
func (s *Store) Events(ctx context.Context, after string, limit int) ([]session.Event, error) {
	if err := ended(ctx); err != nil {
		return nil, err
	}
	from := int64(0)
	if after != "" {
		var err error
		if from, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, fmt.Errorf("event ID %q: want a number", after)
		}
	}
	rows, err := s.reader.events.Query(from, max(0, limit))
	if err != nil {
		return nil, unavailable(err)
	}
	events, err := collect(rows, func() (session.Event, error) {
		var id int64
		var user, body []byte
		if err := rows.Scan(&id, &user, &body); err != nil {
			return session.Event{}, err
		}
		var e session.Event
		if err := json.Unmarshal(body, &e); err != nil {
			return session.Event{}, fmt.Errorf("event %d: %w", id, err)
		}
		e.ID, e.User = strconv.FormatInt(id, 10), string(user)
		return e, nil
	})
	return events, unavailable(err)
}
