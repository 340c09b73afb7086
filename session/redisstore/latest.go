package redisstore

import (
	"context"
	"math"
	"slices"

	"github.com/sessionhub/sessionhub/session"
)

// Latest implements session.Log: one round trip, and a second one where the events are not spread over the shards.
func (s *Store) Latest(ctx context.Context, before string, limit int) (session.Page, error) {
	at, err := parseCursor(before)
	if err != nil {
		return session.Page{}, err
	}
	limit = max(limit, 0)
	// Each shard has about as much as the others, more or less.
	want, from := slices.Repeat([]int{min(limit/8+8, limit)}, session.Shards), slices.Repeat([]string{"+"}, session.Shards)
	var found [session.Shards]stretch
	for {
		for shard := range at {
			if before != "" {
				from[shard] = at[shard].String()
			}
		}
		if err := s.readBack(ctx, &found, from, want); err != nil {
			return session.Page{}, err
		}
		if before == "" {
			for shard := range found {
				at[shard] = found[shard].end()
			}
			before = at.String()
		}
		page, short, err := at.latest(&found, limit)
		if err != nil || len(short) == 0 {
			return page, err
		}
		for shard := range want {
			want[shard] = enough
		}
		for _, shard := range short {
			want[shard] = limit // each entry has an event at least, so this will do
		}
	}
}

// enough is wanted of a shard of which there is no need to read more.
const enough = -1

// readBack reads so many entries of each shard, from an ID back.
func (s *Store) readBack(ctx context.Context, found *[session.Shards]stretch, from []string, want []int) error {
	read, err := s.stretches(ctx, func(shard int) []any {
		return []any{"XREVRANGE", from[shard], "-", want[shard] + 1} // one more tells whether there is more
	})
	if err != nil {
		return err
	}
	for shard, f := range read {
		if want[shard] == enough {
			continue
		}
		slices.Reverse(f.entries)
		if f.cut = len(f.entries) > want[shard]; f.cut {
			f.entries = f.entries[1:]
		}
		found[shard] = f
	}
	return nil
}

// latest returns the latest events before a cursor, of those that were found. Where a shard may have later ones than
// the first of them, which were not read, it names these shards instead.
func (c cursor) latest(found *[session.Shards]stretch, limit int) (page session.Page, short []int, err error) {
	var events []placed
	for shard := range found {
		read, err := found[shard].before(c[shard], shard)
		if err != nil {
			return session.Page{}, nil, err
		}
		events = append(events, read...)
	}
	slices.SortFunc(events, func(a, b placed) int { return a.place.compare(b.place) })
	taken := events[max(0, len(events)-limit):]
	page = session.Page{Events: make([]session.Event, len(taken)), Next: c.String(), More: len(taken) < len(events)}
	for shard, f := range found {
		if !f.cut {
			continue
		}
		page.More = true
		if len(taken) < limit || limit > 0 && (place{f.entries[0].entryID, shard, 0}).compare(taken[0].place) > 0 {
			short = append(short, shard)
		}
	}
	if len(short) > 0 {
		return session.Page{}, short, nil
	}
	for i := len(taken) - 1; i >= 0; i-- {
		page.Events[i] = taken[i].Event
		c[taken[i].shard].back(taken[i].place)
	}
	page.From = c.String()
	return page, nil, nil
}

// before returns the events that a reader has read already.
func (f stretch) before(s spot, shard int) ([]placed, error) {
	all, err := f.after(spot{}, shard)
	return slices.DeleteFunc(all, func(e placed) bool { return !s.covers(e.place) }), err
}

// back moves to before an event, which is the last one that has been read.
func (s *spot) back(p place) {
	if s.part = p.index; p.index > 0 {
		s.entryID = p.entryID
		return
	}
	if s.number != unknown {
		s.number--
	}
	// What was before is not known, but nothing is between that and this.
	s.entryID = entryID{p.ms, p.seq - 1}
	if p.seq == 0 {
		s.entryID = entryID{p.ms - 1, math.MaxUint32}
	}
}
