package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/redis/go-redis/v9"
	"golang.org/x/crypto/bcrypt"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// What holds during a fault, and after it.
const (
	// refusedWithin is how long a hub may take to say that it cannot decide, whatever a request takes of it: the
	// count of wrong passwords, the password, the session.
	refusedWithin = 2 * time.Second
	// toldWithin is how long after a fault the last device may be told.
	toldWithin = 10 * time.Second
)

// faultSite is two hubs on one Redis: logins go to here, the sockets are there.
type faultSite struct {
	redis       *redistest.Server
	client      *redis.Client
	here, there string
	hub         *process // the one that is there
	sockets     map[string]*watched
}

// watched is a socket with all that comes to it.
type watched struct {
	*websocket.Conn
	token    string
	messages chan map[string]any       // all messages after the welcome, closed at the end
	code     chan websocket.StatusCode // then
}

const faultUsers = 12

// newFaultSite starts the processes, with a socket for each user. The hub that is there finds its Redis by way of
// proxy, if there is one.
func newFaultSite(t *testing.T, via func(redisAddr string) string) *faultSite {
	t.Helper()
	s := &faultSite{redis: redistest.Start(t), sockets: make(map[string]*watched)}
	s.client = s.redis.Client(t)
	// A hash of the lowest cost: what is tested is not how long it takes.
	hash, err := bcrypt.GenerateFromPassword([]byte("open sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("dora:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(redisURL string) (*process, string) {
		return serve(t, "--redis="+redisURL, "--htpasswd="+users, "--drain=100ms")
	}
	_, s.here = start(s.redis.URL())
	thereURL := s.redis.URL()
	if via != nil {
		thereURL = "redis://" + via(s.redis.Addr)
	}
	s.hub, s.there = start(thereURL)
	for i := range faultUsers {
		user := fmt.Sprintf("user %d", i)
		s.sockets[user] = watch(t, s.there, openSession(t, s.here, user))
	}
	return s
}

func (s *faultSite) awaitReady(t *testing.T) {
	t.Helper()
	awaitStatus(t, s.here+"/readyz", http.StatusOK)
	awaitStatus(t, s.there+"/readyz", http.StatusOK)
}

func watch(t *testing.T, base, token string) *watched {
	t.Helper()
	ws, _ := connect(t, base, token)
	w := &watched{Conn: ws, token: token, messages: make(chan map[string]any, 10), code: make(chan websocket.StatusCode, 1)}
	go func() {
		defer close(w.messages)
		for {
			var message map[string]any
			if err := wsjson.Read(context.Background(), ws, &message); err != nil {
				w.code <- websocket.CloseStatus(err)
				return
			}
			w.messages <- message
		}
	}()
	return w
}

// wantOpen fails the test if a socket has been told anything or was closed.
func (s *faultSite) wantOpen(t *testing.T) {
	t.Helper()
	for user, w := range s.sockets {
		select {
		case message := <-w.messages:
			t.Errorf("the socket of %s was told %v", user, message)
		default:
		}
	}
}

// wantTold wants that each socket gets exactly one notice with the reason, and its close code, in time.
func (s *faultSite) wantTold(t *testing.T, reason string, code websocket.StatusCode) {
	t.Helper()
	late := time.After(toldWithin)
	start := time.Now()
	for user, w := range s.sockets {
		var notices []map[string]any
		for open := true; open; {
			select {
			case message, ok := <-w.messages:
				if open = ok; ok {
					notices = append(notices, message)
				}
			case <-late:
				t.Fatalf("%s was not told and closed within %s: %v", user, toldWithin, notices)
			}
		}
		if len(notices) != 1 || notices[0]["reason"] != reason {
			t.Errorf("%s was told %v, want session.revoked %s once", user, notices, reason)
		}
		if got := <-w.code; got != code {
			t.Errorf("the socket of %s was closed with %d, want %d", user, got, code)
		}
	}
	t.Logf("all were told and closed within %s", time.Since(start).Round(time.Millisecond))
}

// supersede signs each user in anew, as often as it takes the store to be there.
func (s *faultSite) supersede(t *testing.T) {
	t.Helper()
	ctx := within(t)
	for user := range s.sockets {
		for {
			status := s.tryLogin(t, user)
			if status == http.StatusCreated {
				break
			}
			if status != http.StatusServiceUnavailable {
				t.Fatalf("login: %d, want 201 or 503", status)
			}
			if ctx.Err() != nil {
				t.Fatal("no login succeeds any more")
			}
		}
	}
}

func (s *faultSite) tryLogin(t *testing.T, user string) int {
	t.Helper()
	status, _ := call(t, http.DefaultClient, http.MethodPost, s.here+"/v1/admin/sessions", map[string]any{"user": user})
	return status
}

// wantRefusals makes decisions for as long as the fault lasts: each is a 503, and in time. Calls may take longer on a
// machine that does other things too; the swiftest of each kind tells what the hub can do, and is waited for.
func (s *faultSite) wantRefusals(t *testing.T, until time.Time) {
	t.Helper()
	swiftest := make(map[string]time.Duration)
	calls, ctx := 0, within(t)
	swift := func() bool {
		for _, took := range swiftest {
			if took > refusedWithin {
				return false
			}
		}
		return true
	}
	for ; calls < 3 || time.Now().Before(until) || !swift() && ctx.Err() == nil; calls++ {
		for name, decide := range map[string]func() (int, error){
			"login by an app":      func() (int, error) { return s.tryLogin(t, "somebody else"), nil },
			"login by password":    func() (int, error) { return s.tryPassword(t, "open sesame"), nil },
			"login that is denied": func() (int, error) { return s.tryPassword(t, "a guess"), nil },
			"check":                func() (int, error) { return s.check(t, "user 1") },
		} {
			start := time.Now()
			status, err := decide()
			took := time.Since(start)
			if err != nil || status != http.StatusServiceUnavailable {
				t.Fatalf("%s without a store: %d, %v; want 503", name, status, err)
			}
			if before, ok := swiftest[name]; !ok || took < before {
				swiftest[name] = took
			}
		}
	}
	if !swift() {
		t.Errorf("not each was refused within %s; the swiftest took %v", refusedWithin, swiftest)
	}
	t.Logf("%d rounds of decisions refused, the swiftest after %v", calls, swiftest)
}

func (s *faultSite) tryPassword(t *testing.T, password string) int {
	t.Helper()
	status, _ := call(t, http.DefaultClient, http.MethodPost, s.here+"/v1/login",
		map[string]any{"username": "dora", "password": password})
	return status
}

// check asks there whether a user's session is live.
func (s *faultSite) check(t *testing.T, user string) (int, error) {
	t.Helper()
	req := newRequest(t, http.MethodGet, s.there+"/v1/session", "")
	req.Header.Set("Authorization", "Bearer "+s.sockets[user].token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

func TestRedisIsKilledAndRestarted(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	s.redis.Kill(t)
	s.wantRefusals(t, time.Time{})
	s.wantOpen(t)
	s.redis.Restart(t)
	s.supersede(t)
	s.wantTold(t, "superseded", 4001)
	s.awaitReady(t)
}

func TestRedisHangs(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	s.redis.Freeze(t)
	s.wantRefusals(t, time.Now().Add(10*time.Second))
	awaitStatus(t, s.there+"/readyz", http.StatusServiceUnavailable)
	s.wantOpen(t)
	s.redis.Resume(t)
	s.supersede(t)
	s.wantTold(t, "superseded", 4001)
	s.awaitReady(t)
}

func TestSubscribersAreKilled(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	for user := range s.sockets {
		if err := s.client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		if status := s.tryLogin(t, user); status != http.StatusCreated {
			t.Fatalf("login of %s: %d, want 201: only pub/sub is away", user, status)
		}
	}
	s.wantTold(t, "superseded", 4001)
	s.awaitReady(t)
}

func TestScriptsAreFlushed(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	for user := range s.sockets {
		if err := s.client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if status := s.tryLogin(t, user); status != http.StatusCreated {
			t.Fatalf("login of %s: %d, want 201", user, status)
		}
	}
	s.wantTold(t, "superseded", 4001)
}

func TestEverythingIsFlushed(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	if err := s.client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.wantTold(t, "unknown", 4004)
	s.awaitReady(t)
	ws, _ := connect(t, s.there, openSession(t, s.here, "user 1"))
	openSession(t, s.here, "user 1")
	wantSuperseded(t, ws)
}

func TestPubSubIsDeaf(t *testing.T) {
	t.Parallel()
	p := &deafProxy{}
	s := newFaultSite(t, func(addr string) string { return p.start(t, addr) })
	p.deaf.Store(true)
	s.supersede(t)
	s.wantTold(t, "superseded", 4001)
	awaitStatus(t, s.there+"/readyz", http.StatusServiceUnavailable)
	p.deaf.Store(false)
	s.awaitReady(t)
	ws, _ := connect(t, s.there, openSession(t, s.here, "user 1"))
	openSession(t, s.here, "user 1")
	wantSuperseded(t, ws)
}

func TestHubIsKilled(t *testing.T) {
	t.Parallel()
	s := newFaultSite(t, nil)
	start, ctx := time.Now(), within(t)
	kill(t, s.hub)
	for user, w := range s.sockets {
		again, welcome := connect(t, s.here, w.token)
		if view, _ := welcome["session"].(map[string]any); view["user"] != user {
			t.Errorf("the session of %s goes on as %v", user, view)
		}
		if user == "user 1" {
			again.CloseRead(t.Context()) // answers pings, or the hub would give it up
			continue
		}
		openSession(t, s.here, user)
		wantSuperseded(t, again)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, answer := call(t, http.DefaultClient, http.MethodGet, s.here+"/v1/admin/users/user%201/sessions", nil)
		_, instances := call(t, http.DefaultClient, http.MethodGet, s.here+"/v1/admin/instances", nil)
		connections, left := 0.0, len(instances["instances"].([]any))
		for _, view := range answer["sessions"].([]any) {
			connections += view.(map[string]any)["connections"].(float64)
		}
		if connections == 1 && left == 1 {
			t.Logf("the dead hub and its routes were gone within %s", time.Since(start).Round(time.Millisecond))
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %v connections, %d instances; want one of each", time.Since(start), connections, left)
		case <-tick.C:
		}
	}
}
