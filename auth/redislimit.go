package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/httprate"
	"github.com/redis/go-redis/v9"
)

// How a RedisCounter deals with a Redis that is slow or away.
const (
	// counterTimeout bounds each round trip.
	counterTimeout = 250 * time.Millisecond
	// counterPause is for how long Redis is left alone after it failed.
	counterPause = time.Second
)

// RedisCounter counts for a Throttle in Redis, so that all instances share one count. While Redis does not
// answer, it counts in memory: an instance alone is a weaker limit, but one. It may be used concurrently.
//
// A count is a string hub:throttle:{HASH}:WINDOW, which is gone three windows later. HASH is made of what is
// counted, WINDOW is the window's start in Unix milliseconds.
type RedisCounter struct {
	client redis.UniversalClient
	logger *slog.Logger
	now    func() time.Time
	local  *memoryCounter
	ttl    time.Duration // static after Config

	mu      sync.Mutex
	down    bool      // guarded by mu; Redis did not answer the last time
	retryAt time.Time // guarded by mu; when it is asked again, while down
}

var _ httprate.LimitCounter = (*RedisCounter)(nil)

// NewRedisCounter returns a RedisCounter, which its Throttle configures. The client must heed contexts
// (ContextTimeoutEnabled), or a slow Redis slows logins down for as long as the client's own timeouts. A nil
// logger is slog.Default; it is told when Redis fails, and when it is back.
func NewRedisCounter(client redis.UniversalClient, logger *slog.Logger) *RedisCounter {
	if logger == nil {
		logger = slog.Default()
	}
	c := &RedisCounter{client: client, logger: logger, now: time.Now, local: newMemoryCounter()}
	c.Config(0, time.Minute)
	return c
}

// Config implements httprate.LimitCounter. It must not be called once the counter is in use.
func (c *RedisCounter) Config(limit int, window time.Duration) {
	c.local.Config(limit, window)
	c.ttl = 3 * window
}

// Increment implements httprate.LimitCounter.
func (c *RedisCounter) Increment(key string, current time.Time) error {
	return c.IncrementBy(key, current, 1)
}

// IncrementBy implements httprate.LimitCounter, in one round trip. It always succeeds.
func (c *RedisCounter) IncrementBy(key string, current time.Time, amount int) error {
	err := c.ask(func(ctx context.Context) error {
		name := countName(key, current)
		// One transaction, so that no count is left without an end.
		_, err := c.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.IncrBy(ctx, name, int64(amount))
			p.PExpire(ctx, name, c.ttl)
			return nil
		})
		return err
	})
	if err != nil {
		return c.local.IncrementBy(key, current, amount)
	}
	return nil
}

// Get implements httprate.LimitCounter, in one round trip. It always succeeds.
func (c *RedisCounter) Get(key string, current, previous time.Time) (int, int, error) {
	var counts [2]int
	err := c.ask(func(ctx context.Context) error {
		values, err := c.client.MGet(ctx, countName(key, current), countName(key, previous)).Result()
		if err != nil {
			return err
		}
		for i, value := range values {
			text, ok := value.(string)
			if !ok {
				continue // no such key: nothing was counted
			}
			if counts[i], err = strconv.Atoi(text); err != nil {
				return fmt.Errorf("read a count: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return c.local.Get(key, current, previous)
	}
	return counts[0], counts[1], nil
}

// errResting says that Redis is not asked for the moment.
var errResting = errors.New("redis did not answer a moment ago")

// ask runs a round trip, unless Redis has just failed, and notes what came of it.
func (c *RedisCounter) ask(roundTrip func(context.Context) error) error {
	if !c.claim() {
		return errResting
	}
	ctx, cancel := context.WithTimeout(context.Background(), counterTimeout)
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

// countName returns the key of a count. The braces keep the windows of what is counted in one slot of a
// cluster; no user and no address can be read from the hash.
func countName(key string, window time.Time) string {
	sum := sha256.Sum256([]byte(key))
	hash := base64.RawURLEncoding.EncodeToString(sum[:16])
	return "hub:throttle:{" + hash + "}:" + strconv.FormatInt(window.UnixMilli(), 10)
}
