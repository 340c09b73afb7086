package sessiontest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// OutboxHarness is a store under test, empty, that is an Outbox too.
type OutboxHarness struct {
	Store interface {
		session.Store
		session.Outbox
	}

	// Abandon is called after Gather was, and takes all events that are new as an instance would that dies at once, long
	// ago: the next Gather must find them. It is nil for a store in which nothing can be lost in between.
	Abandon func(t *testing.T)

	// Forget lets the log be trimmed of all its events.
	Forget func(t *testing.T)
}

// RunOutbox checks that a [session.Outbox] keeps its contract. It calls open for each of its tests.
func RunOutbox(t *testing.T, open func(t *testing.T) OutboxHarness) {
	for _, c := range []struct {
		name string
		run  func(k *outboxKit)
	}{
		{"events from before the first gathering are not taken", outboxStart},
		{"each event is taken once, and queued for the endpoints it is for", outboxRoutes},
		{"events come back as they were written, with the IDs of the log", outboxWhole},
		{"the events of a user are taken in order", outboxOrder},
		{"events that a dead instance took are taken again", outboxAbandoned},
		{"what is queued does not need the log", outboxTrimmed},
		{"a delivery is claimed by one at a time", outboxLease},
		{"what is postponed is due later, and its attempts are counted", outboxPostpone},
		{"a claim that holds the endpoint is the last for so long", outboxHeld},
		{"a queue is bounded, and what is too much is counted", outboxBound},
		{"an endpoint that is disabled has and gets nothing until it is enabled", outboxDisabled},
		{"what makes no sense is refused, and what is not there is no error", outboxAbsent},
		{"instances share the work", outboxShared},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			c.run(&outboxKit{kit: newKit(t, Harness{Store: h.Store}), OutboxHarness: h})
		})
	}
}

// outboxKit is a kit for a store that is an Outbox.
type outboxKit struct {
	*kit
	OutboxHarness
}

// aMinute is a claim of up to a hundred deliveries.
var aMinute = session.Claim{Limit: 100, Lease: time.Minute}

// toOne routes every event to the endpoint one.
func toOne(session.Event) []string { return []string{"one"} }

// write writes an event of each user, in order.
func (k *outboxKit) write(users ...string) {
	k.Helper()
	for _, user := range users {
		e := session.Event{Type: session.LoginFailed, At: k.now(), User: user}
		k.must(k.OutboxHarness.Store.Record(k.ctx, session.KeyOf(user), e))
	}
}

// gather gathers all there is, some at a time, and returns the users of the events in the order they were taken.
func (k *outboxKit) gather(route func(session.Event) []string) []string {
	k.Helper()
	users := []string{}
	for {
		n, err := k.OutboxHarness.Store.Gather(k.ctx, 7, func(e session.Event) []string {
			users = append(users, e.User)
			return route(e)
		})
		k.must(err)
		if n == 0 {
			return users
		}
	}
}

func (k *outboxKit) claim(endpoint string, c session.Claim) []session.Delivery {
	k.Helper()
	claimed, err := k.OutboxHarness.Store.Claim(k.ctx, endpoint, c)
	k.must(err)
	return claimed
}

// wantClaim fails the test unless a claim hands out the events of these users, in any order.
func (k *outboxKit) wantClaim(endpoint string, want ...string) []session.Delivery {
	k.Helper()
	claimed := k.claim(endpoint, aMinute)
	users := []string{}
	for _, d := range claimed {
		users = append(users, d.Event.User)
	}
	slices.Sort(users)
	slices.Sort(want)
	same(k.kit, "claimed for "+endpoint, users, append([]string{}, want...))
	return claimed
}

func (k *outboxKit) queue(endpoint string) session.Queue {
	k.Helper()
	queues, err := k.OutboxHarness.Store.Queues(k.ctx, "nobody", endpoint)
	k.must(err)
	if len(queues) != 2 || queues[0] != (session.Queue{Endpoint: "nobody"}) || queues[1].Endpoint != endpoint {
		k.Fatalf("queues: %s", asJSON(k.kit, queues))
	}
	return queues[1]
}

