package sqlitestore

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema.sql
var schema string

const (
	// schemaVersion stands in the file as its user_version.
	schemaVersion = 1
	// applicationID stands in the file too, and tells it from other programs' files: "SHub".
	applicationID = 0x53487562
)

// claim makes the file at path this process's own, and returns its true path.
//
// It must come before the file itself is touched: whoever opens and closes a file drops all of its process's
// POSIX locks on it, also those of a Store that has it open.
func claim(path string) (string, *flock.Flock, error) {
	if path == "" {
		return "", nil, errors.New("the data file has no name")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", nil, fmt.Errorf("data file: %w", err)
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	held, err := lock.TryLock()
	if err != nil {
		return "", nil, fmt.Errorf("data file %s: %w", path, err)
	}
	if !held {
		return "", nil, fmt.Errorf("data file %s is in use by another hub: "+
			"stop that one, or choose another file with --data", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("data file: %w", err), lock.Close())
	}
	return path, lock, nil
}

// openFile opens the database, and makes it what this version works on.
func openFile(path string) (*reader, *writer, error) {
	db, err := sql.Open("sqlite",
		dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(16777216)"))
	if err != nil {
		return nil, nil, explain(path, err)
	}
	db.SetMaxOpenConns(1)
	if err := prepareFile(db); err != nil {
		return nil, nil, errors.Join(explain(path, err), db.Close())
	}
	w, err := newWriter(db)
	if err != nil {
		return nil, nil, errors.Join(explain(path, err), db.Close())
	}
	r, err := newReader(dsn(path, "query_only(1)"))
	if err != nil {
		return nil, nil, errors.Join(explain(path, err), w.release())
	}
	return r, w, nil
}

// dsn names the file to the driver.
func dsn(path string, pragmas ...string) string {
	query := url.Values{"_pragma": append([]string{"busy_timeout(1000)"}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: query.Encode()}).String()
}

// prepareFile checks that the database is a hub's, of a version that is known, and fills in an empty one.
func prepareFile(db *sql.DB) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	var application, version, objects int
	row := tx.QueryRow(`SELECT
		(SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version),
		(SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&application, &version, &objects); err != nil {
		return err
	}
	switch {
	case objects == 0:
		marks := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, schemaVersion)
		if _, err := tx.Exec(schema + marks); err != nil {
			return err
		}
	case application != applicationID:
		return errors.New("it is another program's database")
	case version > schemaVersion:
		return fmt.Errorf("a newer hub has written it (schema %d, this one knows %d): use that version", version,
			schemaVersion)
	}
	// What has been added since needs no version of its own: a hub of before leaves it alone.
	if _, err := tx.Exec(outboxSchema + ledgerSchema); err != nil {
		return err
	}
	return tx.Commit()
}

// explain says in an operator's words why the file cannot be opened.
func explain(path string, err error) error {
	var coded *sqlite.Error
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case sqlite3.SQLITE_NOTADB:
			err = fmt.Errorf("it is not a hub's data file, nor any SQLite database: %w", err)
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			err = fmt.Errorf("it and its folder must be writable: %w", err)
		}
	}
	return fmt.Errorf("data file %s: %w", path, err)
}
