package sessiontest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

func outboxLease(k *outboxKit) {
	k.gather(toOne)
	k.write("a", "b", "c")
	k.gather(toOne)
	first := k.claim("one", session.Claim{Limit: 2, Lease: time.Minute})
	if len(first) != 2 {
		k.Fatalf("%d deliveries, want 2", len(first))
	}
	rest := k.claim("one", aMinute)
	if len(rest) != 1 {
		k.Fatalf("%d more deliveries, want 1", len(rest))
	}
	k.wantClaim("one")
	if q := k.queue("one"); q.Waiting != 3 || q.Oldest < q.Newest || q.Oldest > patience {
		k.Errorf("queue: %s", asJSON(k.kit, q))
	}
	k.must(k.OutboxHarness.Store.Done(k.ctx, "one", idsOf(append(first, rest...))...))
	if q := k.queue("one"); q.Waiting != 0 || q.Oldest != 0 {
		k.Errorf("queue: %s", asJSON(k.kit, q))
	}

	k.write("d")
	k.gather(toOne)
	short := session.Claim{Limit: 1, Lease: time.Millisecond}
	k.await("one", short)
	if again := k.await("one", short); again[0].Event.User != "d" || again[0].Attempt != 2 {
		k.Errorf("after its lease: %s", asJSON(k.kit, again))
	}
}

func outboxPostpone(k *outboxKit) {
	k.gather(toOne)
	k.write("a", "b")
	k.gather(toOne)
	claimed := k.wantClaim("one", "a", "b")
	byUser := make(map[string]string)
	for _, d := range claimed {
		byUser[d.Event.User] = d.ID
	}
	k.must(k.OutboxHarness.Store.Postpone(k.ctx, "one", 0, byUser["a"]))
	k.must(k.OutboxHarness.Store.Postpone(k.ctx, "one", time.Hour, byUser["b"]))
	for attempt := 2; attempt < 5; attempt++ {
		again := k.wantClaim("one", "a")
		if again[0].Attempt != attempt {
			k.Errorf("attempt %d, want %d", again[0].Attempt, attempt)
		}
		k.must(k.OutboxHarness.Store.Postpone(k.ctx, "one", 0, byUser["a"]))
	}
	k.must(k.OutboxHarness.Store.Postpone(k.ctx, "one", 0, byUser["b"]))
	k.wantClaim("one", "a", "b")
}

func outboxHeld(k *outboxKit) {
	k.gather(toOne)
	holding := session.Claim{Limit: 1, Lease: time.Minute, Hold: time.Minute}
	if n := len(k.claim("one", holding)); n != 0 {
		k.Fatalf("%d deliveries of nothing", n)
	}
	k.write("a", "b")
	k.gather(toOne)
	if n := len(k.claim("one", holding)); n != 1 { // the claim of nothing has held nothing
		k.Fatalf("%d deliveries, want 1", n)
	}
	k.wantClaim("one")
	_, err := k.OutboxHarness.Store.Enable(k.ctx, "one")
	k.must(err)
	if n := len(k.wantClaim("one", restOf(k)...)); n != 1 {
		k.Fatalf("%d deliveries, want the other", n)
	}

	k.write("c")
	k.gather(toOne)
	k.must(k.OutboxHarness.Store.Hold(k.ctx, "one", time.Hour))
	k.must(k.OutboxHarness.Store.Hold(k.ctx, "one", time.Millisecond)) // the longer stays
	k.wantClaim("one")
	k.must(k.OutboxHarness.Store.Hold(k.ctx, "two", time.Millisecond))
	k.write("d")
	k.gather(func(session.Event) []string { return []string{"two"} })
	k.await("two", aMinute)
}

// restOf returns whichever of the users a and b the first claim has not been for.
func restOf(k *outboxKit) []string {
	k.Helper()
	claimed := k.claim("one", session.Claim{Limit: 1, Lease: time.Minute})
	if len(claimed) != 1 || claimed[0].Attempt != 1 {
		k.Fatalf("claimed: %s", asJSON(k.kit, claimed))
	}
	k.must(k.OutboxHarness.Store.Postpone(k.ctx, "one", 0, claimed[0].ID))
	return []string{claimed[0].Event.User}
}

