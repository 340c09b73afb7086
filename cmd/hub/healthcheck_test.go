package main

import (
	"io"
	"testing"
)

// healthcheck runs `hub healthcheck` in this process, where the test can set the environment.
func healthcheck(args ...string) int {
	return run(append([]string{"healthcheck"}, args...), streams{out: io.Discard, err: io.Discard})
}

func TestHealthcheckKnowsWhereTheHubListens(t *testing.T) {
	hub, base := serve(t)
	address := hub.address(t)
	t.Setenv("HUB_LISTEN", "127.0.0.1:1") // nobody is there
	if code := healthcheck(); code != exitFailed {
		t.Errorf("of nobody: exit code %d", code)
	}
	if code := healthcheck("--listen", address); code != exitOK {
		t.Errorf("by the flag: exit code %d", code)
	}
	if code := healthcheck(base + "/healthz"); code != exitOK {
		t.Errorf("by the URL: exit code %d", code)
	}
	t.Setenv("HUB_LISTEN", address)
	if code := healthcheck(); code != exitOK {
		t.Errorf("by the environment: exit code %d", code)
	}
	t.Setenv("HUB_LISTEN", "8080")
	if code := healthcheck(); code != exitUsage {
		t.Errorf("of an address that is none: exit code %d", code)
	}
}

func TestHealthURL(t *testing.T) {
	for listen, want := range map[string]string{
		":8080":           "http://127.0.0.1:8080/healthz",
		"0.0.0.0:80":      "http://127.0.0.1:80/healthz",
		"[::]:9000":       "http://127.0.0.1:9000/healthz",
		"[::1]:9000":      "http://[::1]:9000/healthz",
		"192.0.2.1:9000":  "http://192.0.2.1:9000/healthz",
		"localhost:9000":  "http://localhost:9000/healthz",
		"hub.internal:80": "http://hub.internal:80/healthz",
	} {
		if got, err := healthURL(listen); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", listen, got, err, want)
		}
	}
}
