// Package redisstore keeps accounts on Redis 7 or later: a single server, one behind Sentinel, or a cluster.
//
// Of each user there is a record, the account, and a hash for what changes without a decision: routes,
// activity, receipts. With the user's shard goes a set of deadlines, a stream of events and the counts of
// notices, so that a commit is one script on one slot:
//
//	hub:{NN}:u:KEY    string  the account: 16 bytes of version, then as session.EncodeAccount wrote it
//	hub:{NN}:l:KEY    hash    r:SESSION:INSTANCE → epoch, connections, since when · a:SESSION → last activity
//	                          k:SESSION → receipt · m:SESSION → last loss of messages
//	                          t:SESSION → 1 if it ended and was told
//	hub:{NN}:due      zset    KEY by its next deadline
//	hub:{NN}:events   stream  e: events of a commit, as session.EncodeEvents wrote them · t: whom it told
//	hub:{NN}:told     hash    instance → number and place of the last notice it was sent
//	hub:instances     hash    instance → its last beat, and its description in JSON
//
// What goes to the world outside is in one slot, apart from them; see outbox.go.
//
// A notice is published to hub:inbox:INSTANCE by the script that commits, and so is a message by push.
package redisstore

import (
	"context"
	"embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

// InboxPrefix is what the name of an instance's channel begins with.
const InboxPrefix = "hub:inbox:"

//go:embed scripts
var scripts embed.FS

var (
	loadScript   = script("load")
	attachScript = script("attach")
	detachScript = script("detach")
	touchScript  = script("touch")
	commitScript = script("commit")
	beatScript   = script("beat")
	eventsScript = script("events")
	forgetScript = script("forget")

	queueScript    = script("queue")
	claimScript    = script("claim")
	settleScript   = script("settle")
	endpointScript = script("endpoint")
)

func script(name string) *redis.Script {
	source, err := scripts.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	return redis.NewScript(string(source))
}

// Options are what a Store can be told. The zero value of each field is its default.
type Options struct {
	// KeepEvents is about how many events each shard keeps; 0 is 10,000.
	KeepEvents int
	// KeepFor is for how long events are kept; 0 is seven days, and less than 0 for ever. It should be an hour at
	// least: the events are the notices too, which an instance that was cut off reads late.
	KeepFor time.Duration
}

// Store is a session.Store on Redis. It may be used concurrently.
type Store struct {
	client  redis.UniversalClient
	keep    int
	keepFor time.Duration
	shards  [session.Shards]shardKeys
	pipes   [session.Shards]*pipe // one and the same, except on a cluster: there a node that hangs holds up its own
	beats   pipe                  // for the leases, and for what a batch has to repeat
	cluster bool
	slack   time.Duration // by how much the clocks of two shards may differ

	recent *recent

	leases atomic.Pointer[leases]
	skew   atomic.Int64 // Redis's clock less ours, in ms
	since  atomic.Int64 // the first beat, in ms of Redis's clock
	outbox gathered
}

var _ session.Store = (*Store)(nil)

// New returns a Store that keeps its accounts where client leads. The client must have its own retries turned
// off (MaxRetries: -1) and heed contexts (ContextTimeoutEnabled), or calls take longer than they should.
func New(client redis.UniversalClient, o Options) *Store {
	s := &Store{client: client, beats: pipe{client: client}, keep: o.KeepEvents, keepFor: o.KeepFor, recent: newRecent()}
	if s.keep == 0 {
		s.keep = 10_000
	}
	if s.keepFor == 0 {
		s.keepFor = session.KeepEventsFor
	}
	if _, s.cluster = client.(*redis.ClusterClient); s.cluster {
		s.slack = session.LeaseTTL
	}
	for shard := range s.shards {
		s.shards[shard] = newShardKeys(shard)
		if s.pipes[shard] = s.pipes[0]; shard == 0 || s.cluster {
			s.pipes[shard] = &pipe{client: client}
		}
	}
	return s
}

// shardKeys are the names of the keys of a shard. The braces make a cluster keep them in one slot.
type shardKeys struct{ account, live, due, events, told string }

func newShardKeys(shard int) shardKeys {
	p := fmt.Sprintf("hub:{%02d}:", shard)
	return shardKeys{account: p + "u:", live: p + "l:", due: p + "due", events: p + "events", told: p + "told"}
}

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	k, name := &s.shards[key.Shard()], key.String()
	reply, err := s.pipes[key.Shard()].run(ctx, loadScript, []string{k.account + name, k.live + name})
	if err != nil {
		return session.Snapshot{}, err
	}
	return s.snapshot(key, reply)
}

// Attach implements session.Store.
func (s *Store) Attach(ctx context.Context, key session.Key, route session.Route) (session.Snapshot, error) {
	k, name := &s.shards[key.Shard()], key.String()
	reply, err := s.pipes[key.Shard()].run(ctx, attachScript, []string{k.account + name, k.live + name},
		routeField(route), route.Epoch, route.Connections, s.in(attachTimeout))
	if err != nil {
		return session.Snapshot{}, err
	}
	return s.snapshot(key, reply)
}

// attachTimeout is how old an Attach may become on its way before it no longer records its route.
const attachTimeout = 2 * time.Second

// in returns the time so far ahead, in ms of Redis's clock as far as it is known, and else none.
func (s *Store) in(ahead time.Duration) string {
	if s.leases.Load() == nil {
		return ""
	}
	return strconv.FormatInt(time.Now().Add(ahead).UnixMilli()+s.skew.Load(), 10)
}

// Detach implements session.Store.
func (s *Store) Detach(ctx context.Context, routes ...session.Route) error {
	return s.each(ctx, len(routes), detachScript, func(i int) ([]string, []any) {
		r := routes[i]
		live := s.shards[r.Key.Shard()].live + r.Key.String()
		return []string{live}, []any{routeField(r), r.Epoch, r.Connections}
	})
}

