package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// sdkFolder is where the browser SDK is, and sdkTests its tests that want a hub.
const (
	sdkFolder = "../../web/sdk"
	sdkTests  = sdkFolder + "/test/hub"
)

// startNode starts a program under Node, with a WebSocket also where Node has none of its own.
func startNode(t *testing.T, folder string, env []string, args ...string) *process {
	t.Helper()
	if _, err := os.Stat(sdkFolder + "/node_modules/ws"); err != nil {
		t.Fatal("what the SDK is tested with is not there; run: make sdk")
	}
	preload, err := filepath.Abs(sdkTests + "/websocket.js")
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command("node", append([]string{"--import", "file://" + preload}, args...)...)}
	p.Dir = folder
	p.Env = append(os.Environ(), append(env, "HUB_API_KEY="+testKey)...)
	p.start(t)
	return p
}

func TestSDKSpeaksTheProtocol(t *testing.T) {
	t.Parallel()
	_, base := serve(t, "--drain=100ms")
	_, hasty := serve(t, "--drain=100ms", "--idle-timeout=12s")
	tests := startNode(t, sdkTests, []string{"HUB_URL=" + base, "HUB_IDLE_URL=" + hasty}, "--test", "protocol.js")
	if code := tests.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	tests.await(t, "pass 7")
}

// TestSDKComesBackAfterARestart restarts a hub with two hundred clients.
func TestSDKComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	address := redistest.FreeAddr(t)
	serve := []string{"serve", "--listen=" + address, "--api-key=" + testKey, "--drain=2s",
		"--data=" + filepath.Join(t.TempDir(), "hub.db")}
	hub := startHub(t, serve...)
	hub.address(t)
	crowd := startNode(t, sdkTests, []string{"HUB_URL=http://" + address}, "crowd.js")
	crowd.await(t, "all live")
	if err := hub.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := hub.exitCode(t); code != 0 {
		t.Fatalf("the hub ended with %d", code)
	}
	startHub(t, serve...).address(t)
	crowd.await(t, "all back")
	if code := crowd.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSDKExampleForNode runs the example of docs/sdk.md as it stands there.
func TestSDKExampleForNode(t *testing.T) {
	t.Parallel()
	var examples []string
	for _, b := range blocksOf(readPage(t, "sdk.md")) {
		if b.language == "js" {
			examples = append(examples, b.text)
		}
	}
	if len(examples) != 4 {
		t.Fatalf("%d examples in docs/sdk.md", len(examples))
	}
	folder := t.TempDir()
	installed := filepath.Join(folder, "node_modules", "@sessionhub")
	sdk, err := filepath.Abs(sdkFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(folder, "app.js"), []byte(examples[1]), 0o600),
		os.WriteFile(filepath.Join(folder, "package.json"), []byte(`{"type": "module"}`), 0o600),
		os.MkdirAll(installed, 0o700),
		os.Symlink(sdk, filepath.Join(installed, "client")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, base := serve(t, "--drain=100ms")
	app := startNode(t, folder, []string{"HUB_URL=" + base, "TOKEN=" + openSession(t, base, "alice")}, "app.js")
	app.await(t, "live")
	status, answer := call(t, http.DefaultClient, http.MethodPost, base+"/v1/admin/users/alice/messages",
		map[string]any{"data": "hello"})
	if status != http.StatusOK {
		t.Fatalf("push: %d %v", status, answer)
	}
	app.await(t, "message hello")
	openSession(t, base, "alice")
	app.await(t, "Your account signed in")
	app.await(t, "ended 4001 superseded")
	// Nothing is left that would keep Node from ending.
	if code := app.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
