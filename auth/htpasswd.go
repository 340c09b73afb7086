package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// checkEvery is how often the file is looked at, at most, for a change.
const checkEvery = time.Second

// Htpasswd is the users and bcrypt hashes of a file as Apache's htpasswd -B and AddHtpasswd write it. A
// change of the file counts within a second. It may be used concurrently.
type Htpasswd struct {
	path     string
	logger   *slog.Logger
	verifier *verifier

	mu        sync.Mutex
	book      book        // guarded by mu
	seen      fs.FileInfo // guarded by mu; of the file when it was last read, nil if it could not be
	complaint string      // guarded by mu; what is wrong with the file, empty if nothing is
	checked   time.Time   // guarded by mu; when the file was last looked at
}

var _ Passwords = (*Htpasswd)(nil)

// OpenHtpasswd reads the file at path. Each line is a user, a colon and a bcrypt hash ($2a$, $2b$ or $2y$);
// empty lines and those that start with # do not count. It refuses a file with anything else in it, and says
// on which line and what to do; a file that goes bad later is reported to logger, and what it held before
// stays in force. A nil logger is slog.Default.
func OpenHtpasswd(path string, logger *slog.Logger, options ...Option) (*Htpasswd, error) {
	if logger == nil {
		logger = slog.Default()
	}
	h := &Htpasswd{path: path, logger: logger, verifier: newVerifier(options), checked: time.Now()}
	var err error
	if h.book, h.seen, err = readHtpasswd(path); err != nil {
		return nil, err
	}
	return h, nil
}

// Verify implements Passwords.
func (h *Htpasswd) Verify(ctx context.Context, user, password string) error {
	leave, err := h.verifier.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return h.verifier.verify(h.current(), user, password)
}

// current returns the users of the moment, read again if the file has changed.
func (h *Htpasswd) current() book {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) < checkEvery {
		return h.book
	}
	h.checked = time.Now()
	info, err := os.Stat(h.path)
	if err == nil && h.complaint == "" && same(info, h.seen) {
		return h.book
	}
	// A file that was bad is read again even if it looks the same: a change of its permissions does not show.
	h.reloadLocked(info)
	return h.book
}

// reloadLocked reads the file, which looks like info now, or is not there if that is nil.
func (h *Htpasswd) reloadLocked(info fs.FileInfo) {
	read, seen, err := readHtpasswd(h.path)
	if err == nil {
		h.book, h.seen, h.complaint = read, seen, ""
		h.logger.Info("read the htpasswd file again", "path", h.path, "users", len(read.entries))
		return
	}
	if h.complaint != err.Error() || !same(info, h.seen) {
		h.logger.Error("cannot use the htpasswd file as it is now: the users it had before stay", "error", err)
	}
	h.seen, h.complaint = info, err.Error()
}

// same reports whether two looks at a file saw the same one in the same state, as far as can be told.
func same(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// readHtpasswd reads a file. It looks at the file's state before its content, so that what is written in
// between shows as a change the next time.
func readHtpasswd(path string) (book, fs.FileInfo, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return book{}, nil, fmt.Errorf("%w: make it with `hub passwd %s USER`", err, path)
	}
	if err != nil {
		return book{}, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return book{}, nil, err
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return book{}, nil, err
	}
	b, err := parseHtpasswd(string(content))
	if err != nil {
		return book{}, nil, fmt.Errorf("%s, %w", path, err)
	}
	return b, info, nil
}

// parseHtpasswd reads the content of a file. Errors begin with the number of the line and never hold a hash,
// nor what might be a password in the wrong place.
func parseHtpasswd(content string) (book, error) {
	entries := make(map[string]entry)
	lines := make(map[string]int)
	number := 0
	for line := range strings.Lines(content) {
		number++
		user, hash, ok := splitLine(line)
		switch {
		case user == "" && !ok:
			continue
		case !ok:
			return book{}, fmt.Errorf("line %d: want USER:HASH", number)
		case checkUser(user) != nil:
			return book{}, fmt.Errorf("line %d: %w", number, checkUser(user))
		case lines[user] != 0:
			return book{}, fmt.Errorf("line %d: user %q is on line %d already: delete one", number, user, lines[user])
		}
		e, err := parseHash(hash)
		if err != nil {
			return book{}, fmt.Errorf("line %d: user %q: %w: set a new password with `hub passwd`", number, user, err)
		}
		entries[user], lines[user] = e, number
	}
	return newBook(entries), nil
}

// splitLine takes a line apart. One that does not count comes back as no user and not ok.
func splitLine(line string) (user, hash string, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
		return "", "", false
	}
	user, hash, ok = strings.Cut(line, ":")
	hash, _, _ = strings.Cut(hash, ":") // a comment may follow
	return user, strings.TrimSpace(hash), ok
}

// bcryptHash is the form of a bcrypt hash: version, cost, 22 characters of salt and 31 of hash.
var bcryptHash = regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`)

func parseHash(hash string) (entry, error) {
	match := bcryptHash.FindStringSubmatch(hash)
	if match == nil {
		return entry{}, errors.New("the hash is not bcrypt ($2a$, $2b$ or $2y$)")
	}
	cost, err := strconv.Atoi(match[1])
	if err != nil || cost < bcrypt.MinCost || cost > maxCost {
		return entry{}, fmt.Errorf("bcrypt cost %s: want %d to %d", match[1], bcrypt.MinCost, maxCost)
	}
	return entry{hash: []byte(hash), cost: cost}, nil
}
