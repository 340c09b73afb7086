package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// clock is a time that stands still until it is moved.
type clock struct{ now time.Time }

// redisThrottle returns a Throttle on a Redis, its counter, the clock that its pauses go by, and its log. A window
// is so long that it does not slide noticeably during a test.
func redisThrottle(t testing.TB, client redis.UniversalClient) (*Throttle, *RedisCounter, *clock, *bytes.Buffer) {
	t.Helper()
	c, log := &clock{time.Unix(1_800_000_030, 0)}, &bytes.Buffer{}
	counter := NewRedisCounter(client, slog.New(slog.NewTextHandler(log, nil)))
	counter.now = func() time.Time { return c.now }
	counter.wait = time.Minute // a small machine may be busy
	return NewThrottle(Limits{Window: 24 * time.Hour}, counter), counter, c, log
}

func TestRedisCounterIsShared(t *testing.T) {
	server := redistest.Start(t)
	one, _, _, _ := redisThrottle(t, server.Client(t))
	two, _, _, _ := redisThrottle(t, server.Client(t))
	if got := loginsAtOnce(t, 100, colleague, right, one, two); got.throttled != 0 {
		t.Errorf("of 100 right logins at once at two instances %+v, want none throttled", got)
	}
	if got := loginsAtOnce(t, 1000, alice, wrong, one, two); got.verified != 10 {
		t.Errorf("of 1000 guesses at once at two instances %+v, want 10 verified", got)
	}
	if got := loginsAtOnce(t, 1000, colleague, wrong, one, two); got.verified != 20 {
		t.Errorf("of 1000 guesses at once for others %+v, want the 20 verified that are left", got)
	}
	if n := fail(t, one, ip(1), "bob", 20) + fail(t, two, ip(1), "alice", 20); n != 0 {
		t.Errorf("%d guesses more, want 0", n)
	}
}

// One that waits at another instance is not throttled for it, however many there are.
func TestRedisCounterKnowsWhoIsUnderWayElsewhere(t *testing.T) {
	server := redistest.Start(t)
	_, one, _, _ := redisThrottle(t, server.Client(t))
	_, two, _, _ := redisThrottle(t, server.Client(t))
	quotas := []Quota{{"k", 2}}
	begin := func(c *RedisCounter) (func(bool), error) { return c.Begin(t.Context(), time.Hour, quotas) }
	first, err1 := begin(one)
	second, err2 := begin(one)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if _, err := begin(two); !errors.Is(err, ErrBusy) {
		t.Errorf("Begin while others are under way elsewhere: %v, want ErrBusy", err)
	}
	first(true)
	if _, err := begin(two); !errors.Is(err, ErrBusy) {
		t.Errorf("Begin while one is wrong and one under way: %v, want ErrBusy", err)
	}
	second(true)
	_, err := begin(two)
	if throttled, ok := errors.AsType[*ThrottledError](err); !ok || throttled.RetryAfter <= 0 {
		t.Errorf("Begin after two wrong ones: %v, want a time to wait", err)
	}
}

func TestRedisCounterLeavesNothingBehind(t *testing.T) {
	client := redistest.Start(t).Client(t)
	throttle, _, _, _ := redisThrottle(t, client)
	keys := func() []string {
		names, err := client.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if got := loginsAtOnce(t, 50, colleague, right, throttle); got.throttled != 0 || len(keys()) != 0 {
		t.Errorf("right logins (%+v) leave %q", got, keys())
	}
	if n := fail(t, throttle, ip(1), "alice@example.com", 20); n != 10 || len(keys()) != 3 {
		t.Errorf("%d guesses leave keys %q, want one each for the pair, the address and the user", n, keys())
	}
	for i := range 20 {
		fail(t, throttle, ip(1), "bob", 1)
		fail(t, throttle, ip(1), colleague(i), 1)
	}
	if names := keys(); len(names) != 3+2*11 { // bob and ten more fit under the limit of the address
		t.Errorf("%d keys, want none of those refused", len(names))
	}
	for _, name := range keys() {
		if !strings.HasPrefix(name, "hub:{throttle}:") || strings.Contains(name, "alice") || strings.Contains(name, "192.") {
			t.Errorf("key %q", name)
		}
		ttl, err := client.PTTL(t.Context(), name).Result()
		if err != nil || ttl <= 24*time.Hour || ttl > 48*time.Hour {
			t.Errorf("key %q is kept for %s (%v), want two windows", name, ttl, err)
		}
	}
}

func TestRedisCounterAsksOnce(t *testing.T) {
	client := redistest.Start(t).Client(t)
	throttle, _, _, _ := redisThrottle(t, client)
	count := redistest.CountTrips(client)
	for i, test := range []struct {
		name  string
		end   error
		trips int
	}{
		{"the first", nil, 4}, // Redis does not know the two scripts yet
		{"right", nil, 2},
		{"wrong", ErrCredentials, 2},
	} {
		count.Store(0)
		attempt, err := throttle.Begin(t.Context(), ip(1), "alice")
		if err != nil {
			t.Fatal(err)
		}
		if attempt.End(test.end); int(count.Load()) != test.trips {
			t.Errorf("login %d, %s, took %d round trips, want %d", i, test.name, int(count.Load()), test.trips)
		}
	}
	fail(t, throttle, ip(1), "alice", 9)
	count.Store(0)
	if n := fail(t, throttle, ip(1), "alice", 1); n != 0 || int(count.Load()) != 1 {
		t.Errorf("a login that is refused took %d round trips, want 1", int(count.Load()))
	}
}

func TestRedisCounterFallsBack(t *testing.T) {
	for name, fault := range map[string]struct {
		begin, end func(*redistest.Server, testing.TB)
	}{
		"killed": {(*redistest.Server).Kill, (*redistest.Server).Restart},
		"frozen": {(*redistest.Server).Freeze, (*redistest.Server).Resume},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			client := server.Client(t)
			throttle, counter, clock, log := redisThrottle(t, client)
			fail(t, throttle, ip(1), "alice", 10)
			slow, err := throttle.Begin(t.Context(), ip(2), "bob")
			if err != nil {
				t.Fatal(err)
			}
			count := redistest.CountTrips(client)

			fault.begin(server, t)
			counter.wait = counterTimeout
			if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
				t.Errorf("%d guesses at one instance alone, want 10", n)
			}
			if int(count.Load()) != 1 {
				t.Errorf("Redis was asked %d times within its pause, want 1", int(count.Load()))
			}
			slow.End(ErrCredentials)
			if n := fail(t, throttle, ip(2), "bob", 50); n != 10 {
				t.Errorf("%d guesses at one instance alone for another, want 10", n)
			}
			clock.now = clock.now.Add(counterPause)
			if n := fail(t, throttle, ip(1), "alice", 5); n != 0 {
				t.Errorf("%d guesses when Redis is still away, want 0", n)
			}
			if int(count.Load()) != 2 {
				t.Errorf("Redis was asked %d times in two pauses, want 2", int(count.Load()))
			}

			fault.end(server, t)
			counter.wait = time.Minute
			clock.now = clock.now.Add(counterPause)
			fail(t, throttle, ip(3), "carol", 1)
			if n := client.Exists(t.Context(), countName("user carol")).Val(); n != 1 {
				t.Error("Redis does not count since it is back")
			}
			if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "Redis again") {
				t.Errorf("the log is not of one fault and its end:\n%s", log)
			}
		})
	}
}

