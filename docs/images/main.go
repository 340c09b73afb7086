// Command images makes the pictures of the README and of the dashboard. For the first it starts a hub with the app of
// examples/spa before it, signs the same user in on a laptop and on a phone, and puts together what the two show at that
// moment. For the others it starts two hubs on a Redis, has people come and go for as long as the dashboard's charts
// reach back, and looks. It is run by `make pictures`.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	user, password = "alice", "correct horse"
	apiKey         = "the-key-of-the-pictures"
	// addressHeader is how a browser of the pictures says from where it comes; the front passes it on.
	addressHeader = "X-Picture-Address"
)

var themes = []string{"light", "dark"}

func main() {
	span := flag.Duration("for", 10*time.Minute, "how much of its ten minutes the dashboard has to show")
	flag.Parse()
	ctx, stop := context.WithTimeout(context.Background(), *span+3*time.Minute)
	defer stop()
	if err := run(ctx, filepath.Join("docs", "images"), *span); err != nil {
		log.Fatal(err)
	}
}

// run leaves the pictures in a folder. Those of the README are taken while the dashboard's hubs gather something to show.
func run(ctx context.Context, folder string, span time.Duration) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	temporary, err := os.MkdirTemp("", "sessionhub-pictures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	hub, err := buildHub(ctx, temporary)
	if err != nil {
		return err
	}
	board := make(chan error, 1)
	go func() { board <- picturesOfDashboard(ctx, hub, folder, span) }()
	if err := picturesOfNotice(ctx, hub, folder); err != nil {
		stop()
		return errors.Join(err, <-board)
	}
	return <-board
}

// picturesOfNotice takes those of the README.
func picturesOfNotice(ctx context.Context, hub *program, folder string) error {
	for _, theme := range themes {
		at, stop, err := hub.serve(ctx, "--data="+filepath.Join(hub.folder, theme+".db"))
		if err != nil {
			return err
		}
		front := httptest.NewServer(app(at))
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
