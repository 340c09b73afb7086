package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// maxUser is how many bytes a user's name has at most.
const maxUser = 256

// AddHtpasswd gives a user a password in the htpasswd file at path: a new line, or a new hash on the line the
// user has. All other lines stay as they are. A file that is not there is made, for its owner alone to read;
// one that is keeps its permissions and owner. The file is replaced as a whole, so that whoever reads it at
// the time sees the old or the new one; of two calls for the same file at the same time, one may be lost.
//
// It refuses a user name that is empty, over 256 bytes, not UTF-8, starts with #, or has a colon, a line
// break or a NUL in it; and a password that is empty, over 72 bytes, or has a NUL in it.
func AddHtpasswd(path, user, password string) error {
	return addHtpasswd(path, user, password, newCost)
}

func addHtpasswd(path, user, password string, cost int) error {
	if err := checkAccount(user, password); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	// Behind a symbolic link, it is the file that is replaced and not the link.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	content, info, err := readWhole(path)
	if err != nil {
		return err
	}
	return replaceFile(path, setLine(content, user, string(hash)), info)
}

// readWhole returns a file's content, and nothing for one that is not there.
func readWhole(path string) (string, fs.FileInfo, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	info, err := os.Stat(path)
	return string(content), info, err
}

// setLine returns content with one line for user, where the user's first was, or at the end.
func setLine(content, user, hash string) string {
	var out strings.Builder
	line := user + ":" + hash + "\n"
	done := false
	for old := range strings.Lines(content) {
		if name, _, _ := splitLine(old); name == user {
			if !done {
				out.WriteString(line)
			}
			done = true
			continue
		}
		out.WriteString(old)
		if !strings.HasSuffix(old, "\n") {
			out.WriteString("\n")
		}
	}
	if !done {
		out.WriteString(line)
	}
	return out.String()
}

// replaceFile puts content in the place of the file at path, which looks like old, or is not there if that is
// nil. After a crash there is the one or the other.
func replaceFile(path, content string, old fs.FileInfo) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".htpasswd-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	if old != nil {
		if err := file.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
		if err := keepOwner(file, old); err != nil {
			return fmt.Errorf("keep the owner of %s: %w", path, err)
		}
	}
	if _, err := file.WriteString(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// checkAccount reports why a user cannot be given a password.
func checkAccount(user, password string) error {
	if err := checkUser(user); err != nil {
		return err
	}
	switch {
	case password == "":
		return errors.New("the password is empty")
	case len(password) > maxPassword:
		return fmt.Errorf("the password has %d bytes: bcrypt takes up to %d", len(password), maxPassword)
	case !hashable(password):
		return errors.New("the password has a NUL character in it, which bcrypt cannot tell from its end")
	}
	return nil
}

// checkUser reports why a user name cannot stand in an htpasswd file.
func checkUser(user string) error {
	switch {
	case user == "":
		return errors.New("the user name is empty")
	case len(user) > maxUser:
		return fmt.Errorf("the user name has %d bytes: the most is %d", len(user), maxUser)
	case !utf8.ValidString(user):
		return errors.New("the user name is not UTF-8")
	case strings.HasPrefix(user, "#"):
		return errors.New("the user name starts with #, which makes its line a comment")
	case strings.ContainsAny(user, ":\r\n\x00"):
		return errors.New("the user name has a colon, a line break or a NUL character in it")
	}
	return nil
}
