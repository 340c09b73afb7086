package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// An account past its keep_until is as good as gone, whether or not it has been purged: every statement that
// reads accounts says so.
const (
	selectVersion = `SELECT version FROM accounts WHERE key = ? AND (keep_until IS NULL OR keep_until > ?)`

	// The account and its marks come in one statement: between two, a commit could fold the marks in.
	selectAccount = `SELECT user, version, record, (
			SELECT json_group_array(json_object('session', session, 'active', active_at, 'acked', acked_at))
			FROM activity WHERE activity.key = accounts.key
		) FROM accounts WHERE key = ? AND (keep_until IS NULL OR keep_until > ?)`

	upsertAccount = `INSERT INTO accounts (key, user, version, record, deadline, keep_until)
		VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET user = excluded.user, version = excluded.version,
			record = excluded.record, deadline = excluded.deadline, keep_until = excluded.keep_until`
)

// keepEmpty is how long an account with nothing in it is kept, so that the change which emptied it is known
// when it is sent again.
const keepEmpty = time.Minute

// Load implements [session.Store].
func (s *Store) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	if err := ended(ctx); err != nil {
		return session.Snapshot{}, err
	}
	snap, err := read(s.reader.account.QueryRow, key, s.now())
	if err != nil {
		return session.Snapshot{}, unavailable(err)
	}
	s.board.addTo(&snap, key)
	return snap, nil
}

// read returns an account as the database has it: without routes.
func read(query func(...any) *sql.Row, key session.Key, now time.Time) (session.Snapshot, error) {
	snap := session.Snapshot{Now: now}
	var user, record, folded []byte
	var version string
	err := query(key.String(), now.UnixMilli()).Scan(&user, &version, &record, &folded)
	if errors.Is(err, sql.ErrNoRows) {
		return snap, nil
	}
	if err != nil {
		return session.Snapshot{}, err
	}
	if snap.Version, err = uuid.Parse(version); err != nil {
		return session.Snapshot{}, fmt.Errorf("account %s: version: %w", key, err)
	}
	if err := json.Unmarshal(record, &snap.Account); err != nil {
		return session.Snapshot{}, fmt.Errorf("account %s: %w", key, err)
	}
	var marks []mark
	if err := json.Unmarshal(folded, &marks); err != nil {
		return session.Snapshot{}, fmt.Errorf("account %s: activity: %w", key, err)
	}
	snap.Account = fold(snap.Account, marks)
	snap.Account.User = string(user) // JSON would have mended what is not UTF-8
	return snap, nil
}

// Recall implements [session.Store]: reading the file costs no more.
func (*Store) Recall(session.Key) (session.Snapshot, bool) { return session.Snapshot{}, false }

// Commit implements [session.Store].
func (s *Store) Commit(
	ctx context.Context, key session.Key, change session.Change,
) (session.Snapshot, error) {
	c, err := s.newCommit(key, change)
	if err != nil {
		return session.Snapshot{}, err
	}
	if err := s.writer.do(ctx, c.apply, c.settle); err != nil {
		return session.Snapshot{}, err
	}
	return c.after, c.refused
}

// commit is a change on its way into the database.
type commit struct {
	store  *Store
	key    session.Key
	change session.Change
	record []byte  // the account, encoded
	events []entry // the events, encoded
	notice []byte  // the events, as a notice has them

	refused error            // why the change was not made
	sent    []session.ID     // those of the ended that have a route
	after   session.Snapshot // what it lost to, if refused; else whom it told
	lastID  int64            // of the last event; 0 if nothing was written
	applied bool
}

// newCommit encodes a change, which is most of the work, before its turn comes.
func (s *Store) newCommit(key session.Key, change session.Change) (*commit, error) {
	if change.ID == (session.Version{}) {
		return nil, errors.New("commit: a change needs an ID")
	}
	c := &commit{store: s, key: key, change: change}
	err := c.deliver(s.board.routed(key, change.Ended))
	if err != nil {
		return nil, fmt.Errorf("commit: account: %w", err)
	}
	if c.events, err = encode(change.Events); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	if len(change.Ended) > 0 {
		if c.notice, err = session.EncodeEvents(change.Events); err != nil {
			return nil, fmt.Errorf("commit: events: %w", err)
		}
	}
	return c, nil
}

// deliver encodes the account with the delivery of what the change ends.
func (c *commit) deliver(sent []session.ID) (err error) {
	c.change.Account = c.change.Account.Deliver(c.change.Ended, sent)
	c.sent = sent
	c.record, err = json.Marshal(c.change.Account)
	return err
}

