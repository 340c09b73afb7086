package redisstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// script is a log whose streams the test writes itself, with the IDs that Redis would give them by other clocks.
type script struct {
	*testing.T
	client *redis.Client
	store  *redisstore.Store
}

func startLog(t *testing.T, o redisstore.Options) *script {
	client := redistest.Start(t).Client(t)
	return &script{t, client, redisstore.New(client, o)}
}

func stream(shard int) string { return fmt.Sprintf("hub:{%02d}:events", shard) }

// write adds an entry with an event of each user to a shard.
func (s *script) write(shard int, id string, users ...string) {
	s.Helper()
	events := make([]session.Event, len(users))
	for i, user := range users {
		events[i] = session.Event{Type: session.LoginFailed, User: user}
	}
	record, err := session.EncodeEvents(events)
	if err != nil {
		s.Fatal(err)
	}
	values := []any{"e", record, "t", ""}
	if err := s.client.XAdd(s.Context(), &redis.XAddArgs{Stream: stream(shard), ID: id, Values: values}).Err(); err != nil {
		s.Fatal(err)
	}
}

// follow reads what there is after a cursor, and wants events of these users.
func (s *script) follow(after string, trimmed bool, want ...string) (next string) {
	s.Helper()
	var users []string
	missing := false
	for more := true; more; {
		page, err := s.store.Events(s.Context(), after, 3)
		if err != nil {
			s.Fatal(err)
		}
		for _, e := range page.Events {
			users = append(users, e.User)
		}
		after, more, missing = page.Next, page.More, missing || page.Trimmed
	}
	if !slices.Equal(users, want) || missing != trimmed {
		s.Errorf("events of %q, trimmed %v; want %q, %v", users, missing, want, trimmed)
	}
	return after
}

// TestClocksThatDiffer writes to one shard what seems older than all that has been read of another.
func TestClocksThatDiffer(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	tail, err := log.store.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log.write(3, "5000-0", "a", "b")
	at := log.follow(tail, false, "a", "b")
	log.write(4, "2000-0", "c")
	log.write(2, "4999-7", "d")
	log.write(3, "5000-1", "e")
	at = log.follow(at, false, "c", "d", "e")
	log.write(15, "1-1", "f")
	log.follow(at, false, "f")
	log.follow(tail, false, "f", "c", "d", "a", "b", "e")
}

// TestOneShardAlone has all events in one place, and much in each entry.
func TestOneShardAlone(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	var want []string
	for i := range 100 {
		one, two := fmt.Sprint(i), fmt.Sprint(i, " again")
		log.write(9, "*", one, two)
		want = append(want, one, two)
	}
	log.follow("", false, want...)
	page, err := log.store.Events(t.Context(), "", 1000)
	if err != nil || len(page.Events) < 100 || len(page.Events) > 1000 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}

func TestStoreThatForgets(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	for i := range 10 {
		log.write(i%2, fmt.Sprintf("%d-0", 100+i), fmt.Sprint(i))
	}
	page, err := log.store.Events(t.Context(), "", 6)
	if err != nil {
		t.Fatal(err)
	}
	all := log.follow(page.Next, false, "6", "7", "8", "9")

	// A failover to a copy that had not heard of the last two, and then writes on by a slower clock.
	for _, id := range []string{"108-0", "109-0"} {
		for shard := range 2 {
			if err := log.client.XDel(t.Context(), stream(shard), id).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for shard, last := range []string{"106-0", "107-0"} {
		err := log.client.Do(t.Context(), "XSETID", stream(shard), last, "ENTRIESADDED", 4, "MAXDELETEDID", "0-0").Err()
		if err != nil {
			t.Fatal(err)
		}
	}
	after := log.follow(all, true)
	log.write(0, "107-0", "new")
	log.follow(after, false, "new")
	log.follow(page.Next, false, "6", "new", "7")

	if err := log.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	log.follow("", false)
	after = log.follow(after, true)
	log.write(0, "5-0", "first")
	log.follow(after, false, "first")

	// The same, and somebody signs in before the reader looks: by the clock all seems to be well.
	log.write(0, "6-0", "second")
	after = log.follow(after, false, "first", "second")
	if err := log.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	log.write(0, "7-0", "third")
	after = log.follow(after, true, "third")
	log.follow(after, false)
}

// TestTrimmedByCount writes more than is kept.
func TestTrimmedByCount(t *testing.T) {
	log := startLog(t, redisstore.Options{KeepEvents: 1})
	tail, err := log.store.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var at string
	for i := range 1000 {
		event := session.Event{Type: session.LoginFailed, User: "alice", By: &session.Actor{IP: fmt.Sprint(i)}}
		if err := log.store.Record(t.Context(), session.KeyOf("alice"), event); err != nil {
			t.Fatal(err)
		}
		if i == 998 {
			if at, err = log.store.Tail(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	page, err := log.store.Events(t.Context(), tail, 1000)
	if err != nil || !page.Trimmed || len(page.Events) == 0 || page.Events[len(page.Events)-1].By.IP != "999" {
		t.Errorf("%d events, trimmed %v, %v", len(page.Events), page.Trimmed, err)
	}
	log.follow(at, false, "alice")
}

// TestForgetsByAge keeps what is young enough, to the millisecond.
func TestForgetsByAge(t *testing.T) {
	log := startLog(t, redisstore.Options{KeepFor: time.Hour})
	now, err := log.client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	ago := func(d time.Duration) string { return fmt.Sprintf("%d-0", now.Add(-d).UnixMilli()) }
	log.write(3, ago(2*time.Hour), "old")
	log.write(3, ago(time.Hour), "just old enough")
	log.write(3, ago(59*time.Minute), "young")
	log.write(4, ago(61*time.Minute), "old, and alone")
	nextMillisecond(t, log.client)
	if err := log.store.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.follow("", false, "young")
	forever := redisstore.New(log.client, redisstore.Options{KeepFor: -1})
	log.write(5, "1-0", "ancient")
	if err := forever.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	log.follow("", false, "ancient", "young")
}

// TestEventsWithoutScripts has Redis forget the scripts, as a restart does.
func TestEventsWithoutScripts(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	log.write(3, "*", "a")
	for range 2 {
		if err := log.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		log.follow("", false, "a")
	}
}

// A page costs one round trip, as does the tail, however many shards there are: a feed asks often.
func TestEventsRoundTrips(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	for shard := range session.Shards {
		log.write(shard, "*", "a", "b")
	}
	at := log.follow("", false, slices.Repeat([]string{"a", "b"}, session.Shards)...)
	trips := redistest.CountTrips(log.client)
	if _, err := log.store.Tail(t.Context()); err != nil || int(trips.Load()) != 1 {
		t.Errorf("the tail: %d round trips, %v; want 1", int(trips.Load()), err)
	}
	for after, want := range map[string]int{"": 2 * session.Shards, at: 0} {
		trips.Store(0)
		page, err := log.store.Events(t.Context(), after, 100)
		if err != nil || len(page.Events) != want || int(trips.Load()) != 1 {
			t.Errorf("%d events in %d round trips, %v; want %d in 1", len(page.Events), int(trips.Load()), err, want)
		}
	}
}
