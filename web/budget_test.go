package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// slow is a store each of whose calls takes a while.
type slow struct {
	*memory
	takes time.Duration
}

func (s *slow) wait(ctx context.Context) error {
	select {
	case <-time.After(s.takes):
		return nil
	case <-ctx.Done():
		return session.ErrUnavailable
	}
}

func (s *slow) Load(ctx context.Context, key session.Key) (session.Snapshot, error) {
	if err := s.wait(ctx); err != nil {
		return session.Snapshot{}, err
	}
	return s.memory.Load(ctx, key)
}

func (s *slow) Commit(ctx context.Context, key session.Key, change session.Change) (session.Snapshot, error) {
	if err := s.wait(ctx); err != nil {
		return session.Snapshot{}, err
	}
	return s.memory.Commit(ctx, key, change)
}

func (s *slow) Attach(ctx context.Context, key session.Key, _ session.Route) (session.Snapshot, error) {
	return s.Load(ctx, key)
}

func (s *slow) Push(ctx context.Context, key session.Key, _ session.Push) (session.Snapshot, error) {
	return s.Load(ctx, key)
}

func (s *slow) Touch(ctx context.Context, _ ...session.Mark) error { return s.wait(ctx) }

func (s *slow) Record(ctx context.Context, _ session.Key, _ ...session.Event) error {
	return s.wait(ctx)
}

// queue is passwords that wait for their turn, as those who sign in at a busy time, and then take a while.
type queue struct{ waits, takes time.Duration }

func (q *queue) Verify(ctx context.Context, _, password string) error {
	select {
	case <-time.After(q.waits):
	case <-ctx.Done():
		return auth.ErrBusy
	}
	<-time.After(q.takes)
	if password != "demo" {
		return auth.ErrCredentials
	}
	return nil
}

// serve sends a request without a network. The headers are names and values in turn.
func serve(t *testing.T, handler http.Handler, method, path, body string, headers ...string) *reply {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return &reply{T: t, status: w.Code, header: w.Header(), text: w.Body.String()}
}

// TestAnswersComeInTime lets a request wait more than once, in time that is not real.
func TestAnswersComeInTime(t *testing.T) {
	const within = 1800 * time.Millisecond
	const login, wrong = `{"username":"alice","password":"demo"}`, `{"username":"alice","password":"wrong"}`
	second, never := time.Second, time.Hour
	for _, tt := range []struct {
		name               string
		method, path, body string
		ended              bool // the session that asks
		store              time.Duration
		passwords          queue
		want               int
		after              time.Duration
	}{
		{"check", "GET", "/v1/session", "", false, second, queue{}, http.StatusOK, second},
		{"check, no store", "GET", "/v1/session", "", false, never, queue{}, http.StatusServiceUnavailable, 1500 * time.Millisecond},
		{"heartbeat", "POST", "/v1/session/heartbeat", `{"active":true}`, false, second, queue{},
			http.StatusServiceUnavailable, within},
		{"logout", "DELETE", "/v1/session", "", true, second, queue{}, http.StatusServiceUnavailable, within},
		{"login, store in time", "POST", "/v1/login", login, false, 300 * time.Millisecond, queue{second, 0},
			http.StatusCreated, 1600 * time.Millisecond},
		{"login, no turn", "POST", "/v1/login", login, false, 0, queue{never, 0},
			http.StatusServiceUnavailable, 1200 * time.Millisecond},
		{"login, late turn, no store", "POST", "/v1/login", login, false, never, queue{second, 0},
			http.StatusServiceUnavailable, within},
		{"wrong password, no store", "POST", "/v1/login", wrong, false, never, queue{second, 0},
			http.StatusServiceUnavailable, within},
		{"costly hash", "POST", "/v1/login", login, false, 200 * time.Millisecond, queue{0, 4 * second},
			http.StatusCreated, 4400 * time.Millisecond},
		{"costly hash, no store", "POST", "/v1/login", login, false, never, queue{0, 4 * second},
			http.StatusServiceUnavailable, 4500 * time.Millisecond},
		{"report of nobody, no store", "POST", "/v1/session/report", rightPassword, true, never, queue{},
			http.StatusServiceUnavailable, 1500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, passwords := &slow{memory: newMemory()}, new(queue)
				handler := bare(t, store, passwords)
				token := serve(t, handler, "POST", "/v1/login", login).want(http.StatusCreated).at("token").(string)
				if tt.ended {
					serve(t, handler, "DELETE", "/v1/session", "", "Authorization", "Bearer "+token).want(http.StatusNoContent)
				}
				store.takes, *passwords = tt.store, tt.passwords
				start := time.Now()
				r := serve(t, handler, tt.method, tt.path, tt.body, "Authorization", "Bearer "+token).want(tt.want)
				if got := time.Since(start); got != tt.after {
					t.Errorf("answered after %s, want %s", got, tt.after)
				}
				if tt.want == http.StatusServiceUnavailable {
					r.retryAfter()
				}
			})
		})
	}
}

// TestHandshakesAreAnsweredInTime is the same for a socket, whose hub waits for its lease first.
func TestHandshakesAreAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := bare(t, newMemory(), nil)
		start := time.Now()
		serve(t, handler, "GET", "/v1/connect", "", handshake()...).want(http.StatusServiceUnavailable).retryAfter()
		if got := time.Since(start); got > 1800*time.Millisecond {
			t.Errorf("answered after %s", got)
		}
	})
}

// TestStatsWithoutAStore asks a hub that has not reached its store which instances there are.
func TestStatsWithoutAStore(t *testing.T) {
	handler := bare(t, newMemory(), nil)
	for _, path := range []string{"/v1/admin/stats", "/v1/admin/instances"} {
		serve(t, handler, "GET", path, "", "Authorization", "Bearer "+apiKey).
			want(http.StatusServiceUnavailable).retryAfter()
	}
	serve(t, handler, "GET", "/v1/admin/stats/history", "", "Authorization", "Bearer "+apiKey).
		want(http.StatusOK).length(0, "points") // it says nothing of now
}
