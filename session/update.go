package session

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
)

// decision is what update commits. The zero decision changes nothing.
type decision struct {
	account    Account
	created    *Session
	ended      []Session
	besides    *Event // of what was neither created nor ended
	changed    bool   // although nothing was created or ended
	reschedule bool
}

// decided turns the outcome of a login into what is to be committed.
func decided(a Account, out Outcome, req Request, now time.Time) decision {
	if out.Repeated {
		return decision{}
	}
	d := decision{account: a, ended: append(slices.Clone(out.Expired), out.Ended...)}
	switch out.Verdict {
	case Admitted:
		d.created = &out.Session
	case Challenged:
		d.besides = &Event{Type: LoginChallenged, At: now, User: a.User, By: req.actor()}
	case Declined:
		d.changed = true
	}
	return d
}

func (req Request) actor() *Actor {
	return &Actor{Device: &req.Device, IP: req.IP, UserAgent: req.UserAgent}
}

// update lets decide make a decision on an account and commits it; it returns which of the sessions that it ended
// were sent their notice. When another change comes first it lets it decide again, on what the account has become.
func (r *Registry) update(ctx context.Context, key Key, decide func(Snapshot) decision) (sent []ID, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	unlock, err := r.locks.lock(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("%w: waiting for other logins of the user: %w", ErrUnavailable, err)
	}
	defer unlock()

	snap, d, err := r.decideFirst(ctx, key, decide)
	if err != nil {
		return nil, err
	}
	for attempt := range maxAttempts {
		change, needed := d.change(snap, remaining(ctx))
		if !needed {
			return nil, nil
		}
		after, err := r.store.Commit(ctx, key, change)
		if err == nil {
			r.count(d)
			return after.Sent, nil
		}
		if !errors.Is(err, ErrConflict) {
			return nil, err
		}
		snap = after
		if err := backOff(ctx, attempt); err != nil {
			return nil, err
		}
		d = decide(snap)
	}
	return nil, fmt.Errorf("%w: the account kept changing", ErrUnavailable)
}

// decideFirst makes the first decision. An admission may be decided on what is remembered of the account: its Commit
// fails if that is no longer so, and returns what Load would have. All else says something of what was read.
func (r *Registry) decideFirst(ctx context.Context, key Key, decide func(Snapshot) decision) (Snapshot, decision, error) {
	if snap, ok := r.store.Recall(key); ok {
		if d := decide(snap); d.created != nil {
			return snap, d, nil
		}
	}
	snap, err := r.store.Load(ctx, key)
	if err != nil {
		return Snapshot{}, decision{}, err
	}
	return snap, decide(snap), nil
}

// remaining returns how long the caller still waits. The context has a deadline: update gives it one.
func remaining(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline()
	return time.Until(deadline)
}

// change returns the change that a decision on snap needs, if any, to be made within the given time.
func (d decision) change(snap Snapshot, within time.Duration) (Change, bool) {
	if d.created == nil && d.besides == nil && len(d.ended) == 0 && !d.changed && !d.reschedule {
		return Change{}, false
	}
	c := Change{
		ID:        uuid.New(),
		From:      snap.Version,
		Account:   d.account,
		Ended:     d.ended,
		NotBefore: snap.Now,
		NotAfter:  snap.Now.Add(within),
	}
	for i := range d.ended {
		c.Events = append(c.Events, sessionEvent(SessionEnded, d.account.User, d.ended[i], d.ended[i].Ended.At))
	}
	if d.created != nil {
		c.Events = append(c.Events, sessionEvent(SessionCreated, d.account.User, *d.created, d.created.CreatedAt))
	}
	if d.besides != nil {
		c.Events = append(c.Events, *d.besides)
	}
	return c, true
}

func sessionEvent(what EventType, user string, s Session, at time.Time) Event {
	s.Digest = Digest{}
	return Event{Type: what, At: at, User: user, Session: &s}
}

func (r *Registry) count(d decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.created != nil {
		r.counts.Admitted++
	}
	for _, s := range d.ended {
		r.counts.Ended[s.Ended.Reason]++
	}
	if d.besides != nil && d.besides.Type == SessionReported {
		r.counts.Reported++
	}
}

// backOff waits a little, drawn at random and longer with each attempt, after losing to another change.
func backOff(ctx context.Context, attempt int) error {
	if attempt == 0 {
		return nil
	}
	select {
	case <-time.After(rand.N(time.Duration(min(attempt, 10)) * time.Millisecond)):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}
