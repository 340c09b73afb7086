package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Limits are what somebody says in place of a Rule, field by field: the operator for one user (Account.Limits), or an
// app for a single login (Request.Limits). The zero value says nothing.
type Limits struct {
	// Limit is the number of live sessions in all: 1 to MaxSessions, or Unlimited. 0 says nothing.
	Limit int `json:"limit,omitzero" cbor:"1,keyasint,omitzero"`
	// LimitByKind takes the place of all limits of single kinds together: an empty one says that there are none, nil
	// says nothing.
	LimitByKind map[Kind]int `json:"limit_by_kind,omitzero" cbor:"2,keyasint,omitzero"`
	// Policy is what a login does at the limit. Empty says nothing.
	Policy Policy `json:"policy,omitzero" cbor:"3,keyasint,omitzero" enum:"evict,reject,ask"`
}

// IsZero reports whether l says nothing at all.
func (l Limits) IsZero() bool { return l.Limit == 0 && l.LimitByKind == nil && l.Policy == "" }

// Equal reports whether l and other say the same.
func (l Limits) Equal(other Limits) bool {
	return l.Limit == other.Limit && l.Policy == other.Policy &&
		(l.LimitByKind == nil) == (other.LimitByKind == nil) && maps.Equal(l.LimitByKind, other.LimitByKind)
}

// Validate reports what of the limits cannot be.
func (l Limits) Validate() error { return Rule{Limit: 1, Policy: Evict}.With(l).Validate() }

// With returns the rule with what l says in its place.
func (r Rule) With(l Limits) Rule {
	if l.Limit != 0 {
		r.Limit = l.Limit
	}
	if l.LimitByKind != nil {
		r.LimitByKind = l.LimitByKind
	}
	if l.Policy != "" {
		r.Policy = l.Policy
	}
	return r
}

// Rule returns the rule that holds for the user: the standard one with the user's own limits.
func (a Account) Rule(standard Rule) Rule { return standard.With(a.Limits) }

// Restrict gives the user limits of their own, in place of those before; the zero Limits take them away. What is due
// expires, and then what is over the limits that hold now is ended, in all and of each kind: no more than must be, the
// least recently active.
//
// That is so under every policy. Reject and Ask keep a login from ending sessions that their user has not given up;
// here it is the operator who wants fewer.
func (a Account) Restrict(own Limits, standard Rule, why Ending, now time.Time) (_ Account, expired, ended []Session) {
	a, expired = a.Expire(now)
	a.Limits = own
	var ids []ID
	for _, s := range a.Rule(standard).excess(a.Live, 0, "", true) {
		ids = append(ids, s.ID)
	}
	a, ended = a.End(ids, why, now)
	return a, expired, ended
}

// Restrict gives a user limits of their own, in place of those before, and ends at once what is over them, as
// Account.Restrict says. The new limits, the endings and their notices are one commit: a login comes either before it or
// after it. It returns the sessions that ended, or the error of Limits.Validate.
func (r *Registry) Restrict(ctx context.Context, user string, own Limits, standard Rule, why Ending) ([]Ended, error) {
	if err := own.Validate(); err != nil {
		return nil, fmt.Errorf("limits of a user: %w", err)
	}
	own.LimitByKind = maps.Clone(own.LimitByKind)
	var gone []Session
	sent, err := r.update(ctx, KeyOf(user), func(snap Snapshot) decision {
		changed := !snap.Account.Limits.Equal(own)
		var a Account
		var expired []Session
		a, expired, gone = snap.Account.Restrict(own, standard, why, snap.Now)
		a.User = user
		return decision{account: a, ended: slices.Concat(expired, gone), changed: changed}
	})
	if err != nil {
		return nil, err
	}
	return endedOf(user, gone, sent), nil
}

// Foresee returns what Restrict would end if it came at this moment, and changes nothing: one round trip.
func (r *Registry) Foresee(ctx context.Context, user string, own Limits, standard Rule) ([]Ended, error) {
	if err := own.Validate(); err != nil {
		return nil, fmt.Errorf("limits of a user: %w", err)
	}
	snap, err := r.Load(ctx, KeyOf(user))
	if err != nil {
		return nil, err
	}
	_, _, gone := snap.Account.Restrict(own, standard, Ending{Reason: EndedByAdmin}, snap.Now)
	var connected []ID
	for _, route := range snap.Routes {
		connected = append(connected, route.Session)
	}
	return endedOf(user, gone, connected), nil
}
