package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

const (
	selectMarks = `SELECT session, active_at, acked_at FROM activity WHERE key = ?`
	deleteMarks = `DELETE FROM activity WHERE key = ?`

	// max and min of nothing and something would be nothing.
	upsertMark = `INSERT INTO activity (key, session, active_at, acked_at)
		SELECT key, ?2, ?3, ?4 FROM accounts WHERE key = ?1 AND (keep_until IS NULL OR keep_until > ?5)
		ON CONFLICT (key, session) DO UPDATE SET
			active_at = coalesce(max(active_at, excluded.active_at), active_at, excluded.active_at),
			acked_at = coalesce(min(acked_at, excluded.acked_at), acked_at, excluded.acked_at)`

	extendKeep = `UPDATE accounts SET keep_until = ?2 WHERE key = ?1 AND keep_until > ?3 AND keep_until < ?2`

	selectDue = `SELECT key FROM accounts
		WHERE deadline <= ?1 AND (keep_until IS NULL OR keep_until > ?1) ORDER BY deadline LIMIT ?2`

	selectPurge   = `SELECT EXISTS (SELECT 1 FROM accounts WHERE keep_until <= ?)`
	somePurged    = ` (SELECT key FROM accounts WHERE keep_until <= ? ORDER BY keep_until, key LIMIT 100)`
	purgeMarks    = `DELETE FROM activity WHERE key IN` + somePurged
	purgeAccounts = `DELETE FROM accounts WHERE key IN` + somePurged
)

// mark is what came in of a session since its account was last written, in milliseconds since 1970.
type mark struct {
	Session session.ID `json:"session"`
	Active  *int64     `json:"active"`
	Acked   *int64     `json:"acked"`
}

// Touch implements [session.Store].
func (s *Store) Touch(ctx context.Context, marks ...session.Mark) error {
	if len(marks) == 0 {
		return ended(ctx)
	}
	now := s.now() // the moment that Ago counts from; the marks may have to wait for their turn
	var missed []session.Mark
	return s.writer.do(ctx, func(tx *statements) error {
		for _, m := range marks {
			if m.Missed {
				snap, err := read(tx.load.QueryRow, m.Key, now)
				if err != nil {
					return err
				}
				if live(snap.Account, m.Session) {
					missed = append(missed, m)
				}
				continue
			}
			if err := touch(tx, m, now); err != nil {
				return err
			}
		}
		return nil
	}, func() { s.board.note(missed, now) })
}

func touch(tx *statements, m session.Mark, now time.Time) error {
	at := now.Add(-m.Ago)
	active, acked := millis(at), any(nil)
	if m.Receipt {
		active, acked = acked, active
	}
	key := m.Key.String()
	if _, err := tx.touch.Exec(key, m.Session.String(), active, acked, now.UnixMilli()); err != nil {
		return err
	}
	if m.Receipt || m.IdleTimeout == 0 {
		return nil
	}
	keep := at.Add(m.IdleTimeout + session.KeepEndedFor)
	_, err := tx.keep.Exec(key, keep.UnixMilli(), now.UnixMilli())
	return err
}

func readMarks(tx *statements, key session.Key) ([]mark, error) {
	rows, err := tx.marks.Query(key.String())
	if err != nil {
		return nil, err
	}
	return collect(rows, func() (m mark, err error) {
		return m, rows.Scan(&m.Session, &m.Active, &m.Acked)
	})
}

// Due implements [session.Store]. It also forgets some of the accounts whose time is over.
func (s *Store) Due(ctx context.Context, limit int) ([]session.Key, error) {
	if err := s.purge(ctx); err != nil {
		return nil, err
	}
	rows, err := s.reader.due.Query(s.now().UnixMilli(), max(0, limit))
	if err != nil {
		return nil, unavailable(err)
	}
	keys, err := collect(rows, func() (session.Key, error) {
		var key string
		if err := rows.Scan(&key); err != nil {
			return session.Key{}, err
		}
		return session.ParseKey(key)
	})
	return keys, unavailable(err)
}

func (s *Store) purge(ctx context.Context) error {
	if err := ended(ctx); err != nil {
		return err
	}
	now := s.now().UnixMilli()
	var needed bool
	if err := s.reader.purge.QueryRow(now).Scan(&needed); err != nil {
		return unavailable(err)
	}
	if !needed {
		return nil
	}
	return s.writer.do(ctx, func(tx *statements) error {
		if _, err := tx.purgeMarks.Exec(now); err != nil {
			return err
		}
		_, err := tx.purgeAccounts.Exec(now)
		return err
	}, nil)
}

// collect reads all rows.
func collect[T any](rows *sql.Rows, scan func() (T, error)) ([]T, error) {
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan()
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
