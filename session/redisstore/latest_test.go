package redisstore_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// back reads the latest events before a cursor, up to limit at a time, and wants events of these users, latest first.
func (s *script) back(before string, limit int, want ...string) {
	s.Helper()
	var users []string
	for more := true; more; {
		page, err := s.store.Latest(s.Context(), before, limit)
		if err != nil {
			s.Fatal(err)
		}
		slices.Reverse(page.Events)
		for _, e := range page.Events {
			users = append(users, e.User)
		}
		before, more = page.From, page.More
	}
	if !slices.Equal(users, want) {
		s.Errorf("back by %d: events of %q, want %q", limit, users, want)
	}
}

// TestLatestByClocksThatDiffer has one shard by a slow clock, and much in each entry.
func TestLatestByClocksThatDiffer(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	log.write(3, "5000-0", "a", "b", "c")
	at := log.follow("", false, "a", "b", "c")
	log.write(4, "2000-0", "d")
	log.write(4, "2000-1", "e", "f")
	log.write(3, "5000-1", "g")
	for limit := 1; limit < 9; limit++ {
		log.back("", limit, "g", "c", "b", "a", "f", "e", "d")
		log.back(at, limit, "c", "b", "a") // a reader who was there has not read the others
		log.back("5000-0-3-1", limit, "b", "a", "f", "e", "d")
		log.back("2000-1-4-0", limit, "e", "d")
		log.back("1-0-0-0", limit)
	}
}

// The latest events cost one round trip, and two where they are in one shard.
func TestLatestRoundTrips(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	for i := range 50 * session.Shards {
		log.write(i%session.Shards, fmt.Sprintf("%d-0", 1000+i), fmt.Sprint(i))
	}
	if _, err := log.store.Latest(t.Context(), "", 1); err != nil { // the script is known from now on
		t.Fatal(err)
	}
	trips := redistest.CountTrips(log.client)
	look := func(limit, want int) {
		t.Helper()
		trips.Store(0)
		page, err := log.store.Latest(t.Context(), "", limit)
		if got := int(trips.Load()); err != nil || len(page.Events) != limit || got != want {
			t.Errorf("the latest %d: %d in %d round trips, %v; want %d", limit, len(page.Events), got, err, want)
		}
	}
	for _, limit := range []int{1, 10, 100, 400, 799} {
		look(limit, 1)
	}
	for i := range 100 {
		log.write(9, fmt.Sprintf("%d-0", 10000+i), "talker")
	}
	look(8, 1)
	look(100, 2)
	look(899, 2)
}

func TestLatestWithoutScripts(t *testing.T) {
	log := startLog(t, redisstore.Options{})
	log.write(3, "*", "a")
	if err := log.client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	log.back("", 5, "a")
}
