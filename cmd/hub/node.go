package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/notify"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// The bounds of the HTTP server. A WebSocket leaves them behind with its handshake.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	keepAliveTimeout  = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	// goodbye is how long the last requests have, once the sockets are gone: no decision takes longer.
	goodbye = 2 * time.Second
)

// nodeOptions are what a node is made of. What its parts must know of each other, newNode adds.
type nodeOptions struct {
	redis    *redis.UniversalOptions // nil keeps the sessions in the file data
	data     string
	htpasswd string           // in place of the passwords of web
	oidc     auth.OIDCOptions // without an issuer, there is no single sign-on
	drain    time.Duration
	hub      hub.Options
	web      web.Options
	notify   notify.Options
	events   eventFlags
	log      *slog.Logger
}

// node is one running hub with everything that belongs to it.
type node struct {
	o       nodeOptions
	backend *backend
	hub     *hub.Hub
	tell    *notify.Notifier
	server  *http.Server
}

// newNode wires a hub. It serves once run is called.
func newNode(o nodeOptions) (n *node, err error) {
	instance := strings.ReplaceAll(uuid.NewString(), "-", "")[:12]
	if o.htpasswd != "" {
		if o.web.Passwords, err = auth.OpenHtpasswd(o.htpasswd, o.log); err != nil {
			return nil, err
		}
	}
	if o.web.OIDC, err = newProvider(o); err != nil {
		return nil, err
	}
	back, err := openBackend(o, instance)
	if err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	store, err := web.InstrumentStore(back.store, metrics)
	if err != nil {
		return nil, errors.Join(err, back.close())
	}
	registry := session.NewRegistry(store)
	o.hub.Instance, o.hub.Version, o.hub.Logger = instance, currentVersion(), o.log
	live := hub.New(registry, store, back.inbox, o.hub)
	o.web.Registry, o.web.Hub, o.web.Throttle = registry, live, auth.NewThrottle(auth.Limits{}, back.counter)
	o.web.Logger, o.web.Metrics, o.web.Version = o.log, metrics, currentVersion()
	handler, err := web.New(o.web)
	if err != nil {
		return nil, errors.Join(err, back.close())
	}
	o.log = o.log.With("instance", instance)
	tell, err := newNotifier(o, metrics)
	if err != nil {
		return nil, errors.Join(err, back.close())
	}
	return &node{o: o, backend: back, hub: live, tell: tell, server: newServer(handler, o.log)}, nil
}

// newServer bounds what a client may take of the hub's time and memory.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       keepAliveTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// newProvider returns what verifies the tokens of the OpenID provider, or nil where there is none. It asks it nothing.
func newProvider(o nodeOptions) (*auth.OIDC, error) {
	if o.oidc.Issuer == "" {
		return nil, nil
	}
	o.oidc.Logger = o.log
	return auth.NewOIDC(o.oidc)
}

// run serves until ctx ends; then it lets the sockets leave, answers the last requests, and closes the store.
func (n *node) run(ctx context.Context, listener net.Listener) error {
	// What the shutdown needs goes on after ctx: it ends when the sockets are gone.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	tasks, failed := errgroup.WithContext(work)
	tasks.Go(func() error {
		if err := n.hub.Run(work); err != nil && work.Err() == nil {
			return fmt.Errorf("the hub stopped: %w", err)
		}
		return nil
	})
	tasks.Go(func() error {
		if err := n.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		}
		return nil
	})
	tasks.Go(func() error { trimMemory(work); return nil })
	if len(n.tell.Endpoints()) > 0 {
		tasks.Go(func() error { n.tell.Run(work, n.backend.outbox); return nil })
	}
	tasks.Go(func() error { n.backend.watch(work, n.o.log); return nil })
	n.o.log.Info("serving", "address", listener.Addr().String(), "store", n.backend.name, "version", currentVersion())

	select {
	case <-ctx.Done():
		n.leave(work)
	case <-failed.Done():
		n.server.Close()
	}
	stop()
	err := tasks.Wait()
	if n.o.web.OIDC != nil {
		n.o.web.OIDC.Close()
	}
	return errors.Join(err, n.backend.close())
}

// leave asks the sockets to go elsewhere, and then finishes the last requests. Until the sockets are gone new
// requests are answered as before, so that a balancer has the time to see that this hub is not ready.
func (n *node) leave(ctx context.Context) {
	n.o.log.Info("leaving: asking all connections to go elsewhere", "within", n.o.drain)
	drain, cancel := context.WithTimeout(ctx, n.o.drain+goodbye)
	defer cancel()
	n.hub.Drain(drain, n.o.drain)

	last, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if err := n.server.Shutdown(last); err != nil {
		n.server.Close()
	}
	n.o.log.Info("gone")
}
