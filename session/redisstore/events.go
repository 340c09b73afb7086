package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

// place is where an event stands among those of all shards: by time, then by shard, then in its commit.
type place struct {
	ms, seq      int64
	shard, index int
}

func (p place) String() string { return fmt.Sprintf("%d-%d-%d-%d", p.ms, p.seq, p.shard, p.index) }

func parsePlace(id string) (p place, err error) {
	if id == "" {
		return place{}, nil
	}
	if n, err := fmt.Sscanf(id, "%d-%d-%d-%d", &p.ms, &p.seq, &p.shard, &p.index); err != nil || n != 4 || p.String() != id {
		return place{}, fmt.Errorf("event %q: not an ID of this store", id)
	}
	return p, nil
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.ms, q.ms), cmp.Compare(p.seq, q.seq), cmp.Compare(p.shard, q.shard),
		cmp.Compare(p.index, q.index))
}

// Record implements session.Store.
func (s *Store) Record(ctx context.Context, key session.Key, events ...session.Event) error {
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

// Events implements session.Store. It reads up to the millisecond in which it was called, when that is over: until
// then others may still come that stand before those there are.
func (s *Store) Events(ctx context.Context, after string, limit int) ([]session.Event, error) {
	from, err := parsePlace(after)
	if err != nil {
		return nil, err
	}
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return nil, unavailable(err)
	}
	select {
	case <-ctx.Done():
		return nil, unavailable(ctx.Err())
	case <-time.After(time.Millisecond):
	}
	start := strconv.FormatInt(from.ms, 10) + "-" + strconv.FormatInt(from.seq, 10)
	stop := strconv.FormatInt(now.UnixMilli(), 10)
	pipeline := s.client.Pipeline()
	var replies [session.Shards]*redis.XMessageSliceCmd
	for shard := range replies {
		// One more than wanted: the first may be the one that from is in.
		replies[shard] = pipeline.XRangeN(ctx, s.shards[shard].events, start, stop, int64(limit)+1)
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	type placed struct {
		place
		session.Event
	}
	var found []placed
	for shard, reply := range replies {
		for _, entry := range reply.Val() {
			text, _ := entry.Values["e"].(string)
			events, err := session.DecodeEvents([]byte(text))
			if err != nil {
				return nil, fmt.Errorf("redis: event %s: %w", entry.ID, err)
			}
			p := place{shard: shard}
			if _, err := fmt.Sscanf(entry.ID, "%d-%d", &p.ms, &p.seq); err != nil {
				return nil, fmt.Errorf("redis: event %s: %w", entry.ID, err)
			}
			for i, event := range events {
				p.index = i
				event.ID = p.String()
				if after == "" || p.compare(from) > 0 {
					found = append(found, placed{p, event})
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return a.place.compare(b.place) })
	found = found[:min(limit, len(found))]
	events := make([]session.Event, len(found))
	for i := range found {
		events[i] = found[i].Event
	}
	return events, nil
}
