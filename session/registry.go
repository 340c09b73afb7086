package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// How a Registry deals with a store that is busy, slow or away.
const (
	// storeTimeout bounds each decision, so that a login or a check without a store is refused in time.
	storeTimeout = 1500 * time.Millisecond
	// maxAttempts bounds how often a decision is made again after losing to another.
	maxAttempts = 200
)

// EndedError says that a session has ended, and how. For a session that no store knows, the reason is Unknown.
type EndedError struct {
	Session Session
	Ending  Ending
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("session %s has ended: %s", e.Session.ID, e.Ending.Reason)
}

// ErrTicket says that a ticket is not open: spent, expired or never issued.
var ErrTicket = errors.New("the ticket has been used, has expired or was never issued")

// Registry is the one way in to the sessions: it loads an account, lets the rules decide, and commits what
// they decided, as often as it takes. It may be used concurrently.
type Registry struct {
	store Store
	locks keyLocks

	mu     sync.Mutex
	counts Counts // guarded by mu
}

// Counts are how many sessions a Registry has opened, ended for which reason, and noted as reported, since it was made.
type Counts struct {
	Admitted uint64
	Ended    map[Reason]uint64
	Reported uint64
}

// NewRegistry returns a Registry on the given store.
func NewRegistry(store Store) *Registry {
	return &Registry{store: store, counts: Counts{Ended: make(map[Reason]uint64)}}
}

// Login decides the login of a user who has been authenticated. The rule holds where neither the user's own limits nor
// those of the request say anything else. The outcome's verdict says what became of it.
func (r *Registry) Login(ctx context.Context, req Request, rule Rule) (Outcome, error) {
	var out Outcome
	var now time.Time
	key := KeyOf(req.User)
	sent, err := r.update(ctx, key, func(snap Snapshot) decision {
		var a Account
		a, out = snap.Account.Admit(req, rule, snap.Now)
		out.User, out.Routes, now = req.User, snap.Routes, snap.Now
		return decided(a, out, req, snap.Now)
	})
	if err != nil {
		return Outcome{}, err
	}
	out.deliver(sent)
	if out.Verdict == Rejected {
		event := Event{Type: LoginRejected, At: now, User: req.User, By: req.actor()}
		if err := r.record(ctx, key, event); err != nil {
			return Outcome{}, err
		}
	}
	return out, r.confirm(ctx, out)
}

// Choose spends a ticket of the account as the user chose. It returns ErrTicket if the ticket is not open.
func (r *Registry) Choose(ctx context.Context, choice Choice) (Outcome, error) {
	var out Outcome
	open := false
	sent, err := r.update(ctx, choice.Credential.Key, func(snap Snapshot) decision {
		var a Account
		if a, out, open = snap.Account.Choose(choice, snap.Now); !open {
			return decision{}
		}
		out.User, out.Routes = a.User, snap.Routes
		return decided(a, out, out.Ticket.Request, snap.Now)
	})
	if err == nil && !open {
		err = ErrTicket
	}
	if err != nil {
		return Outcome{}, err
	}
	out.deliver(sent)
	return out, r.confirm(ctx, out)
}

// deliver adds what a commit has found out. One that repeats another has ended nothing, and read what that one found.
func (out *Outcome) deliver(sent []ID) {
	if out.Repeated {
		return
	}
	for i := range out.Ended {
		out.Ended[i] = out.Ended[i].deliver(sent)
	}
}

// LoginFailed records that a login was refused for its password.
func (r *Registry) LoginFailed(ctx context.Context, user string, by Actor) error {
	event := Event{Type: LoginFailed, At: time.Now().UTC().Truncate(time.Millisecond), User: user, By: &by}
	return r.record(ctx, KeyOf(user), event)
}

// Check returns the live session that cred proves, and the snapshot it is from: one round trip. It returns an
// *EndedError if the session has ended or is unknown.
func (r *Registry) Check(ctx context.Context, cred Credential) (Session, Snapshot, error) {
	snap, err := r.Load(ctx, cred.Key)
	if err != nil {
		return Session{}, Snapshot{}, err
	}
	s, err := snap.Verify(cred)
	return s, snap, err
}

// Attach records a route to the session that cred claims, and returns the session if cred proves it: one
// round trip. Its errors are those of Check.
func (r *Registry) Attach(ctx context.Context, cred Credential, route Route) (Session, Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	snap, err := r.store.Attach(ctx, cred.Key, route)
	if err != nil {
		return Session{}, Snapshot{}, err
	}
	s, err := snap.Verify(cred)
	return s, snap, err
}

// Reattach records a route to a session that was proved before, and returns the account: one round trip.
func (r *Registry) Reattach(ctx context.Context, route Route) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Attach(ctx, route.Key, route)
}

