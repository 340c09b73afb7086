package bench

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// crowdAt returns a crowd at a fake hub, with its sockets open.
func crowdAt(t *testing.T, handler *fake, users int) *crowd {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newCrowd(&hubs{urls: []*url.URL{u}, key: handler.key}, users, 1, 4)
	if _, err := c.openAll(t.Context(), users, 4, newProgress(nil, true)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCrowdMissesANotice(t *testing.T) {
	handler := newFake(testKey)
	c := crowdAt(t, handler, 2)
	handler.mute = true
	c.patience = time.Millisecond
	_, _, err := (&meter{crowd: c}).evict(t.Context(), c.pick(1), 1)
	if err == nil || !strings.Contains(err.Error(), "no socket of bench-") {
		t.Errorf("got %v, want who was not told", err)
	}
	if err := c.close(); err != nil {
		t.Error(err)
	}
}

func TestCrowdCountsWhatNobodyAskedFor(t *testing.T) {
	c := crowdAt(t, newFake(testKey), 2)
	for range 3 {
		u := c.users[0]
		if err := c.login(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if _, err := c.connect(t.Context(), []*user{u}, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	err := c.close()
	if err == nil || !strings.Contains(err.Error(), "notices came that no login had caused") {
		t.Errorf("got %v, want the notices that were left over", err)
	}
}

func TestCrowdTakesTurns(t *testing.T) {
	t.Parallel()
	c := newCrowd(&hubs{urls: []*url.URL{{Host: "x"}}}, 3, 1, 1)
	seen := make(map[*user]int)
	for range 3 {
		for _, u := range c.pick(2) {
			seen[u]++
		}
	}
	for _, u := range c.users {
		if seen[u] != 2 {
			t.Errorf("%s had %d turns, want 2", u.name, seen[u])
		}
	}
}

func TestSlice(t *testing.T) {
	t.Parallel()
	var calls, now, most atomic.Int64
	s, err := slice(t.Context(), 100, 4, func(context.Context, int) error {
		calls.Add(1)
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return nil
	})
	if err != nil || calls.Load() != 100 || len(s.took) != 100 || s.wall <= 0 {
		t.Errorf("%d calls, %d times, wall %s, error %v", calls.Load(), len(s.took), s.wall, err)
	}
	if most.Load() > 4 {
		t.Errorf("%d at a time, want at most 4", most.Load())
	}
	broken := errors.New("broken")
	if _, err := slice(t.Context(), 100, 4, func(context.Context, int) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v, want the first error", err)
	}
}
