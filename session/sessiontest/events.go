package sessiontest

import (
	"fmt"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var dueCases = []testCase{
	{"accounts whose deadline has passed are due, others not", dueOnly},
	{"the longest overdue of a shard come first, up to the limit", dueOrder},
	{"a commit moves the deadline", dueMoved},
	{"accounts of all shards are due", dueShards},
}

// openDue commits the account of a user with one session, whose deadline was so long ago.
func (k *kit) openDue(user string, ago time.Duration) session.Key {
	k.Helper()
	s := k.session(k.now().Add(-ago - time.Hour))
	s.IdleTimeout = time.Hour
	k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
	return session.KeyOf(user)
}

func (k *kit) due(limit int) []string {
	k.Helper()
	due, err := k.Store.Due(k.ctx, limit)
	k.must(err)
	names := []string{}
	for _, key := range due {
		names = append(names, key.String())
	}
	return names
}

func dueOnly(k *kit) {
	same(k, "due in an empty store", k.due(10), []string{})
	k.openDue("later", -time.Hour)
	now := k.now()
	forever := k.session(now.Add(-1000 * time.Hour))
	k.commit(k.change(session.Version{}, session.Account{User: "forever", Live: []session.Session{forever}}))
	ticket := session.Ticket{ExpiresAt: now.Add(time.Minute)}
	k.commit(k.change(session.Version{}, session.Account{User: "asked", Tickets: []session.Ticket{ticket}}))
	overdue := k.openDue("overdue", time.Millisecond)
	same(k, "due", k.due(10), []string{overdue.String()})

	// A lifetime is a deadline too.
	short := k.session(now.Add(-time.Hour))
	short.IdleTimeout, short.ExpiresAt = 24*time.Hour, now.Add(-time.Minute)
	k.commit(k.change(session.Version{}, session.Account{User: "old", Live: []session.Session{forever, short}}))
	if n := len(k.due(10)); n != 2 {
		k.Errorf("%d are due, want 2", n)
	}
}

func dueOrder(k *kit) {
	users := usersOf(9, 5)
	minutes := []int{3, 1, 5, 2, 4}
	want := make([]string, len(users))
	for i, user := range users {
		want[5-minutes[i]] = k.openDue(user, time.Duration(minutes[i])*time.Minute).String()
	}
	for limit := range len(want) + 1 {
		same(k, fmt.Sprint("due, up to ", limit), k.due(limit), want[:limit])
	}
	same(k, "due, up to more than there are", k.due(100), want)
}

func dueMoved(k *kit) {
	key := k.openDue(k.user, time.Minute)
	snap := k.load(key)
	a := snap.Account
	a.Live[0].LastActiveAt = snap.Now
	version := k.commit(k.change(snap.Version, a))
	same(k, "due with a later deadline", k.due(10), []string{})
	a.Live[0].ExpiresAt = snap.Now.Add(-time.Minute)
	version = k.commit(k.change(version, a))
	same(k, "due with an earlier deadline", k.due(10), []string{key.String()})
	a, expired := a.Expire(snap.Now)
	k.commit(k.change(version, a, expired...))
	same(k, "due without a deadline", k.due(10), []string{})
}

func dueShards(k *kit) {
	want := make(map[string]bool)
	for i := range 40 {
		want[k.openDue(fmt.Sprint("user ", i), time.Minute).String()] = true
	}
	got := make(map[string]bool)
	for _, key := range k.due(100) {
		got[key] = true
	}
	same(k, "due", got, want)
	if n := len(k.due(7)); n != 7 {
		k.Errorf("%d are due up to a limit of 7", n)
	}
}

var eventCases = []testCase{
	{"recorded events change no account", eventsRecorded},
	{"events come back as they were written", eventsWhole},
}

func eventsRecorded(k *kit) {
	by := session.Actor{Device: &session.Device{ID: "d", Kind: session.TV}, IP: "192.0.2.1", UserAgent: "x"}
	events := []session.Event{
		{Type: session.LoginFailed, At: k.now(), User: k.user, By: &by},
		{Type: session.LoginRejected, At: k.now(), User: k.user, By: &by},
	}
	k.must(k.Store.Record(k.ctx, k.key, events...))
	same(k, "version", k.load(k.key).Version, session.Version{})
	k.wantEvents(events...)

	k.open(1)
	before := k.load(k.key)
	k.must(k.Store.Record(k.ctx, k.key, events[0]))
	after := k.load(k.key)
	same(k, "account", after.Account, before.Account)
	same(k, "version", after.Version, before.Version)
	k.wantEvents(append(events, events[0])...)
}

func eventsWhole(k *kit) {
	now := k.now()
	s := k.session(now.Add(-time.Hour))
	s.IP, s.UserAgent, s.Attributes = "::1", "agent", map[string]string{"a": "b"}
	gone := s
	gone.Ended = &session.Ending{Reason: session.Superseded, At: now, By: k.session(now).Actor(), Message: "why"}
	change := k.change(session.Version{}, k.account())
	change.Events = []session.Event{
		{Type: session.SessionEnded, At: now, User: k.user, Session: &gone},
		{Type: session.SessionCreated, At: now, User: k.user, Session: &s},
	}
	k.commit(change)
	k.wantEvents(change.Events...)
}
