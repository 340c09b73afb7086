package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestSlowHandshakes shows that clients which never finish asking are cut off, and keep nobody waiting meanwhile.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	hub, base := serve(t)
	address := hub.address(t)
	ws, _ := connect(t, base, openSession(t, base, "alice"))

	start := time.Now()
	const slow = 50
	cut := make(chan error, slow)
	for range slow {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "GET /v1/connect HTTP/1.1\r\nHost: hub\r\nUpgrade: webso"); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(start.Add(outcome)); err != nil {
			t.Fatal(err)
		}
		go func() {
			answer, err := io.ReadAll(conn)
			if strings.HasPrefix(string(answer), "HTTP/1.1 101") {
				err = io.ErrUnexpectedEOF
			}
			cut <- err
		}()
	}

	openSession(t, base, "alice")
	notice := receive(t, ws)
	if notice["type"] != "session.revoked" || len(cut) > 0 {
		t.Errorf("%v came %s after the slow clients, when %d were cut off", notice, time.Since(start), len(cut))
	}

	for range slow {
		if err := <-cut; err != nil {
			t.Errorf("a slow client was not cut off: %v", err)
		}
	}
	if took := time.Since(start); took < readHeaderTimeout {
		t.Errorf("slow clients were cut off after %s, want %s", took, readHeaderTimeout)
	}
	t.Logf("the slow clients were cut off within %s", time.Since(start).Round(time.Millisecond))
}
