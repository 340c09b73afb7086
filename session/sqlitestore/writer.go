package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxBatch is the most jobs that share one transaction, and so one wait for the disk.
const maxBatch = 256

// errClosed is the cause of session.ErrUnavailable after Close.
var errClosed = errors.New("the store is closed")

// writer makes all changes to the file, from one goroutine. Jobs that arrive while one transaction is under
// way wait for the next one and share it: the busier the store, the fewer writes to the disk a job costs.
type writer struct {
	db   *sql.DB
	conn *sql.Conn // owned by run, with tx
	tx   statements

	jobs      chan *job     // unbuffered: a job is either in a batch or still its caller's
	closing   chan struct{} // closed when no more jobs are taken
	stopped   chan struct{} // closed when run has returned
	closeOnce sync.Once
}

// job is one change. It checks before it writes: one that finds that it may not proceed leaves everything as
// it was, and says so in a result of its own.
type job struct {
	ctx context.Context
	// apply makes the change, inside a transaction. An error is the database's, and fails the whole batch.
	apply func(*statements) error
	// settled is called when the change is on the disk, in the order of the changes. It may be nil.
	settled func()
	done    chan error // gets what became of it; has room for it
}

func newWriter(db *sql.DB) (*writer, error) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	w := &writer{
		db:      db,
		conn:    conn,
		jobs:    make(chan *job),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	if err := w.tx.prepare(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return w, nil
}

// do makes a change and returns when it is on the disk. On an error the job may yet be applied, by another
// goroutine: the caller must not look at what apply and settled write to.
func (w *writer) do(ctx context.Context, apply func(*statements) error, settled func()) error {
	if err := ended(ctx); err != nil {
		return err
	}
	j := &job{ctx: ctx, apply: apply, settled: settled, done: make(chan error, 1)}
	select {
	case w.jobs <- j:
	case <-w.closing:
		return unavailable(errClosed)
	case <-ctx.Done():
		return ended(ctx)
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ended(ctx)
	}
}

// run works until close.
func (w *writer) run() {
	defer close(w.stopped)
	for {
		select {
		case first := <-w.jobs:
			w.commit(w.gather(first))
		case <-w.closing:
			return
		}
	}
}

// gather returns the jobs that wait at this moment.
func (w *writer) gather(first *job) []*job {
	batch := []*job{first}
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// commit makes the changes of a batch, and answers only then.
func (w *writer) commit(batch []*job) {
	wanted := batch[:0]
	for _, j := range batch {
		if err := ended(j.ctx); err != nil {
			j.done <- err // nobody waits for it any more
			continue
		}
		wanted = append(wanted, j)
	}
	if len(wanted) == 0 {
		return
	}
	err := unavailable(w.transact(wanted))
	for _, j := range wanted {
		if err == nil && j.settled != nil {
			j.settled()
		}
		j.done <- err
	}
}

func (w *writer) transact(batch []*job) error {
	if _, err := w.tx.begin.Exec(); err != nil {
		return err
	}
	err := func() error {
		for _, j := range batch {
			if err := j.apply(&w.tx); err != nil {
				return err
			}
		}
		_, err := w.tx.commit.Exec()
		return err
	}()
	if err != nil {
		// Some errors have rolled back already, and then this one fails too.
		_, _ = w.tx.rollback.Exec()
	}
	return err
}

// close stops the writer, which run has started, and lets go of the file.
func (w *writer) close() error {
	w.closeOnce.Do(func() { close(w.closing) })
	<-w.stopped
	return w.release()
}

// release lets go of the file.
func (w *writer) release() error {
	return errors.Join(w.tx.close(), w.conn.Close(), w.db.Close())
}

// statements are those of the writer's transactions, prepared on its connection.
type statements struct {
	begin, commit, rollback            *sql.Stmt
	version, load, marks               *sql.Stmt
	putAccount, dropMarks, touch, keep *sql.Stmt
	putEvent, trimEvents, forgetEvents *sql.Stmt
	purgeMarks, purgeAccounts          *sql.Stmt
	putFact, facts, purgeFacts         *sql.Stmt
	outbox                             outboxStatements
}

// preparation is a statement and its text.
type preparation struct {
	stmt **sql.Stmt
	text string
}

// each calls f for every statement and its text, until an error.
func (s *statements) each(f func(stmt **sql.Stmt, text string) error) error {
	for _, e := range append(s.outbox.list(), []preparation{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.rollback, "ROLLBACK"},
		{&s.version, selectVersion},
		{&s.load, selectAccount},
		{&s.marks, selectMarks},
		{&s.putAccount, upsertAccount},
		{&s.dropMarks, deleteMarks},
		{&s.touch, upsertMark},
		{&s.keep, extendKeep},
		{&s.putEvent, insertEvent},
		{&s.trimEvents, trimEvents},
		{&s.forgetEvents, forgetEvents},
		{&s.purgeMarks, purgeMarks},
		{&s.purgeAccounts, purgeAccounts},
		{&s.putFact, upsertFact},
		{&s.facts, selectFacts},
		{&s.purgeFacts, purgeFacts},
	}...) {
		if err := f(e.stmt, e.text); err != nil {
			return err
		}
	}
	return nil
}

func (s *statements) prepare(conn *sql.Conn) error {
	err := s.each(func(stmt **sql.Stmt, text string) (err error) {
		*stmt, err = conn.PrepareContext(context.Background(), text)
		return err
	})
	if err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

func (s *statements) close() error {
	var errs []error
	_ = s.each(func(stmt **sql.Stmt, _ string) error {
		if *stmt != nil {
			errs = append(errs, (*stmt).Close())
		}
		return nil
	})
	return errors.Join(errs...)
}