// Verify returns the live session that cred proves. It returns an *EndedError if the session has ended,
// is past its deadline, or is unknown.
func (snap Snapshot) Verify(cred Credential) (Session, error) {
	s, ok := snap.Account.Find(cred.ID)
	match := subtle.ConstantTimeCompare(s.Digest[:], cred.Digest[:]) == 1
	if !ok || !match {
		return Session{}, &EndedError{
			Session: Session{ID: cred.ID},
			Ending:  Ending{Reason: Unknown, At: snap.Now},
		}
	}
	return s, s.Err(snap.Now)
}

// Err returns nil while the session is live at the given time, else an *EndedError.
func (s Session) Err(now time.Time) error {
	if s.Ended != nil {
		return &EndedError{Session: s, Ending: *s.Ended}
	}
	if at, reason := s.Deadline(); !at.IsZero() && !now.Before(at) {
		return &EndedError{Session: s, Ending: Ending{Reason: reason, At: at}}
	}
	return nil
}

// Load returns a user's account: one round trip.
func (r *Registry) Load(ctx context.Context, key Key) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Load(ctx, key)
}

// Ended is a session that End has ended. Its Delivery says whether a connection of it was there to be told.
type Ended struct {
	User    string
	Session Session
}

// endedOf returns the sessions of a user that have ended, with their delivery.
func endedOf(user string, gone []Session, sent []ID) []Ended {
	ended := make([]Ended, len(gone))
	for i, s := range gone {
		ended[i] = Ended{User: user, Session: s.deliver(sent)}
	}
	return ended
}

// End ends those live sessions of an account for which the choice returns true, and returns them.
func (r *Registry) End(ctx context.Context, key Key, which func(Session) bool, why Ending) ([]Ended, error) {
	return r.end(ctx, key, func(Snapshot) (func(Session) bool, Ending, error) { return which, why, nil })
}

// EndAs lets the session that cred proves end sessions of its user: what it may choose, and as what, choose returns.
// The errors are those of Check; a session that has just been ended itself ends nothing any more.
func (r *Registry) EndAs(ctx context.Context, cred Credential,
	choose func(own Session) (which func(Session) bool, why Ending)) (own Session, ended []Ended, err error) {
	ended, err = r.end(ctx, cred.Key, func(snap Snapshot) (func(Session) bool, Ending, error) {
		var err error
		if own, err = snap.Verify(cred); err != nil {
			return nil, Ending{}, err
		}
		which, why := choose(own)
		return which, why, nil
	})
	return own, ended, err
}

func (r *Registry) end(ctx context.Context, key Key,
	choose func(Snapshot) (func(Session) bool, Ending, error)) ([]Ended, error) {
	var user string
	var gone []Session
	var refused error
	sent, err := r.update(ctx, key, func(snap Snapshot) decision {
		gone = nil
		var which func(Session) bool
		var why Ending
		if which, why, refused = choose(snap); refused != nil {
			return decision{}
		}
		a, expired := snap.Account.Expire(snap.Now)
		var ids []ID
		for _, s := range a.Live {
			if which(s) {
				ids = append(ids, s.ID)
			}
		}
		user = a.User
		a, gone = a.End(ids, why, snap.Now)
		return decision{account: a, ended: append(expired, gone...)}
	})
	return endedOf(user, gone, sent), errors.Join(err, refused)
}

// Expire ends what is due in an account, and writes its next deadline.
func (r *Registry) Expire(ctx context.Context, key Key) error {
	_, err := r.update(ctx, key, func(snap Snapshot) decision {
		a, expired := snap.Account.Expire(snap.Now)
		return decision{account: a, ended: expired, reschedule: true}
	})
	return err
}

// ExpireDue expires up to limit accounts that are due, and returns how many it found. One that fails does not
// keep the others waiting.
func (r *Registry) ExpireDue(ctx context.Context, limit int) (int, error) {
	due, err := r.store.Due(ctx, limit)
	if err != nil {
		return 0, err
	}
	var failed error
	for _, key := range due {
		if err := r.Expire(ctx, key); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return len(due), failed
}

// Touch records activity and receipts.
func (r *Registry) Touch(ctx context.Context, marks ...Mark) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Touch(ctx, marks...)
}

// Detach records that routes have fewer connections or none.
func (r *Registry) Detach(ctx context.Context, routes ...Route) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Detach(ctx, routes...)
}

// Counts returns what this Registry has done with sessions.
func (r *Registry) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.counts
	counts.Ended = maps.Clone(counts.Ended)
	return counts
}

func (r *Registry) record(ctx context.Context, key Key, events ...Event) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Record(ctx, key, events...)
}