// A client that has left says nothing about Redis.
func TestRedisCounterOutlivesItsClient(t *testing.T) {
	client := redistest.Start(t).Client(t)
	_, counter, _, log := redisThrottle(t, client)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	end, err := counter.Begin(ctx, time.Hour, []Quota{{"k", 1}})
	if err != nil {
		t.Fatal(err)
	}
	end(false)
	if n := client.DBSize(t.Context()).Val(); n != 0 || log.Len() != 0 {
		t.Errorf("%d keys are left, and the log is %q", n, log)
	}
}

// The scripts and tally have the same rules.
func TestScriptsCountAsMemoryDoes(t *testing.T) {
	client := redistest.Start(t).Client(t)
	const window = time.Hour
	text := func(c tally) string {
		return fmt.Sprint(c.window, " ", c.now.wrong, " ", c.now.open, " ", c.before.wrong, " ", c.before.open)
	}
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		number := client.Time(ctx).Val().UnixMilli() / window.Milliseconds()
		few := rapid.IntRange(0, 4)
		names, args := make([]string, rapid.IntRange(1, 3).Draw(t, "keys")), []any{window.Milliseconds()}
		stored, limits := make([]tally, len(names)), make([]int, len(names))
		for i := range names {
			names[i], limits[i] = countName(fmt.Sprint(i)), rapid.IntRange(1, 12).Draw(t, "limit")
			args = append(args, limits[i])
			stored[i] = counted(number-int64(few.Draw(t, "age")), few.Draw(t, "wrong"), few.Draw(t, "open"),
				few.Draw(t, "wrong before"), few.Draw(t, "open before"))
			value := text(stored[i])
			if rapid.Float64().Draw(t, "foreign") < 0.1 {
				stored[i], value = tally{}, "not a count"
			}
			client.Set(ctx, names[i], value, time.Hour)
		}

		answer, err := beginScript.Run(ctx, client, names, args...).Int64Slice()
		if err != nil {
			t.Fatal(err)
		}
		number, passed, room := answer[1], time.Duration(answer[2])*time.Millisecond, true
		for i, got := range readTallies(answer[3:]) {
			stored[i], got.window = stored[i].at(number), number
			if got != stored[i] {
				t.Fatalf("begin read %+v, want %+v", got, stored[i])
			}
			room = room && stored[i].fits(limits[i], passed, window)
		}
		if room != (answer[0] == 1) {
			t.Fatalf("begin answered %d, %s into the window, to %+v under %d", answer[0], passed, stored, limits)
		}
		if !room {
			return
		}

		begun, wrong := number-int64(rapid.IntRange(0, 2).Draw(t, "begun")), rapid.IntRange(0, 1).Draw(t, "is wrong")
		if err := endScript.Run(ctx, client, names, begun, wrong).Err(); err != nil {
			t.Fatal(err)
		}
		for i := range names {
			stored[i].now.open++
			stored[i].end(begun, wrong == 1)
			want := text(stored[i])
			if stored[i].empty() {
				want = ""
			}
			if got := client.Get(ctx, names[i]).Val(); got != want {
				t.Fatalf("end left %q, want %q", got, want)
			}
		}
	})
}