// Touch implements session.Store.
func (s *Store) Touch(ctx context.Context, marks ...session.Mark) error {
	return s.each(ctx, len(marks), touchScript, func(i int) ([]string, []any) {
		m := marks[i]
		k, name := &s.shards[m.Key.Shard()], m.Key.String()
		field, receipt, keep := "a:"+sessionName(m.Session), "0", int64(0)
		switch {
		case m.Missed:
			field = "m:" + sessionName(m.Session)
		case m.Receipt:
			field, receipt = "k:"+sessionName(m.Session), "1"
		case m.IdleTimeout > 0:
			keep = (m.IdleTimeout + session.KeepEndedFor).Milliseconds()
		}
		return []string{k.account + name, k.live + name},
			[]any{field, m.Ago.Milliseconds(), keep, receipt, millis(m.Told)}
	})
}

// each runs a script n times, in as few round trips as it takes.
func (s *Store) each(ctx context.Context, n int, script *redis.Script, call func(i int) ([]string, []any)) error {
	const batch = 500
	for from := 0; from < n; from += batch {
		pipeline := s.client.Pipeline()
		for i := from; i < min(from+batch, n); i++ {
			keys, args := call(i)
			pipeline.Process(ctx, evalsha(ctx, script, keys, args))
		}
		cmds, err := pipeline.Exec(ctx)
		if err == nil {
			continue
		}
		for i, cmd := range cmds {
			if err := cmd.Err(); err != nil {
				keys, args := call(from + i)
				if _, err := s.beats.run(ctx, script, keys, args...); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Commit implements session.Store.
func (s *Store) Commit(ctx context.Context, key session.Key, c session.Change) (session.Snapshot, error) {
	// Only the script finds out who has a route, and notes that beside the record.
	record, err := session.EncodeAccount(c.Account.Deliver(c.Ended, nil))
	if err != nil {
		return session.Snapshot{}, err
	}
	var events []byte
	if len(c.Events) > 0 {
		if events, err = session.EncodeEvents(c.Events); err != nil {
			return session.Snapshot{}, err
		}
	}
	from := c.From[:]
	if c.From == (session.Version{}) {
		from = nil
	}
	keep := "0"
	if until, ok := c.Account.KeepUntil(); ok {
		keep = millis(until)
	}
	seen, alive := s.lastLook()
	k, name := &s.shards[key.Shard()], key.String()
	record = append(c.ID[:], record...)
	reply, once, err := s.pipes[key.Shard()].runOnce(ctx, commitScript,
		[]string{k.account + name, k.live + name, k.due, k.events, k.told},
		from, record, keep, millis(c.Account.Deadline()),
		name, millis(c.NotAfter), events,
		s.keep, key.Shard(), InboxPrefix,
		sessionNames(c.Account.Live, all), sessionNames(c.Account.Ended, unacknowledged),
		seen, alive, activities(c.Ended), millis(c.NotBefore))
	if err != nil {
		return session.Snapshot{}, err
	}
	if parts, ok := reply.([]any); ok && len(parts) == 1 {
		sent := sentTo(parts[0])
		s.recent.put(key, remembered{record, c.NotBefore, sent})
		return session.Snapshot{Sent: sent}, nil
	}
	if !once {
		// The change may have been made the first time, and others after it: nobody can tell any more.
		return session.Snapshot{}, fmt.Errorf("%w: redis: the answer was lost", session.ErrUnavailable)
	}
	snap, err := s.snapshot(key, reply)
	if err != nil {
		return session.Snapshot{}, err
	}
	return snap, session.ErrConflict
}

// Due implements session.Store.
func (s *Store) Due(ctx context.Context, limit int) ([]session.Key, error) {
	now := strconv.FormatInt(time.Now().UnixMilli()+s.skew.Load(), 10)
	pipeline := s.client.Pipeline()
	var replies [session.Shards]*redis.StringSliceCmd
	for shard := range replies {
		replies[shard] = pipeline.ZRangeArgs(ctx, redis.ZRangeArgs{
			Key: s.shards[shard].due, Start: "-inf", Stop: now, ByScore: true, Count: int64(limit),
		})
	}
	if _, err := pipeline.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	var due []session.Key
	for _, reply := range replies {
		for _, name := range reply.Val() {
			key, err := session.ParseKey(name)
			if err != nil {
				return nil, fmt.Errorf("redis: deadlines: %w", err)
			}
			due = append(due, key)
		}
	}
	return due[:min(limit, len(due))], nil
}

func routeField(r session.Route) string { return "r:" + sessionName(r.Session) + ":" + r.Instance }

func sessionName(id session.ID) string { return hex.EncodeToString(id[:]) }

// sessionNames returns the names of the sessions that are wanted, each after a space.
func sessionNames(list []session.Session, wanted func(session.Session) bool) string {
	var names strings.Builder
	for _, s := range list {
		if wanted(s) {
			names.WriteByte(' ')
			names.WriteString(sessionName(s.ID))
		}
	}
	return names.String()
}

func all(session.Session) bool              { return true }
func unacknowledged(s session.Session) bool { return s.Ended.AckedAt.IsZero() }

// activities returns the sessions that have ended, each with the last activity that this was decided on.
func activities(ended []session.Session) string {
	var list strings.Builder
	for _, s := range ended {
		fmt.Fprintf(&list, " %s=%d", sessionName(s.ID), s.LastActiveAt.UnixMilli())
	}
	return list.String()
}

// millis returns a time as Redis has it, and the zero time as none.
func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

func parseMillis(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
