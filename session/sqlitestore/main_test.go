package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// childEnv names what a test process that was started by another is there for, and childFile the file.
const (
	childEnv  = "SQLITESTORE_TEST_CHILD"
	childFile = "SQLITESTORE_TEST_FILE"
)

func TestMain(m *testing.M) {
	if child, ok := children[os.Getenv(childEnv)]; ok {
		if err := child(os.Getenv(childFile)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// openStore opens a store for the length of a test.
func openStore(tb testing.TB, o sqlitestore.Options) *sqlitestore.Store {
	tb.Helper()
	return openAt(tb, filepath.Join(tb.TempDir(), "hub.db"), o)
}

func openAt(tb testing.TB, path string, o sqlitestore.Options) *sqlitestore.Store {
	tb.Helper()
	store, err := sqlitestore.Open(path, discard, o)
	must(tb, err)
	tb.Cleanup(func() { must(tb, store.Close()) })
	return store
}

// discard is where notices go that nobody waits for.
func discard(string, []byte) {}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// openSQL opens the file as any other program would.
func openSQL(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	return db
}

// count returns the number that a query answers.
func count(tb testing.TB, db *sql.DB, query string) int {
	tb.Helper()
	var n int
	must(tb, db.QueryRow(query).Scan(&n))
	return n
}

// login signs a user in on a new device, and returns the session's ID.
func login(registry *session.Registry, user string, rule session.Rule) (session.ID, error) {
	cred := session.Credential{Key: session.KeyOf(user), ID: uuid.New()}
	_, err := registry.Login(context.Background(), session.Request{
		User:       user,
		Credential: cred,
		Device:     session.Device{ID: cred.ID.String(), Name: "Laptop", Kind: session.Web},
		IP:         "192.0.2.1",
		UserAgent:  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
	}, rule)
	return cred.ID, err
}

// one is the rule of most tests: one session, which a new one takes the place of.
var one = session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: 30 * time.Minute}
