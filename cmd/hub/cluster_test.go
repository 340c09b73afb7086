package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// startNginx starts nginx with the configuration that compose.yaml uses, on the given hubs, and returns its URL.
func startNginx(t *testing.T, hubs ...string) string {
	t.Helper()
	address := redistest.FreeAddr(t)
	changes := []string{"listen 8080", "listen " + address}
	for i, hub := range hubs {
		changes = append(changes, fmt.Sprintf("hub-%d:8080", i+1), hub)
	}
	runNginx(t, "nginx.conf", changes...)
	awaitStatus(t, "http://"+address+"/healthz", http.StatusOK)
	return "http://" + address
}

// runNginx runs nginx with a configuration that is shipped, in which only names and folders are changed.
func runNginx(t *testing.T, name string, changes ...string) {
	t.Helper()
	folder := t.TempDir()
	paths := "http {\n    access_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("    %s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	file := shipped(t, "deploy/"+name, folder, append(changes, "http {\n", paths)...)
	globals := "daemon off; master_process off; pid " + filepath.Join(folder, "pid") + "; error_log stderr;"
	nginx := &process{Cmd: exec.Command(installed("nginx"), "-p", folder, "-e", "stderr", "-c", file, "-g", globals)}
	nginx.start(t)
}

// shipped copies a configuration of the project's into a folder, with the changes, which are old and new in turn. Each
// must be there to be changed.
func shipped(t *testing.T, path, folder string, changes ...string) (file string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("%s does not hold %q", path, changes[i])
		}
	}
	file = filepath.Join(folder, filepath.Base(path))
	if err := os.WriteFile(file, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// installed finds a server's program, which may not be in everybody's path.
func installed(name string) string {
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	return "/usr/sbin/" + name
}

// TestCluster runs what compose.yaml describes: two hubs on one Redis, and nginx in front of them.
func TestCluster(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	users := usersFile(t, "open sesame")
	var hubs []string
	var processes []*process
	for range 2 {
		hub, _ := serve(t, "--redis="+redis.URL(), "--htpasswd="+users, "--trusted-proxy=127.0.0.1", "--drain=1s")
		hubs, processes = append(hubs, hub.address(t)), append(processes, hub)
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

	t.Run("users of any characters", func(t *testing.T) { testOddUsers(t, front, hubs[0]) })

	t.Run("what is the operator's own", func(t *testing.T) {
		for _, path := range []string{"/metrics", "/readyz", "//metrics", "/%6Detrics", "/v1/../readyz"} {
			if status, err := statusOf(t, front+path); err != nil || status != http.StatusNotFound {
				t.Errorf("%s: %d, %v; want 404", path, status, err)
			}
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

	// The last one, since it takes the store away.
	t.Run("without a store", func(t *testing.T) {
		token := openSession(t, front, "carol")
		redis.Kill(t)
		for range 5 { // more than there are hubs, so that nginx could take them for dead
			for _, r := range []struct{ method, path, key, body string }{
				{http.MethodGet, "/v1/session", token, ""},
				{http.MethodGet, "/v1/admin/users/carol/sessions", testKey, ""},
				{http.MethodPost, "/v1/admin/sessions", testKey, `{"user":"carol"}`},
				{http.MethodPost, "/v1/login", "", `{"username":"alice","password":"open sesame"}`},
				{http.MethodDelete, "/v1/session", token, ""},
			} {
				wantUnavailable(t, r.method, front+r.path, r.key, r.body)
			}
		}
		redis.Restart(t)
		for _, hub := range hubs {
			awaitStatus(t, "http://"+hub+"/readyz", http.StatusOK)
		}
		openSession(t, front, "carol")
	})

	t.Run("without a hub", func(t *testing.T) {
		for _, p := range processes {
			kill(t, p)
		}
		wantUnavailable(t, http.MethodGet, front+"/healthz", "", "")
		wantUnavailable(t, http.MethodPost, front+"/v1/admin/sessions", testKey, `{"user":"carol"}`)
	})
}

// wantUnavailable wants the 503 of a hub without its store: a problem, and when to come back.
func wantUnavailable(t *testing.T, method, url, key, body string) {
	t.Helper()
	req := newRequest(t, method, url, body)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, answer := send(t, http.DefaultClient, req)
	var problem struct{ Status int }
	err := json.Unmarshal(answer, &problem)
	retry, late := strconv.Atoi(resp.Header.Get("Retry-After"))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Content-Type") != "application/problem+json" ||
		err != nil || problem.Status != http.StatusServiceUnavailable || late != nil || retry < 1 {
		t.Errorf("%s %s: %d %v, problem %+v, %v", method, url, resp.StatusCode, resp.Header, problem, err)
	}
}

// testOddUsers opens, lists and ends sessions of users whose names are hard on a path. Two kinds of them nginx does
// not let through; their paths work at a hub itself.
func testOddUsers(t *testing.T, front, hub string) {
	for _, test := range []struct {
		user    string
		refused bool // by nginx
	}{
		{user: "with space  s "},
		{user: "a/b//c/"},
		{user: `back\slash`},
		{user: "{curly} [square]"},
		{user: `"double" 'single'`},
		{user: "new\nline\r\n\ttab"},
		{user: "percent%41%2f%"},
		{user: "a?b=c&d#e;f+g"},
		{user: "😀 Zoë 日本"},
		{user: strings.Repeat("/é", 85) + "x"},
		{user: strings.Repeat("x", 256)},
		{user: "."},
		{user: ".."},
		{user: "nul\x00", refused: true},
		{user: "../../../../../..", refused: true},
	} {
		sessions := "/v1/admin/users/" + escapeUser(test.user) + "/sessions"
		openSession(t, front, test.user)
		base := front
		if test.refused {
			if status, err := statusOf(t, front+sessions); err != nil || status != http.StatusBadRequest {
				t.Errorf("%q through nginx: %d, %v; want 400", test.user, status, err)
			}
			base = "http://" + hub
		}
		status, list := call(t, http.DefaultClient, http.MethodGet, base+sessions, nil)
		live, _ := list["sessions"].([]any)
		if status != http.StatusOK || len(live) != 1 || live[0].(map[string]any)["user"] != test.user {
			t.Errorf("the sessions of %q: %d %v", test.user, status, list)
			continue
		}
		status, answer := call(t, http.DefaultClient, http.MethodDelete, base+sessions, nil)
		if ended, _ := answer["ended"].([]any); status != http.StatusOK || len(ended) != 1 {
			t.Errorf("ending those of %q: %d %v", test.user, status, answer)
		}
	}
}

// escapeUser makes a user one part of a path, one of dots alone too.
func escapeUser(user string) string { return strings.ReplaceAll(url.PathEscape(user), ".", "%2E") }

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
