package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// demoListen is where the demo is, if nobody else is there.
const demoListen = "127.0.0.1:8080"

// demoCommand is `hub demo`.
type demoCommand struct {
	Listen string `placeholder:"ADDR" help:"Where to serve, on this machine alone. By default 127.0.0.1:8080, or a free port."`
}

// Run serves a hub that forgets everything when it ends.
func (c *demoCommand) Run(ctx context.Context, std streams) (err error) {
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	folder, err := os.MkdirTemp("", "sessionhub-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	passwords, err := auth.NewAccounts(map[string]string{"alice": "demo", "bob": "demo"})
	if err != nil {
		return err
	}
	key := rand.Text() // of this run alone
	keys, err := auth.NewAPIKeys(key)
	if err != nil {
		return err
	}
	n, err := newNode(nodeOptions{
		data:  filepath.Join(folder, "hub.db"),
		drain: 200 * time.Millisecond,
		web: web.Options{
			Rule:      session.Rule{Limit: 1, Policy: session.Evict, IdleTimeout: 30 * time.Minute},
			Passwords: passwords,
			DemoUsers: []string{"alice", "bob"},
			APIKeys:   keys,
		},
		log: logFlags{LogLevel: logLevel{slog.LevelWarn}}.logger(std.err),
	})
	if err != nil {
		return err
	}
	if err := welcome(std.out, "http://"+listener.Addr().String(), key); err != nil {
		return err
	}
	return n.run(ctx, listener)
}

// listen opens the address that was asked for, if it is on this machine alone, or else a free one.
func (c *demoCommand) listen(ctx context.Context) (net.Listener, error) {
	config := new(net.ListenConfig)
	if c.Listen == "" {
		if listener, err := config.Listen(ctx, "tcp", demoListen); err == nil {
			return listener, nil
		}
		return config.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, badUsage("--listen %q: the demo's passwords are known to all; want a loopback address", c.Listen)
	}
	return config.Listen(ctx, "tcp", c.Listen)
}

// welcome says what to do with the demo, and what there is to see.
func welcome(w io.Writer, address, key string) error {
	_, err := fmt.Fprintf(w, `
  Session Hub, the demo:  %[1]s

  1. Open it and sign in as alice (or bob), password demo.
  2. Open it again in another browser or a private window, and sign in as the same user.
  3. Watch the first window: it is told at once, and does not come back.

  What a user sees of their own sessions:  %[1]s/devices
  What an operator sees of all of them:    %[1]s/admin
  The operator's API key, for this run:    %[2]s

  The sessions are forgotten when you stop it with Ctrl-C.

`, address, key)
	return err
}
