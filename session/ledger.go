package session

import (
	"context"
	"time"
)

// Ledger is the part of a store that keeps small facts for a while, beside the accounts: which token has been
// used, which account somebody else's name for a user leads to. What is not understood of a fact any more does
// no harm, and all of them are forgotten by themselves.
type Ledger interface {
	// Post enters facts, and after all of them reads those that stand under each of the names, in no order. So of
	// two calls at the same time, each of which enters what the other reads, one at least sees the other's. A
	// fact that stands there already is kept until the later of both times, and several can stand under one name,
	// each for its own time. A call that is sent twice does what it does once. On ErrUnavailable some of the
	// facts may have been entered.
	Post(ctx context.Context, entries []Entry, names ...Digest) ([][]Fact, error)
}

// Fact is what a Ledger keeps, such as the key of an account or the ID of a session.
type Fact [16]byte

// Entry is a fact that is to stand under a name.
type Entry struct {
	Name Digest
	Fact Fact
	// Keep is for how long, by the store's clock; less than a millisecond is not at all.
	Keep time.Duration
	// Sole enters the fact only if no other stands under the name: of several at the same time one is first, and
	// whoever reads the name then sees whose it is.
	Sole bool
}
