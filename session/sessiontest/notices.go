package sessiontest

import (
	"fmt"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var noticeCases = []testCase{
	{"exactly the instances with a route to an ended session are told", noticesReach},
	{"one change is one notice, however many sessions it ends", noticesPerChange},
	{"notices are counted from one, for each shard and instance", noticesCount},
	{"missed notices can be read, in order", noticesMissed},
	{"notices that are no longer kept are ErrTrimmed", noticesTrimmed},
}

func noticesReach(k *kit) {
	k.beat("one", "two", "three")
	inboxes := map[string]<-chan []byte{"one": k.Inbox(k.T, "one"), "two": k.Inbox(k.T, "two")}
	live := k.open(2)
	for _, instance := range []string{"one", "two"} {
		k.attach(k.route(live[0].ID, instance))
	}
	k.attach(k.route(live[1].ID, "three"))
	change, _ := k.ending(k.key, live[0].ID)
	k.commit(change)
	for _, inbox := range inboxes {
		notice := k.receive(inbox)
		if notice.Shard != k.key.Shard() || notice.Mailed.Number != 1 {
			k.Errorf("notice %d of shard %d, want 1 of %d", notice.Mailed.Number, notice.Shard, k.key.Shard())
		}
		same(k, "notice", withoutIDs(notice.Events), withoutIDs(change.Events))
	}
	if told := k.told("three", k.key.Shard()); told != 0 {
		k.Errorf("%d notices to an instance that has no route to the ended session", told)
	}
}

func noticesPerChange(k *kit) {
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	live := k.open(3)
	for _, s := range live {
		k.attach(k.route(s.ID, "one"))
	}
	snap := k.load(k.key)
	ids := []session.ID{live[0].ID, live[2].ID}
	a, ended := snap.Account.End(ids, session.Ending{Reason: session.EndedByAdmin}, snap.Now)
	k.commit(k.change(snap.Version, a, ended...))
	if notice := k.receive(inbox); len(notice.Events) != 2 {
		k.Errorf("%d events in the notice, want 2", len(notice.Events))
	}
	// A change that ends none is none.
	k.commit(k.change(k.load(k.key).Version, k.account(live[1], k.session(snap.Now))))
	if told := k.told("one", k.key.Shard()); told != 1 {
		k.Errorf("told %d times, want once", told)
	}
}

func noticesCount(k *kit) {
	k.beat("one", "two")
	inbox := k.Inbox(k.T, "one")
	var want [session.Shards]session.Mailed
	for _, shard := range []int{0, 7, session.Shards - 1} {
		for _, user := range usersOf(shard, shard%3+2) {
			k.endOneOf(user, "one")
			notice := k.receive(inbox)
			if number := want[shard].Number + 1; notice.Shard != shard || notice.Mailed.Number != number {
				k.Errorf("notice %d of shard %d, want %d of %d", notice.Mailed.Number, notice.Shard, number, shard)
			}
			want[shard] = notice.Mailed
		}
	}
	for instance, want := range map[string][session.Shards]session.Mailed{"one": want, "two": {}, "nobody": {}} {
		told, err := k.Store.Told(k.ctx, instance)
		k.must(err)
		same(k, "told "+instance, told, want)
	}
}

// endOneOf opens a session for a new user, attaches instances to it and ends it.
func (k *kit) endOneOf(user string, instances ...string) session.Change {
	k.Helper()
	key, s := session.KeyOf(user), k.session(k.now().Add(-time.Minute))
	k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
	for _, instance := range instances {
		k.attach(session.Route{Key: key, Session: s.ID, Instance: instance, Epoch: 1, Connections: 1})
	}
	change, _ := k.ending(key, s.ID)
	k.commit(change)
	return change
}

func noticesMissed(k *kit) {
	const shard = 3
	k.beat("one", "two")
	var want []string // the users whose session ended, in order
	for i, user := range usersOf(shard, 8) {
		if i%2 == 0 {
			k.endOneOf(user, "one", "two")
			want = append(want, user)
		} else {
			k.endOneOf(user, "two")
		}
	}
	all := k.missed("one", shard, session.Mailed{})
	for i, notice := range all {
		if notice.Shard != shard || notice.Mailed.Number != uint64(i+1) {
			k.Errorf("notice %d of shard %d, want %d of %d", notice.Mailed.Number, notice.Shard, i+1, shard)
		}
	}
	same(k, "users", usersIn(all), want)
	for i := range all {
		same(k, fmt.Sprint("after ", i+1), usersIn(k.missed("one", shard, all[i].Mailed)), usersIn(all[i+1:]))
	}
	same(k, "another shard", usersIn(k.missed("one", shard+1, session.Mailed{})), usersIn(nil))
	same(k, "another instance", usersIn(k.missed("nobody", shard, session.Mailed{})), usersIn(nil))
}

func (k *kit) missed(instance string, shard int, after session.Mailed) []session.Notice {
	k.Helper()
	notices, err := k.Store.Missed(k.ctx, instance, shard, after)
	k.must(err)
	return notices
}

func usersIn(notices []session.Notice) []string {
	users := []string{}
	for _, n := range notices {
		users = append(users, n.Events[0].User)
	}
	return users
}

func noticesTrimmed(k *kit) {
	const shard = 5
	k.beat("one")
	users := usersOf(shard, 4)
	for _, user := range users[:2] {
		k.endOneOf(user, "one")
	}
	seen := k.missed("one", shard, session.Mailed{})
	k.Trim(k.T, shard)

	_, err := k.Store.Missed(k.ctx, "one", shard, session.Mailed{})
	k.wantErr(err, session.ErrTrimmed)
	_, err = k.Store.Missed(k.ctx, "one", shard, seen[0].Mailed)
	k.wantErr(err, session.ErrTrimmed)
	same(k, "after the last", usersIn(k.missed("one", shard, seen[1].Mailed)), usersIn(nil))

	for _, user := range users[2:] {
		k.endOneOf(user, "one")
	}
	rest, err := k.Store.Missed(k.ctx, "one", shard, seen[0].Mailed)
	k.wantErr(err, session.ErrTrimmed)
	same(k, "what there is", usersIn(rest), users[2:])
	same(k, "after the last before", usersIn(k.missed("one", shard, seen[1].Mailed)), users[2:])
	if told := k.told("one", shard); told != 4 {
		k.Errorf("told %d times, want 4", told)
	}
}

var leaseCases = []testCase{
	{"the first beat has no lease to renew, the next has", leaseBeat},
	{"all instances whose lease lives are returned, with their counters", leaseAlive},
	{"a lease that has run out was not kept", leaseLapsed},
	{"routes of an instance without a lease do not count", leaseRoutes},
}

func leaseBeat(k *kit) {
	for i := range 3 {
		_, kept, err := k.Store.Beat(k.ctx, session.Instance{ID: "one"})
		k.must(err)
		if want := i > 0; kept != want {
			k.Errorf("beat %d: kept %v, want %v", i, kept, want)
		}
	}
}

func leaseAlive(k *kit) {
	started := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	one := session.Instance{
		ID: "one", Version: "v1.2.3 (test)", StartedAt: started,
		Health: session.Health{State: session.NotReady, Detail: "why", CPU: 1.5, Memory: 1 << 40, Goroutines: 9, MaxConnections: 10},
		Counters: session.Counters{
			Connections: 1, Sessions: 2, Admitted: 3, Ended: 4, Forced: 11, Told: 5, Acked: 6, Late: 7,
		},
		Notices: session.NoticeTimes{Told: session.Histogram{1, 2, 12: 1 << 50}, Acked: session.Histogram{3}},
	}
	before := k.now()
	k.beat("two", "one") // what is beaten last counts
	alive, _, err := k.Store.Beat(k.ctx, one)
	k.must(err)
	after := k.now()

	byID := make(map[string]session.Instance)
	for _, i := range alive {
		if i.BeatAt.Before(before) || i.BeatAt.After(after) {
			k.Errorf("%s beat at %v, want between %v and %v", i.ID, i.BeatAt, before, after)
		}
		i.BeatAt = time.Time{}
		byID[i.ID] = i
	}
	same(k, "alive", byID, map[string]session.Instance{"one": one, "two": {ID: "two"}})
}

func leaseLapsed(k *kit) {
	k.beat("one", "two")
	k.Lapse(k.T, "one")
	alive, kept, err := k.Store.Beat(k.ctx, session.Instance{ID: "two"})
	k.must(err)
	if !kept || len(alive) != 1 || alive[0].ID != "two" {
		k.Errorf("the other is kept %v among %s, want it alone", kept, asJSON(k, alive))
	}
	alive, kept, err = k.Store.Beat(k.ctx, session.Instance{ID: "one"})
	k.must(err)
	if kept || len(alive) != 2 {
		k.Errorf("kept %v among %s, want a new lease among two", kept, asJSON(k, alive))
	}
}

func leaseRoutes(k *kit) {
	k.beat("one", "two")
	live := k.open(1)
	dead, alive := k.route(live[0].ID, "one"), k.route(live[0].ID, "two")
	k.attach(dead)
	k.attach(alive)
	k.Lapse(k.T, "one")
	k.beat("two")
	k.wantRoutes(k.load(k.key).Routes, alive)
	lostTo, err := k.Store.Commit(k.ctx, k.key, k.change(session.Version{}, k.account()))
	k.wantErr(err, session.ErrConflict)
	k.wantRoutes(lostTo.Routes, alive)

	// Back again, it writes its routes again.
	k.beat("one")
	snap := k.attach(dead)
	k.wantRoutes(snap.Routes, dead, alive)
	k.end(k.key, live[0].ID)
	if told := k.told("two", k.key.Shard()); told != 1 {
		k.Errorf("the living instance was told %d times, want once", told)
	}
}
