package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// noticeTimeout is how long a socket may wait for its notice: what the hub promises even where a message of
// its own was lost.
const noticeTimeout = 10 * time.Second

// crowd is the users, with their sessions and sockets.
type crowd struct {
	http            *http.Client
	logins, sockets *url.URL
	key             string
	limit           int
	patience        time.Duration // how long a socket may wait for its notice
	users           []*user
	turn            int // the user whose turn it is; owned by the caller of pick

	listeners sync.WaitGroup
	lost      atomic.Int64 // sockets that closed without a notice
	cut       atomic.Int64 // sockets that were told, and then not closed as the protocol has it
	surplus   atomic.Int64 // notices that nobody waited for

	mu     sync.Mutex
	open   map[*socket]struct{} // guarded by mu
	closed bool                 // guarded by mu
}

// user is an account of the crowd. One login of it is under way at a time.
type user struct {
	name string
	// answers are those to the logins whose sessions have no socket yet.
	answers [][]byte
	// told gets the moment at which the notice of one of its sessions was read, once the socket is closed.
	told chan time.Time
}

func newCrowd(h *hubs, users, limit, parallel int) *crowd {
	c := &crowd{
		http: &http.Client{Transport: &http.Transport{
			MaxIdleConns: 2 * parallel, MaxIdleConnsPerHost: parallel, DisableCompression: true,
		}},
		logins: h.logins(), sockets: h.sockets(), key: h.key, limit: limit, patience: noticeTimeout,
		open: make(map[*socket]struct{}),
	}
	run := rand.Text()[:8] // the users of this run are nobody else's
	for i := range users {
		c.users = append(c.users, &user{name: fmt.Sprintf("bench-%s-%d", run, i), told: make(chan time.Time, 1)})
	}
	return c
}

// Opening is how fast the sessions and their sockets were opened.
type Opening struct {
	LoginsPerSecond  float64 `json:"logins_per_second"`
	SocketsPerSecond float64 `json:"sockets_per_second"`
}

// openAll opens n sessions, as evenly over the users as can be, and a socket for each.
func (c *crowd) openAll(ctx context.Context, n, parallel int, show *progress) (Opening, error) {
	bar := show.phase("opening sessions", n)
	// In parallel over the users, one after the other for each.
	logins, err := slice(ctx, len(c.users), parallel, func(ctx context.Context, i int) error {
		for k := i; k < n; k += len(c.users) {
			if err := c.login(ctx, c.users[i]); err != nil {
				return err
			}
			bar.add(1)
		}
		return nil
	})
	bar.done()
	if err != nil {
		return Opening{}, err
	}
	bar = show.phase("opening sockets", n)
	sockets, err := c.connect(ctx, c.users, parallel, bar)
	bar.done()
	return Opening{
		LoginsPerSecond:  float64(n) / logins.wall.Seconds(),
		SocketsPerSecond: float64(n) / sockets.wall.Seconds(),
	}, err
}

// pick returns the n users whose turn it is.
func (c *crowd) pick(n int) []*user {
	users := make([]*user, n)
	for i := range users {
		users[i] = c.users[c.turn]
		c.turn = (c.turn + 1) % len(c.users)
	}
	return users
}

// login opens a session for a user. Its answer is kept, and read when connect needs it: reading it is none of
// the hub's work.
func (c *crowd) login(ctx context.Context, u *user) error {
	body := fmt.Appendf(nil, `{"user":%q,"device":{"id":%q,"name":"bench","kind":"web"},"limit":%d,"policy":"evict"}`,
		u.name, rand.Text(), c.limit)
	answer, err := c.call(ctx, http.MethodPost, "/v1/admin/sessions", body, http.StatusCreated)
	if err != nil {
		return err
	}
	u.answers = append(u.answers, answer)
	return nil
}

// awaitNotice waits until a socket of the user has been told and closed, and returns when its notice was read.
func (u *user) awaitNotice(ctx context.Context, patience time.Duration) (time.Time, error) {
	select {
	case at := <-u.told:
		return at, nil
	default:
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case at := <-u.told:
		return at, nil
	case <-timeout.C:
		return time.Time{}, fmt.Errorf("no socket of %s was told and closed within %s of a login", u.name, patience)
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// empty makes a call that the hub has nothing to do for.
func (c *crowd) empty(ctx context.Context) error {
	_, err := c.call(ctx, http.MethodGet, "/healthz", nil, http.StatusOK)
	return err
}

// call makes a call to the hub of the logins, and returns the body of its answer.
func (c *crowd) call(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.logins.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}

// connect opens a socket for each session of the users that has none.
func (c *crowd) connect(ctx context.Context, users []*user, parallel int, bar *bar) (sample, error) {
	return slice(ctx, len(users), parallel, func(ctx context.Context, i int) error {
		u := users[i]
		for _, answer := range u.answers {
			var opened struct {
				Token string `json:"token"`
			}
			if err := json.Unmarshal(answer, &opened); err != nil {
				return fmt.Errorf("read the answer to a login: %w", err)
			}
			s, err := dial(ctx, c.sockets, opened.Token)
			if err != nil {
				return err
			}
			if !c.listen(s, u) {
				return errors.New("the measurement is over")
			}
			bar.add(1)
		}
		u.answers = nil
		return nil
	})
}

// listen lets a socket listen until it is closed, unless the crowd is closed already.
func (c *crowd) listen(s *socket, u *user) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.conn.Close()
		return false
	}
	c.open[s] = struct{}{}
	c.listeners.Go(func() {
		told, err := s.listen()
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, s)
		switch {
		case c.closed:
		case told.IsZero():
			c.lost.Add(1)
		case err != nil:
			c.cut.Add(1)
		}
		if told.IsZero() {
			return
		}
		select {
		case u.told <- told:
		default:
			c.surplus.Add(1)
		}
	})
	return true
}

// close closes all sockets. It returns an error if any went wrong before.
func (c *crowd) close() error {
	c.mu.Lock()
	c.closed = true
	for s := range c.open {
		s.conn.Close()
	}
	c.mu.Unlock()
	c.listeners.Wait()
	c.http.CloseIdleConnections()
	var errs []error
	if n := c.lost.Load(); n > 0 {
		errs = append(errs, fmt.Errorf("%d sockets were closed without a notice", n))
	}
	if n := c.cut.Load(); n > 0 {
		errs = append(errs, fmt.Errorf("%d sockets were told, but not closed as the protocol has it", n))
	}
	if n := c.surplus.Load(); n > 0 {
		errs = append(errs, fmt.Errorf("%d notices came that no login had caused", n))
	}
	return errors.Join(errs...)
}

// slice makes n calls, so many in parallel, and returns what they took. The first error ends it.
func slice(ctx context.Context, n, parallel int, do func(ctx context.Context, i int) error) (sample, error) {
	group, ctx := errgroup.WithContext(ctx)
	took := make([]time.Duration, n)
	var next atomic.Int64
	began := time.Now()
	for range min(n, parallel) {
		group.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				start := time.Now()
				if err := do(ctx, i); err != nil {
					return err
				}
				took[i] = time.Since(start)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return sample{took: took, wall: time.Since(began)}, err
}
