package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// startNginx starts nginx with the configuration that compose.yaml uses, on the given hubs, and returns its URL.
func startNginx(t *testing.T, hubs ...string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	folder := t.TempDir()
	changes := []string{"listen 8080", "listen " + address}
	for i, hub := range hubs {
		changes = append(changes, fmt.Sprintf("hub-%d:8080", i+1), hub)
	}
	// Only names and folders differ from what is shipped.
	paths := "http {\n    access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("    %s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	changes = append(changes, "http {\n", paths)
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in everybody's path
	}
	globals := "daemon off; master_process off; pid " + filepath.Join(folder, "pid") + "; error_log stderr;"
	nginx := &process{Cmd: exec.Command(program, "-p", folder, "-e", "stderr", "-c", file, "-g", globals)}
	nginx.start(t)
	awaitStatus(t, "http://"+address+"/healthz", http.StatusOK)
	return "http://" + address
}

// TestCluster runs what compose.yaml describes: two hubs on one Redis, and nginx in front of them.
func TestCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	users := filepath.Join(t.TempDir(), "users")
	if code, _, errors := passwd(t, "open sesame\n", users, "alice"); code != exitOK {
		t.Fatal(errors)
	}
	var hubs []string
	for range 2 {
		hub := startHub(t, "serve", "--listen=127.0.0.1:0", "--redis="+redis.URL(), "--api-key="+testKey,
			"--htpasswd="+users, "--trusted-proxy=127.0.0.1", "--drain=1s")
		hubs = append(hubs, hub.address(t))
	}
	for _, hub := range hubs {
		awaitStatus(t, "http://"+hub+"/readyz", http.StatusOK)
	}
	front := startNginx(t, hubs...)

	t.Run("a login at one hub is told at the other", func(t *testing.T) {
		for i, here := range hubs {
			there := hubs[1-i]
			ws, _ := connect(t, "http://"+here, openSession(t, "http://"+here, "bob"))
			openSession(t, "http://"+there, "bob")
			wantSuperseded(t, ws)
		}
	})

	t.Run("through nginx", func(t *testing.T) {
		// Enough users that some socket is on each hub; each of them is told, whichever takes the login.
		instances := make(map[any]bool)
		sockets := make(map[string]*websocket.Conn)
		for i := 0; len(instances) < 2; i++ {
			if i == 50 {
				t.Fatal("nginx uses one hub only")
			}
			user := fmt.Sprintf("user %d", i)
			ws, welcome := connect(t, front, openSession(t, front, user))
			sockets[user], instances[welcome["instance"]] = ws, true
		}
		for user, ws := range sockets {
			openSession(t, front, user)
			wantSuperseded(t, ws)
		}
	})

	t.Run("the client's address is the true one", func(t *testing.T) {
		login := map[string]any{"username": "alice", "password": "open sesame"}
		status, first := call(t, http.DefaultClient, http.MethodPost, front+"/v1/login", login)
		if status != http.StatusCreated {
			t.Fatalf("the first login: %d %v", status, first)
		}
		ws, _ := connect(t, front, first["token"].(string))
		status, second := call(t, clientFrom(t, "127.0.0.2"), http.MethodPost, front+"/v1/login", login)
		if status != http.StatusCreated {
			t.Fatalf("the second login: %d %v", status, second)
		}
		notice := wantSuperseded(t, ws)
		if by, _ := notice["by"].(map[string]any); by["ip"] != "127.0.0.2" {
			text, _ := json.Marshal(notice)
			t.Errorf("who ended it, by the notice: %s", text)
		}
	})
}

// wantSuperseded reads a socket's notice and close code.
func wantSuperseded(t *testing.T, ws *websocket.Conn) map[string]any {
	t.Helper()
	notice := receive(t, ws)
	if notice["type"] != "session.revoked" || notice["reason"] != "superseded" {
		t.Errorf("the old device is told %v", notice)
	}
	if code := closeCode(t, ws); code != 4001 {
		t.Errorf("close code %d, want 4001", code)
	}
	return notice
}
