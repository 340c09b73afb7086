package checktest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"github.com/sessionhub/sessionhub/session"
)

// lostFor is how long after it was sent a change may yet be made of which the store gave no answer. The registry
// has it refused from 1.5 s on.
const lostFor = 3 * time.Second

// Workload is what to run. Operations are drawn from the seed; which sessions they pick, and their order in
// time, depends on the run. The users are those of the seed: a store serves a seed once.
type Workload struct {
	Seed uint64
	// Users is how many there are, and Operations how many on all of them together.
	Users, Operations int
	// Parallel is how many operations are under way at a time.
	Parallel int
	// Limits are the limits of the users, in turn. One login in eight comes with the limit of another user, and one in
	// eight says one itself; users are given limits of their own, and lose them again.
	Limits []int
	// Policies are those that logins come with.
	Policies []session.Policy
}

// runner runs a workload and notes its history.
type runner struct {
	workload   Workload
	registries []*session.Registry
	start      time.Time
	users      []*person

	mu      sync.Mutex
	history []porcupine.Operation    // guarded by mu
	opened  map[session.ID]time.Time // guarded by mu
}

// person is a user, and what of them an operation may pick.
type person struct {
	name  string
	limit int

	mu       sync.Mutex
	sessions []session.ID     // of every login tried, oldest first; guarded by mu
	tickets  []session.Digest // of every question asked; guarded by mu
}

func newRunner(w Workload, stores []session.Store) *runner {
	r := &runner{workload: w, start: time.Now(), opened: make(map[session.ID]time.Time)}
	for _, store := range stores {
		r.registries = append(r.registries, session.NewRegistry(timed{store}))
	}
	for i := range w.Users {
		name := fmt.Sprintf("user %d of seed %d", i, w.Seed)
		r.users = append(r.users, &person{name: name, limit: w.Limits[i%len(w.Limits)]})
	}
	return r
}

