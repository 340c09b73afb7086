package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// deafProxy stands between a hub and Redis. While it is deaf, it swallows what Redis says to subscribers, and
// leaves their connections open.
type deafProxy struct{ deaf atomic.Bool }

// start listens until the end of the test, and returns where.
func (p *deafProxy) start(t *testing.T, redisAddr string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		l.Close()
		cancel()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", redisAddr)
			if err != nil {
				client.Close()
				continue
			}
			context.AfterFunc(ctx, func() { client.Close(); server.Close() })
			var subscriber atomic.Bool
			wg.Go(func() {
				defer server.Close()
				io.Copy(server, &eavesdropper{client, &subscriber})
			})
			wg.Go(func() {
				defer client.Close()
				io.Copy(&earmuffs{client, func() bool { return subscriber.Load() && p.deaf.Load() }}, server)
			})
		}
	})
	return l.Addr().String()
}

// eavesdropper notices who subscribes.
type eavesdropper struct {
	io.Reader
	subscriber *atomic.Bool
}

func (e *eavesdropper) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	if strings.Contains(strings.ToLower(string(b[:n])), "subscribe") {
		e.subscriber.Store(true)
	}
	return n, err
}

// earmuffs swallow what is written while they are on.
type earmuffs struct {
	io.Writer
	on func() bool
}

func (e *earmuffs) Write(b []byte) (int, error) {
	if e.on() {
		return len(b), nil
	}
	return e.Writer.Write(b)
}
