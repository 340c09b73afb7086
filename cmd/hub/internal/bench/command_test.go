package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

const testKey = "a key for the tests"

// small is a command that is over soon.
func small() *Command {
	return &Command{
		APIKey: testKey, Connections: 60, Users: 30, Logins: 40, Rounds: 2, Parallel: 8, NoProgress: true,
	}
}

func TestRunMeasuresTheHubsAtURLs(t *testing.T) {
	handler := newFake(testKey)
	a, b := httptest.NewServer(handler), httptest.NewServer(handler)
	defer a.Close()
	defer b.Close()
	c := small()
	c.URL, c.JSON = []string{a.URL, b.URL + "/"}, true
	c.Redis = redistest.Start(t).URL()
	var out bytes.Buffer
	if err := c.Run(t.Context(), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	if r.Connections != 60 || r.Users != 30 || r.Hubs != 2 || !r.Redis || r.Rest != nil {
		t.Errorf("setting: %+v", r)
	}
	for name, figures := range map[string]Figures{
		"serial login": r.OneByOne.Login, "serial notice": r.OneByOne.Notice,
		"parallel login": r.Together.Login, "parallel notice": r.Together.Notice,
	} {
		if figures.Count != 40 || figures.P50 <= 0 || figures.Max < figures.P50 || figures.PerSecond <= 0 {
			t.Errorf("%s: %+v", name, figures)
		}
	}
	if r.OneByOne.Empty.Count != 40 || r.OneByOne.Redis.Count != 40 || r.Together.Empty.Count != 3*40 {
		t.Errorf("what the parts cost alone: %+v, %+v", r.OneByOne, r.Together)
	}
	if r.Ratios.NoticeToFloor == nil || *r.Ratios.NoticeToFloor <= 0 || r.Ratios.LoginsToEmpty <= 0 {
		t.Errorf("ratios: %+v", r.Ratios)
	}
}

func TestRunStartsAHubAndStopsIt(t *testing.T) {
	t.Setenv(playHub, "1")
	c := small()
	c.APIKey, c.NoProgress, c.Idle = "", false, 200*time.Millisecond
	var out, progress bytes.Buffer
	if err := c.Run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"60 connections of 30 users, one hub\n", "one at a time", "8 at a time", "empty call", "notice (kick)",
		"at rest", "hub of the sockets", "per connection", "ratios (medians of 2 rounds)",
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("no %q in\n%s", part, &out)
		}
	}
	if strings.Contains(out.String(), "Redis") {
		t.Errorf("figures of a Redis that is not there:\n%s", &out)
	}
	if !strings.Contains(progress.String(), "opening sockets…\n") {
		t.Errorf("progress: %q", &progress)
	}
}

func TestStoppedRunLeavesNoProcess(t *testing.T) {
	t.Setenv(playHub, "1")
	hubs, err := startHubs(t.Context(), "", 1, "")
	if err != nil {
		t.Fatal(err)
	}
	pid := hubs.pids[0]
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := small()
	if _, err := c.measure(ctx, hubs, newProgress(nil, true)); !errors.Is(err, context.Canceled) {
		t.Errorf("measure after the end: %v", err)
	}
	if err := hubs.stop(); err != nil {
		t.Error(err)
	}
	if _, err := usageOf(pid); err == nil {
		t.Errorf("process %d is still there", pid)
	}
	if _, err := os.Stat(hubs.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder is still there: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	handler := newFake(testKey)
	handler.loginSeen = make(chan struct{})
	server := httptest.NewServer(handler)
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-handler.loginSeen
		cancel()
		for range 8 {
			select {
			case <-handler.loginSeen:
			case <-t.Context().Done():
			}
		}
	}()
	c := small()
	c.URL = []string{server.URL}
	within(t, time.Minute, func() {
		if err := c.Run(ctx, io.Discard, io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}

func TestRunSaysWhatWentWrong(t *testing.T) {
	server := httptest.NewServer(newFake("another key"))
	defer server.Close()
	c := small()
	c.URL = []string{server.URL}
	err := c.Run(t.Context(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "401") || !strings.Contains(err.Error(), "not with this key") {
		t.Errorf("a wrong key: %v", err)
	}
	server.Close()
	err = c.Run(t.Context(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no hub answers at "+server.URL) {
		t.Errorf("no hub: %v", err)
	}
	c = small()
	c.APIKey, c.executable = "", "/does/not/exist"
	if err := c.Run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "start a hub") {
		t.Errorf("no program: %v", err)
	}
}

func TestHubThatExitsIsExplained(t *testing.T) {
	dir := t.TempDir()
	program := dir + "/hub"
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho the cellar is flooded >&2\nexit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := small()
	c.APIKey, c.executable = "", program
	err := c.Run(t.Context(), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") ||
		!strings.Contains(err.Error(), "the cellar is flooded") {
		t.Errorf("got %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*Command)
		want   string // in the error; empty is none
	}{
		"as it is":             {func(*Command) {}, ""},
		"no connections":       {func(c *Command) { c.Connections = 0 }, "1 or more"},
		"no logins":            {func(c *Command) { c.Logins = 0 }, "1 or more"},
		"more users":           {func(c *Command) { c.Users = 61 }, "--users 61"},
		"crowded users":        {func(c *Command) { c.Connections, c.Users, c.Logins = 3000, 2, 2 }, "1500 sessions"},
		"too many a round":     {func(c *Command) { c.Logins = 100 }, "more than there are users (30)"},
		"backwards":            {func(c *Command) { c.Idle = -1 }, "--idle"},
		"three hubs":           {func(c *Command) { c.URL = []string{"a", "b", "c"} }, "3 times"},
		"no key":               {func(c *Command) { c.URL, c.APIKey = []string{"http://x"}, "" }, "--api-key"},
		"process of nobody":    {func(c *Command) { c.PID = []int{1} }, "--pid"},
		"more than files open": {func(c *Command) { c.Connections, c.Users = 1<<31, 1<<30 }, "ulimit -n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := small()
			test.change(c)
			err := c.validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestURLMustBeOne(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"localhost:8080", "ftp://localhost", "http://", "::"} {
		c := small()
		c.URL = []string{text}
		if err := c.Run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "--url") {
			t.Errorf("--url %s: %v", text, err)
		}
	}
}
