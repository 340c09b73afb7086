package session

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// MaxSessions is the most live sessions any user has: it bounds the account of a user without a limit.
const MaxSessions = 1000

// Unlimited as a limit lets a user have up to MaxSessions sessions.
const Unlimited = -1

// Policy is what a login does at the limit.
type Policy string

// The policies.
const (
	Evict  Policy = "evict"  // end the least recently active sessions
	Reject Policy = "reject" // refuse the login
	Ask    Policy = "ask"    // let the user choose, by a ticket
)

// Rule is how many sessions a user may have, what a login does at the limit, and how long sessions live.
type Rule struct {
	// Limit is the number of live sessions in all: 1 to MaxSessions, or Unlimited.
	Limit int `json:"limit" cbor:"1,keyasint"`
	// LimitByKind is the same for single kinds of device. A kind that is absent has no limit of its own.
	LimitByKind map[Kind]int `json:"limit_by_kind,omitempty" cbor:"2,keyasint,omitempty"`
	Policy      Policy       `json:"policy" cbor:"3,keyasint"`
	// IdleTimeout is how long a new session may go without activity; 0 is for ever.
	IdleTimeout time.Duration `json:"idle_timeout,omitzero" cbor:"4,keyasint,omitzero"`
	// MaxLifetime is how long a new session lives whatever happens; 0 is for ever.
	MaxLifetime time.Duration `json:"max_lifetime,omitzero" cbor:"5,keyasint,omitzero"`
}

// Validate reports what of the rule cannot be.
func (r Rule) Validate() error {
	if err := ValidateLimit(r.Limit); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(r.LimitByKind)) {
		if !kind.Known() {
			return fmt.Errorf("limit for kind %q: no such kind; the kinds are %v", kind, Kinds)
		}
		if err := ValidateLimit(r.LimitByKind[kind]); err != nil {
			return fmt.Errorf("kind %s: %w", kind, err)
		}
	}
	switch r.Policy {
	case Evict, Reject, Ask:
	default:
		return fmt.Errorf("policy %q: want %s, %s or %s", r.Policy, Evict, Reject, Ask)
	}
	if r.IdleTimeout < 0 || r.IdleTimeout > 0 && r.IdleTimeout < time.Second {
		return fmt.Errorf("idle timeout %s: want at least 1s, or 0 for none", r.IdleTimeout)
	}
	if r.MaxLifetime < 0 || r.MaxLifetime > 0 && r.MaxLifetime < time.Second {
		return fmt.Errorf("maximum lifetime %s: want at least 1s, or 0 for none", r.MaxLifetime)
	}
	return nil
}

// ValidateLimit reports whether n can be a limit.
func ValidateLimit(n int) error {
	if n == Unlimited || n >= 1 && n <= MaxSessions {
		return nil
	}
	return fmt.Errorf("limit %d: want 1 to %d, or %d for no limit", n, MaxSessions, Unlimited)
}

// limit returns how many live sessions the rule allows in all.
func (r Rule) limit() int {
	if r.Limit == Unlimited {
		return MaxSessions
	}
	return r.Limit
}

// limitOf returns how many live sessions of one kind the rule allows.
func (r Rule) limitOf(kind Kind) int {
	if n, ok := r.LimitByKind[kind]; ok && n != Unlimited {
		return min(n, r.limit())
	}
	return r.limit()
}

// excess returns which of live must end so that so many newcomers of the given kind fit, least recently active
// first. With all, kinds other than the newcomers' are brought below a lowered limit too.
func (r Rule) excess(live []Session, newcomers int, kind Kind, all bool) []Session {
	rest := slices.SortedFunc(slices.Values(live), byActivity)
	var victims []Session
	end := func(n int, eligible func(Session) bool) {
		rest = slices.DeleteFunc(rest, func(s Session) bool {
			if n <= 0 || !eligible(s) {
				return false
			}
			victims = append(victims, s)
			n--
			return true
		})
	}
	for _, k := range Kinds {
		if !all && k != kind {
			continue
		}
		count := 0
		for _, s := range rest {
			if s.Device.Kind == k {
				count++
			}
		}
		if k == kind {
			count += newcomers
		}
		end(count-r.limitOf(k), func(s Session) bool { return s.Device.Kind == k })
	}
	end(len(rest)+newcomers-r.limit(), func(Session) bool { return true })
	slices.SortFunc(victims, byActivity)
	return victims
}

// byActivity orders sessions by the time they were last active, and is total, so that every instance
// picks the same victims.
func byActivity(a, b Session) int {
	if c := a.LastActiveAt.Compare(b.LastActiveAt); c != 0 {
		return c
	}
	if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
		return c
	}
	return slices.Compare(a.ID[:], b.ID[:])
}
