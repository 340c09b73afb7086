package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestDemo(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	demo := startHub(t, "demo", "--listen=127.0.0.1:0")
	line := demo.await(t, "http://")
	base := line[strings.Index(line, "http://"):]
	awaitStatus(t, base+"/readyz", http.StatusOK)

	if page := body(t, base+"/"); !strings.Contains(page, "<form") {
		t.Errorf("the page:\n%s", page)
	}
	for _, path := range []string{"/devices", "/admin"} {
		line := demo.await(t, path)
		if line[strings.LastIndex(line, " ")+1:] != base+path {
			t.Errorf("it says %q", line)
		}
		awaitStatus(t, base+path, http.StatusOK)
	}
	said := demo.await(t, "API key")
	key := said[strings.LastIndex(said, " ")+1:]
	stats := newRequest(t, http.MethodGet, base+"/v1/admin/stats", "")
	stats.Header.Set("Authorization", "Bearer "+key)
	if resp, text := send(t, http.DefaultClient, stats); resp.StatusCode != http.StatusOK {
		t.Errorf("with the key that it prints, %q: %d %s", key, resp.StatusCode, text)
	}

	login := map[string]any{"username": "alice", "password": "demo"}
	status, first := call(t, http.DefaultClient, http.MethodPost, base+"/v1/login", login)
	if status != http.StatusCreated {
		t.Fatalf("the first login: %d %v", status, first)
	}
	socket, _ := connect(t, base, first["token"].(string))
	if status, second := call(t, http.DefaultClient, http.MethodPost, base+"/v1/login", login); status != http.StatusCreated {
		t.Fatalf("the second login: %d %v", status, second)
	}
	wantSuperseded(t, socket)

	if left, err := filepath.Glob(temporary + "/*/hub.db"); err != nil || len(left) != 1 {
		t.Errorf("the sessions are in %v, %v", left, err)
	}
	if err := demo.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := demo.exitCode(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("it leaves %v behind, %v", left, err)
	}
}

func TestDemoStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":8080", "0.0.0.0:0", "192.0.2.1:80", "example.com:80", "8080"} {
		if code, said := runRefused(t, "demo", "--listen="+address); code != exitUsage || !strings.Contains(said, "loopback") {
			t.Errorf("%s: exit code %d: %s", address, code, said)
		}
	}
}

func TestDemoFindsAPort(t *testing.T) {
	command := new(demoCommand)
	first, err := command.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := command.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if !strings.HasPrefix(second.Addr().String(), "127.0.0.1:") || second.Addr().String() == first.Addr().String() {
		t.Errorf("%s, then %s", first.Addr(), second.Addr())
	}
}
