// Package redistest starts real Redis servers for tests.
package redistest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long anything may take here. It is long: only a fault uses it up.
const patience = time.Minute

// Server is a redis-server process on loopback, with a folder of its own.
type Server struct {
	// Addr is the host and port it listens on, the same after a restart.
	Addr string

	dir string
	cmd *exec.Cmd
}

// Start starts a redis-server that ends with the test. Without one on this machine the test fails.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{Addr: FreeAddr(tb), dir: tb.TempDir()}
	s.Restart(tb)
	tb.Cleanup(func() { s.Kill(tb) })
	return s
}

// URL returns the server's address as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Client returns a client that is closed with the test.
func (s *Server) Client(tb testing.TB) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr: s.Addr, MaxRetries: -1, ContextTimeoutEnabled: true, DisableIdentity: true,
		// Not what a hub has: a machine that runs many tests may be slow.
		DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience,
	})
	tb.Cleanup(func() { client.Close() })
	return client
}

// Restart starts the server again after Kill, with what it had written to its append-only file.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	_, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	s.cmd = exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--loglevel", "warning",
		"--logfile", filepath.Join(s.dir, "redis.log"))
	if err := s.cmd.Start(); err != nil {
		tb.Fatalf("start redis-server (install the package redis-server): %v", err)
	}
	s.await(tb)
}

// await returns once the server answers.
func (s *Server) await(tb testing.TB) {
	tb.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, DisableIdentity: true})
	defer client.Close()
	deadline := time.Now().Add(patience)
	for {
		err := client.Ping(context.Background()).Err()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "redis.log"))
			tb.Fatalf("redis-server does not answer: %v\n%s", err, log)
		}
	}
}

// Kill ends the server at once, as a crash would.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	if s.cmd == nil {
		return
	}
	s.Resume(tb)
	if err := s.cmd.Process.Kill(); err != nil {
		tb.Errorf("kill redis-server: %v", err)
	}
	s.cmd.Wait()
	s.cmd = nil
}

// Freeze stops the server as if its machine hung: it keeps its connections, and does not answer.
func (s *Server) Freeze(tb testing.TB) { s.signal(tb, syscall.SIGSTOP) }

// Resume ends a Freeze.
func (s *Server) Resume(tb testing.TB) { s.signal(tb, syscall.SIGCONT) }

func (s *Server) signal(tb testing.TB, sig syscall.Signal) {
	tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		tb.Errorf("signal redis-server: %v", err)
	}
}

// nextPort is where FreeAddr looks next: each process begins somewhere else.
var nextPort atomic.Uint32

func init() { nextPort.Store(rand.Uint32()) }

// FreeAddr returns an address on loopback that nobody listens on, and that no other call in this process returns. Its
// port is below 20,000, where Linux and others give none to clients or to those who listen on any port: it stays free
// until it is used, and while its server restarts. So does that 10,000 above it, the second one of a cluster's node.
// Those up to 11,000 are left out for 10080, which browsers and Node never call: a bad port of the Fetch standard.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	for range 9_000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 11_000+nextPort.Add(1)%9_000)
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	tb.Fatal("no port is free")
	return ""
}
