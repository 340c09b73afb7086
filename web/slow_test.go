package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// pipe is a listener with one connection.
type pipe struct {
	conns chan net.Conn
}

func (p *pipe) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, io.EOF
	}
	return conn, nil
}

func (p *pipe) Close() error   { return nil }
func (p *pipe) Addr() net.Addr { return &net.TCPAddr{} }

func TestBodyMustArriveInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(server)
		route := on(s, huma.Operation{Method: "POST", Path: "/"}, func(*call, *heartbeatInput) (*none, error) { return nil, nil })
		ours, theirs := net.Pipe()
		listener := &pipe{conns: make(chan net.Conn, 1)}
		listener.conns <- ours
		hub := &http.Server{Handler: route.serve}
		go hub.Serve(listener)

		go io.WriteString(theirs, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{")
		start := time.Now()
		answer, err := http.ReadResponse(bufio.NewReader(theirs), nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusRequestTimeout || time.Since(start) != bodyTimeout {
			t.Errorf("status %d after %s", answer.StatusCode, time.Since(start))
		}
		theirs.Close()
		close(listener.conns)
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
}
