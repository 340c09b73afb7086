package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sessionhub/sessionhub/notify/notifytest"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// TestNotificationsPage runs what docs/notifications.md shows: the configuration, with nothing changed but where the
// webhook and the mail server are; the receiver; and the test of both.
func TestNotificationsPage(t *testing.T) {
	t.Parallel()
	page := readPage(t, "notifications.md")
	box := notifytest.StartMailbox(t)
	secret := regexp.MustCompile(`webhook-secret: (\S+)`).FindStringSubmatch(page)[1]
	address, receiver := startPageReceiver(t, blockOf(t, page, "python"), secret)
	// What differs: the addresses, and that the receiver is on this machine.
	config := strings.NewReplacer(
		"https://ops.example.com/hub-events", "http://"+address+"/hub-events",
		"smtp://hub:correct-horse-battery@mail.example.com:587/?from=hub@example.com&to=ops@example.com",
		box.URL(notifytest.MailPassword),
	).Replace(blockOf(t, page, "yaml"))
	file := configure(t, config+"webhook-allow-private: true\n")

	code, said := runRefused(t, "notify", "test", "--config="+file)
	digits := regexp.MustCompile(`#[0-9a-f]{8}:`)
	shown := strings.NewReplacer(address, "ops.example.com").Replace(digits.ReplaceAllString(said, "#…:"))
	if code != exitOK || !strings.Contains(page, "```\n"+shown+"```\n") {
		t.Errorf("exit code %d: %s", code, shown)
	}
	box.Next(t)

	hub := startHub(t, "serve", "--config="+file, "--listen=127.0.0.1:0", "--api-key="+testKey, "--drain=100ms")
	base := "http://" + hub.address(t)
	hub.await(t, "telling of events")
	for range 2 {
		openSession(t, base, "alice")
	}
	if mail := box.Next(t); !strings.Contains(mail.Body, "“alice”, session on ") {
		t.Errorf("a mail:\n%s", mail.Body)
	}
	receiver.await(t, "notification.test  None")
	receiver.await(t, "session.ended alice superseded")
	if said := receiver.output(); strings.Contains(said, "mallory") || strings.Count(said, "session.ended bob") != 1 {
		t.Errorf("the receiver says\n%s", said)
	}
	metrics := body(t, base+"/metrics")
	for _, name := range regexp.MustCompile(`hub_notify_\w+`).FindAllString(page, -1) {
		if !strings.Contains(metrics, "\n"+name+"{") {
			t.Errorf("there is no metric %s", name)
		}
	}
	_, help := runRefused(t, "serve", "--help")
	for _, flag := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(help, flag[1]) {
			t.Errorf("there is no flag %s", flag[1])
		}
	}
}

// startPageReceiver starts the page's receiver on another port, sees to it that it believes no forged requests, and
// returns its address.
func startPageReceiver(t *testing.T, source, secret string) (string, *process) {
	t.Helper()
	address := redistest.FreeAddr(t)
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(t.TempDir(), "receiver.py")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(source, "9000", port)), 0o600); err != nil {
		t.Fatal(err)
	}
	receiver := &process{Cmd: exec.Command("python3", file)}
	receiver.Env = append(os.Environ(), "HUB_WEBHOOK_SECRET="+secret)
	receiver.start(t)
	awaitStatus(t, "http://"+address, http.StatusNotImplemented) // it has no GET

	const event = `{"type": "session.ended", "data": {"user": "mallory"}}`
	now := time.Now()
	forge(t, address, event, signed(t, secret, "evt_1", now.Add(-time.Hour), event), http.StatusUnauthorized)
	forge(t, address, event, signed(t, secret, "evt_1", now, event+" "), http.StatusUnauthorized)
	forge(t, address, event, signed(t, notifytest.NewSecret(), "evt_1", now, event), http.StatusUnauthorized)
	forge(t, address, event, http.Header{}, http.StatusUnauthorized)
	// What is genuine is told once.
	for range 2 {
		const event = `{"type": "session.ended", "data": {"user": "bob"}}`
		forge(t, address, event, signed(t, secret, "evt_2", now, event), http.StatusNoContent)
	}
	return address, receiver
}

// signed returns the headers of a request that is signed like this.
func signed(t *testing.T, secret, id string, at time.Time, body string) http.Header {
	t.Helper()
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := key.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	header := make(http.Header)
	header.Set("webhook-id", id)
	header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	header.Set("webhook-signature", signature)
	return header
}

// forge sends a request, and wants an answer.
func forge(t *testing.T, address, body string, header http.Header, want int) {
	t.Helper()
	req := newRequest(t, http.MethodPost, "http://"+address, body)
	req.Header = header
	resp, _ := send(t, http.DefaultClient, req)
	if resp.StatusCode != want {
		t.Errorf("the receiver answered %d to %v, want %d", resp.StatusCode, header, want)
	}
}
