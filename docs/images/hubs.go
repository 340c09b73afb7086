package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// program is a hub that has been built, in a folder where it may leave files.
type program struct{ folder, path, users string }

// buildHub builds a hub, and makes its password file with one user.
func buildHub(ctx context.Context, folder string) (*program, error) {
	p := &program{folder, filepath.Join(folder, "hub"), filepath.Join(folder, "users")}
	build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-X main.version=v1.0.0", "-o", p.path, "./cmd/hub")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build the hub, from the folder of the repository: %w", err)
	}
	passwd := exec.CommandContext(ctx, p.path, "passwd", p.users, user)
	passwd.Stdin = strings.NewReader(password + "\n")
	if said, err := passwd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w", said, err)
	}
	return p, nil
}

// serve starts the hub on a free address.
func (p *program) serve(ctx context.Context, flags ...string) (at *url.URL, stop func() error, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	hub := exec.CommandContext(ctx, p.path, append([]string{"serve", "--listen=" + address, "--htpasswd=" + p.users,
		"--trusted-proxy=127.0.0.1", "--drain=100ms", "--log-level=warn"}, flags...)...)
	hub.Env = append(os.Environ(), "HUB_API_KEY="+apiKey)
	stop, err = start(hub)
	if err != nil {
		return nil, nil, err
	}
	at = &url.URL{Scheme: "http", Host: address}
	return at, stop, awaitReady(ctx, at.String()+"/readyz")
}

// startRedis starts a Redis that keeps nothing.
func startRedis(ctx context.Context) (address string, stop func() error, err error) {
	if address, err = freeAddress(); err != nil {
		return "", nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	stop, err = start(exec.CommandContext(ctx, "redis-server", "--bind", host, "--port", port, "--save", "",
		"--loglevel", "warning"))
	return address, stop, err
}

// start starts a program that is ended by an interrupt.
func start(c *exec.Cmd) (stop func() error, err error) {
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() error { return errors.Join(c.Process.Signal(os.Interrupt), c.Wait()) }, nil
}

// freeAddress returns one that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitReady asks until a hub is ready.
func awaitReady(ctx context.Context, address string) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