// apply makes the change, if it may be made.
func (c *commit) apply(tx *statements) error {
	now := c.store.now()
	at, err := currentVersion(tx, c.key, now)
	if err != nil {
		return err
	}
	if at == c.change.ID { // applied before, and sent again
		return c.again(tx, now)
	}
	marks, err := readMarks(tx, c.key)
	if err != nil {
		return err
	}
	if at != c.change.From || !c.inTime(now) || c.overtaken(marks) {
		c.refused = session.ErrConflict
		c.after, err = read(tx.load.QueryRow, c.key, now)
		return err
	}
	c.applied = true
	if sent := c.store.board.routed(c.key, c.change.Ended); !slices.Equal(sent, c.sent) {
		if err := c.deliver(sent); err != nil {
			return err
		}
	}
	if err := c.putAccount(tx, marks, now, at == session.Version{}); err != nil {
		return err
	}
	c.lastID, err = c.store.putEvents(tx, c.events)
	return err
}

// again finds out what was told when the change was made.
func (c *commit) again(tx *statements, now time.Time) error {
	known, err := read(tx.load.QueryRow, c.key, now)
	for _, s := range known.Account.Ended {
		if s.Ended.Sent() && session.Index(c.change.Ended, s.ID) >= 0 {
			c.after.Sent = append(c.after.Sent, s.ID)
		}
	}
	return err
}

// inTime reports whether now is when the change may be made.
func (c *commit) inTime(now time.Time) bool {
	return !now.Before(c.change.NotBefore) && (c.change.NotAfter.IsZero() || now.Before(c.change.NotAfter))
}

// overtaken reports whether a session that the change ends has been active since that was decided.
func (c *commit) overtaken(marks []mark) bool {
	return slices.ContainsFunc(c.change.Ended, func(s session.Session) bool {
		return slices.ContainsFunc(marks, func(m mark) bool {
			return m.Session == s.ID && m.Active != nil && *m.Active > s.LastActiveAt.UnixMilli()
		})
	})
}

// putAccount writes the account, with the marks that came in since it was read.
func (c *commit) putAccount(tx *statements, marks []mark, now time.Time, created bool) error {
	a := c.change.Account
	if len(marks) > 0 {
		var err error
		if !created { // else they are those of an account that was there before
			a = fold(a, marks)
			if c.record, err = json.Marshal(a); err != nil {
				return err
			}
		}
		if _, err := tx.dropMarks.Exec(c.key.String()); err != nil {
			return err
		}
	}
	until, ok := a.KeepUntil()
	if !ok {
		until = now.Add(keepEmpty)
	}
	_, err := tx.putAccount.Exec(c.key.String(), text(a.User), c.change.ID.String(), string(c.record),
		millis(a.Deadline()), millis(until))
	return err
}

// settle tells the instances, now that the change is on the disk; or adds the routes to the snapshot that it
// lost to. A route that came while the disk was waited for is told too, and was not there when the session ended.
//
// Nobody is missed: Attach adds its route before it reads the account, and settle comes after the commit. If
// settle does not see the route, the route was added later, and so Attach reads what was committed. And if
// the process dies in between, the sockets that would have been told die with it.
func (c *commit) settle() {
	if c.refused != nil {
		c.store.board.addTo(&c.after, c.key)
	}
	if c.applied && len(c.change.Ended) > 0 {
		c.after.Sent = c.sent
		c.store.board.tell(c.key, c.change.Ended, c.lastID, c.notice)
	}
}

// currentVersion returns the version of an account, zero if it is not there.
func currentVersion(tx *statements, key session.Key, now time.Time) (session.Version, error) {
	var version string
	err := tx.version.QueryRow(key.String(), now.UnixMilli()).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return session.Version{}, nil
	}
	if err != nil {
		return session.Version{}, err
	}
	return uuid.Parse(version)
}

// fold returns the account with marks in its sessions: activity in the live ones, if it is later than what
// they have, and receipts in the ended ones, if earlier.
func fold(a session.Account, marks []mark) session.Account {
	if len(marks) == 0 {
		return a
	}
	a.Live, a.Ended = slices.Clone(a.Live), slices.Clone(a.Ended)
	for _, m := range marks {
		is := func(s session.Session) bool { return s.ID == m.Session }
		if i := slices.IndexFunc(a.Live, is); i >= 0 && m.Active != nil {
			if at := time.UnixMilli(*m.Active).UTC(); at.After(a.Live[i].LastActiveAt) {
				a.Live[i].LastActiveAt = at
			}
		}
		if i := slices.IndexFunc(a.Ended, is); i >= 0 && m.Acked != nil {
			ending := *a.Ended[i].Ended
			at := time.UnixMilli(*m.Acked).UTC()
			if ending.AckedAt.IsZero() || at.Before(ending.AckedAt) {
				ending.AckedAt = at
			}
			a.Ended[i].Ended = &ending
		}
	}
	return a
}

// millis returns a time as the database has it; the zero time is NULL.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// text returns a string as the database has it: as text, if that is what it is.
func text(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return []byte(s)
}
