package systemtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/session"
)

// codes are the close codes of the reasons that occur here.
var codes = map[session.Reason]websocket.StatusCode{
	session.Superseded: 4001, session.Replaced: 4001, session.EndedByUser: 4001, session.EndedByAdmin: 4001,
	session.SignedOut: 4003, session.Unknown: 4004,
}

// eventually returns once done returns nil; it asks again whenever there is a change, and now and then. It fails
// the test when the patience is over.
func eventually(t testing.TB, change <-chan struct{}, done func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-change:
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("still not so: %v", err)
		}
	}
}

// awaitOnlyTheLive waits until the open sockets are exactly those of the users' live sessions, and returns the
// number of live sessions of each.
func (h *house) awaitOnlyTheLive(t *testing.T, users []string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	eventually(t, h.change, func() error {
		live := make(map[string]bool)
		for _, user := range users {
			snap, err := h.hubs[0].registry.Load(t.Context(), session.KeyOf(user))
			if err != nil {
				return err
			}
			counts[user] = len(snap.Account.Live)
			for _, s := range snap.Account.Live {
				live[s.ID.String()] = true
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for g := range h.open {
			if !live[g.session] {
				return fmt.Errorf("a socket of %s is open, and its session %s has ended", g.user, g.session)
			}
		}
		return nil
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.closed {
		h.checkTold(t, g)
	}
	return counts
}

// checkTold checks that a closed socket got one notice, of its own session, and the code that goes with it.
func (h *house) checkTold(t *testing.T, g *guest) {
	t.Helper()
	if len(g.notices) != 1 {
		t.Errorf("a socket of %s got %d notices: %+v; close code %d (%s)", g.user, len(g.notices), g.notices, g.code, g.why)
		return
	}
	n := g.notices[0]
	if n.SessionID != g.session || g.code != codes[n.Reason] || g.why != string(n.Reason) {
		t.Errorf("socket of session %s: notice %+v, close code %d (%s)", g.session, n, g.code, g.why)
	}
	// Of a session whose record is gone nobody knows how it ended. A socket that was there when it ended does.
	if n.Reason == session.Unknown && g.welcomed {
		t.Errorf("a socket of %s that was open was not told the reason", g.user)
	}
}

// login is the body of a login through the admin API.
type login struct {
	User   string            `json:"user"`
	Device map[string]string `json:"device"`
	Limit  int               `json:"limit"`
	Policy session.Policy    `json:"policy"`
	Force  bool              `json:"force"`
}

func device(id any) map[string]string {
	return map[string]string{"id": fmt.Sprint("device ", id), "name": "a test", "kind": "web"}
}

// TestHundredParallelLoginsLeaveOne has a hundred users who each sign in a hundred times at once, at one of two
// hubs, and hold each socket at the other.
func TestHundredParallelLoginsLeaveOne(t *testing.T) {
	const users, logins, usersAtOnce = 100, 100, 4
	h := newHouse(t, 2)
	var names []string
	everybody, ctx := errgroup.WithContext(t.Context())
	everybody.SetLimit(usersAtOnce)
	for u := range users {
		name := fmt.Sprint("user ", u)
		names = append(names, name)
		everybody.Go(func() error {
			one, ctx := errgroup.WithContext(ctx)
			for i := range logins {
				one.Go(func() error {
					body := login{User: name, Device: device(i), Limit: 1, Policy: session.Evict}
					opened, err := h.call(ctx, h.hubs[i%2], http.MethodPost, "/v1/admin/sessions", apiKey, body)
					if err != nil || opened.status != http.StatusCreated {
						return fmt.Errorf("login: status %d, %w", opened.status, err)
					}
					return h.connect(ctx, h.hubs[(i+1)%2], name, opened)
				})
			}
			return one.Wait()
		})
	}
	if err := everybody.Wait(); err != nil {
		t.Fatal(err)
	}
	for user, live := range h.awaitOnlyTheLive(t, names) {
		if live != 1 {
			t.Errorf("%s has %d live sessions, want 1", user, live)
		}
	}
	h.mu.Lock()
	open, closed := len(h.open), len(h.closed)
	h.mu.Unlock()
	if open+closed != users*logins || open > users {
		t.Errorf("%d sockets open, %d told, want %d and %d", open, closed, users, users*(logins-1))
	}

	for u, name := range names {
		r, err := h.call(t.Context(), h.hubs[u%2], http.MethodDelete,
			"/v1/admin/users/"+strings.ReplaceAll(name, " ", "%20")+"/sessions", apiKey, nil)
		if err != nil || r.status != http.StatusOK {
			t.Fatalf("end the sessions of %s: status %d, %v", name, r.status, err)
		}
	}
	h.awaitOnlyTheLive(t, names)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) > 0 {
		t.Errorf("%d sockets are open with no session live", len(h.open))
	}
}

// TestEverySocketOfAnEndedSessionIsToldOnce has few users sign in, choose, sign out and be ended in parallel at
// three hubs, under every policy, with one or two sockets a session.
func TestEverySocketOfAnEndedSessionIsToldOnce(t *testing.T) {
	const users, workers, operations = 9, 24, 2400
	const seed = 1
	t.Logf("seed %d", seed)
	h := newHouse(t, 3)
	var names []string
	people := make([]*person, users)
	for i := range people {
		people[i] = &person{house: h, name: fmt.Sprint("user-", i), limit: []int{1, 2, 5}[i%3]}
		names = append(names, people[i].name)
	}
	work, ctx := errgroup.WithContext(t.Context())
	for w := range workers {
		work.Go(func() error {
			draw := rand.New(rand.NewPCG(seed, uint64(w)))
			for range operations / workers {
				if err := people[draw.IntN(users)].act(ctx, draw); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	counts := h.awaitOnlyTheLive(t, names)
	reasons := make(map[session.Reason]int)
	h.mu.Lock()
	for _, g := range h.closed {
		for _, n := range g.notices {
			reasons[n.Reason]++
		}
	}
	h.mu.Unlock()
	t.Logf("notices: %v", reasons)
	for _, p := range people {
		if counts[p.name] > p.limit {
			t.Errorf("%s has %d live sessions at a limit of %d", p.name, counts[p.name], p.limit)
		}
	}
	for _, reason := range []session.Reason{
		session.Superseded, session.Replaced, session.EndedByUser, session.EndedByAdmin, session.SignedOut,
	} {
		if reasons[reason] == 0 {
			t.Errorf("no session has ended as %s: the workload is too small", reason)
		}
	}
}

// person is a user with several operations under way at a time.
type person struct {
	house *house
	name  string
	limit int

	mu     sync.Mutex
	opened []reply // the last sessions, oldest first; guarded by mu
}

// act does one thing, drawn at random, at a hub that is drawn too.
func (p *person) act(ctx context.Context, draw *rand.Rand) error {
	at := p.house.hubs[draw.IntN(len(p.house.hubs))]
	mine, other := p.anyOpened(draw), p.anyOpened(draw)
	var r reply
	var err error
	switch n := draw.IntN(100); {
	case n < 60 || mine.Token == "":
		return p.signIn(ctx, draw, at)
	case n < 75:
		r, err = p.house.call(ctx, at, http.MethodDelete, "/v1/session", mine.Token, nil)
	case n < 95:
		r, err = p.house.call(ctx, at, http.MethodDelete, "/v1/sessions/"+other.Session.ID, mine.Token, nil)
	default:
		r, err = p.house.call(ctx, at, http.MethodDelete, "/v1/admin/users/"+p.name+"/sessions", apiKey, nil)
	}
	// What it picked may have ended meanwhile, or before.
	if allowed := []int{200, 204, 401, 404}; err == nil && !slices.Contains(allowed, r.status) {
		err = fmt.Errorf("status %d", r.status)
	}
	return err
}

// signIn signs in, answers the question if there is one, and opens one or two sockets.
func (p *person) signIn(ctx context.Context, draw *rand.Rand, at *instance) error {
	body := login{
		User: p.name, Device: device(draw.IntN(12)), Limit: p.limit, Force: draw.IntN(4) == 0,
		Policy: []session.Policy{session.Evict, session.Reject, session.Ask}[draw.IntN(3)],
	}
	r, err := p.house.call(ctx, at, http.MethodPost, "/v1/admin/sessions", apiKey, body)
	if err == nil && r.status == http.StatusMultipleChoices {
		choice := map[string]any{"ticket": r.Ticket, "force": true}
		r, err = p.house.call(ctx, at, http.MethodPost, "/v1/login/choice", "", choice)
	}
	switch {
	case err != nil:
		return err
	case r.status == http.StatusConflict || r.status == http.StatusGone:
		return nil
	case r.status != http.StatusCreated:
		return fmt.Errorf("sign in: status %d", r.status)
	}
	p.mu.Lock()
	p.opened = append(p.opened, r)
	p.mu.Unlock()
	for range 1 + draw.IntN(2) {
		hub := p.house.hubs[draw.IntN(len(p.house.hubs))]
		if err := p.house.connect(ctx, hub, p.name, r); err != nil {
			return err
		}
	}
	return nil
}

// anyOpened returns one of the last sessions; the zero reply if there is none.
func (p *person) anyOpened(draw *rand.Rand) reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.opened) == 0 {
		return reply{}
	}
	last := p.opened[max(0, len(p.opened)-6):]
	return last[draw.IntN(len(last))]
}
