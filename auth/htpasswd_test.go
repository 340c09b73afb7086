package auth

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// write puts content into a file that is not there, or in the place of what was.
func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// htpasswdFile returns the path of a file with the given content.
func htpasswdFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "htpasswd")
	write(t, path, content)
	return path
}

func TestHtpasswdVerify(t *testing.T) {
	hash := hashOf(t, "demo")
	path := htpasswdFile(t, strings.Join([]string{
		"# users of the demo",
		"",
		"  \t",
		"alice:" + hash,
		"bob:$2b$" + hash[4:],
		"carol:$2y$" + hash[4:] + "\r",
		"with space@example.com:" + hash + " ",
		"ü👩‍💻{}/\":" + hash + ":a comment",
		"#dave:" + hash,
		"last:" + hash,
	}, "\n"))
	h, err := OpenHtpasswd(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"alice", "bob", "carol", "with space@example.com", "ü👩‍💻{}/\"", "last"} {
		if err := h.Verify(t.Context(), user, "demo"); err != nil {
			t.Errorf("Verify(%q) = %v", user, err)
		}
		if err := h.Verify(t.Context(), user, "Demo"); err != ErrCredentials {
			t.Errorf("Verify(%q) with a wrong password = %v", user, err)
		}
	}
	for _, user := range []string{"", "dave", "#dave", "ALICE", "alice:" + hash, "ali\nce"} {
		if err := h.Verify(t.Context(), user, "demo"); err != ErrCredentials {
			t.Errorf("Verify(%q) = %v", user, err)
		}
	}
}

// The hashes are test vectors of crypt_blowfish, the implementation that others are measured by.
func TestHtpasswdTakesForeignHashes(t *testing.T) {
	b, err := parseHtpasswd("a:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n" +
		"y:$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e\n")
	if err != nil {
		t.Fatal(err)
	}
	for user, password := range map[string]string{"a": "U*U", "y": "\xff\xff\xa3"} {
		if err := newVerifier(nil).verify(b, user, password); err != nil {
			t.Errorf("user %s: %v", user, err)
		}
	}
}

