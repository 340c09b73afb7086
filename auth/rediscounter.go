package auth

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// How a RedisCounter deals with a Redis that is slow or away.
const (
	// counterTimeout bounds each round trip.
	counterTimeout = 250 * time.Millisecond
	// counterPause is for how long Redis is left alone after it failed.
	counterPause = time.Second
)

var (
	//go:embed scripts/begin.lua
	beginSource string
	//go:embed scripts/end.lua
	endSource string

	beginScript = redis.NewScript(beginSource)
	endScript   = redis.NewScript(endSource)
)

// RedisCounter is a Counter in Redis, so that all instances share one count, by Redis's clock. While Redis does not
// answer, it counts in memory: an instance alone is a weaker limit, but one. It may be used concurrently.
//
// To begin a login is one round trip and to end it another, each a script that sees to all its keys: so a login with
// a password that is right or wrong is two, and one that is refused is one. The first use of a script after Redis
// has started takes one more. On a cluster all counts are in one slot, as one step must see all of a login's: they
// are few, and small.
//
// A count is a string hub:{throttle}:HASH, which is gone two windows later, or as soon as it has nothing to count.
// HASH is made of what is counted: no user and no address can be read from it. What is refused leaves nothing.
type RedisCounter struct {
	client redis.UniversalClient
	logger *slog.Logger
	now    func() time.Time
	local  *memoryCounter
	wait   time.Duration // the longest a round trip may take

	mu      sync.Mutex
	down    bool      // guarded by mu; Redis did not answer the last time
	retryAt time.Time // guarded by mu; when it is asked again, while down
}

var _ Counter = (*RedisCounter)(nil)

// NewRedisCounter returns a RedisCounter. The client must heed contexts (ContextTimeoutEnabled), or a slow Redis
// slows logins down for as long as the client's own timeouts. A nil logger is slog.Default; it is told when Redis
// fails, and when it is back.
func NewRedisCounter(client redis.UniversalClient, logger *slog.Logger) *RedisCounter {
	if logger == nil {
		logger = slog.Default()
	}
	return &RedisCounter{
		client: client, logger: logger, now: time.Now, local: newMemoryCounter(time.Now), wait: counterTimeout,
	}
}

// Begin implements Counter. It always can count. A login ends where it was begun: one that Redis cannot be told of
// stays under way there until it is forgotten.
func (c *RedisCounter) Begin(ctx context.Context, window time.Duration, quotas []Quota) (func(bool), error) {
	names, args := make([]string, len(quotas)), make([]any, 1, 1+len(quotas))
	args[0] = window.Milliseconds()
	for i, quota := range quotas {
		names[i] = countName(quota.Key)
		args = append(args, quota.Limit)
	}
	var answer []int64
	err := c.ask(ctx, func(ctx context.Context) (err error) {
		answer, err = beginScript.Run(ctx, c.client, names, args...).Int64Slice()
		return err
	})
	if err != nil {
		return c.local.Begin(ctx, window, quotas)
	}
	admitted, number, passed := answer[0] == 1, answer[1], time.Duration(answer[2])*time.Millisecond
	if !admitted {
		return nil, refusal(quotas, readTallies(answer[3:]), passed, window)
	}
	ctx = context.WithoutCancel(ctx)
	return func(wrong bool) {
		add := 0
		if wrong {
			add = 1
		}
		_ = c.ask(ctx, func(ctx context.Context) error { return endScript.Run(ctx, c.client, names, number, add).Err() })
	}, nil
}

// readTallies reads the tallies of begin.lua's answer.
func readTallies(counts []int64) []tally {
	tallies := make([]tally, len(counts)/4)
	for i := range tallies {
		t, four := &tallies[i], counts[4*i:]
		t.now.wrong, t.now.open, t.before.wrong, t.before.open = int(four[0]), int(four[1]), int(four[2]), int(four[3])
	}
	return tallies
}

// errResting says that Redis is not asked for the moment.
var errResting = errors.New("redis did not answer a moment ago")

// ask runs a round trip, unless Redis has just failed, and notes what came of it. A client that leaves meanwhile
// says nothing about Redis, and does not end it.
func (c *RedisCounter) ask(ctx context.Context, roundTrip func(context.Context) error) error {
	if !c.claim() {
		return errResting
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.wait)
	defer cancel()
	err := roundTrip(ctx)
	c.note(err)
	return err
}

// claim reports whether Redis may be asked now: always while it answers, by one at a time while it does not.
func (c *RedisCounter) claim() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.down {
		return true
	}
	now := c.now()
	if now.Before(c.retryAt) {
		return false
	}
	c.retryAt = now.Add(counterPause)
	return true
}

// note remembers whether Redis answered, and logs when that changes.
func (c *RedisCounter) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && !c.down:
		c.logger.Warn("cannot count wrong passwords in Redis: this instance counts alone meanwhile", "error", err)
	case err == nil && c.down:
		c.logger.Info("counting wrong passwords in Redis again")
	}
	c.down = err != nil
	if c.down {
		c.retryAt = c.now().Add(counterPause)
	}
}

// countName returns the key of a count. What is in braces is the same in all of them: it keeps them in one slot.
func countName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "hub:{throttle}:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}
