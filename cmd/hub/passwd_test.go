package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/auth"
)

// passwd runs `hub passwd` with the given standard input.
func passwd(t *testing.T, input, file, user string) (code int, out, errors string) {
	t.Helper()
	in, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if _, err := in.WriteString(input); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	code = run([]string{"passwd", file, user}, streams{in: in, out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// usersFile returns an htpasswd file in which alice has a password.
func usersFile(t *testing.T, password string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "users")
	if code, _, errors := passwd(t, password+"\n", file, "alice"); code != exitOK {
		t.Fatal(errors)
	}
	return file
}

func TestPasswd(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	want := make(map[string]string)
	for _, step := range []struct{ user, input, password string }{
		{"alice", "first secret\n", "first secret"},
		{"bob", "without a newline", "without a newline"},
		{"alice", "from windows\r\nnot this\n", "from windows"},
	} {
		code, out, errors := passwd(t, step.input, file, step.user)
		if code != exitOK || !strings.Contains(out, step.user) {
			t.Fatalf("%s: exit code %d: %s%s", step.user, code, out, errors)
		}
		if strings.Contains(out+errors, step.password) {
			t.Errorf("%q shows the password", out+errors)
		}
		want[step.user] = step.password
	}
	users, err := auth.OpenHtpasswd(file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for user, password := range want {
		if err := users.Verify(t.Context(), user, password); err != nil {
			t.Errorf("%s: %v", user, err)
		}
	}
}

func TestPasswdRefuses(t *testing.T) {
	tests := []struct{ name, input, user, want string }{
		{"no password", "", "alice", "no password"},
		{"an empty line", "\nsecret\n", "alice", "no password"},
		{"a user with a colon", "secret\n", "a:b", "colon"},
		{"a password too long for bcrypt", strings.Repeat("x", 73), "alice", "72"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "users")
			code, _, errors := passwd(t, test.input, file, test.user)
			if code != exitFailed || !strings.Contains(errors, test.want) {
				t.Errorf("exit code %d: %s", code, errors)
			}
			if _, err := os.Stat(file); !os.IsNotExist(err) {
				t.Error("it wrote a file")
			}
		})
	}
}
