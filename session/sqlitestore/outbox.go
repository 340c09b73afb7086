package sqlitestore

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

//go:embed outbox.sql
var outboxSchema string

const (
	selectGathered = `SELECT last FROM outbox`
	startGathering = `INSERT INTO outbox SELECT 1, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'
		ON CONFLICT DO NOTHING`
	selectUngathered = `SELECT id, user, body FROM events WHERE id > ? ORDER BY id LIMIT ?`
	// moveGathered changes a row only if nobody else has come first.
	moveGathered = `UPDATE outbox SET last = ?2 WHERE last = ?1`

	countQueue  = `SELECT count(*) FROM deliveries WHERE endpoint = ?`
	putDelivery = `INSERT INTO deliveries (endpoint, event, due, queued, user, body) VALUES (?1, ?2, ?3, ?3, ?4, ?5)
		ON CONFLICT DO NOTHING`
	countLost = `INSERT INTO endpoints (name, lost) VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET lost = lost + 1`

	selectEndpoint = `SELECT off_at IS NOT NULL, held, lost FROM endpoints WHERE name = ?`
	claimDue       = `UPDATE deliveries SET due = ?4, leased = 1, attempts = attempts + 1 WHERE endpoint = ?1 AND event IN
		(SELECT event FROM deliveries WHERE endpoint = ?1 AND due <= ?2 ORDER BY due, event LIMIT ?3)
		RETURNING event, queued, attempts, user, body`
	deleteDelivery   = `DELETE FROM deliveries WHERE endpoint = ? AND event = ?`
	postponeDelivery = `UPDATE deliveries SET due = ?3, leased = 0 WHERE endpoint = ?1 AND event = ?2`
	holdEndpoint     = `INSERT INTO endpoints (name, held) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET held = max(held, excluded.held)`
	disableEndpoint = `INSERT INTO endpoints (name, off_at) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET off_at = coalesce(off_at, excluded.off_at)`
	enableEndpoint = `UPDATE endpoints SET off_at = NULL, held = 0 WHERE name = ?`
	emptyQueue     = `DELETE FROM deliveries WHERE endpoint = ?`
	selectQueue    = `SELECT count(*), coalesce(min(queued), 0), coalesce(max(queued), 0) FROM deliveries WHERE endpoint = ?`
)

// outboxStatements are those of the writer's transactions that concern the outbox.
type outboxStatements struct {
	gathered, start, move, count, put, lost               *sql.Stmt
	endpoint, claim, done, postpone, hold, off, on, empty *sql.Stmt
}

func (s *outboxStatements) list() []preparation {
	return []preparation{
		{&s.gathered, selectGathered}, {&s.start, startGathering}, {&s.move, moveGathered},
		{&s.count, countQueue}, {&s.put, putDelivery}, {&s.lost, countLost},
		{&s.endpoint, selectEndpoint}, {&s.claim, claimDue}, {&s.done, deleteDelivery},
		{&s.postpone, postponeDelivery}, {&s.hold, holdEndpoint}, {&s.off, disableEndpoint},
		{&s.on, enableEndpoint}, {&s.empty, emptyQueue},
	}
}

// outboxReader are the reads that need no transaction.
type outboxReader struct{ gathered, ungathered, endpoint, queue *sql.Stmt }

var _ session.Outbox = (*Store)(nil)

// Gather implements [session.Outbox]. What it takes and what it queues is one transaction.
func (s *Store) Gather(ctx context.Context, limit int, route func(session.Event) []string) (int, error) {
	if limit < 1 {
		return 0, session.ErrOutbox
	}
	if err := ended(ctx); err != nil {
		return 0, err
	}
	var last int64
	err := s.reader.outbox.gathered.QueryRow().Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, s.writer.do(ctx, func(tx *statements) error { _, err := tx.outbox.start.Exec(); return err }, nil)
	}
	if err != nil {
		return 0, unavailable(err)
	}
	rows, err := s.reader.outbox.ungathered.Query(last, limit)
	if err != nil {
		return 0, unavailable(err)
	}
	found, err := collect(rows, func() (f fresh, err error) { err = f.scan(rows); return f, err })
	if err != nil || len(found) == 0 {
		return 0, unavailable(err)
	}
	for i := range found {
		if found[i].broken == nil {
			found[i].endpoints = route(found[i].event)
		}
	}
	g := gathering{from: last, now: s.now(), found: found}
	if err := s.writer.do(ctx, g.apply, nil); err != nil {
		return 0, err
	}
	return g.result()
}