func idsOf(deliveries []session.Delivery) []string {
	var ids []string
	for _, d := range deliveries {
		ids = append(ids, d.ID)
	}
	return ids
}

// await claims until something is handed out.
func (k *outboxKit) await(endpoint string, c session.Claim) []session.Delivery {
	k.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if claimed := k.claim(endpoint, c); len(claimed) > 0 {
			return claimed
		}
	}
	k.Fatal("nothing is due")
	return nil
}

func outboxStart(k *outboxKit) {
	k.write("a", "b", "c")
	same(k.kit, "gathered", k.gather(toOne), []string{})
	k.write("d")
	same(k.kit, "gathered", k.gather(toOne), []string{"d"})
	k.wantClaim("one", "d")
}

func outboxRoutes(k *outboxKit) {
	k.gather(toOne)
	k.write("a", "b", "c", "d")
	taken := k.gather(func(e session.Event) []string {
		switch e.User {
		case "a":
			return []string{"one"}
		case "b":
			return []string{"one", "two"}
		}
		return nil
	})
	slices.Sort(taken)
	same(k.kit, "gathered", taken, []string{"a", "b", "c", "d"})
	same(k.kit, "gathered again", k.gather(toOne), []string{})
	k.wantClaim("one", "a", "b")
	k.wantClaim("two", "b")
	k.wantClaim("three")
}

func outboxWhole(k *outboxKit) {
	k.gather(toOne)
	now := k.now()
	user := "al\r\nice \xff"
	k.user, k.key = user, session.KeyOf(user)
	gone := k.session(now.Add(-time.Hour))
	gone.IP, gone.UserAgent, gone.Attributes = "::1", "agent", map[string]string{"a": "b"}
	gone.Ended = &session.Ending{Reason: session.Superseded, At: now, By: k.session(now).Actor(), Message: "why"}
	live := k.session(now)
	change := k.change(session.Version{}, k.account(live), gone)
	change.Events = append(change.Events, session.Event{Type: session.SessionCreated, At: now, User: user, Session: &live})
	k.commit(change)

	k.gather(toOne)
	log := k.events(100)
	byID := make(map[string]session.Event)
	for _, d := range k.claim("one", aMinute) {
		if d.ID != d.Event.ID || d.Event.User != user || d.Attempt != 1 || d.Age < 0 || d.Age > patience {
			k.Errorf("delivery %s", asJSON(k.kit, d))
		}
		byID[d.ID] = d.Event
	}
	if len(log) != 2 || len(byID) != 2 {
		k.Fatalf("%d events in the log and %d deliveries, want 2", len(log), len(byID))
	}
	for _, e := range log {
		same(k.kit, "event", byID[e.ID], e)
	}
}

func outboxOrder(k *outboxKit) {
	k.gather(toOne)
	var want []string
	for i := range 30 {
		k.must(k.OutboxHarness.Store.Record(k.ctx, k.key,
			session.Event{Type: session.LoginFailed, User: k.user, By: &session.Actor{IP: fmt.Sprint(i)}}))
		want = append(want, fmt.Sprint(i))
	}
	var got []string
	k.gather(func(e session.Event) []string { got = append(got, e.By.IP); return nil })
	same(k.kit, "gathered", got, want)
}

func outboxAbandoned(k *outboxKit) {
	k.gather(toOne)
	k.write("a", "b", "c")
	if k.Abandon != nil {
		k.Abandon(k.T)
	}
	k.write("d")
	taken := k.gather(toOne)
	slices.Sort(taken)
	same(k.kit, "gathered", taken, []string{"a", "b", "c", "d"})
	k.wantClaim("one", "a", "b", "c", "d")
}

func outboxTrimmed(k *outboxKit) {
	k.gather(toOne)
	k.write("a", "b")
	k.gather(toOne)
	k.Forget(k.T)
	if n := len(k.events(10)); n != 0 {
		k.Fatalf("%d events are left in the log", n)
	}
	k.wantClaim("one", "a", "b")
	k.write("c")
	same(k.kit, "gathered", k.gather(toOne), []string{"c"})
}