func outboxBound(k *outboxKit) {
	k.gather(toOne)
	const more = 25
	event := session.Event{Type: session.LoginFailed, User: k.user}
	for left := session.MaxQueue + more; left > 0; left -= 1000 {
		k.must(k.OutboxHarness.Store.Record(k.ctx, k.key, slices.Repeat([]session.Event{event}, min(left, 1000))...))
	}
	for {
		n, err := k.OutboxHarness.Store.Gather(k.ctx, 5000, toOne)
		k.must(err)
		if n == 0 {
			break
		}
	}
	if q := k.queue("one"); q.Waiting != session.MaxQueue || q.Lost != more {
		k.Fatalf("%d are waiting and %d lost, want %d and %d", q.Waiting, q.Lost, session.MaxQueue, more)
	}
	// However the store goes about it, a hold comes after what the claim itself hands out.
	claimed := k.claim("one", session.Claim{Limit: 2 * session.MaxQueue, Lease: time.Minute, Hold: time.Minute})
	if len(claimed) != session.MaxQueue {
		k.Fatalf("%d deliveries, want %d", len(claimed), session.MaxQueue)
	}
	k.must(k.OutboxHarness.Store.Done(k.ctx, "one", idsOf(claimed)...))
	k.write("a")
	k.gather(toOne)
	k.wantClaim("one")
	_, err := k.OutboxHarness.Store.Enable(k.ctx, "one")
	k.must(err)
	k.wantClaim("one", "a")
}

func outboxDisabled(k *outboxKit) {
	k.gather(toOne)
	both := func(session.Event) []string { return []string{"one", "two"} }
	k.write("a", "b")
	k.gather(both)
	was, err := k.OutboxHarness.Store.Enable(k.ctx, "one")
	k.must(err)
	if was {
		k.Error("it was disabled before it was")
	}
	for range 2 {
		k.must(k.OutboxHarness.Store.Disable(k.ctx, "one"))
		if q := k.queue("one"); q.Waiting != 0 || !q.Disabled {
			k.Errorf("queue: %s", asJSON(k.kit, q))
		}
	}
	k.write("c")
	k.gather(both)
	k.wantClaim("one")
	k.wantClaim("two", "a", "b", "c")
	was, err = k.OutboxHarness.Store.Enable(k.ctx, "one")
	k.must(err)
	if q := k.queue("one"); !was || q.Disabled || q.Lost != 0 {
		k.Errorf("was disabled %v; queue: %s", was, asJSON(k.kit, q))
	}
	k.wantClaim("one")
	k.write("d")
	k.gather(both)
	k.wantClaim("one", "d")
}

func outboxAbsent(k *outboxKit) {
	store := k.OutboxHarness.Store
	for _, c := range []session.Claim{{}, {Limit: 1}, {Lease: time.Second}, {Limit: -1, Lease: time.Second},
		{Limit: 1, Lease: time.Second, Hold: -1}} {
		_, err := store.Claim(k.ctx, "one", c)
		k.wantErr(err, session.ErrOutbox)
	}
	_, err := store.Gather(k.ctx, 0, toOne)
	k.wantErr(err, session.ErrOutbox)
	k.gather(toOne)
	k.write("a")
	k.gather(toOne)
	id := k.wantClaim("one", "a")[0].ID
	k.must(store.Done(k.ctx, "one"))
	k.must(store.Done(k.ctx, "one", id, id))
	k.must(store.Done(k.ctx, "one", id))
	k.must(store.Done(k.ctx, "two", id))
	k.must(store.Postpone(k.ctx, "one", 0, id))
	k.wantClaim("one")
	queues, err := store.Queues(k.ctx)
	k.must(err)
	if len(queues) != 0 {
		k.Errorf("%d queues of nobody", len(queues))
	}
}

func outboxShared(k *outboxKit) {
	k.gather(toOne)
	const events = 200
	for i := range events {
		k.write(fmt.Sprint("user ", i))
	}
	var mu sync.Mutex
	taken, claimed := make(map[string]int), make(map[string]int) // guarded by mu
	left := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(claimed) < events
	}
	var instances sync.WaitGroup
	for range 4 {
		instances.Go(func() {
			for deadline := time.Now().Add(patience); left() && time.Now().Before(deadline); {
				_, err := k.OutboxHarness.Store.Gather(k.ctx, 20, func(e session.Event) []string {
					mu.Lock()
					defer mu.Unlock()
					taken[e.User]++
					return []string{"one"}
				})
				got, claimErr := k.OutboxHarness.Store.Claim(k.ctx, "one", session.Claim{Limit: 3, Lease: time.Minute})
				if err != nil || claimErr != nil {
					k.Error(err, claimErr)
					return
				}
				mu.Lock()
				for _, d := range got {
					claimed[d.Event.User]++
				}
				mu.Unlock()
			}
		})
	}
	instances.Wait()
	for i := range events {
		if user := fmt.Sprint("user ", i); taken[user] < 1 || claimed[user] != 1 {
			k.Errorf("%s was gathered %d and claimed %d times, want once", user, taken[user], claimed[user])
		}
	}
}