// run runs the workload, then lists every user's sessions and checks all tokens there were.
func (r *runner) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for worker := range r.workload.Parallel {
		group.Go(func() error {
			draw := rand.New(rand.NewPCG(r.workload.Seed, uint64(worker)))
			for i := worker; i < r.workload.Operations; i += r.workload.Parallel {
				if err := r.do(ctx, draw, r.draw(draw)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.lookAtAll(context.WithoutCancel(ctx))
}

func (r *runner) lookAtAll(ctx context.Context) error {
	draw := rand.New(rand.NewPCG(r.workload.Seed, math.MaxUint64))
	for i, user := range r.users {
		if err := r.do(ctx, draw, call{verb: list, user: i}); err != nil {
			return err
		}
		for _, id := range lastOf(user.sessions, 2*session.KeepEnded) {
			if err := r.do(ctx, draw, call{verb: check, user: i, id: id}); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw draws an operation.
func (r *runner) draw(draw *rand.Rand) call {
	c := call{user: draw.IntN(len(r.users))}
	user := r.users[c.user]
	switch n := draw.IntN(100); {
	case n < 45:
		c.verb, c.id, c.next = login, newID(draw), newDigest(draw)
		c.device, c.limit = draw.IntN(12), user.limit
		c.policy = r.workload.Policies[draw.IntN(len(r.workload.Policies))]
		c.force = draw.IntN(4) == 0
		if draw.IntN(8) == 0 {
			c.limit = r.anyLimit(draw)
		}
		if draw.IntN(8) == 0 {
			c.own = r.anyLimit(draw)
		}
		user.remember(c.id)
	case n < 60:
		c.verb, c.id, c.next = choose, newID(draw), newDigest(draw)
		c.ticket, c.force = user.anyTicket(draw), draw.IntN(5) > 0
		if draw.IntN(2) == 0 {
			c.named = []session.ID{user.anySession(draw), user.anySession(draw)}
		}
		user.remember(c.id)
	case n < 75:
		c.verb, c.id, c.reason = end, user.anySession(draw), session.SignedOut
	case n < 78:
		c.verb, c.reason = endAll, session.EndedByAdmin
	case n < 82:
		c.verb = list
	case n < 87:
		c.verb, c.reason, c.limit = restrict, session.EndedByAdmin, user.limit
		if draw.IntN(3) == 0 {
			c.verb = foresee
		}
		if draw.IntN(3) > 0 {
			c.own = r.anyLimit(draw)
		}
	case n < 91:
		c.verb, c.id = report, user.anySession(draw)
	default:
		c.verb, c.id = check, user.anySession(draw)
	}
	return c
}

// anyLimit returns one of the limits of the users.
func (r *runner) anyLimit(draw *rand.Rand) int {
	return r.workload.Limits[draw.IntN(len(r.workload.Limits))]
}

// do makes a call at one of the registries and notes it. A login whose answer is lost is sent again elsewhere.
func (r *runner) do(ctx context.Context, draw *rand.Rand, c call) error {
	for range 2 {
		var during span
		a, err := r.perform(withSpan(ctx, &during), r.registries[draw.IntN(len(r.registries))], c)
		began, returned := during.began.Sub(r.start), during.returned.Sub(r.start)
		switch {
		case errors.Is(err, session.ErrUnavailable) && !during.commit:
			return nil // it did not get as far as a change
		case errors.Is(err, errLost):
			a = answer{lost: true}
		case errors.Is(err, session.ErrUnavailable):
			a, returned = answer{lost: true}, max(returned, began+lostFor)
		case err != nil:
			return fmt.Errorf("%s: %w", c.verb, err)
		}
		r.mu.Lock()
		r.history = append(r.history, porcupine.Operation{
			Input: c, Call: int64(began), Output: a, Return: int64(returned),
		})
		r.mu.Unlock()
		if a.verdict == session.Challenged {
			r.users[c.user].ask(c.next)
		}
		if !a.lost || c.verb != login {
			return nil
		}
		c.next = newDigest(draw)
	}
	return nil
}

// perform makes a call at a registry.
func (r *runner) perform(ctx context.Context, reg *session.Registry, c call) (answer, error) {
	user := r.users[c.user].name
	key := session.KeyOf(user)
	switch c.verb {
	case login:
		out, err := reg.Login(ctx, session.Request{
			User: user, Credential: credential(key, c.id), Force: c.force, Ticket: c.next,
			Limits: session.Limits{Limit: c.own},
			Device: session.Device{ID: fmt.Sprint("device ", c.device), Kind: session.Web},
		}, session.Rule{Limit: c.limit, Policy: c.policy})
		return r.outcome(out), err
	case choose:
		out, err := reg.Choose(ctx, session.Choice{
			Ticket: c.ticket, Force: c.force, End: c.named, Credential: credential(key, c.id), Next: c.next,
		})
		if errors.Is(err, session.ErrTicket) {
			return answer{noTicket: true}, nil
		}
		return r.outcome(out), err
	case end, endAll:
		which := func(s session.Session) bool { return c.verb == endAll || s.ID == c.id }
		ended, err := reg.End(ctx, key, which, session.Ending{Reason: c.reason})
		return r.ended(ended), err
	case restrict:
		rule := session.Rule{Limit: c.limit, Policy: session.Evict}
		ended, err := reg.Restrict(ctx, user, session.Limits{Limit: c.own}, rule, session.Ending{Reason: c.reason})
		return r.ended(ended), err
	case foresee:
		rule := session.Rule{Limit: c.limit, Policy: session.Evict}
		ended, err := reg.Foresee(ctx, user, session.Limits{Limit: c.own}, rule)
		return r.ended(ended), err
	case report:
		return r.report(reg.Report(ctx, credential(key, c.id)))
	case check:
		s, _, err := reg.Check(ctx, credential(key, c.id))
		var ended *session.EndedError
		if errors.As(err, &ended) {
			return answer{reason: ended.Ending.Reason}, nil
		}
		r.note(s)
		return answer{}, err
	default:
		snap, err := reg.Load(ctx, key)
		return answer{standing: r.note(snap.Account.Live...)}, err
	}
}

func (r *runner) outcome(out session.Outcome) answer {
	r.note(out.Session)
	return answer{verdict: out.Verdict, ended: r.note(out.Ended...), standing: r.note(out.Standing...)}
}

// report tells what was answered to a report.
func (r *runner) report(out session.Reported, err error) (answer, error) {
	var ended *session.EndedError
	switch {
	case errors.As(err, new(*session.UnforcedError)):
		return answer{unforced: true}, nil
	case errors.As(err, &ended):
		return answer{reason: ended.Ending.Reason}, nil
	case err != nil:
		return answer{}, err
	}
	a := answer{standing: r.note(out.Standing...), reason: out.Session.Ended.Reason}
	if out.Ended {
		a.ended = r.note(out.Session)
	}
	return a, nil
}

func (r *runner) ended(ended []session.Ended) answer {
	var a answer
	for _, e := range ended {
		a.ended = append(a.ended, r.note(e.Session)...)
	}
	return a
}

// note learns when sessions were opened, and returns their IDs.
func (r *runner) note(sessions ...session.Session) []session.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []session.ID
	for _, s := range sessions {
		ids = append(ids, s.ID)
		if s.CreatedAt.IsZero() {
			continue
		}
		if at, known := r.opened[s.ID]; known && !at.Equal(s.CreatedAt) {
			// Its login was sent again so late that its first session was forgotten: it was opened twice.
			s.CreatedAt = time.Time{}
		}
		r.opened[s.ID] = s.CreatedAt
	}
	return ids
}

func (p *person) remember(id session.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions = append(p.sessions, id)
}

func (p *person) ask(ticket session.Digest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tickets = append(p.tickets, ticket)
}

// anySession returns a session of the user, most often a late one; a user without any gets one never issued.
func (p *person) anySession(draw *rand.Rand) session.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pick(draw, p.sessions, 8, newID)
}

// anyTicket returns a ticket of the user, most often a late one.
func (p *person) anyTicket(draw *rand.Rand) session.Digest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pick(draw, p.tickets, 4, newDigest)
}

// pick returns one of the last n of a list, one time in ten any, or a fresh one where there is none.
func pick[T any](draw *rand.Rand, list []T, n int, fresh func(*rand.Rand) T) T {
	if draw.IntN(10) > 0 {
		list = lastOf(list, n)
	}
	if len(list) == 0 {
		return fresh(draw)
	}
	return list[draw.IntN(len(list))]
}

func credential(key session.Key, id session.ID) session.Credential {
	return session.Credential{Key: key, ID: id, Digest: sha256.Sum256(id[:])}
}

func newID(draw *rand.Rand) session.ID {
	var id session.ID
	binary.BigEndian.PutUint64(id[:], draw.Uint64())
	binary.BigEndian.PutUint64(id[8:], draw.Uint64())
	return id
}

func newDigest(draw *rand.Rand) session.Digest {
	id := newID(draw)
	return sha256.Sum256(id[:])
}
