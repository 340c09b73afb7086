package auth

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
	"pgregory.net/rapid"
)

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAddHtpasswdMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "htpasswd")
	if err := AddHtpasswd(path, "alice", "demo"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the file: %v", info.Mode())
	}
	h, err := OpenHtpasswd(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cost := h.book.entries["alice"].cost; cost != newCost {
		t.Errorf("hashed with cost %d, want %d", cost, newCost)
	}
	if err := h.Verify(t.Context(), "alice", "demo"); err != nil {
		t.Error(err)
	}
}

func TestAddHtpasswdKeepsOtherLines(t *testing.T) {
	for name, file := range map[string]struct{ before, after string }{
		"new user":         {"# x\n\nbob:B\r\n", "# x\n\nbob:B\r\nalice:HASH\n"},
		"no line break":    {"bob:B", "bob:B\nalice:HASH\n"},
		"known user":       {"bob:B\nalice:A\n  \ncarol:C\n", "bob:B\nalice:HASH\n  \ncarol:C\n"},
		"known twice":      {"alice:A\nbob:B\nalice:AA", "alice:HASH\nbob:B\n"},
		"without a hash":   {"alice\nbob:B\n", "alice:HASH\nbob:B\n"},
		"commented out":    {"#alice:A\n", "#alice:A\nalice:HASH\n"},
		"similar names":    {"alice2:A\n alice:A\nAlice:A\n", "alice2:A\n alice:A\nAlice:A\nalice:HASH\n"},
		"a broken line":    {"what is this\n", "what is this\nalice:HASH\n"},
		"nothing":          {"", "alice:HASH\n"},
		"empty lines only": {"\n\n", "\n\nalice:HASH\n"},
	} {
		path := htpasswdFile(t, file.before)
		if err := addHtpasswd(path, "alice", "demo", bcrypt.MinCost); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		after := read(t, path)
		start := strings.Index(after, "alice:$2a$") + len("alice:")
		hash := after[start : start+60]
		if err := bcrypt.CompareHashAndPassword([]byte(hash), []byte("demo")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Replace(after, hash, "HASH", 1); got != file.after {
			t.Errorf("%s: %q became %q, want %q", name, file.before, got, file.after)
		}
	}
}

func TestAddHtpasswdKeepsModeAndLink(t *testing.T) {
	path := htpasswdFile(t, "")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := addHtpasswd(link, "alice", "demo", bcrypt.MinCost); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o640 {
		t.Errorf("the file is %v (%v), want 0640", info.Mode(), err)
	}
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q (%v), want %q", target, err, path)
	}
	if !strings.HasPrefix(read(t, path), "alice:") {
		t.Error("the file behind the link has not changed")
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestAddHtpasswdRefuses(t *testing.T) {
	for name, try := range map[string]struct{ user, password, want string }{
		"no user":             {"", "demo", "user name is empty"},
		"long user":           {strings.Repeat("a", 257), "demo", "257 bytes"},
		"colon":               {"a:b", "demo", "colon"},
		"line feed":           {"a\nb", "demo", "line break"},
		"carriage return":     {"a\r", "demo", "line break"},
		"NUL":                 {"a\x00", "demo", "NUL"},
		"comment":             {"#a", "demo", "comment"},
		"not UTF-8":           {"a\xff", "demo", "UTF-8"},
		"no password":         {"alice", "", "password is empty"},
		"long password":       {"alice", strings.Repeat("hunter2..", 9), "81 bytes"},
		"NUL in the password": {"alice", "hunter2\x00", "NUL"},
	} {
		path := htpasswdFile(t, "bob:B\n")
		err := AddHtpasswd(path, try.user, try.password)
		if err == nil || !strings.Contains(err.Error(), try.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v; want an error with %q and without the password", name, err, try.want)
		}
		if got := read(t, path); got != "bob:B\n" {
			t.Errorf("%s: the file became %q", name, got)
		}
	}
	none := filepath.Join(t.TempDir(), "none", "htpasswd")
	if err := addHtpasswd(none, "alice", "demo", bcrypt.MinCost); err == nil {
		t.Error("added to a folder that is not there")
	}
}

// Whatever is added, the file can be read, and has each user's last hash and nothing else.
func TestSetLineHoldsWhatWasSet(t *testing.T) {
	name := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", " ", " a", "é", "$2a$"}), rapid.StringN(1, 20, maxUser)).
		Filter(func(s string) bool { return checkUser(s) == nil })
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SampledFrom([]string{"", "\n", "# c", "#\r\n\r\n"}).Draw(t, "before")
		want := make(map[string]int)
		for range rapid.IntRange(1, 10).Draw(t, "settings") {
			user := name.Draw(t, "user")
			want[user] = rapid.IntRange(bcrypt.MinCost, maxCost).Draw(t, "cost")
			content = setLine(content, user, string(decoy(want[user]).hash))
		}
		b, err := parseHtpasswd(content)
		if err != nil {
			t.Fatalf("%q: %v", content, err)
		}
		got := make(map[string]int)
		for user, e := range b.entries {
			got[user] = e.cost
		}
		if !maps.Equal(got, want) {
			t.Fatalf("the file has %v, want %v", got, want)
		}
	})
}
