package auth

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// fixed is the time of the tests with Redis, whose own clock they do not depend on.
var fixed = time.Unix(1_800_000_030, 0)

// clock is a time that stands still until it is moved.
type clock struct{ now time.Time }

// redisThrottle returns a Throttle on a Redis, its counter, the counter's clock and its log.
func redisThrottle(t testing.TB, client redis.UniversalClient) (*Throttle, *RedisCounter, *clock, *bytes.Buffer) {
	t.Helper()
	c, log := &clock{fixed}, &bytes.Buffer{}
	counter := NewRedisCounter(client, slog.New(slog.NewTextHandler(log, nil)))
	counter.now = func() time.Time { return c.now }
	throttle := NewThrottle(Limits{}, counter)
	throttle.now = func() time.Time { return fixed }
	return throttle, counter, c, log
}

func TestRedisCounterIsShared(t *testing.T) {
	server := redistest.Start(t)
	one, _, _, _ := redisThrottle(t, server.Client(t))
	two, _, _, _ := redisThrottle(t, server.Client(t))
	through := guessAtOnce(t, 1000, one, two)
	if through > 10 {
		t.Errorf("%d of 1000 guesses at two instances got through, want at most 10", through)
	}
	rest := fail(t, one, ip(1), "alice", 20) + fail(t, two, ip(1), "alice", 20)
	if through+rest != 10 {
		t.Errorf("%d guesses at once and %d after, want 10 in all", through, rest)
	}
	attempt, err := one.Begin(ip(2), "alice")
	if err != nil {
		t.Fatal(err)
	}
	attempt.GiveBack()
	if n := fail(t, two, ip(2), "alice", 20); n != 10 {
		t.Errorf("%d guesses after a login, want 10", n)
	}
}

func TestRedisCounterSlides(t *testing.T) {
	_, counter, _, _ := redisThrottle(t, redistest.Start(t).Client(t))
	w1 := fixed.Truncate(time.Minute)
	w2 := w1.Add(time.Minute)
	for range 3 {
		if err := counter.Increment("k", w1); err != nil {
			t.Fatal(err)
		}
	}
	if err := counter.IncrementBy("k", w2, 5); err != nil {
		t.Fatal(err)
	}
	if err := counter.IncrementBy("k", w1, -1); err != nil { // late, and counted all the same
		t.Fatal(err)
	}
	if is, was, err := counter.Get("k", w2, w1); is != 5 || was != 2 || err != nil {
		t.Errorf("counts %d and %d (%v), want 5 and 2", is, was, err)
	}
	if is, was, err := counter.Get("other", w2, w1); is != 0 || was != 0 || err != nil {
		t.Errorf("counts %d and %d (%v) of what was not counted", is, was, err)
	}
}

func TestRedisCounterLeavesNothingBehind(t *testing.T) {
	client := redistest.Start(t).Client(t)
	throttle, _, _, _ := redisThrottle(t, client)
	fail(t, throttle, ip(1), "alice@example.com", 20)
	names, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(names) != 3 {
		t.Fatalf("keys %q (%v), want one each for the pair, the address and the user", names, err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "hub:throttle:{") || strings.Contains(name, "alice") || strings.Contains(name, "192.") {
			t.Errorf("key %q", name)
		}
		ttl, err := client.PTTL(t.Context(), name).Result()
		if err != nil || ttl <= time.Minute || ttl > 3*time.Minute {
			t.Errorf("key %q is kept for %s (%v), want three minutes", name, ttl, err)
		}
		if kind, err := client.Type(t.Context(), name).Result(); err != nil || kind != "string" {
			t.Errorf("key %q is a %s (%v)", name, kind, err)
		}
	}
}

// trips counts the counter's round trips, and not what the client sends on its own to greet the server.
type trips struct{ n int }

func (*trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "mget" {
			h.n++
		}
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "multi" {
			h.n++
		}
		return next(ctx, cmds)
	}
}

func TestRedisCounterAsksOnce(t *testing.T) {
	client := redistest.Start(t).Client(t)
	_, counter, _, _ := redisThrottle(t, client)
	var count trips
	client.AddHook(&count)
	if err := counter.Increment("k", fixed); err != nil || count.n != 1 {
		t.Errorf("Increment took %d round trips (%v), want 1", count.n, err)
	}
	if _, _, err := counter.Get("k", fixed, fixed); err != nil || count.n != 2 {
		t.Errorf("Get took %d round trips (%v), want 1", count.n-1, err)
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
			var count trips
			client.AddHook(&count)
			fail(t, throttle, ip(1), "alice", 10)

			fault.begin(server, t)
			count.n = 0
			if n := fail(t, throttle, ip(1), "alice", 50); n != 10 {
				t.Errorf("%d guesses at one instance alone, want 10", n)
			}
			if count.n != 1 {
				t.Errorf("Redis was asked %d times within its pause, want 1", count.n)
			}
			attempt, err := throttle.Begin(ip(2), "bob")
			if err != nil {
				t.Fatalf("a login without Redis: %v", err)
			}
			attempt.GiveBack()
			clock.now = clock.now.Add(counterPause)
			if n := fail(t, throttle, ip(1), "alice", 5); n != 0 {
				t.Errorf("%d guesses when Redis is still away, want 0", n)
			}
			if count.n != 2 {
				t.Errorf("Redis was asked %d times in two pauses, want 2", count.n)
			}

			fault.end(server, t)
			clock.now = clock.now.Add(counterPause)
			if err := counter.Increment("k", fixed.Truncate(time.Minute)); err != nil {
				t.Fatal(err)
			}
			stored := client.Get(t.Context(), countName("k", fixed.Truncate(time.Minute))).Val()
			if stored != "1" {
				t.Errorf("Redis has counted %q since it is back, want 1", stored)
			}
			if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "Redis again") {
				t.Errorf("the log is not of one fault and its end:\n%s", log)
			}
		})
	}
}

func TestRedisCounterDoesNotTakeOthersForCounts(t *testing.T) {
	client := redistest.Start(t).Client(t)
	_, counter, _, log := redisThrottle(t, client)
	if err := client.Set(t.Context(), countName("k", fixed), "not a number", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if is, was, err := counter.Get("k", fixed, fixed.Add(-time.Minute)); is != 0 || was != 0 || err != nil {
		t.Errorf("counts %d and %d (%v), want those in memory", is, was, err)
	}
	if !strings.Contains(log.String(), "counts alone") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}
