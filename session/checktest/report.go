package checktest

import (
	"slices"

	"github.com/sessionhub/sessionhub/session"
)

// report answers a session that says it was somebody else who ended it.
func (s state) report(victim session.ID) step {
	if s.isLive(victim) {
		return step{s, answer{unforced: true}}
	}
	grave, known := s.tombstone(victim)
	if !known {
		return step{s, answer{reason: session.Unknown}}
	}
	if last := s.latest(grave.by); last != victim {
		grave.by = last
	}
	_, ended := s.tombstone(grave.by)
	if !ended && !s.isLive(grave.by) {
		return step{s, answer{unforced: true}}
	}
	was := s.ended
	s, graves := s.end(func(m member) bool { return m.id == grave.by }, session.EndedByUser, victim)
	if len(graves) > 0 && !slices.ContainsFunc(s.ended, isGrave(victim)) {
		s.ended[0] = was[0] // the oldest but the victim is forgotten
	}
	i := slices.IndexFunc(s.ended, isGrave(grave.by))
	s.ended = slices.Clone(s.ended)
	if g := &s.ended[i]; !g.reported {
		g.reported, g.byReport = true, len(graves) > 0
	}
	a := answer{standing: s.members(), reason: s.ended[i].reason}
	if s.ended[i].byReport {
		a.ended = []session.ID{grave.by}
	}
	return step{s, a}
}

// latest returns the last of the sessions that have followed one on its device.
func (s state) latest(id session.ID) session.ID {
	g, known := s.tombstone(id)
	if !known || g.reason != session.Replaced {
		return id
	}
	if _, ended := s.tombstone(g.by); !ended && !s.isLive(g.by) {
		return id
	}
	return s.latest(g.by)
}

func isGrave(id session.ID) func(grave) bool { return func(g grave) bool { return g.id == id } }
