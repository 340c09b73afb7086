package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// dialed runs serve as the hub's side of a socket, and returns the client's.
func dialed(t *testing.T, serve http.HandlerFunc) (*socket, error) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t.Context(), u, "sh_secret")
}

func TestSocketIsToldAnswersPingsAndCloses(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 1)
	closed := make(chan error, 1)
	s, err := dialed(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer sh_secret" {
			t.Errorf("Authorization: %q", got)
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sessionhub.v1"}})
		if err != nil {
			t.Error(err)
			return
		}
		write := func(text string) { conn.Write(r.Context(), websocket.MessageText, []byte(text)) }
		write(`{"type":"welcome"}`)
		var reading sync.WaitGroup
		defer reading.Wait()
		reading.Go(func() {
			_, message, _ := conn.Read(r.Context())
			heard <- string(message)
			closed <- conn.Close(4001, "superseded")
		})
		if err := conn.Ping(r.Context()); err != nil {
			t.Errorf("ping: %v", err)
		}
		write(`{"type":"message","data":"` + strings.Repeat("x", 300) + `"}`)
		write(`{"type":"message","data":"` + strings.Repeat("x", 63<<10) + `"}`)
		write(`{"type":"session.revoked","id":"n1","session_id":"n2"}`)
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	told, err := s.listen()
	if err != nil {
		t.Errorf("listen: %v", err)
	}
	if told.Before(began) {
		t.Errorf("told at %s, want after %s", told, began)
	}
	if got, want := <-heard, `{"type":"ack","id":"n1"}`; got != want {
		t.Errorf("the hub heard %s, want %s", got, want)
	}
	if err := <-closed; err != nil {
		t.Errorf("the server's close: %v", err)
	}
}

func TestDialSaysWhatTheHubAnswered(t *testing.T) {
	t.Parallel()
	_, err := dialed(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the house is full", http.StatusServiceUnavailable)
	})
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "the house is full") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "sh_secret") {
		t.Errorf("the error tells the token: %v", err)
	}
	_, err = dialed(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.WriteHeader(http.StatusSwitchingProtocols)
	})
	if err == nil || !strings.Contains(err.Error(), "not that of a WebSocket server") {
		t.Errorf("no accept: %v", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, _ := listener.Accept()
		accepted <- conn
		cancel()
	}()
	within(t, time.Minute, func() {
		_, err = dial(ctx, &url.URL{Scheme: "http", Host: listener.Addr().String()}, "sh_secret")
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
	(<-accepted).Close()
}

func TestNextRefusesWhatNoHubSends(t *testing.T) {
	t.Parallel()
	tests := map[string][]byte{
		"fragmented":   {0x01, 1, 'x'},
		"reserved bit": {0xC1, 1, 'x'},
		"masked":       {0x81, 0x81, 0, 0, 0, 0, 'x'},
		"huge":         {0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0},
		"negative":     {0x81, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0},
	}
	for name, frame := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &socket{in: bufio.NewReader(bytes.NewReader(frame))}
			if _, payload, err := s.next(); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("took %q: %v", payload, err)
			}
		})
	}
}