func TestOpenHtpasswdRefuses(t *testing.T) {
	hash := hashOf(t, "demo")
	for name, file := range map[string]struct{ content, want string }{
		"no colon":         {"alice:" + hash + "\nhunter2\n", "line 2: want USER:HASH"},
		"no user":          {":" + hash, "line 1: the user name is empty"},
		"no hash":          {"# x\n\nalice:\n", `line 3: user "alice": the hash is not bcrypt`},
		"plain":            {"alice:hunter2", `line 1: user "alice": the hash is not bcrypt`},
		"MD5":              {"alice:$apr1$hunter2$GdTWXJRZYF5zeNRTbA7XZ0", "the hash is not bcrypt ($2a$, $2b$ or $2y$)"},
		"SHA-1":            {"alice:{SHA}hunter2PBA2ct8Q3rXe0bQXMxqQ=", "the hash is not bcrypt"},
		"SHA-512":          {"alice:$6$hunter2$" + strings.Repeat("x", 86), "the hash is not bcrypt"},
		"broken bcrypt 2x": {"alice:$2x$" + hash[4:], "the hash is not bcrypt"},
		"cut":              {"alice:" + hash[:len(hash)-1], "the hash is not bcrypt"},
		"too long":         {"alice:" + hash + "x", "the hash is not bcrypt"},
		"no such cost":     {"alice:$2a$03$" + hash[7:], "bcrypt cost 03: want 4 to 16"},
		"days of cost":     {"alice:$2a$31$" + hash[7:], "bcrypt cost 31: want 4 to 16"},
		"twice":            {"alice:" + hash + "\nbob:" + hash + "\nalice:" + hash, `line 3: user "alice" is on line 1 already`},
		"long user":        {strings.Repeat("a", 257) + ":" + hash, "line 1: the user name has 257 bytes"},
		"NUL":              {"a\x00:" + hash, "line 1: the user name has a colon, a line break or a NUL"},
		"old line breaks":  {"a:" + hash + "\rb:" + hash, "line 1: "},
		"not UTF-8":        {"\xff:" + hash, "line 1: the user name is not UTF-8"},
	} {
		path := htpasswdFile(t, file.content)
		_, err := OpenHtpasswd(path, nil)
		if err == nil || !strings.Contains(err.Error(), file.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want an error with %q and the path", name, err, file.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), hash[29:59]) {
			t.Errorf("%s: the error shows a secret: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "none")
	if _, err := OpenHtpasswd(path, nil); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "hub passwd") {
		t.Errorf("no file: %v; want fs.ErrNotExist, and what to do", err)
	}
	if _, err := OpenHtpasswd(t.TempDir(), nil); err == nil {
		t.Error("a folder was taken")
	}
}

func TestEmptyHtpasswdLetsNobodyIn(t *testing.T) {
	compared := 0
	h, err := OpenHtpasswd(htpasswdFile(t, ""), nil, compareWith(func(_, _ []byte) error { compared++; return nil }))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Verify(t.Context(), "alice", "demo"); err != ErrCredentials || compared != 1 {
		t.Errorf("Verify = %v after %d comparisons; want ErrCredentials after 1", err, compared)
	}
}

// wait lets the time of a synctest bubble pass.
func wait(d time.Duration) { <-time.After(d) }

func TestHtpasswdFollowsItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := "alice:"+hashOf(t, "demo")+"\n", "bob:"+hashOf(t, "demo")+"\n"
		path := htpasswdFile(t, alice)
		var log bytes.Buffer
		h, err := OpenHtpasswd(path, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		// expect checks who may sign in, and how many lines have been logged by then.
		expect := func(step string, aliceIn, bobIn bool, logged int) {
			t.Helper()
			for user, in := range map[string]bool{"alice": aliceIn, "bob": bobIn} {
				if err := h.Verify(t.Context(), user, "demo"); (err == nil) != in {
					t.Errorf("%s: Verify(%q) = %v", step, user, err)
				}
			}
			if n := strings.Count(log.String(), "\n"); n != logged {
				t.Errorf("%s: %d lines in the log, want %d:\n%s", step, n, logged, &log)
			}
		}
		expect("opened", true, false, 0)
		write(t, path, alice+bob)
		expect("changed, within a second", true, false, 0)
		wait(time.Second)
		expect("changed", true, true, 1)
		wait(time.Second)
		expect("not changed", true, true, 1)

		write(t, path, alice+"bob:hunter2\n")
		wait(time.Second)
		expect("broken", true, true, 2)
		wait(time.Second)
		expect("still broken", true, true, 2)
		write(t, path, alice+"\n\nbob:hunter2\n")
		wait(time.Second)
		expect("broken otherwise", true, true, 3)
		write(t, path, bob)
		wait(time.Second)
		expect("mended", false, true, 4)

		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		expect("gone", false, true, 5)
		wait(time.Second)
		expect("still gone", false, true, 5)
		write(t, path, alice)
		wait(time.Second)
		expect("back", true, false, 6)

		if err := addHtpasswd(path, "bob", "demo", 4); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		expect("replaced by AddHtpasswd", true, true, 7)
		if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), "$2a$04") {
			t.Errorf("the log shows a secret:\n%s", &log)
		}
	})
}

func TestHtpasswdSeesAFileOfTheSameSizeAndTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := htpasswdFile(t, "alice:"+hashOf(t, "demo"))
		h, err := OpenHtpasswd(path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		other := path + ".new"
		write(t, other, "carol:"+hashOf(t, "demo"))
		if err := os.Chtimes(other, time.Time{}, h.seen.ModTime()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other, path); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if err := h.Verify(t.Context(), "carol", "demo"); err != nil {
			t.Error(err)
		}
	})
}

func FuzzParseHtpasswd(f *testing.F) {
	f.Add("alice:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n#x\n\r\n")
	f.Add(":\n")
	f.Add("a:b:c\r\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		b, err := parseHtpasswd(content)
		if err != nil {
			return
		}
		for user, e := range b.entries {
			if checkUser(user) != nil || e.cost > b.cost {
				t.Errorf("user %q with cost %d, of at most %d", user, e.cost, b.cost)
			}
		}
	})
}
