package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"

	"github.com/sessionhub/sessionhub/notify/notifytest"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// runRefused runs a command line that must be refused, and returns the exit code and what it says.
func runRefused(t *testing.T, args ...string) (int, string) {
	t.Helper()
	hub := startHub(t, args...)
	code := hub.exitCode(t)
	return code, hub.output()
}

func TestServeRefusesToStart(t *testing.T) {
	key := "--api-key=" + testKey
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("alice:not-a-hash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"no way to sign in", nil, exitUsage, []string{"no way to sign in", "--htpasswd", "--api-key", "--oidc-issuer"}},
		{"a provider without an audience", []string{key, "--oidc-issuer=https://login.example"}, exitUsage,
			[]string{"--oidc-audience", "give both"}},
		{"an audience without a provider", []string{"--oidc-audience=hub"}, exitUsage, []string{"--oidc-issuer", "give both"}},
		{"a provider without TLS", []string{"--oidc-audience=hub", "--oidc-issuer=http://hunter2:x@login.example"}, exitUsage,
			[]string{"--oidc-issuer", "https://"}},
		{"an empty key", []string{"--api-key="}, exitUsage, []string{"no way to sign in"}},
		{"a short key", []string{"--api-key=hunter2-hunter2"}, exitUsage, []string{"--api-key", "16"}},
		{"a limit of 0", []string{key, "--limit=0"}, exitUsage, []string{"limit 0"}},
		{"a limit of -2", []string{key, "--limit=-2"}, exitUsage, []string{"limit -2"}},
		{"an unknown kind", []string{key, "--limit-kind=car=1"}, exitUsage, []string{`"car"`, "mobile"}},
		{"a kind's limit of 0", []string{key, "--limit-kind=tv=0"}, exitUsage, []string{"tv", "limit 0"}},
		{"an unknown policy", []string{key, "--policy=kick"}, exitUsage, []string{`"kick"`, "evict"}},
		{"a tiny idle timeout", []string{key, "--idle-timeout=1ms"}, exitUsage, []string{"idle timeout"}},
		{"a Redis that is none", []string{key, "--redis=localhost"}, exitUsage, []string{"--redis", "redis://"}},
		{"a wrong network", []string{key, "--trusted-proxy=10.0.0.0/x"}, exitUsage, []string{"--trusted-proxy", "10.0.0.0/x"}},
		{"a public address with a path", []string{key, "--public-url=https://h/p"}, exitUsage, []string{"--public-url"}},
		{"an origin without a scheme", []string{key, "--allow-origin=app.example"}, exitUsage, []string{"--allow-origin"}},
		{"a negative drain", []string{key, "--drain=-1s"}, exitUsage, []string{"--drain"}},
		{"too few events", []string{key, "--events-keep=999"}, exitUsage, []string{"--events-keep 999", "1000"}},
		{"events for too short", []string{key, "--events-age=59m"}, exitUsage, []string{"--events-age 59m", "1h"}},
		{"events for less than nothing", []string{key, "--events-age=-1s"}, exitUsage, []string{"--events-age -1s"}},
		{"an unknown flag", []string{key, "--limits=1"}, exitUsage, []string{"--limits"}},
		{"a webhook without a secret", []string{key, "--webhook=https://a.example/hunter2-hunter2"}, exitUsage,
			[]string{"--webhook", "HUB_WEBHOOK_SECRET", "openssl"}},
		{"a weak secret for webhooks", []string{key, "--webhook-secret=whsec_hunter2-hunter2"}, exitUsage,
			[]string{"--webhook-secret", "whsec_", "openssl"}},
		{"a webhook that is no address", []string{key, "--webhook-secret=" + notifytest.NewSecret(),
			"--webhook=hunter2-hunter2"}, exitUsage, []string{"--webhook, number 1", "https://"}},
		{"a channel that is none", []string{key, "--notify=pigeon://hunter2-hunter2"}, exitUsage,
			[]string{"--notify, number 1", "smtp", "telegram"}},
		{"a channel that lacks something", []string{key, "--notify=smtp://u:hunter2-hunter2@mail.example/"}, exitUsage,
			[]string{"--notify, number 1", "fromAddress"}},
		{"an event that is none", []string{key, "--notify-types=session.stolen"}, exitUsage,
			[]string{"--notify-types", "session.stolen", "session.ended"}},
		{"a secret without a webhook", []string{key, "--webhook-secret=" + notifytest.NewSecret()}, exitUsage,
			[]string{"--webhook-secret", "--webhook URL"}},
		{"events that nobody is told", []string{key, "--notify-types=session.created"}, exitUsage,
			[]string{"--notify-types", "--webhook URL", "--notify URL"}},
		{"a claim without a provider", []string{key, "--oidc-user-claim=email"}, exitUsage,
			[]string{"--oidc-user-claim", "--oidc-issuer"}},
		{"a client's secret without a provider", []string{key, "--oidc-client-secret=s"}, exitUsage,
			[]string{"--oidc-client-secret", "--oidc-issuer"}},
		{"a provider's name without a provider", []string{key, "--oidc-name=n"}, exitUsage,
			[]string{"--oidc-name", "--oidc-issuer"}},
		{"a provider's name of many letters", []string{"--oidc-audience=hub", "--oidc-issuer=https://login.example",
			"--oidc-name=" + strings.Repeat("n", 61)}, exitUsage, []string{"the provider's name", "60 bytes"}},
		{"an unknown level", []string{key, "--log-level=loud"}, exitUsage, []string{"--log-level", `"loud"`, "debug"}},
		{"no such htpasswd file", []string{"--htpasswd=no/such/file"}, exitFailed, []string{"no/such/file"}},
		{"a broken htpasswd file", []string{"--htpasswd=" + garbage}, exitFailed, []string{garbage}},
		{"a folder that is not there", []string{key, "--data=no/such/hub.db"}, exitFailed, []string{"no/such"}},
		{"an address that is none", []string{key, "--listen=nowhere"}, exitFailed, []string{"nowhere"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"serve", "--listen=127.0.0.1:0"}, test.args...)
			code, said := runRefused(t, args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q does not say %q", said, want)
				}
			}
			if strings.Contains(said, "hunter2") || strings.Contains(said, testKey) {
				t.Errorf("%q shows a secret", said)
			}
		})
	}
}

func TestSecondHubOnTheFileIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "hub.db")
	args := []string{"serve", "--listen=127.0.0.1:0", "--api-key=" + testKey, "--data=" + file}
	startHub(t, args...).address(t)
	code, said := runRefused(t, args...)
	if code != exitFailed || !strings.Contains(said, file) {
		t.Errorf("exit code %d, and it says %q", code, said)
	}
}

func TestServeOnAnAddressThatIsTakenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, said := runRefused(t, "serve", "--listen="+taken.Addr().String(), "--api-key="+testKey)
	if code != exitFailed || !strings.Contains(said, "give another address with --listen") {
		t.Errorf("exit code %d, and it says %q", code, said)
	}
}

func TestServeOnAFile(t *testing.T) {
	t.Parallel()
	hub, base := serve(t, "--log-level=debug")
	old := openSession(t, base, "alice")
	socket, _ := connect(t, base, old)
	replacement := openSession(t, base, "alice")
	wantSuperseded(t, socket)
	if code, said := runRefused(t, "healthcheck", base+"/healthz"); code != exitOK {
		t.Errorf("healthcheck: exit code %d: %s", code, said)
	}
	for _, secret := range []string{testKey, old, replacement} {
		if strings.Contains(hub.output(), secret) {
			t.Errorf("the log shows %s", secret)
		}
	}
}

func TestHealthcheckFails(t *testing.T) {
	t.Parallel()
	_, base := serve(t)
	for _, url := range []string{base + "/no/such/page", "http://127.0.0.1:1/healthz", "::"} {
		if code, said := runRefused(t, "healthcheck", url); code != exitFailed {
			t.Errorf("%s: exit code %d: %s", url, code, said)
		}
	}
}

// sockets opens so many sessions with a socket each.
func sockets(t *testing.T, base string, n int) []*websocket.Conn {
	t.Helper()
	var all []*websocket.Conn
	for i := range n {
		ws, _ := connect(t, base, openSession(t, base, strings.Repeat("u", i+1)))
		all = append(all, ws)
	}
	return all
}

func TestDrain(t *testing.T) {
	t.Parallel()
	hub, base := serve(t, "--drain=3s")
	// The sockets leave one by one: with so many, the hub is still there when the first is told.
	all := sockets(t, base, 16)
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for i, ws := range all {
		message := receive(t, ws)
		after, ok := message["after_ms"].(float64)
		if message["type"] != "reconnect" || !ok || after < 0 {
			t.Fatalf("a socket is told %v", message)
		}
		if i == 0 {
			if status, err := statusOf(t, base+"/readyz"); err != nil || status != http.StatusServiceUnavailable {
				t.Errorf("readyz while leaving: %d, %v", status, err)
			}
			if status, err := statusOf(t, base+"/healthz"); err != nil || status != http.StatusOK {
				t.Errorf("healthz while leaving: %d, %v", status, err)
			}
		}
	}
	for _, ws := range all {
		if code := closeCode(t, ws); code != websocket.StatusServiceRestart {
			t.Errorf("close code %d, want 1012", code)
		}
	}
	if code := hub.exitCode(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignalQuitsAtOnce(t *testing.T) {
	t.Parallel()
	hub, base := serve(t, "--drain=10m")
	sockets(t, base, 16)
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hub.await(t, "leaving")
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, want := hub.exitCode(t), 128+int(syscall.SIGTERM); code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
}

func TestServeWaitsForItsRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill(t)
	hub := startHub(t, "serve", "--listen=127.0.0.1:0", "--api-key="+testKey, "--redis=redis://:hunter2@"+server.Addr)
	base := "http://" + hub.address(t)
	awaitStatus(t, base+"/readyz", http.StatusServiceUnavailable)
	awaitStatus(t, base+"/healthz", http.StatusOK)
	server.Restart(t)
	client := server.Client(t)
	if err := client.ConfigSet(t.Context(), "requirepass", "hunter2").Err(); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, base+"/readyz", http.StatusOK)
	if strings.Contains(hub.output(), "hunter2") {
		t.Errorf("the log shows the password:\n%s", hub.output())
	}
}
