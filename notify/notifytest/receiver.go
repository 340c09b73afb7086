package notifytest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Receiver is a receiver of webhooks. Each request must be signed with its secret, or it fails the test.
type Receiver struct {
	// URL is where it is, and Secret what it expects requests to be signed with.
	URL, Secret string

	tb     testing.TB
	hook   *standardwebhooks.Webhook
	hooks  chan Hook
	mu     sync.Mutex
	answer http.HandlerFunc // guarded by mu
}

// Hook is a request that was received.
type Hook struct {
	ID     string
	Header http.Header
	Body   string
	// Type and Data are those of the payload.
	Type string
	Data map[string]any
}

// NewSecret returns a secret that nobody has.
func NewSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// StartReceiver starts a receiver that answers 204 until it is told otherwise.
func StartReceiver(tb testing.TB, secret string) *Receiver {
	tb.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		tb.Fatal(err)
	}
	r := &Receiver{Secret: secret, tb: tb, hook: hook, hooks: make(chan Hook, 10_000)}
	r.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	tb.Cleanup(server.Close)
	r.URL = server.URL + "/hook"
	return r
}

// Answer sets how requests are answered from now on.
func (r *Receiver) Answer(how http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = how
}

func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // the sender was killed
	}
	if err := r.hook.Verify(body, req.Header); err != nil {
		r.tb.Errorf("a request with a signature that is none: %v", err)
	}
	var payload struct {
		Type      string         `json:"type"`
		Timestamp time.Time      `json:"timestamp"`
		Data      map[string]any `json:"data"`
	}
	if err := json.Unmarshal(body, &payload); err != nil || payload.Timestamp.IsZero() {
		r.tb.Errorf("a request with the body %s: %v", body, err)
	}
	r.hooks <- Hook{
		ID: req.Header.Get("webhook-id"), Header: req.Header, Body: string(body), Type: payload.Type, Data: payload.Data,
	}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	answer(w, req)
}

// Next returns the next request.
func (r *Receiver) Next(tb testing.TB) Hook {
	tb.Helper()
	select {
	case got := <-r.hooks:
		return got
	case <-time.After(Patience):
		tb.Fatal("no request came")
		return Hook{}
	}
}

// Count returns how many requests have come that Next has not returned yet.
func (r *Receiver) Count() int { return len(r.hooks) }
