package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
	// lastWords is how much of what a hub logs is kept.
	lastWords = 4 << 10
)

// hubs are the hubs that are measured.
type hubs struct {
	urls []*url.URL // one or two
	key  string
	pids []int // one for each of urls, or none

	// Of those that were started here:
	started []*process
	dir     string
}

// logins is the hub that logins go to, and sockets the one that has the sockets.
func (h *hubs) logins() *url.URL  { return h.urls[0] }
func (h *hubs) sockets() *url.URL { return h.urls[len(h.urls)-1] }

// process is a hub that was started here.
type process struct {
	cmd    *exec.Cmd
	stop   context.CancelFunc
	exited chan struct{} // closed after err is set
	err    error
	log    tail
}

// startHubs starts two hubs on the given Redis, or without one a single hub on a file of its own, on free ports
// of loopback. Each uses so many processors at a time, or as many as it likes if procs is 0.
func startHubs(ctx context.Context, executable string, procs int, redis string) (_ *hubs, err error) {
	if executable == "" {
		if executable, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("find this program, to start hubs: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "hub-bench-")
	if err != nil {
		return nil, err
	}
	h := &hubs{key: rand.Text(), dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(h.explain(err), h.stop())
		}
	}()
	stores := [][]string{{"--redis", redis}, {"--redis", redis}}
	if redis == "" {
		stores = [][]string{{"--data", filepath.Join(dir, "hub.db")}}
	}
	for _, store := range stores {
		if err := h.start(executable, procs, store); err != nil {
			return nil, err
		}
	}
	for i, u := range h.urls {
		if err := h.started[i].awaitReady(ctx, u); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// start starts a hub.
func (h *hubs) start(executable string, procs int, store []string) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	// It is stopped by stop alone, after the sockets are closed, so that there is nothing left to drain.
	ctx, cancel := context.WithCancel(context.Background())
	args := append([]string{"serve", "--listen", addr, "--log-level", "warn", "--drain", "1s"}, store...)
	p := &process{cmd: exec.CommandContext(ctx, executable, args...), stop: cancel, exited: make(chan struct{})}
	p.cmd.Dir = h.dir
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	// The key is not for the eyes of others on this machine, and what else is set for a hub is not for this one.
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(set string) bool {
		return strings.HasPrefix(set, "HUB_")
	}), "HUB_API_KEY="+h.key)
	if procs > 0 {
		p.cmd.Env = append(p.cmd.Env, fmt.Sprintf("GOMAXPROCS=%d", procs))
	}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopTimeout
	if err := p.cmd.Start(); err != nil {
		cancel()
		return fmt.Errorf("start a hub: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	h.started = append(h.started, p)
	h.urls = append(h.urls, &url.URL{Scheme: "http", Host: addr})
	h.pids = append(h.pids, p.cmd.Process.Pid)
	return nil
}

// awaitReady returns once the hub takes traffic.
func (p *process) awaitReady(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := ready(ctx, u)
		if err == nil {
			return nil
		}
		select {
		case <-again.C:
		case <-p.exited:
			return fmt.Errorf("a hub that was started has exited at once: %w", p.err)
		case <-ctx.Done():
			return fmt.Errorf("a hub that was started does not become ready within %s: %w", startTimeout, err)
		}
	}
}

// stop ends the hubs that were started here, and removes what they have left.
func (h *hubs) stop() error {
	for _, p := range h.started {
		p.stop()
	}
	for _, p := range h.started {
		<-p.exited
	}
	if h.dir == "" {
		return nil
	}
	return os.RemoveAll(h.dir)
}

// explain adds to an error what the hubs that were started here have logged.
func (h *hubs) explain(err error) error {
	for i, p := range h.started {
		if words := p.log.String(); words != "" {
			err = fmt.Errorf("%w\nhub %d logged:\n%s", err, i+1, words)
		}
	}
	return err
}

// ready returns nil if the hub at u takes traffic.
func ready(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String()+"/readyz", nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no hub answers at %s: %w", u, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the hub at %s is not ready: %s", u, response.Status)
	}
	return nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = slices.Delete(t.text, 0, max(0, len(t.text)-lastWords))
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
