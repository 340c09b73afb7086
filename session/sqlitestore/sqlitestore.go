// Package sqlitestore keeps the sessions of a single hub in one SQLite file, with nothing else to install or
// run. Whatever it has acknowledged is on the disk, and survives the process and the machine.
//
// The file belongs to one process at a time, which is why that process can keep in memory what only concerns
// its own sockets: routes, leases and the count of notices. Anybody may read the file meanwhile:
//
//	sqlite3 -readonly hub.db 'SELECT * FROM sessions'
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/sessionhub/sessionhub/session"
)

// Options are what a Store can be told. The zero value of each field is its default.
type Options struct {
	// Events is how many events are kept, the newest; 0 is 100,000.
	Events int
	// EventsFor is for how long events are kept; 0 is seven days, and less than 0 for ever.
	EventsFor time.Duration
	// Notices is how many notices are kept in memory for each instance and shard; 0 is 1,024.
	Notices int
	// Push takes messages to instances, from any goroutine, and reports whether there was room: it must not block.
	// The default is to send them as notices.
	Push func(instance string, message []byte) bool
}

// Store is a [session.Store] on one file. It may be used concurrently.
type Store struct {
	lock    *flock.Flock
	reader  *reader
	writer  *writer
	board   *board
	events  int
	keepFor time.Duration
	now     func() time.Time

	closeOnce sync.Once
	closeErr  error
}

var _ session.Store = (*Store)(nil)

// Open opens the file at path, and makes it if it is not there. It fails if the file is in use by another
// hub, cannot be written, is something else than a hub's, or was written by a newer version.
//
// Notices go to send, in order and from one goroutine, which makes no other change meanwhile: send must not
// block. After Close it is not called any more.
func Open(path string, send func(instance string, message []byte), o Options) (*Store, error) {
	if o.Events == 0 {
		o.Events = 100_000
	}
	if o.EventsFor == 0 {
		o.EventsFor = session.KeepEventsFor
	}
	if o.Notices == 0 {
		o.Notices = 1024
	}
	path, lock, err := claim(path)
	if err != nil {
		return nil, err
	}
	s := &Store{lock: lock, events: o.Events, keepFor: o.EventsFor, now: clock}
	s.board = newBoard(send, o)
	if err := s.open(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(path string) (err error) {
	if s.reader, s.writer, err = openFile(path); err != nil {
		return err
	}
	go s.writer.run()
	return nil
}

// Close finishes what is under way and closes the file. From then on all methods return
// session.ErrUnavailable. It may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		var errs []error
		if s.reader != nil {
			errs = append(errs, s.reader.close())
		}
		if s.writer != nil {
			errs = append(errs, s.writer.close())
		}
		s.closeErr = errors.Join(append(errs, s.lock.Close())...)
	})
	return s.closeErr
}

// clock is the store's: that of the machine, in whole milliseconds.
func clock() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// unavailable wraps an error of the database, or of a context that has ended.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", session.ErrUnavailable, err)
}

// ended reports, as ErrUnavailable, a context that has ended.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return unavailable(context.Cause(ctx))
}
