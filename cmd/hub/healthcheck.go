package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// healthcheckCommand is `hub healthcheck`: what a container without a shell asks itself.
type healthcheckCommand struct {
	URL    string `arg:"" optional:"" help:"What to ask; by default /healthz of the hub that listens here."`
	Listen string `default:":8080" env:"HUB_LISTEN" help:"Where that hub serves, as its own --listen."`
}

// Run succeeds if the hub answers 200 within three seconds.
func (c *healthcheckCommand) Run(ctx context.Context) error {
	address := c.URL
	if address == "" {
		var err error
		if address, err = healthURL(c.Listen); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return fmt.Errorf("%s answers %s: %s", address, resp.Status, body)
	}
	return nil
}

// healthURL returns what to ask a hub that listens on the given address of this machine. One that listens on all
// of them is asked by way of loopback.
func healthURL(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", badUsage("--listen %q: want HOST:PORT", listen)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port) + "/healthz", nil
}
