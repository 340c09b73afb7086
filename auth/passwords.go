package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/bcrypt"
)

// How Passwords refuse.
var (
	// ErrCredentials says that there is no such user, or that the password is not theirs. Nobody is told which.
	ErrCredentials = errors.New("the user name or the password is wrong")
	// ErrBusy says that too many logins wait for their password to be checked: nothing is known, try again.
	ErrBusy = errors.New("too many logins at a time: try again in a few seconds")
)

// Passwords knows who may sign in with which password.
type Passwords interface {
	// Verify returns nil if the password is the user's, and ErrCredentials if it is not, or there is no such
	// user, after the same time. It returns ErrBusy, wrapped, if there are too many to check, or if ctx ends
	// before it is this one's turn. It may be called concurrently.
	Verify(ctx context.Context, user, password string) error
}

// Option changes how passwords are checked.
type Option func(*verifier)

// Parallel sets how many passwords are hashed at a time, 1 or more. The default is GOMAXPROCS: more of them
// only slow each other, and everything else, down.
func Parallel(n int) Option { return func(v *verifier) { v.slots = make(chan struct{}, max(1, n)) } }

// Queue sets how many more may wait for their turn; 0 lets none wait. The default is 16 for each that may be
// hashed at a time: some seconds' work, which is as long as a person waits.
func Queue(n int) Option { return func(v *verifier) { v.queue = int64(max(0, n)) } }

// What bcrypt can do, and what of it is used.
const (
	// maxPassword is how many bytes of a password bcrypt looks at.
	maxPassword = 72
	// newCost is that of the hashes made here: less than a tenth of a second each, so that a small machine takes
	// some twenty logins a second. Each step up halves that.
	newCost = bcrypt.DefaultCost
	// maxCost is the highest that is accepted: some four seconds. One user with a cost of 31 would cost days,
	// and so would each unknown user.
	maxCost = 16
)

// verifier checks passwords against hashes: so many at a time, all wrong ones in the same time.
type verifier struct {
	slots   chan struct{} // as many elements as passwords are being hashed
	queue   int64         // how many may wait
	waiting atomic.Int64
	compare func(hash, password []byte) error
}

func newVerifier(options []Option) *verifier {
	v := &verifier{queue: -1, compare: bcrypt.CompareHashAndPassword}
	Parallel(runtime.GOMAXPROCS(0))(v)
	for _, option := range options {
		option(v)
	}
	if v.queue < 0 {
		v.queue = 16 * int64(cap(v.slots))
	}
	return v
}

// enter waits for a turn to hash; leave ends it.
func (v *verifier) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w (%w)", ErrBusy, ctx.Err())
	}
	leave = func() { <-v.slots }
	select {
	case v.slots <- struct{}{}:
		return leave, nil
	default:
	}
	defer v.waiting.Add(-1)
	if v.waiting.Add(1) > v.queue {
		return nil, ErrBusy
	}
	select {
	case v.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w (%w)", ErrBusy, ctx.Err())
	}
}

// verify checks a password against a book, inside a turn. Each refusal takes 2^book.cost rounds of bcrypt. A
// user whose own hash has a lower cost than that would stand out by a quick answer, so the rest is made up:
// one more hash of each cost from there on doubles the rounds done so far, up to the book's.
func (v *verifier) verify(b book, user, password string) error {
	entry, known := b.entries[user]
	if !known {
		entry = decoy(b.cost)
	}
	whole := hashable(password)
	secret := []byte(password)
	secret = secret[:min(len(secret), maxPassword)]
	if v.compare(entry.hash, secret) == nil && known && whole {
		return nil
	}
	for cost := entry.cost; cost < b.cost; cost++ {
		_ = v.compare(decoy(cost).hash, secret) // for the time it takes
	}
	return ErrCredentials
}

// hashable reports whether bcrypt looks at all of a password: it takes no more than 72 bytes, and as it
// adds a NUL and then starts over, to it "a" and "a\x00a" are the same.
func hashable(password string) bool {
	return len(password) <= maxPassword && !strings.Contains(password, "\x00")
}

// book is who may sign in, by user, and the highest cost of their hashes. It does not change once made.
type book struct {
	entries map[string]entry
	cost    int
}

// entry is what is known of a password.
type entry struct {
	hash []byte
	cost int
}

// newBook returns a book of the given entries. One without any answers as if AddHtpasswd had filled it.
func newBook(entries map[string]entry) book {
	b := book{entries: entries}
	for _, e := range entries {
		b.cost = max(b.cost, e.cost)
	}
	if len(entries) == 0 {
		b.cost = newCost
	}
	return b
}

// decoy returns an entry to spend time on. No password is known to match it, and none would be admitted by
// it.
func decoy(cost int) entry {
	return entry{hash: fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat(".", 53)), cost: cost}
}
