package systemtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/session"
)

// setLimit gives a user a limit of their own; in a dry run it asks what that would do.
func (h *house) setLimit(ctx context.Context, at *instance, user string, limit int, query string) (reply, error) {
	r, err := h.call(ctx, at, http.MethodPut, "/v1/admin/users/"+user+"/limit"+query, apiKey, map[string]int{"limit": limit})
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("limit of %s: status %d", user, r.status)
	}
	return r, err
}

// openAt opens a session for a user, under the user's limit, and a socket for it.
func (h *house) openAt(ctx context.Context, hub, socket *instance, user string, id int) error {
	body := map[string]any{"user": user, "device": device(id)}
	opened, err := h.call(ctx, hub, http.MethodPost, "/v1/admin/sessions", apiKey, body)
	if err != nil || opened.status != http.StatusCreated {
		return fmt.Errorf("login: status %d, %w", opened.status, err)
	}
	return h.connect(ctx, socket, user, opened)
}

// TestLowerLimitTellsTheSocketsOverIt lowers the limits of users at one hub, whose sockets are at another: those that a
// dry run named are told and closed, and the others stay.
func TestLowerLimitTellsTheSocketsOverIt(t *testing.T) {
	const users, before, after = 20, 5, 2
	h := newHouse(t, 2)
	var names []string
	work, ctx := errgroup.WithContext(t.Context())
	for u := range users {
		name := fmt.Sprint("user-", u)
		names = append(names, name)
		work.Go(func() error {
			if _, err := h.setLimit(ctx, h.hubs[0], name, before, ""); err != nil {
				return err
			}
			for id := range before {
				if err := h.openAt(ctx, h.hubs[0], h.hubs[1], name, id); err != nil {
					return err
				}
			}
			would, err := h.setLimit(ctx, h.hubs[0], name, after, "?dry_run=1")
			if err != nil {
				return err
			}
			done, err := h.setLimit(ctx, h.hubs[0], name, after, "")
			if err == nil && (len(done.Ended) != before-after || !slices.Equal(done.Ended, would.WouldEnd)) {
				err = fmt.Errorf("%s: ended %v, and a dry run said %v", name, done.Ended, would.WouldEnd)
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	for user, live := range h.awaitOnlyTheLive(t, names) {
		if live != after {
			t.Errorf("%s has %d live sessions, want %d", user, live, after)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.open) != users*after || len(h.closed) != users*(before-after) {
		t.Errorf("%d sockets are open, and %d told; want %d and %d",
			len(h.open), len(h.closed), users*after, users*(before-after))
	}
	for _, g := range h.closed {
		for _, n := range g.notices {
			if n.Reason != session.EndedByAdmin {
				t.Errorf("a socket was told %s, want %s", n.Reason, session.EndedByAdmin)
			}
		}
	}
}

// TestLimitChangesAmidLogins changes limits at several hubs while their users sign in at all of them: in the end nobody
// is over the last limit, and every socket of a session that ended was told once.
func TestLimitChangesAmidLogins(t *testing.T) {
	const users, logins, changes, last = 8, 40, 12, 2
	h := newHouse(t, 3)
	anyHub := func(draw *rand.Rand) *instance { return h.hubs[draw.IntN(len(h.hubs))] }
	var names []string
	work, ctx := errgroup.WithContext(t.Context())
	for u := range users {
		name := fmt.Sprint("user-", u)
		names = append(names, name)
		if _, err := h.setLimit(t.Context(), h.hubs[0], name, 3, ""); err != nil {
			t.Fatal(err)
		}
		work.Go(func() error {
			one, ctx := errgroup.WithContext(ctx)
			one.SetLimit(6)
			for id := range logins {
				draw := rand.New(rand.NewPCG(uint64(u), uint64(id)))
				one.Go(func() error { return h.openAt(ctx, anyHub(draw), anyHub(draw), name, id) })
			}
			return one.Wait()
		})
		work.Go(func() error {
			draw := rand.New(rand.NewPCG(uint64(u), logins))
			for range changes {
				if _, err := h.setLimit(ctx, anyHub(draw), name, 1+draw.IntN(5), ""); err != nil {
					return err
				}
			}
			_, err := h.setLimit(ctx, anyHub(draw), name, last, "")
			return err
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	for user, live := range h.awaitOnlyTheLive(t, names) {
		if live == 0 || live > last {
			t.Errorf("%s has %d live sessions at a limit of %d", user, live, last)
		}
	}
}
