package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// TestServeOnEveryKindOfRedis shows that an old device is told, and the log read, by way of Sentinel and on a cluster too.
func TestServeOnEveryKindOfRedis(t *testing.T) {
	tests := map[string]func(*testing.T) string{
		"single":   func(t *testing.T) string { return redistest.Start(t).URL() },
		"sentinel": startSentinel,
		"cluster":  startCluster,
	}
	for name, start := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, base := serve(t, "--redis="+start(t))
			ws, _ := connect(t, base, openSession(t, base, "alice"))
			openSession(t, base, "alice")
			wantSuperseded(t, ws)
			status, page := call(t, http.DefaultClient, http.MethodGet, base+"/v1/admin/events", nil)
			if events, _ := page["events"].([]any); status != http.StatusOK || len(events) != 3 || page["more"] != false {
				t.Errorf("the events: %d %v", status, page)
			}
		})
	}
}

// startSentinel starts a Redis and a Sentinel that watches it.
func startSentinel(t *testing.T) string {
	master := redistest.Start(t)
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	watch := fmt.Sprintf("sentinel monitor main %s %s 1\n", host, port)
	if err := os.WriteFile(file, []byte(watch), 0o600); err != nil {
		t.Fatal(err)
	}
	client := startRedisServer(t, file, "--sentinel")
	return "redis+sentinel://" + client.Options().Addr + "/main"
}

// startCluster starts a cluster of one.
func startCluster(t *testing.T) string {
	client := startRedisServer(t, "--cluster-enabled", "yes", "--save", "")
	if err := client.Do(t.Context(), "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	return "redis+cluster://" + client.Options().Addr
}

// startRedisServer starts a redis-server with the given arguments, and returns a client of it once it answers.
func startRedisServer(t *testing.T, args ...string) *redis.Client {
	t.Helper()
	address := redistest.FreeAddr(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	with := append(slices.Clone(args), "--port", port, "--bind", "127.0.0.1", "--dir", t.TempDir())
	(&process{Cmd: exec.Command("redis-server", with...)}).start(t)
	client := redis.NewClient(&redis.Options{Addr: address, DisableIdentity: true})
	t.Cleanup(func() { client.Close() })
	ctx := within(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for client.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("redis-server does not answer")
		case <-tick.C:
		}
	}
	return client
}
