package sqlitestore

import (
	"database/sql"
	"errors"
)

// readers is how many reads can be under way at a time.
const readers = 4

// reader reads the file, on connections of its own: reads wait neither for a change nor for the disk, and see
// all that was answered for before they began. They are short, and not given up halfway.
type reader struct {
	db                                *sql.DB
	account, due, purge, events, tail *sql.Stmt
	facts, latest                     *sql.Stmt
	outbox                            outboxReader
}

func newReader(dsn string) (*reader, error) {
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	r := &reader{db: db}
	for stmt, text := range map[**sql.Stmt]string{
		&r.account: selectAccount,
		&r.due:     selectDue,
		&r.purge:   selectPurge,
		&r.events:  selectEvents,
		&r.tail:    selectTail,
		&r.latest:  selectLatest,
		&r.facts:   selectFacts,

		&r.outbox.gathered:   selectGathered,
		&r.outbox.ungathered: selectUngathered,
		&r.outbox.endpoint:   selectEndpoint,
		&r.outbox.queue:      selectQueue,
	} {
		if *stmt, err = db.Prepare(text); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return r, nil
}

// close lets go of the file; reads from then on fail.
func (r *reader) close() error { return r.db.Close() }
