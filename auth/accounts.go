package auth

import (
	"context"
	"fmt"

	"golang.org/x/crypto/bcrypt"
)

// Accounts are users and passwords that are known when the program starts: for demonstrations and tests. They
// are checked as those of a file are, by hashes of the lowest cost.
type Accounts struct {
	verifier *verifier
	book     book // static after construction
}

var _ Passwords = (*Accounts)(nil)

// NewAccounts returns accounts with the given passwords, by user. What is refused is what AddHtpasswd
// refuses.
func NewAccounts(passwords map[string]string, options ...Option) (*Accounts, error) {
	entries := make(map[string]entry, len(passwords))
	for user, password := range passwords {
		if err := checkAccount(user, password); err != nil {
			return nil, err
		}
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return nil, fmt.Errorf("hash the password of %q: %w", user, err)
		}
		entries[user] = entry{hash: hash, cost: bcrypt.MinCost}
	}
	return &Accounts{verifier: newVerifier(options), book: newBook(entries)}, nil
}

// Verify implements Passwords.
func (a *Accounts) Verify(ctx context.Context, user, password string) error {
	leave, err := a.verifier.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.verifier.verify(a.book, user, password)
}
