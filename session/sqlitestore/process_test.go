package sqlitestore_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// children are what this test program does when it is started by one of its own tests, with a file.
var children = map[string]func(path string) error{
	"login": loginForever,
	"open": func(path string) error {
		store, err := sqlitestore.Open(path, discard, sqlitestore.Options{})
		if err != nil {
			return err
		}
		return store.Close()
	},
	"read": printSessions,
}

// child returns a process that does one of the children's work.
func child(t *testing.T, what, path string) *exec.Cmd {
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+what, childFile+"="+path)
	return cmd
}

// TestKilled kills a process in the middle of its logins, more than once. Every login that it has
// acknowledged must be in the file, and no user may have two sessions.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	acknowledged := make(map[string][]session.ID) // by user
	for range 3 {
		cmd := child(t, "login", path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 100 {
				must(t, cmd.Process.Kill())
			}
			user, id, _ := strings.Cut(lines.Text(), " ")
			if parsed, err := uuid.Parse(id); err == nil { // the last line may be cut short
				acknowledged[user] = append(acknowledged[user], parsed)
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the process ended by itself")
		}
	}
	checkLogins(t, path, acknowledged)
}

// checkLogins looks for the logins in the events, which keep them all, and in the accounts.
func checkLogins(t *testing.T, path string, acknowledged map[string][]session.ID) {
	store := openAt(t, path, sqlitestore.Options{})
	created := make(map[session.ID]bool)
	for page, more := (session.Page{}), true; more; more = page.More {
		var err error
		page, err = store.Events(t.Context(), page.Next, 1000)
		must(t, err)
		for _, e := range page.Events {
			if e.Type == session.SessionCreated {
				created[e.Session.ID] = true
			}
		}
	}
	for user, ids := range acknowledged {
		for _, id := range ids {
			if !created[id] {
				t.Errorf("%s's session %s was acknowledged and is lost", user, id)
			}
		}
		snap, err := store.Load(t.Context(), session.KeyOf(user))
		must(t, err)
		if n := len(snap.Account.Live); n != 1 {
			t.Errorf("%s has %d live sessions, want 1", user, n)
		}
		// Of those that were acknowledged only the last can be live: later ones may not have been reported.
		for _, id := range ids[:len(ids)-1] {
			if s, ok := snap.Account.Find(id); ok && s.Ended == nil {
				t.Errorf("%s's session %s is live, and had ended", user, id)
			}
		}
	}
}

// loginForever signs users in, and prints each login as soon as it is acknowledged, until it is killed.
func loginForever(path string) error {
	store, err := sqlitestore.Open(path, discard, sqlitestore.Options{})
	if err != nil {
		return err
	}
	registry := session.NewRegistry(store)
	failed := make(chan error)
	var mu sync.Mutex // for whole lines
	for i := range 8 {
		go func() {
			for {
				user := fmt.Sprint("user", i)
				id, err := login(registry, user, one)
				if err != nil {
					failed <- err
					return
				}
				mu.Lock()
				fmt.Println(user, id)
				mu.Unlock()
			}
		}()
	}
	return <-failed
}

// TestSecondProcess starts another process on a file that is open: a hub is refused, a reader is not.
func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	registry := session.NewRegistry(openAt(t, path, sqlitestore.Options{}))
	id, err := login(registry, "alice", one)
	must(t, err)

	out, err := child(t, "open", path).CombinedOutput()
	if want := path + " is in use by another hub"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("a second hub: %v, %q; want it to be told that %q", err, out, want)
	}
	out, err = child(t, "read", path).CombinedOutput()
	if want := fmt.Sprintf("alice %s Laptop live\n", id); err != nil || string(out) != want {
		t.Errorf("a reader: %v, %q, want %q", err, out, want)
	}
	// Neither has cost the hub its hold on the file.
	_, err = login(registry, "alice", one)
	must(t, err)
	out, err = child(t, "open", path).CombinedOutput()
	if err == nil {
		t.Errorf("a third hub has opened the file: %q", out)
	}
}

// printSessions prints the sessions in a file as another program sees them.
func printSessions(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	return writeSessions(os.Stdout, db)
}

func writeSessions(w io.Writer, db *sql.DB) error {
	rows, err := db.Query("SELECT user, id, device, state FROM sessions ORDER BY created_at")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var user, id, device, state string
		if err := rows.Scan(&user, &id, &device, &state); err != nil {
			return err
		}
		fmt.Fprintln(w, user, id, device, state)
	}
	return rows.Err()
}
