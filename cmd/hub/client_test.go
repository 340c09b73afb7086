package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// testKey is the API key of the hubs under test.
const testKey = "a-key-for-the-tests-alone"

// serve starts a hub that takes the API key, with more arguments, and returns where it is once it is ready.
func serve(t *testing.T, args ...string) (hub *process, base string) {
	t.Helper()
	hub = startHub(t, append([]string{"serve", "--listen=127.0.0.1:0", "--api-key=" + testKey}, args...)...)
	base = "http://" + hub.address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)
	return hub, base
}

// newRequest returns a request that is given up if no answer comes in time.
func newRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(within(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// send sends a request, and returns the answer with its whole body.
func send(t *testing.T, client *http.Client, r *http.Request) (*http.Response, []byte) {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, text
}

// call sends a request with the API key, and returns the status and the body's JSON.
func call(t *testing.T, client *http.Client, method, url string, body any) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req := newRequest(t, method, url, string(text))
	req.Header.Set("Authorization", "Bearer "+testKey)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", "203.0.113.9") // a lie
	resp, answer := send(t, client, req)
	var object map[string]any
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &object); err != nil {
			t.Fatalf("%s %s: %d %s", method, url, resp.StatusCode, answer)
		}
	}
	return resp.StatusCode, object
}

// openSession opens a session as an app would, and returns its token.
func openSession(t *testing.T, base, user string) string {
	t.Helper()
	status, answer := call(t, http.DefaultClient, http.MethodPost, base+"/v1/admin/sessions", map[string]any{"user": user})
	token, _ := answer["token"].(string)
	if status != http.StatusCreated || token == "" {
		t.Fatalf("open a session: %d %v", status, answer)
	}
	return token
}

// connect opens a session's socket and returns it with its welcome.
func connect(t *testing.T, base, token string) (*websocket.Conn, map[string]any) {
	t.Helper()
	ws, _, err := websocket.Dial(within(t), base+"/v1/connect", &websocket.DialOptions{
		Subprotocols: []string{"sessionhub.v1", "bearer." + token},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	welcome := receive(t, ws)
	if welcome["type"] != "welcome" {
		t.Fatalf("the first message is %v", welcome)
	}
	return ws, welcome
}

// receive returns the next message of a socket.
func receive(t *testing.T, ws *websocket.Conn) map[string]any {
	t.Helper()
	var message map[string]any
	if err := wsjson.Read(within(t), ws, &message); err != nil {
		t.Fatal(err)
	}
	return message
}

// closeCode returns the code that a socket is closed with, after its last message.
func closeCode(t *testing.T, ws *websocket.Conn) websocket.StatusCode {
	t.Helper()
	_, text, err := ws.Read(within(t))
	if err == nil {
		t.Fatalf("one more message: %s", text)
	}
	return websocket.CloseStatus(err)
}

// statusOf returns the status of a GET.
func statusOf(t *testing.T, url string) (int, error) {
	t.Helper()
	resp, err := http.DefaultClient.Do(newRequest(t, http.MethodGet, url, ""))
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// body returns what a page says.
func body(t *testing.T, url string) string {
	t.Helper()
	_, text := send(t, http.DefaultClient, newRequest(t, http.MethodGet, url, ""))
	return string(text)
}

// awaitStatus asks another process until it answers with a status.
func awaitStatus(t *testing.T, url string, want int) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := statusOf(t, url)
		if err == nil && got == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: status %d, error %v; want %d", url, got, err, want)
		case <-tick.C:
		}
	}
}

// clientFrom returns an HTTP client that calls from the given address of this machine.
func clientFrom(t *testing.T, ip string) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
