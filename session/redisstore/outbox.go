package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

// Each shard's stream has a consumer group, in which all instances are one consumer: an entry is new to one of them
// only, and what one has left lying goes to whoever asks next. The queues of all endpoints are in a slot of their own:
//
//	hub:{outbox}:due:ENDPOINT     zset  delivery by when it is due: not before its lease has run out
//	hub:{outbox}:queued:ENDPOINT  zset  delivery by when it was queued
//	hub:{outbox}:bodies:ENDPOINT  hash  delivery → its event · n:DELIVERY → how often it was claimed
//	hub:{outbox}:state:ENDPOINT   hash  off: since when it is disabled · held: until when · lost: how many were too much
const (
	group    = "outbox"
	consumer = "hub"
	// forgetQueue is after how long a queue that gets nothing more is forgotten: its endpoint is no longer in use.
	forgetQueue = 7 * 24 * time.Hour
)

var _ session.Outbox = (*Store)(nil)

// gathered is whether this process has seen to the groups.
type gathered struct {
	mu     sync.Mutex
	opened bool // guarded by mu
}

// queueKeys returns the keys of an endpoint's queue, as all scripts take them.
func queueKeys(endpoint string) []string {
	const p = "hub:{outbox}:"
	return []string{p + "due:" + endpoint, p + "queued:" + endpoint, p + "bodies:" + endpoint, p + "state:" + endpoint}
}

// Gather implements session.Outbox. It takes one round trip where there is nothing new, and else two more: what was
// taken is queued before it is acknowledged, so that a crash in between has it taken again.
func (s *Store) Gather(ctx context.Context, limit int, route func(session.Event) []string) (int, error) {
	if limit < 1 {
		return 0, session.ErrOutbox
	}
	if err := s.openGroups(ctx); err != nil {
		return 0, err
	}
	entries, gone, err := s.takeEntries(ctx, int64(limit+session.Shards-1)/session.Shards)
	if err != nil {
		return 0, err
	}
	taken := 0
	queues := make(map[string][]any) // by endpoint: ID, body, ID, body…
	var broken error
	if gone > 0 {
		broken = fmt.Errorf("redis: %d entries were forgotten by the log before they were queued", gone)
	}
	for shard := range entries {
		for _, entry := range entries[shard] {
			events, err := eventsOf(shard, entry)
			if err != nil {
				broken = errors.Join(broken, err) // it is left behind: nobody else could read it either
				continue
			}
			for _, event := range events {
				taken++
				if err := enqueue(queues, event, route(event)); err != nil {
					return 0, err
				}
			}
		}
	}
	if err := s.queue(ctx, queues); err != nil {
		return 0, err
	}
	if err := s.acknowledge(ctx, &entries); err != nil {
		return 0, err
	}
	return taken, broken
}

// openGroups makes the groups that are not there yet, once in a process. Those that were there keep their place.
func (s *Store) openGroups(ctx context.Context) error {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	if s.outbox.opened {
		return nil
	}
	pipeline := s.client.Pipeline()
	for shard := range s.shards {
		pipeline.XGroupCreateMkStream(ctx, s.shards[shard].events, group, "$")
	}
	cmds, _ := pipeline.Exec(ctx)
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
			return unavailable(err)
		}
	}
	s.outbox.opened = true
	return nil
}

// takeEntries returns what was left lying for too long, and then what is new, of each shard. A group that has gone
// has gone with its stream, and all that is in the one there is now is new. Of what was left lying, gone are those that
// the log has forgotten meanwhile.
func (s *Store) takeEntries(ctx context.Context, count int64) (
	entries [session.Shards][]redis.XMessage, gone int, err error,
) {
	pipeline := s.client.Pipeline()
	var left [session.Shards]*redis.XAutoClaimWithDeletedCmd
	var fresh [session.Shards]*redis.XStreamSliceCmd
	for shard := range s.shards {
		stream := s.shards[shard].events
		left[shard] = pipeline.XAutoClaimWithDeleted(ctx, &redis.XAutoClaimArgs{
			Stream: stream, Group: group, Consumer: consumer, MinIdle: session.GatherAgainAfter, Start: "0", Count: count,
		})
		fresh[shard] = pipeline.XReadGroup(ctx, &redis.XReadGroupArgs{
			Group: group, Consumer: consumer, Streams: []string{stream, ">"}, Count: count, Block: -1,
		})
	}
	pipeline.Exec(ctx) // each command keeps its own error
	for shard := range s.shards {
		again, _, deleted, err := left[shard].Result()
		if err == nil {
			gone += len(deleted)
			entries[shard] = again
			var streams []redis.XStream
			streams, err = fresh[shard].Result()
			for _, stream := range streams {
				entries[shard] = append(entries[shard], stream.Messages...)
			}
		}
		if redis.HasErrorPrefix(err, "NOGROUP") {
			err = s.reopenGroup(ctx, shard)
		}
		if err != nil && !errors.Is(err, redis.Nil) {
			return entries, gone, unavailable(err)
		}
	}
	return entries, gone, nil
}

