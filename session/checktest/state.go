package checktest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/sessionhub/sessionhub/session"
)

// maxTickets is how many questions of one user may be open, as package session documents it.
const maxTickets = 8

// state is what the model knows of one user. States are values: nothing changes one.
type state struct {
	live    []member // in the order of their logins
	ended   []grave  // in the order of their endings, the last session.KeepEnded
	tickets []ticket // in the order of their issue, the last maxTickets
	own     int      // the user's own limit; 0 is none
}

// member is a live session.
type member struct {
	id     session.ID
	device int
}

// grave is an ended session.
type grave struct {
	id     session.ID
	reason session.Reason
	by     session.ID // the login, or the report, that ended it; zero where it was none
	// reported says that its user has said it was somebody else, and byReport that this is what ended it.
	reported, byReport bool
}

// ticket is an open question: a login that waits for its user's choice.
type ticket struct {
	digest session.Digest
	device int
	limit  int
	own    int
}

func (s state) equal(other state) bool {
	return slices.Equal(s.live, other.live) && slices.Equal(s.ended, other.ended) &&
		slices.Equal(s.tickets, other.tickets) && s.own == other.own
}

// hash tells most states apart by the ends of their lists, which is where they change.
func (s state) hash() uint64 {
	h := uint64(len(s.live))<<32 | uint64(len(s.ended))<<16 | uint64(len(s.tickets))
	mix := func(part []byte) {
		for _, b := range part[:8] {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	for _, m := range s.live {
		mix(m.id[:])
	}
	if n := len(s.ended); n > 0 {
		mix(s.ended[n-1].id[:])
	}
	if n := len(s.tickets); n > 0 {
		mix(s.tickets[n-1].digest[:])
	}
	return h
}

func (s state) isLive(id session.ID) bool {
	return slices.ContainsFunc(s.live, func(m member) bool { return m.id == id })
}

// tombstone returns how a session has ended, if that is known.
func (s state) tombstone(id session.ID) (grave, bool) {
	i := slices.IndexFunc(s.ended, func(g grave) bool { return g.id == id })
	if i < 0 {
		return grave{}, false
	}
	return s.ended[i], true
}

// end returns the state with those live sessions ended for which match returns true, and their graves.
func (s state) end(match func(member) bool, reason session.Reason, by session.ID) (state, []grave) {
	var live []member
	var graves []grave
	for _, m := range s.live {
		if match(m) {
			graves = append(graves, grave{id: m.id, reason: reason, by: by})
		} else {
			live = append(live, m)
		}
	}
	s.live = live
	s.ended = lastOf(append(slices.Clone(s.ended), graves...), session.KeepEnded)
	return s, graves
}

func (s state) admit(m member) state {
	s.live = append(slices.Clone(s.live), m)
	return s
}

func (s state) ask(t ticket) state {
	s.tickets = lastOf(append(slices.Clone(s.tickets), t), maxTickets)
	return s
}

// spend returns the state without a ticket, and the ticket, if it was open.
func (s state) spend(digest session.Digest) (state, ticket, bool) {
	i := slices.IndexFunc(s.tickets, func(t ticket) bool { return t.digest == digest })
	if i < 0 {
		return s, ticket{}, false
	}
	t := s.tickets[i]
	s.tickets = slices.Delete(slices.Clone(s.tickets), i, i+1)
	return s, t, true
}

// members returns the IDs of the live sessions, in order.
func (s state) members() []session.ID {
	var ids []session.ID
	for _, m := range s.live {
		ids = append(ids, m.id)
	}
	return ids
}

func (s state) String() string {
	var text strings.Builder
	for _, m := range s.live {
		fmt.Fprintf(&text, "%s ", short(m.id))
	}
	return fmt.Sprintf("live [%s], %d ended, %d tickets, own limit %d",
		strings.TrimSpace(text.String()), len(s.ended), len(s.tickets), s.own)
}

func idsOf(graves []grave) []session.ID {
	var ids []session.ID
	for _, g := range graves {
		ids = append(ids, g.id)
	}
	return ids
}

func lastOf[T any](list []T, n int) []T { return list[max(0, len(list)-n):] }

// short is enough of an ID to tell it from the others of a history.
func short(id session.ID) string { return id.String()[:8] }

func compareIDs(a, b session.ID) int { return bytes.Compare(a[:], b[:]) }
