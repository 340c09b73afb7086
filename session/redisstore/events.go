package redisstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

// Record implements session.Log.
func (s *Store) Record(ctx context.Context, key session.Key, events ...session.Event) error {
	if len(events) == 0 {
		return nil // an entry without events would be in every reader's way
	}
	record, err := session.EncodeEvents(events)
	if err != nil {
		return err
	}
	err = s.client.XAdd(ctx, &redis.XAddArgs{
		Stream: s.shards[key.Shard()].events, MaxLen: int64(s.keep), Approx: true,
		Values: []any{"e", record, "t", ""},
	}).Err()
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Events implements session.Log: one round trip. It merges the shards by time, but each is read from where the reader
// has come to in it, so that no clock decides what is read.
func (s *Store) Events(ctx context.Context, after string, limit int) (session.Page, error) {
	at, err := parseCursor(after)
	if err != nil {
		return session.Page{}, err
	}
	// Of all shards together there should be enough, were one of them to have twice as much as the others.
	count := min(limit/8+8, max(limit, 0)) + 1 // one more, which may be where the reader is
	found, err := s.stretches(ctx, func(shard int) []any { return []any{"XRANGE", at[shard].start(), "+", count} })
	if err != nil {
		return session.Page{}, err
	}
	var page session.Page
	var events []placed
	for shard := range found {
		found[shard].cut = len(found[shard].entries) == count && !found[shard].ends()
		missing := at[shard].locate(found[shard])
		page.Trimmed = page.Trimmed || missing && after != ""
		news, err := found[shard].after(at[shard], shard)
		if err != nil {
			return session.Page{}, err
		}
		events = append(events, news...)
	}
	slices.SortFunc(events, func(a, b placed) int { return a.place.compare(b.place) })
	page.From = at.String()
	taken := events[:min(max(limit, 0), len(events))]
	for shard := range found {
		if f := &found[shard]; f.cut {
			// What this shard has beyond comes before what the others have later.
			last := place{f.entries[len(f.entries)-1].entryID, session.Shards, 0}
			end, _ := slices.BinarySearchFunc(taken, last, func(e placed, p place) int { return e.place.compare(p) })
			taken, page.More = taken[:end], true
		}
	}
	page.More = page.More || len(taken) < len(events)

	page.Events = make([]session.Event, len(taken))
	for i, e := range taken {
		at[e.shard].pass(e.place)
		page.Events[i] = e.Event
	}
	for _, e := range events[len(taken):] {
		found[e.shard].cut = true
	}
	for shard, f := range found {
		if !f.cut {
			at[shard] = f.end()
		}
	}
	page.Next = at.String()
	return page, nil
}

// Tail implements session.Log.
func (s *Store) Tail(ctx context.Context) (string, error) {
	found, err := s.stretches(ctx, func(int) []any { return []any{"XRANGE", "-", "+", 0} })
	if err != nil {
		return "", err
	}
	var at cursor
	for shard := range found {
		at[shard] = found[shard].end()
	}
	return at.String(), nil
}

// Forget implements session.Log. The clock is that of each shard's own Redis.
func (s *Store) Forget(ctx context.Context) error {
	if s.keepFor <= 0 {
		return nil
	}
	return s.each(ctx, session.Shards, forgetScript, func(shard int) ([]string, []any) {
		return []string{s.shards[shard].events}, []any{s.keepFor.Milliseconds()}
	})
}

// placed is an event and where it stands.
type placed struct {
	place
	session.Event
}

// entry is what one commit wrote.
type entry struct {
	entryID
	events []byte
}

// stretch is what a shard's stream has to say to a reader.
type stretch struct {
	last    entryID // of all that it was ever given
	added   int64   // how many that were
	gone    int64   // how many of them are no longer kept
	entries []entry // from where the reader is
	cut     bool    // there are more of them
}

// stretches reads all shards in one round trip, or in two if Redis does not know the script yet. What is asked of each
// is in the script's words.
func (s *Store) stretches(ctx context.Context, ask func(shard int) []any) (found [session.Shards]stretch, err error) {
	var cmds [session.Shards]*redis.Cmd
	keys := func(shard int) []string { return []string{s.shards[shard].events} }
	pipeline := s.client.Pipeline()
	for shard := range cmds {
		cmds[shard] = evalsha(ctx, eventsScript, keys(shard), ask(shard))
		pipeline.Process(ctx, cmds[shard])
	}
	if _, err := pipeline.Exec(ctx); redis.HasErrorPrefix(err, "NOSCRIPT") {
		for shard := range cmds {
			cmds[shard] = eventsScript.Eval(ctx, pipeline, keys(shard), ask(shard)...)
		}
		pipeline.Exec(ctx) // each command keeps its own error
	}
	for shard, cmd := range cmds {
		reply, err := cmd.Slice()
		if err != nil {
			return found, unavailable(err)
		}
		if found[shard], err = readStretch(reply); err != nil {
			return found, fmt.Errorf("redis: events of shard %d: %w", shard, err)
		}
	}
	return found, nil
}

func readStretch(reply []any) (f stretch, err error) {
	if len(reply) != 4 {
		return f, fmt.Errorf("a reply of %d parts", len(reply))
	}
	last, _ := reply[0].(string)
	if f.last, err = parseEntryID(last); err != nil {
		return f, err
	}
	f.added, _ = reply[1].(int64)
	left, _ := reply[2].(int64)
	f.gone = f.added - left
	entries, _ := reply[3].([]any)
	for _, item := range entries {
		pair, _ := item.([]any)
		if len(pair) != 2 {
			return f, fmt.Errorf("an entry of %d parts", len(pair))
		}
		var e entry
		id, _ := pair[0].(string)
		if e.entryID, err = parseEntryID(id); err != nil {
			return f, err
		}
		fields, _ := pair[1].([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			if fields[i] == "e" {
				text, _ := fields[i+1].(string)
				e.events = []byte(text)
			}
		}
		f.entries = append(f.entries, e)
	}
	return f, nil
}

// ends reports whether the entries are up to the stream's end.
func (f stretch) ends() bool {
	n := len(f.entries)
	return n == 0 || f.entries[n-1].entryID == f.last
}

// end returns the spot of a reader who has read all.
func (f stretch) end() spot { return spot{entryID: f.last, number: f.added} }

// after returns the events that a reader has not read yet.
func (f stretch) after(s spot, shard int) (news []placed, err error) {
	for _, entry := range f.entries {
		events, err := session.DecodeEvents(entry.events)
		if err != nil {
			return nil, fmt.Errorf("redis: event %s: %w", entry.entryID, err)
		}
		for i, event := range events {
			p := place{entry.entryID, shard, i}
			if s.covers(p) {
				continue
			}
			event.ID = p.String()
			news = append(news, placed{p, event})
		}
	}
	return news, nil
}

// locate puts a reader's spot right in the stream as it is now. It reports whether events are missing after it, also
// where that is likely and cannot be known.
func (s *spot) locate(f stretch) (missing bool) {
	present := len(f.entries) > 0 && f.entries[0].entryID == s.entryID
	wasRead := s.number != unknown || s.part > 0 // else it is a time at which nothing need have been written
	switch {
	case wasRead && s.entryID.compare(f.last) > 0:
		// The stream has begun anew, or has lost its end in a failover.
		*s = f.end()
		return true
	case present:
		return false
	case s.number > f.added:
		// The same, and it was written to since.
		if s.number = f.gone; !f.cut {
			s.number = f.added - int64(len(f.entries))
		}
		return true
	case s.entryID == entryID{} && s.number == unknown:
		s.number = f.gone
		return false
	case s.number == unknown:
		return s.part > 0
	case f.gone > s.number:
		s.number = f.gone
		return true
	default:
		return s.part > 0 && f.gone < s.number // it should be there, and was lost in a failover
	}
}
