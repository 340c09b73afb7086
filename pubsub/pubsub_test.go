package pubsub_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/pubsub"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is an inbox at work, and what has come of it.
type running struct {
	pubsub.Inbox
	joined   chan struct{}
	messages chan string
}

// run runs an inbox until the end of the test.
func run(t *testing.T, inbox pubsub.Inbox) *running {
	t.Helper()
	r := &running{Inbox: inbox, joined: make(chan struct{}, 100), messages: make(chan string, 10_000)}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		err := inbox.Run(ctx, func() { r.joined <- struct{}{} }, func(message []byte) { r.messages <- string(message) })
		if err != context.Canceled {
			t.Errorf("run: %v, want context.Canceled", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if inbox.Ready() {
			t.Error("ready after the end")
		}
	})
	return r
}

// await returns what comes next, or fails the test long after it should have come.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bus pubsub.Memory
		bus.Send("nobody", []byte("lost"))
		one, two := run(t, bus.Inbox("one")), run(t, bus.Inbox("two"))
		<-one.joined
		<-two.joined
		for i := range 100 {
			bus.Send("one", []byte(strconv.Itoa(i)))
		}
		for i := range 100 {
			if got := <-one.messages; got != strconv.Itoa(i) {
				t.Fatalf("got %s, want %d", got, i)
			}
		}
		if !one.Ready() || len(two.messages) != 0 {
			t.Errorf("ready %v, %d messages for the other; want true and none", one.Ready(), len(two.messages))
		}
	})
}

// An inbox that was not read for long has lost messages, and says so by joining again.
func TestMemoryOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bus pubsub.Memory
		inbox := bus.Inbox("one")
		for range 5000 {
			bus.Send("one", []byte("x"))
		}
		r := run(t, inbox)
		<-r.joined
		<-r.joined
		if n := len(r.messages); n == 0 || n >= 5000 {
			t.Errorf("%d messages of 5000, want what there was room for", n)
		}
	})
}

func startRedis(t *testing.T) (*redistest.Server, *redis.Client, *running) {
	server := redistest.Start(t)
	client := server.Client(t)
	r := run(t, pubsub.NewRedis(client, "hub:inbox:one", slog.New(slog.DiscardHandler)))
	await(t, "subscription", r.joined)
	return server, client, r
}

func publish(t *testing.T, client *redis.Client, message string) {
	t.Helper()
	if err := client.Publish(t.Context(), "hub:inbox:one", message).Err(); err != nil {
		t.Fatal(err)
	}
}

// awaitReady waits until the inbox's own probe has come through, or until it misses it.
func awaitReady(t *testing.T, r *running, want bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); r.Ready() != want; {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("ready %v, want %v", !want, want)
		}
	}
}

func TestRedisDeliversInOrder(t *testing.T) {
	_, client, r := startRedis(t)
	awaitReady(t, r, true)
	for i := range 1000 {
		publish(t, client, strconv.Itoa(i))
	}
	for i := range 1000 {
		if got := await(t, "message", r.messages); got != strconv.Itoa(i) {
			t.Fatalf("got %q, want %d: nothing else, and no probes", got, i)
		}
	}
}

func TestRedisJoinsAgainAfterItWasCutOff(t *testing.T) {
	server, client, r := startRedis(t)
	for name, fault := range map[string]func(){
		"its connection killed": func() {
			if err := client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
				t.Fatal(err)
			}
		},
		"the server restarted": func() {
			server.Kill(t)
			awaitReady(t, r, false)
			server.Restart(t)
		},
		"the server frozen": func() {
			server.Freeze(t)
			awaitReady(t, r, false)
			server.Resume(t)
		},
	} {
		fault()
		awaitReady(t, r, true)
		if name != "the server frozen" { // whose connection may still be good
			await(t, "subscription after "+name, r.joined)
		}
		publish(t, client, name)
		if got := await(t, "message", r.messages); got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
}

// Pushes that fill their room are refused, and neither lose a message nor delay one.
func TestMemoryPushesGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bus pubsub.Memory
		if !bus.Push("nobody", []byte("x")) {
			t.Error("no room at an instance that has no inbox")
		}
		inbox := bus.Inbox("one")
		taken := 0
		for bus.Push("one", []byte(strconv.Itoa(taken))) {
			taken++
		}
		bus.Send("one", []byte("notice"))
		r := run(t, inbox)
		<-r.joined
		if got := <-r.messages; got != "notice" {
			t.Errorf("%s came first, want the notice", got)
		}
		for i := range taken {
			if got := <-r.messages; got != strconv.Itoa(i) {
				t.Fatalf("got %s, want %d", got, i)
			}
		}
		synctest.Wait()
		if taken == 0 || len(r.joined) != 0 {
			t.Errorf("%d pushes taken, %d further joins; want some, and none", taken, len(r.joined))
		}
	})
}
