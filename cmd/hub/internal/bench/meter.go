package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// emptyPerLogin is how many empty calls and round trips a slice makes for each login of its neighbour, so that
// the slices, which they fill faster, are of like length.
const emptyPerLogin = 3

// meter measures logins, and beside them what their parts cost alone.
type meter struct {
	crowd    *crowd
	redis    *redis.Client // nil where there is no Redis
	logins   int           // a slice
	parallel int
}

// rounds makes so many rounds.
func (m *meter) rounds(ctx context.Context, n int, show *progress) ([]round, error) {
	bar := show.phase("measuring logins", 2*n)
	defer bar.done()
	var rounds []round
	for range n {
		var r round
		var err error
		if r.serial, err = m.turn(ctx, 1); err != nil {
			return nil, err
		}
		bar.add(1)
		if r.parallel, err = m.turn(ctx, m.parallel); err != nil {
			return nil, err
		}
		bar.add(1)
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// turn makes a slice of each call. Then the users who were signed in anew get their sockets back.
func (m *meter) turn(ctx context.Context, parallel int) (t turn, err error) {
	floor := m.logins
	if parallel > 1 {
		floor *= emptyPerLogin
	}
	t.empty, err = slice(ctx, floor, parallel, func(ctx context.Context, _ int) error { return m.crowd.empty(ctx) })
	if err != nil {
		return turn{}, err
	}
	if m.redis != nil {
		t.redis, err = slice(ctx, floor, parallel, func(ctx context.Context, _ int) error {
			return m.redis.Ping(ctx).Err()
		})
		if err != nil {
			return turn{}, fmt.Errorf("round trip to Redis: %w", err)
		}
		if t.floor, err = slice(ctx, m.logins, parallel, m.floor); err != nil {
			return turn{}, err
		}
	}
	users := m.crowd.pick(m.logins)
	if t.login, t.notice, err = m.evict(ctx, users, parallel); err != nil {
		return turn{}, err
	}
	_, err = m.crowd.connect(ctx, users, parallelConnects, nil)
	return t, err
}

// floor makes an empty call and three round trips to Redis, one after the other. In a loop of its own, each would
// find the processes at both ends awake, and be faster than it can be in a login.
func (m *meter) floor(ctx context.Context, _ int) error {
	if err := m.crowd.empty(ctx); err != nil {
		return err
	}
	for range 3 {
		if err := m.redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("round trip to Redis: %w", err)
		}
	}
	return nil
}

// parallelConnects is how many sockets are opened at a time where nobody measures it.
const parallelConnects = 32

// evict signs each of the users in once more, by which each loses the oldest session. A call is over when the answer
// has come, and the socket of the old session has been told and closed: what is left to do for it would slow the next.
func (m *meter) evict(ctx context.Context, users []*user, parallel int) (login, notice sample, err error) {
	answered := make([]time.Duration, len(users))
	told := make([]time.Duration, len(users))
	whole, err := slice(ctx, len(users), parallel, func(ctx context.Context, i int) error {
		began := time.Now()
		if err := m.crowd.login(ctx, users[i]); err != nil {
			return err
		}
		answered[i] = time.Since(began)
		at, err := users[i].awaitNotice(ctx, m.crowd.patience)
		told[i] = at.Sub(began)
		return err
	})
	return sample{took: answered, wall: whole.wall}, sample{took: told, wall: whole.wall}, err
}
