package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// follower reads the event stream for as long as the test takes, and comes back to it whenever it breaks.
type follower struct {
	users  chan string // of session.created
	lastID string
}

func follow(t *testing.T, url string) *follower {
	f := &follower{users: make(chan string, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	ended, begun := make(chan struct{}), make(chan struct{}, 1000)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			f.read(ctx, t, url, begun)
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	<-begun
	return f
}

// read reads one stream until it breaks. It reports when it has a place to come back to.
func (f *follower) read(ctx context.Context, t *testing.T, url string, begun chan<- struct{}) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/admin/events/stream?type=session.created", nil)
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Last-Event-ID", f.lastID)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return
	}
	defer answer.Body.Close()
	id, user := f.lastID, ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			var event struct{ User string }
			if err := json.Unmarshal([]byte(value), &event); err != nil {
				t.Error(err)
			}
			user = event.User
		case "":
			if f.lastID = id; user != "" {
				f.users <- user
			}
			user = ""
			select {
			case begun <- struct{}{}:
			default:
			}
		}
	}
}

// next returns the next user, as soon as there is one.
func (f *follower) next(t *testing.T) string {
	t.Helper()
	select {
	case user := <-f.users:
		return user
	case <-time.After(outcome):
		t.Fatal("no event comes")
		return ""
	}
}

// TestEventStream follows the events of two hubs through nginx, while one of the hubs leaves and Redis is killed.
func TestEventStream(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var hubs []*process
	var addresses []string
	for range 2 {
		hub, _ := serve(t, "--redis="+redis.URL(), "--drain=0s")
		hubs, addresses = append(hubs, hub), append(addresses, hub.address(t))
	}
	front := startNginx(t, addresses...)
	f := follow(t, front)
	n := 0
	var slowest time.Duration
	open := func(base string) {
		t.Helper()
		for range 10 {
			n++
			openSession(t, base, fmt.Sprint("user ", n))
			committed := time.Now()
			if user := f.next(t); user != fmt.Sprint("user ", n) {
				t.Fatalf("the event of %s, want that of user %d", user, n)
			}
			slowest = max(slowest, time.Since(committed))
		}
	}
	open(front)
	t.Logf("from the answer to the event, through nginx: %s at the most", slowest)

	if err := hubs[0].Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := hubs[0].exitCode(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	open("http://" + addresses[1])

	redis.Kill(t)
	redis.Restart(t)
	awaitStatus(t, "http://"+addresses[1]+"/readyz", http.StatusOK)
	open("http://" + addresses[1])
	if len(f.users) > 0 {
		t.Errorf("%d events too many", len(f.users))
	}
}