// fresh is an event that has not been gathered yet.
type fresh struct {
	id        int64
	user      []byte
	body      string
	event     session.Event
	broken    error // why it cannot be read
	endpoints []string
}

func (f *fresh) scan(rows *sql.Rows) error {
	if err := rows.Scan(&f.id, &f.user, &f.body); err != nil {
		return err
	}
	f.event, f.broken = readEvent(f.id, f.user, f.body)
	return nil
}

func readEvent(id int64, user []byte, body string) (e session.Event, err error) {
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return session.Event{}, fmt.Errorf("event %d: %w", id, err)
	}
	e.ID, e.User = strconv.FormatInt(id, 10), string(user)
	return e, nil
}

// gathering is a Gather on its way into the database.
type gathering struct {
	from  int64
	now   time.Time
	found []fresh
	moved int64 // rows of outbox: 0 if somebody else has taken these events
}

func (g *gathering) apply(tx *statements) error {
	result, err := tx.outbox.move.Exec(g.from, g.found[len(g.found)-1].id)
	if err != nil {
		return err
	}
	if g.moved, err = result.RowsAffected(); err != nil || g.moved == 0 {
		return err
	}
	room := make(map[string]int) // by endpoint; -1 is disabled
	for _, f := range g.found {
		for _, endpoint := range f.endpoints {
			if err := g.put(tx, room, endpoint, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *gathering) put(tx *statements, room map[string]int, endpoint string, f fresh) error {
	if _, known := room[endpoint]; !known {
		n := 0
		if err := tx.outbox.count.QueryRow(endpoint).Scan(&n); err != nil {
			return err
		}
		state, err := readEndpoint(tx.outbox.endpoint, endpoint)
		if err != nil {
			return err
		}
		if room[endpoint] = max(0, session.MaxQueue-n); state.off {
			room[endpoint] = -1
		}
	}
	switch room[endpoint] {
	case -1:
		return nil
	case 0:
		_, err := tx.outbox.lost.Exec(endpoint)
		return err
	}
	room[endpoint]--
	_, err := tx.outbox.put.Exec(endpoint, f.id, g.now.UnixMilli(), text(string(f.user)), f.body)
	return err
}

func (g *gathering) result() (int, error) {
	if g.moved == 0 {
		return 0, nil
	}
	var broken error
	for _, f := range g.found {
		broken = errors.Join(broken, f.broken)
	}
	return len(g.found), broken
}

type endpointState struct {
	off  bool
	held int64
	lost uint64
}

func readEndpoint(stmt *sql.Stmt, endpoint string) (e endpointState, err error) {
	err = stmt.QueryRow(endpoint).Scan(&e.off, &e.held, &e.lost)
	if errors.Is(err, sql.ErrNoRows) {
		return endpointState{}, nil
	}
	return e, err
}

// Claim implements [session.Outbox].
func (s *Store) Claim(ctx context.Context, endpoint string, claim session.Claim) ([]session.Delivery, error) {
	if err := claim.Validate(); err != nil {
		return nil, err
	}
	now := s.now()
	// Most often there is nothing: that is seen without a transaction.
	state, err := readEndpoint(s.reader.outbox.endpoint, endpoint)
	if err != nil {
		return nil, unavailable(err)
	}
	if state.off || state.held > now.UnixMilli() {
		return nil, ended(ctx)
	}
	queue, err := s.Queues(ctx, endpoint)
	if err != nil || queue[0].Waiting == 0 {
		return nil, err
	}
	var claimed []session.Delivery
	err = s.writer.do(ctx, func(tx *statements) (err error) {
		claimed, err = claimIn(tx, endpoint, claim, now)
		return err
	}, nil)
	if err != nil {
		return nil, err // what was claimed may not be looked at
	}
	return claimed, nil
}

func claimIn(tx *statements, endpoint string, claim session.Claim, now time.Time) ([]session.Delivery, error) {
	state, err := readEndpoint(tx.outbox.endpoint, endpoint)
	if err != nil || state.off || state.held > now.UnixMilli() {
		return nil, err
	}
	rows, err := tx.outbox.claim.Query(endpoint, now.UnixMilli(), claim.Limit, now.Add(claim.Lease).UnixMilli())
	if err != nil {
		return nil, err
	}
	claimed, err := collect(rows, func() (session.Delivery, error) {
		var id, queued int64
		var d session.Delivery
		var user []byte
		var body string
		if err := rows.Scan(&id, &queued, &d.Attempt, &user, &body); err != nil {
			return d, err
		}
		var err error
		d.Event, err = readEvent(id, user, body)
		d.ID, d.Age = d.Event.ID, max(0, now.Sub(time.UnixMilli(queued)))
		return d, err
	})
	if err != nil || len(claimed) == 0 || claim.Hold == 0 {
		return claimed, err
	}
	_, err = tx.outbox.hold.Exec(endpoint, now.Add(claim.Hold).UnixMilli())
	return claimed, err
}

// Done implements [session.Outbox].
func (s *Store) Done(ctx context.Context, endpoint string, ids ...string) error {
	return s.settle(ctx, ids, func(tx *statements, id string) error {
		_, err := tx.outbox.done.Exec(endpoint, id)
		return err
	})
}

// Postpone implements [session.Outbox].
func (s *Store) Postpone(ctx context.Context, endpoint string, after time.Duration, ids ...string) error {
	due := s.now().Add(max(0, after)).UnixMilli()
	return s.settle(ctx, ids, func(tx *statements, id string) error {
		_, err := tx.outbox.postpone.Exec(endpoint, id, due)
		return err
	})
}

func (s *Store) settle(ctx context.Context, ids []string, one func(*statements, string) error) error {
	if len(ids) == 0 {
		return ended(ctx)
	}
	return s.writer.do(ctx, func(tx *statements) error {
		for _, id := range ids {
			if err := one(tx, id); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// Hold implements [session.Outbox].
func (s *Store) Hold(ctx context.Context, endpoint string, d time.Duration) error {
	until := s.now().Add(d).UnixMilli()
	return s.writer.do(ctx, func(tx *statements) error {
		_, err := tx.outbox.hold.Exec(endpoint, until)
		return err
	}, nil)
}

// Disable implements [session.Outbox].
func (s *Store) Disable(ctx context.Context, endpoint string) error {
	now := s.now().UnixMilli()
	return s.writer.do(ctx, func(tx *statements) error {
		if _, err := tx.outbox.off.Exec(endpoint, now); err != nil {
			return err
		}
		_, err := tx.outbox.empty.Exec(endpoint)
		return err
	}, nil)
}

// Enable implements [session.Outbox].
func (s *Store) Enable(ctx context.Context, endpoint string) (bool, error) {
	var state endpointState
	err := s.writer.do(ctx, func(tx *statements) (err error) {
		if state, err = readEndpoint(tx.outbox.endpoint, endpoint); err != nil {
			return err
		}
		_, err = tx.outbox.on.Exec(endpoint)
		return err
	}, nil)
	if err != nil {
		return false, err // state may not be looked at
	}
	return state.off, nil
}

// Queues implements [session.Outbox].
func (s *Store) Queues(ctx context.Context, endpoints ...string) ([]session.Queue, error) {
	queues := make([]session.Queue, len(endpoints))
	for i, endpoint := range endpoints {
		if err := ended(ctx); err != nil {
			return nil, err
		}
		q := session.Queue{Endpoint: endpoint}
		var first, last int64
		if err := s.reader.outbox.queue.QueryRow(endpoint).Scan(&q.Waiting, &first, &last); err != nil {
			return nil, unavailable(err)
		}
		state, err := readEndpoint(s.reader.outbox.endpoint, endpoint)
		if err != nil {
			return nil, unavailable(err)
		}
		q.Disabled, q.Lost = state.off, state.lost
		if now := s.now(); q.Waiting > 0 {
			q.Oldest, q.Newest = max(0, now.Sub(time.UnixMilli(first))), max(0, now.Sub(time.UnixMilli(last)))
		}
		queues[i] = q
	}
	return queues, nil
}
