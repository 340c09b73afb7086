// Command images makes the pictures of the README: it starts a hub with the app of examples/spa before it, signs
// the same user in on a laptop and on a phone, and puts together what the two show at that moment. It is run by
// `make pictures`.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	user, password = "alice", "correct horse"
	apiKey         = "the-key-of-the-pictures"
	// addressHeader is how a browser of the pictures says from where it comes; the front passes it on.
	addressHeader = "X-Picture-Address"
)

func main() {
	ctx, stop := context.WithTimeout(context.Background(), 3*time.Minute)
	defer stop()
	if err := run(ctx, filepath.Join("docs", "images")); err != nil {
		log.Fatal(err)
	}
}

// run leaves the pictures in a folder.
func run(ctx context.Context, folder string) (err error) {
	temporary, err := os.MkdirTemp("", "sessionhub-pictures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	for _, theme := range []string{"light", "dark"} {
		hub, stop, err := startHub(ctx, temporary, theme)
		if err != nil {
			return err
		}
		front := httptest.NewServer(app(hub))
		picture, err := takePicture(ctx, front.URL, theme)
		front.Close()
		if err = errors.Join(err, stop()); err != nil {
			return fmt.Errorf("%s: %w", theme, err)
		}
		if err := writePicture(filepath.Join(folder, "told-"+theme+".png"), picture); err != nil {
			return err
		}
	}
	return nil
}

// startHub builds a hub and starts it on a free address, with one user.
func startHub(ctx context.Context, folder, name string) (at *url.URL, stop func() error, err error) {
	program, users := filepath.Join(folder, "hub"), filepath.Join(folder, "users")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/hub")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, nil, fmt.Errorf("build the hub, from the folder of the repository: %w", err)
	}
	passwd := exec.CommandContext(ctx, program, "passwd", users, user)
	passwd.Stdin = strings.NewReader(password + "\n")
	if said, err := passwd.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", said, err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, nil, err
	}
	hub := exec.CommandContext(ctx, program, "serve", "--listen="+address, "--htpasswd="+users,
		"--trusted-proxy=127.0.0.1", "--data="+filepath.Join(folder, name+".db"), "--drain=100ms", "--log-level=warn")
	hub.Env = append(os.Environ(), "HUB_API_KEY="+apiKey)
	hub.Stderr = os.Stderr
	if err := hub.Start(); err != nil {
		return nil, nil, err
	}
	stop = func() error { return errors.Join(hub.Process.Signal(os.Interrupt), hub.Wait()) }
	at = &url.URL{Scheme: "http", Host: address}
	return at, stop, awaitReady(ctx, at.String()+"/readyz")
}

// awaitReady asks until a hub is ready.
func awaitReady(ctx context.Context, address string) error {
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// app is the example behind one address: its page, its API with the gate before it, and the hub.
func app(hub *url.URL) http.Handler {
	front := http.NewServeMux()
	front.Handle("/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(hub)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-For", r.In.Header.Get(addressHeader))
	}})
	site := http.FileServer(http.Dir(filepath.Join("examples", "spa", "site")))
	front.Handle("/{$}", site)
	front.Handle("/app.js", site)
	front.Handle("/app.css", site)
	front.HandleFunc("/api/notes", func(w http.ResponseWriter, r *http.Request) {
		gate, err := http.NewRequestWithContext(r.Context(), http.MethodGet, hub.String()+"/v1/verify", nil)
		if err != nil {
			panic(err) // the address is ours
		}
		gate.Header["Cookie"] = r.Header["Cookie"]
		answer, err := http.DefaultClient.Do(gate)
		if err != nil {
			http.Error(w, "{}", http.StatusServiceUnavailable)
			return
		}
		answer.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.StatusCode)
		json.NewEncoder(w).Encode(map[string]any{
			"user":  answer.Header.Get("X-Session-User"),
			"notes": []string{"Ask Bob about the train", "Water the ferns"},
		})
	})
	return front
}
