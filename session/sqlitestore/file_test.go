package sqlitestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// TestOpenRefuses looks at what an operator is told about a file that cannot be used.
func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, path string) string // returns the path to open
		names   string
		want    string
	}{
		{"no name", func(*testing.T, string) string { return "" }, "file", "has no name"},
		{"no folder", func(_ *testing.T, path string) string { return filepath.Join(path, "no", "hub.db") },
			"hub.db/no/hub.db", "no such file or directory"},
		{"a folder", func(t *testing.T, path string) string { must(t, os.Mkdir(path, 0o700)); return path },
			"hub.db", "is a directory"},
		{"something else", func(t *testing.T, path string) string {
			must(t, os.WriteFile(path, []byte(strings.Repeat("accounts: []\n", 100)), 0o600))
			return path
		}, "hub.db", "not a hub's data file"},
		{"another program's", func(t *testing.T, path string) string {
			_, err := openSQL(t, path).Exec("CREATE TABLE songs (title TEXT)")
			must(t, err)
			return path
		}, "hub.db", "another program's database"},
		{"a newer hub's", func(t *testing.T, path string) string {
			must(t, openAt(t, path, sqlitestore.Options{}).Close())
			_, err := openSQL(t, path).Exec("PRAGMA user_version = 7")
			must(t, err)
			return path
		}, "hub.db", "a newer hub has written it (schema 7"},
		{"in use", func(t *testing.T, path string) string {
			openAt(t, path, sqlitestore.Options{})
			return path
		}, "hub.db", "in use by another hub: stop that one, or choose another file with --data"},
		{"in use by another name", func(t *testing.T, path string) string {
			openAt(t, path, sqlitestore.Options{})
			link := filepath.Join(t.TempDir(), "link.db")
			must(t, os.Symlink(path, link))
			return link
		}, "hub.db", "in use by another hub"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := c.prepare(t, filepath.Join(t.TempDir(), "hub.db"))
			store, err := sqlitestore.Open(path, discard, sqlitestore.Options{})
			if err == nil {
				must(t, store.Close())
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("got %q, want it to name %q and say %q", err, c.names, c.want)
			}
		})
	}
}

// TestOpenRefusedLeavesNoLock opens a file after a failure: what was refused must not keep the lock.
func TestOpenRefusedLeavesNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("x", 4096)), 0o600))
	if store, err := sqlitestore.Open(path, discard, sqlitestore.Options{}); err == nil {
		must(t, store.Close())
		t.Fatal("opened")
	}
	must(t, os.Remove(path))
	openAt(t, path, sqlitestore.Options{})
}

// TestReopen finds in the file what was there before it was closed, under a name that is hard on URLs.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), `odd %20?mode=memory#'"& name.db`)
	store := openAt(t, path, sqlitestore.Options{})
	id, err := login(session.NewRegistry(store), "alice", one)
	must(t, err)
	must(t, store.Close())
	must(t, store.Close())
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want it readable by its owner alone", info.Mode(), err)
	}

	snap, err := openAt(t, path, sqlitestore.Options{}).Load(t.Context(), session.KeyOf("alice"))
	must(t, err)
	if len(snap.Account.Live) != 1 || snap.Account.Live[0].ID != id {
		t.Errorf("got %+v, want session %s", snap.Account, id)
	}
}
