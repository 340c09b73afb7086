package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

const (
	insertEvent = `INSERT INTO events (at, type, user, body) VALUES (?, ?, ?, ?)`
	trimEvents  = `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id <= ? ORDER BY id LIMIT ?)`

	// selectTail is where the log ends.
	selectTail = `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)`

	// selectEvents has a row at least, without an event, for where the log begins and ends. An event's ID is one more
	// than that of the event before it.
	selectEvents = `SELECT coalesce(oldest, 0), coalesce(newest, 0), id, user, body
		FROM (SELECT (SELECT min(id) FROM events) AS oldest,
			(SELECT seq FROM sqlite_sequence WHERE name = 'events') AS newest)
		LEFT JOIN (SELECT id, user, body FROM events WHERE id > ? ORDER BY id LIMIT ?) ON true ORDER BY id`

	// forgetEvents removes, of the oldest events, those before the first that is young enough: a clock that was set
	// back leaves no holes in the log.
	forgetEvents = `DELETE FROM events WHERE id <= (SELECT max(id) FROM (
		SELECT id, max(at) OVER (ORDER BY id) AS latest FROM (SELECT id, at FROM events ORDER BY id LIMIT ?)
	) WHERE latest < ?)`
)

// forgetBatch is how many events are forgotten at a time: logins wait no longer than for so many.
const forgetBatch = 1000

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

// Record implements [session.Log].
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
		result, err := tx.putEvent.Exec(eventTime(e.event.At), string(e.event.Type), text(e.event.User), string(e.body))
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

// eventTime returns a time as the table has it; as text it sorts as the times do.
func eventTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// Events implements [session.Log]. The ID of an event is the cursor after it too: events are committed by one writer,
// in the order of their IDs.
func (s *Store) Events(ctx context.Context, after string, limit int) (session.Page, error) {
	if err := ended(ctx); err != nil {
		return session.Page{}, err
	}
	from, err := parseCursor(after)
	if err != nil {
		return session.Page{}, err
	}
	page, newest, err := s.readEvents(from, max(limit, 0))
	if err == nil && from > newest {
		// The file is another one, or an older copy of itself, and what it had instead can be anything.
		page, _, err = s.readEvents(0, max(limit, 0))
		page.Trimmed = true
	}
	return page, unavailable(err)
}

func (s *Store) readEvents(from int64, limit int) (page session.Page, newest int64, err error) {
	rows, err := s.reader.events.Query(from, limit+1)
	if err != nil {
		return session.Page{}, 0, err
	}
	var oldest int64
	found, err := collect(rows, func() (*session.Event, error) { return scanEvent(rows, &oldest, &newest) })
	if err != nil {
		return session.Page{}, 0, err
	}
	first := oldest
	if first == 0 {
		first = newest + 1 // all of them have been forgotten
	}
	page.Trimmed = from > 0 && from+1 < first
	page.From = strconv.FormatInt(max(from, first-1), 10)
	page.Next = page.From
	for _, e := range found {
		switch {
		case e == nil: // no event
		case len(page.Events) == limit:
			page.More = true
		default:
			page.Events = append(page.Events, *e)
			page.Next = e.ID
		}
	}
	return page, newest, nil
}

// scanEvent reads a row: where the log begins and ends, as the query has it, and then the ID, the user and the body of
// an event, or nothing.
func scanEvent(rows *sql.Rows, ends ...any) (*session.Event, error) {
	var id sql.NullInt64
	var user, body []byte
	if err := rows.Scan(append(ends, &id, &user, &body)...); err != nil || !id.Valid {
		return nil, err
	}
	e := new(session.Event)
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("event %d: %w", id.Int64, err)
	}
	e.ID, e.User = strconv.FormatInt(id.Int64, 10), string(user)
	return e, nil
}

// Tail implements [session.Log].
func (s *Store) Tail(ctx context.Context) (string, error) {
	if err := ended(ctx); err != nil {
		return "", err
	}
	var newest int64
	if err := s.reader.tail.QueryRow().Scan(&newest); err != nil {
		return "", unavailable(err)
	}
	return strconv.FormatInt(newest, 10), nil
}

// Pass implements [session.Log].
func (s *Store) Pass(at string, event session.Event) (next string, news bool, err error) {
	from, err := parseCursor(at)
	if err != nil {
		return "", false, err
	}
	id, err := parseCursor(event.ID)
	if err != nil {
		return "", false, err
	}
	if id <= from {
		return at, false, nil
	}
	return event.ID, true, nil
}

// parseCursor reads the ID of an event; the empty cursor is before all of them.
func parseCursor(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 0 || strconv.FormatInt(id, 10) != text {
		return 0, fmt.Errorf("%w: %.40q", session.ErrCursor, text)
	}
	return id, nil
}

// Forget implements [session.Log].
func (s *Store) Forget(ctx context.Context) error {
	if s.keepFor <= 0 {
		return nil
	}
	for gone := int64(forgetBatch); gone == forgetBatch; {
		// The job may go on when ctx has ended, and so its result travels in a channel.
		result := make(chan int64, 1)
		err := s.writer.do(ctx, func(tx *statements) error {
			done, err := tx.forgetEvents.Exec(forgetBatch, eventTime(s.now().Add(-s.keepFor)))
			if err != nil {
				return err
			}
			n, err := done.RowsAffected()
			result <- n
			return err
		}, nil)
		if err != nil {
			return err
		}
		gone = <-result
	}
	return nil
}
