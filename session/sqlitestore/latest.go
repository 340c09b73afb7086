package sqlitestore

import (
	"context"
	"math"
	"strconv"

	"github.com/sessionhub/sessionhub/session"
)

// selectLatest has a row at least, without an event, for where the log ends.
const selectLatest = `SELECT coalesce(newest, 0), id, user, body
	FROM (SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'events') AS newest)
	LEFT JOIN (SELECT id, user, body FROM events WHERE id <= ? ORDER BY id DESC LIMIT ?) ON true ORDER BY id`

// Latest implements [session.Log].
func (s *Store) Latest(ctx context.Context, before string, limit int) (session.Page, error) {
	if err := ended(ctx); err != nil {
		return session.Page{}, err
	}
	place, err := parseCursor(before)
	if err != nil {
		return session.Page{}, err
	}
	limit = max(limit, 0)
	if before == "" {
		place = math.MaxInt64
	}
	rows, err := s.reader.latest.Query(place, limit+1)
	if err != nil {
		return session.Page{}, unavailable(err)
	}
	var newest int64
	found, err := collect(rows, func() (*session.Event, error) { return scanEvent(rows, &newest) })
	if err != nil {
		return session.Page{}, unavailable(err)
	}
	if before == "" {
		before = strconv.FormatInt(newest, 10)
	}
	page := session.Page{From: before, Next: before, Events: make([]session.Event, 0, len(found))}
	for _, e := range found {
		if e != nil {
			page.Events = append(page.Events, *e)
		}
	}
	if page.More = len(page.Events) > limit; page.More {
		page.Events = page.Events[1:]
	}
	if len(page.Events) > 0 {
		first, _ := strconv.ParseInt(page.Events[0].ID, 10, 64) // it was a number when it was read
		page.From = strconv.FormatInt(first-1, 10)
	}
	return page, nil
}