func (s *Store) reopenGroup(ctx context.Context, shard int) error {
	err := s.client.XGroupCreateMkStream(ctx, s.shards[shard].events, group, "0").Err()
	if redis.HasErrorPrefix(err, "BUSYGROUP") {
		return nil
	}
	return err
}

// eventsOf returns the events of an entry, with their IDs.
func eventsOf(shard int, entry redis.XMessage) ([]session.Event, error) {
	text, _ := entry.Values["e"].(string)
	events, err := session.DecodeEvents([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("redis: event %s: %w", entry.ID, err)
	}
	id, err := parseEntryID(entry.ID)
	if err != nil {
		return nil, fmt.Errorf("redis: event %s: %w", entry.ID, err)
	}
	for i := range events {
		events[i].ID = place{id, shard, i}.String()
	}
	return events, nil
}

func enqueue(queues map[string][]any, event session.Event, endpoints []string) error {
	if len(endpoints) == 0 {
		return nil
	}
	body, err := session.EncodeEvents([]session.Event{event})
	if err != nil {
		return err
	}
	for _, endpoint := range endpoints {
		queues[endpoint] = append(queues[endpoint], event.ID, body)
	}
	return nil
}

// queue puts deliveries into the queues of their endpoints, some at a time so that no script takes long.
func (s *Store) queue(ctx context.Context, queues map[string][]any) error {
	const batch = 2 * 500 // ID and body
	type call struct {
		keys []string
		args []any
	}
	var calls []call
	for endpoint, pairs := range queues {
		for from := 0; from < len(pairs); from += batch {
			args := append([]any{session.MaxQueue, forgetQueue.Milliseconds()}, pairs[from:min(from+batch, len(pairs))]...)
			calls = append(calls, call{queueKeys(endpoint), args})
		}
	}
	return s.each(ctx, len(calls), queueScript, func(i int) ([]string, []any) { return calls[i].keys, calls[i].args })
}

func (s *Store) acknowledge(ctx context.Context, entries *[session.Shards][]redis.XMessage) error {
	pipeline := s.client.Pipeline()
	for shard := range entries {
		if len(entries[shard]) == 0 {
			continue
		}
		ids := make([]string, len(entries[shard]))
		for i, entry := range entries[shard] {
			ids[i] = entry.ID
		}
		pipeline.XAck(ctx, s.shards[shard].events, group, ids...)
	}
	if pipeline.Len() == 0 {
		return nil
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// claimBatch is how many deliveries are claimed at a time, so that no script takes long.
const claimBatch = 500

// Claim implements session.Outbox. Where it holds the endpoint, it is let through by what it holds it with.
func (s *Store) Claim(ctx context.Context, endpoint string, claim session.Claim) ([]session.Delivery, error) {
	if err := claim.Validate(); err != nil {
		return nil, err
	}
	var all []session.Delivery
	own := ""
	for left, hold := claim.Limit, claim.Hold; left > 0; hold = 0 {
		batch := min(left, claimBatch)
		reply, err := s.beats.run(ctx, claimScript, queueKeys(endpoint),
			batch, claim.Lease.Milliseconds(), hold.Milliseconds(), own)
		if err != nil && len(all) > 0 {
			return all, nil // they are the caller's; the others stay where they are
		}
		if err != nil {
			return nil, err
		}
		parts, ok := reply.([]any)
		if !ok || len(parts)%4 != 1 {
			return nil, fmt.Errorf("redis: a claim answered with %T", reply)
		}
		claimed, err := s.readClaim(ctx, endpoint, parts)
		if err != nil {
			return nil, err
		}
		all = append(all, claimed...)
		if len(parts)/4 < batch {
			break
		}
		if now, _ := parts[0].(int64); hold > 0 {
			own = strconv.FormatInt(now+hold.Milliseconds(), 10)
		}
		left -= batch
	}
	return all, nil
}

// readClaim reads what the script answered: the time, and of each delivery its ID, body, attempts and time.
func (s *Store) readClaim(ctx context.Context, endpoint string, parts []any) (claimed []session.Delivery, err error) {
	now, _ := parts[0].(int64)
	for i := 1; i < len(parts); i += 4 {
		id, _ := parts[i].(string)
		body, _ := parts[i+1].(string)
		attempt, _ := parts[i+2].(int64)
		queued, _ := parts[i+3].(string)
		events, err := session.DecodeEvents([]byte(body))
		if err != nil || len(events) != 1 {
			// It can only have been written by another version, and would come again for ever.
			if err := s.Done(ctx, endpoint, id); err != nil {
				return nil, err
			}
			continue
		}
		events[0].ID = id
		claimed = append(claimed, session.Delivery{
			ID: id, Event: events[0], Attempt: int(attempt), Age: since(now, queued),
		})
	}
	return claimed, nil
}

// since returns the time from a score of a zset, in ms, to now.
func since(now int64, score string) time.Duration {
	at, err := strconv.ParseFloat(score, 64)
	if err != nil {
		return 0
	}
	return max(0, time.Duration(now-int64(at))*time.Millisecond)
}

// Done implements session.Outbox.
func (s *Store) Done(ctx context.Context, endpoint string, ids ...string) error {
	return s.settle(ctx, endpoint, "", ids)
}

// Postpone implements session.Outbox.
func (s *Store) Postpone(ctx context.Context, endpoint string, after time.Duration, ids ...string) error {
	return s.settle(ctx, endpoint, strconv.FormatInt(max(0, after.Milliseconds()), 10), ids)
}

func (s *Store) settle(ctx context.Context, endpoint, after string, ids []string) error {
	const batch = 1000
	keys := queueKeys(endpoint)[:3]
	return s.each(ctx, (len(ids)+batch-1)/batch, settleScript, func(i int) ([]string, []any) {
		args := []any{after}
		for _, id := range ids[i*batch : min((i+1)*batch, len(ids))] {
			args = append(args, id)
		}
		return keys, args
	})
}

// Hold implements session.Outbox.
func (s *Store) Hold(ctx context.Context, endpoint string, d time.Duration) error {
	_, err := s.beats.run(ctx, endpointScript, queueKeys(endpoint), "hold", d.Milliseconds())
	return err
}

// Disable implements session.Outbox.
func (s *Store) Disable(ctx context.Context, endpoint string) error {
	_, err := s.beats.run(ctx, endpointScript, queueKeys(endpoint), "off")
	return err
}

// Enable implements session.Outbox.
func (s *Store) Enable(ctx context.Context, endpoint string) (bool, error) {
	was, err := s.beats.run(ctx, endpointScript, queueKeys(endpoint), "on")
	return was == int64(1), err
}

// Queues implements session.Outbox.
func (s *Store) Queues(ctx context.Context, endpoints ...string) ([]session.Queue, error) {
	type replies struct {
		waiting        *redis.IntCmd
		oldest, newest *redis.ZSliceCmd
		state          *redis.SliceCmd
	}
	pipeline := s.client.Pipeline()
	clock := pipeline.Time(ctx)
	answers := make([]replies, len(endpoints))
	for i, endpoint := range endpoints {
		keys := queueKeys(endpoint)
		answers[i] = replies{
			waiting: pipeline.ZCard(ctx, keys[1]),
			oldest:  pipeline.ZRangeWithScores(ctx, keys[1], 0, 0),
			newest:  pipeline.ZRangeWithScores(ctx, keys[1], -1, -1),
			state:   pipeline.HMGet(ctx, keys[3], "off", "lost"),
		}
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	now := clock.Val().UnixMilli()
	age := func(reply *redis.ZSliceCmd) time.Duration {
		if len(reply.Val()) == 0 {
			return 0
		}
		return max(0, time.Duration(now-int64(reply.Val()[0].Score))*time.Millisecond)
	}
	queues := make([]session.Queue, len(endpoints))
	for i, a := range answers {
		state := a.state.Val()
		lost, _ := state[1].(string)
		queues[i] = session.Queue{
			Endpoint: endpoints[i], Waiting: int(a.waiting.Val()), Oldest: age(a.oldest), Newest: age(a.newest),
			Disabled: state[0] != nil,
		}
		queues[i].Lost, _ = strconv.ParseUint(lost, 10, 64)
	}
	return queues, nil
}
