package redisstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

const instancesKey = "hub:instances"

// leases is what was seen at the last beat: which instances live, and Redis's clock then.
type leases struct {
	at    int64     // ms
	asked time.Time // when that was asked for here
	read  time.Time // when it came
	alive map[string]bool
	names string // of alive, with a space before and after each
}

// lives reports whether a route counts that an instance recorded at since. An instance has a lease before it has
// a route: one without a lease later than that is dead. Of a route younger than our last look we cannot say; on a
// cluster the two have been timed by different clocks, which slack makes up for.
func (s *Store) lives(instance string, since int64) bool {
	seen := s.leases.Load()
	return seen == nil || since > seen.at-s.slack.Milliseconds() || seen.alive[instance]
}

// lastLook returns what the commit script needs to know which instances are dead.
func (s *Store) lastLook() (at, alive string) {
	seen := s.leases.Load()
	if seen == nil {
		return "", ""
	}
	return strconv.FormatInt(seen.at-s.slack.Milliseconds(), 10), seen.names
}

// Beat implements session.Courier.
func (s *Store) Beat(ctx context.Context, self session.Instance) ([]session.Instance, bool, error) {
	description, err := json.Marshal(self)
	if err != nil {
		return nil, false, err
	}
	asked := time.Now()
	reply, err := s.beats.run(ctx, beatScript, []string{instancesKey},
		self.ID, description, session.LeaseTTL.Milliseconds())
	if err != nil {
		return nil, false, err
	}
	parts, ok := reply.([]any)
	if !ok || len(parts) != 4 {
		return nil, false, fmt.Errorf("redis: beat answered with %T", reply)
	}
	now, _ := parts[0].(int64)
	kept := parts[1] == int64(1)
	dead, _ := parts[2].([]any)
	fields, _ := parts[3].([]any)

	var alive []session.Instance
	seen := &leases{at: now, asked: asked, read: time.Now(), alive: make(map[string]bool), names: " "}
	for i := 0; i+1 < len(fields); i += 2 {
		id, _ := fields[i].(string)
		value, _ := fields[i+1].(string)
		beat, description, _ := strings.Cut(value, " ")
		var instance session.Instance
		// What another version says otherwise than this one is not known of it; it is alive all the same.
		_ = json.Unmarshal([]byte(description), &instance)
		instance.ID, instance.BeatAt = id, parseMillis(beat)
		alive = append(alive, instance)
		seen.alive[id] = true
		seen.names += id + " "
	}
	s.leases.Store(seen)
	s.skew.Store(now - time.Now().UnixMilli())
	s.since.CompareAndSwap(0, now)
	s.forget(ctx, dead)
	return alive, kept, nil
}

// forget removes the counts of the notices to instances that are dead. What it fails to remove is small, and does
// no harm.
func (s *Store) forget(ctx context.Context, dead []any) {
	if len(dead) == 0 {
		return
	}
	names := make([]string, len(dead))
	for i := range dead {
		names[i], _ = dead[i].(string)
	}
	pipeline := s.client.Pipeline()
	for shard := range s.shards {
		pipeline.HDel(ctx, s.shards[shard].told, names...)
	}
	pipeline.Exec(ctx)
}

// Told implements session.Courier.
func (s *Store) Told(ctx context.Context, instance string) (told [session.Shards]session.Mailed, err error) {
	pipeline := s.client.Pipeline()
	var replies [session.Shards]*redis.StringCmd
	for shard := range replies {
		replies[shard] = pipeline.HGet(ctx, s.shards[shard].told, instance)
	}
	if _, err := pipeline.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return told, unavailable(err)
	}
	for shard, reply := range replies {
		if told[shard], err = mailed(reply); err != nil {
			return told, err
		}
	}
	return told, nil
}

// mailed reads a field of a told hash.
func mailed(reply *redis.StringCmd) (session.Mailed, error) {
	text, err := reply.Result()
	if errors.Is(err, redis.Nil) {
		return session.Mailed{}, nil
	}
	if err != nil {
		return session.Mailed{}, unavailable(err)
	}
	number, at, _ := strings.Cut(text, " ")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return session.Mailed{}, fmt.Errorf("redis: notices told: %w", err)
	}
	return session.Mailed{Number: n, At: at}, nil
}

// Missed implements session.Courier.
func (s *Store) Missed(ctx context.Context, instance string, shard int, after session.Mailed) ([]session.Notice, error) {
	last, err := mailed(s.client.HGet(ctx, s.shards[shard].told, instance))
	if err != nil {
		return nil, err
	}
	const batch = 1000
	start := "(" + after.At
	if after.At == "" {
		start = strconv.FormatInt(s.since.Load(), 10)
	}
	var missed []session.Notice
	read, inOrder := after.Number, true
	for {
		entries, err := s.client.XRangeN(ctx, s.shards[shard].events, start, "+", batch).Result()
		if err != nil {
			return missed, unavailable(err)
		}
		for _, entry := range entries {
			start = "(" + entry.ID
			number := addressed(entry, instance)
			if number == 0 {
				continue
			}
			inOrder = inOrder && number == read+1
			read = number
			text, _ := entry.Values["e"].(string)
			events, err := session.DecodeEvents([]byte(text))
			if err != nil {
				return missed, fmt.Errorf("redis: event %s: %w", entry.ID, err)
			}
			missed = append(missed, session.Notice{
				Shard: shard, Mailed: session.Mailed{Number: number, At: entry.ID}, Events: events,
			})
		}
		if len(entries) < batch {
			break
		}
	}
	if !inOrder || read < last.Number {
		return missed, session.ErrTrimmed
	}
	return missed, nil
}

// addressed returns the number of the notice that an entry was to an instance; 0 is none.
func addressed(entry redis.XMessage, instance string) uint64 {
	text, _ := entry.Values["t"].(string)
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == instance {
			n, _ := strconv.ParseUint(words[i+1], 10, 64)
			return n
		}
	}
	return 0
}
