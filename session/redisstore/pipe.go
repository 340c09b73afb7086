package redisstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

// How commands travel to Redis.
const (
	// maxFlights is how many writes may be under way before further commands wait to share the next one.
	maxFlights = 2
	// maxSends is how often a command is sent whose connection broke: all scripts may be repeated.
	maxSends = 3
	// flightTimeout bounds a write that several callers share.
	flightTimeout = time.Second
)

// pipe sends the commands that are wanted at the same time in one write. A command that finds the way free goes
// at once, on its caller's goroutine; those that come while it is full leave together when there is room.
type pipe struct {
	client redis.UniversalClient

	mu      sync.Mutex
	flights int       // guarded by mu
	waiting []*parcel // guarded by mu
}

type parcel struct {
	cmd  *redis.Cmd
	done chan struct{} // closed when cmd has its answer
}

// run runs a script and returns its reply. Its errors wrap session.ErrUnavailable.
func (p *pipe) run(ctx context.Context, script *redis.Script, keys []string, args ...any) (any, error) {
	reply, _, err := p.runOnce(ctx, script, keys, args...)
	return reply, err
}

// runOnce runs a script as run does, and reports whether it is certain to have run once: if a connection broke, the
// script may have run before that already.
func (p *pipe) runOnce(ctx context.Context, script *redis.Script, keys []string, args ...any) (reply any, once bool, err error) {
	once = true
	reply, err = p.send(ctx, evalsha(ctx, script, keys, args))
	for sends := 1; err != nil && sends < maxSends && ctx.Err() == nil; sends++ {
		switch {
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			reply, err = script.Eval(ctx, p.client, keys, args...).Result()
		case brokenConnection(err):
			once = false
			reply, err = p.send(ctx, evalsha(ctx, script, keys, args))
		default:
			return nil, once, unavailable(err)
		}
	}
	if err != nil {
		return nil, once, unavailable(err)
	}
	return reply, once, nil
}

func evalsha(ctx context.Context, script *redis.Script, keys []string, args []any) *redis.Cmd {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "evalsha", script.Hash(), len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := redis.NewCmd(ctx, append(words, args...)...)
	cmd.SetFirstKeyPos(3)
	return cmd
}

// send sends one command and waits for its answer, or for ctx to end; then the command may still be carried out.
func (p *pipe) send(ctx context.Context, cmd *redis.Cmd) (any, error) {
	p.mu.Lock()
	if p.flights < maxFlights {
		p.flights++
		p.mu.Unlock()
		p.client.Process(ctx, cmd)
		p.landed()
		return cmd.Result()
	}
	mine := &parcel{cmd: cmd, done: make(chan struct{})}
	p.waiting = append(p.waiting, mine)
	p.mu.Unlock()
	select {
	case <-mine.done:
		return cmd.Result()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// landed makes room for those who wait, all of them together.
func (p *pipe) landed() {
	p.mu.Lock()
	load := p.waiting
	p.waiting = nil
	if len(load) == 0 {
		p.flights--
	}
	p.mu.Unlock()
	if len(load) > 0 {
		go p.fly(load)
	}
}

func (p *pipe) fly(load []*parcel) {
	ctx, cancel := context.WithTimeout(context.Background(), flightTimeout)
	defer cancel()
	pipeline := p.client.Pipeline()
	for _, parcel := range load {
		pipeline.Process(ctx, parcel.cmd)
	}
	pipeline.Exec(ctx) // each command keeps its own error
	p.landed()
	for _, parcel := range load {
		close(parcel.done)
	}
}

// brokenConnection tells an error of the way to Redis from an answer of Redis, and from having waited too long.
func brokenConnection(err error) bool {
	var answer redis.Error
	var timeout interface{ Timeout() bool }
	return !errors.As(err, &answer) && !(errors.As(err, &timeout) && timeout.Timeout())
}

func unavailable(err error) error {
	return fmt.Errorf("%w: redis: %w", session.ErrUnavailable, err)
}
