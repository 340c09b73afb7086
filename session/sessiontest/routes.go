package sessiontest

import (
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var attachCases = []testCase{
	{"a route is recorded, and the account read", attachReads},
	{"where there is no account, no route is recorded", attachAbsent},
	{"a newer epoch takes the place of an older one, never the reverse", attachEpochs},
	{"routes are those to live sessions", attachEnded},
	{"a route before the end of its session is told", attachBeforeCommit},
	{"a route after the end of its session sees it", attachAfterCommit},
}

func attachReads(k *kit) {
	k.beat("one", "two")
	live := k.open(2)
	want := []session.Route{k.route(live[0].ID, "one"), k.route(live[0].ID, "two"), k.route(live[1].ID, "one")}
	want[1].Connections = 7
	var snap session.Snapshot
	for _, r := range want {
		snap = k.attach(r)
	}
	same(k, "account", snap.Account, k.account(live...))
	same(k, "version", snap.Version, k.load(k.key).Version)
	k.wantRoutes(snap.Routes, want...)
	k.wantRoutes(k.load(k.key).Routes, want...)
	if n := snap.Routes.Connections(live[0].ID); n != 8 {
		k.Errorf("%d connections, want 8", n)
	}
}

func attachAbsent(k *kit) {
	k.beat("one")
	s := k.session(k.now())
	snap := k.attach(k.route(s.ID, "one"))
	same(k, "account", snap.Account, session.Account{})
	same(k, "version", snap.Version, session.Version{})
	k.wantRoutes(snap.Routes)

	k.commit(k.change(session.Version{}, k.account(s)))
	k.wantRoutes(k.load(k.key).Routes)
}

func attachEpochs(k *kit) {
	k.beat("one", "two")
	id := k.open(1)[0].ID
	other := k.route(id, "two")
	k.attach(other)
	at := func(epoch uint64, connections int) session.Route {
		r := k.route(id, "one")
		r.Epoch, r.Connections = epoch, connections
		return r
	}
	for _, step := range []struct{ attach, want session.Route }{
		{at(2, 1), at(2, 1)},
		{at(1, 5), at(2, 1)},
		{at(2, 1), at(2, 1)}, // sent again
		{at(3, 2), at(3, 2)},
		{at(2, 1), at(3, 2)},
		{at(1<<40, 9), at(1<<40, 9)},
		{at(1<<40-1, 1), at(1<<40, 9)},
	} {
		snap := k.attach(step.attach)
		k.wantRoutes(snap.Routes, step.want, other)
	}
}

func attachEnded(k *kit) {
	k.beat("one")
	live := k.open(2)
	kept := k.route(live[1].ID, "one")
	for _, r := range []session.Route{k.route(live[0].ID, "one"), kept} {
		k.attach(r)
	}
	k.end(k.key, live[0].ID)
	k.wantRoutes(k.load(k.key).Routes, kept)
	for _, id := range []session.ID{live[0].ID, uuid.New()} {
		snap := k.attach(k.route(id, "one"))
		k.wantRoutes(snap.Routes, kept)
	}
	k.wantRoutes(k.load(k.key).Routes, kept)
}

func attachBeforeCommit(k *kit) {
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	id := k.open(1)[0].ID
	change, _ := k.ending(k.key, id)
	snap := k.attach(k.route(id, "one"))
	if len(snap.Account.Live) != 1 {
		k.Fatalf("the session is not live yet: %s", asJSON(k, snap.Account))
	}
	k.commit(change)
	notice := k.receive(inbox)
	same(k, "notice", withoutIDs(notice.Events), withoutIDs(change.Events))
}

func attachAfterCommit(k *kit) {
	k.beat("one")
	id := k.open(1)[0].ID
	change, _ := k.ending(k.key, id)
	k.commit(change)
	snap := k.attach(k.route(id, "one"))
	same(k, "ended sessions", snap.Account.Ended, kept(change).Ended)
	k.wantRoutes(snap.Routes)
	if told := k.told("one", k.key.Shard()); told != 0 {
		k.Errorf("%d notices for a route that came later", told)
	}
}

var detachCases = []testCase{
	{"fewer connections are recorded, and a route with none removed", detachCounts},
	{"a route in a newer epoch is left alone", detachOld},
	{"a route that is not known is no error", detachUnknown},
	{"routes of several accounts can be detached together", detachMany},
}

func detachCounts(k *kit) {
	k.beat("one", "two")
	live := k.open(2)
	others := []session.Route{k.route(live[0].ID, "two"), k.route(live[1].ID, "one")}
	for _, r := range others {
		k.attach(r)
	}
	r := k.route(live[0].ID, "one")
	r.Connections = 3
	k.attach(r)
	r.Connections = 2
	k.detach(r)
	k.wantRoutes(k.load(k.key).Routes, append(others, r)...)
	r.Epoch, r.Connections = 2, 1
	k.detach(r)
	k.wantRoutes(k.load(k.key).Routes, append(others, r)...)
	r.Connections = 0
	k.detach(r)
	k.wantRoutes(k.load(k.key).Routes, others...)

	// Nobody is told of a session whose sockets are closed.
	k.detach(session.Route{Key: k.key, Session: live[1].ID, Instance: "one", Epoch: 1})
	k.end(k.key, live[1].ID)
	if told := k.told("one", k.key.Shard()); told != 0 {
		k.Errorf("%d notices to an instance whose route is gone", told)
	}
}

func detachOld(k *kit) {
	k.beat("one")
	id := k.open(1)[0].ID
	old, fresh := k.route(id, "one"), k.route(id, "one")
	fresh.Epoch = 2
	old.Connections = 0
	k.attach(k.route(id, "one"))
	k.attach(fresh)
	k.detach(old)
	k.wantRoutes(k.load(k.key).Routes, fresh)
	old.Connections = 5
	k.detach(old)
	k.wantRoutes(k.load(k.key).Routes, fresh)

	// In the other order the new route is there too.
	old.Connections, fresh.Epoch = 0, 3
	old.Epoch = 2
	k.detach(old)
	k.wantRoutes(k.load(k.key).Routes)
	k.attach(fresh)
	k.wantRoutes(k.load(k.key).Routes, fresh)
}

func detachUnknown(k *kit) {
	k.beat("one")
	k.detach()
	for _, connections := range []int{0, 1} {
		r := k.route(uuid.New(), "one")
		r.Connections = connections
		k.detach(r)
	}
	live := k.open(1)
	for _, connections := range []int{0, 1} {
		r := k.route(live[0].ID, "nobody")
		r.Connections = connections
		k.detach(r)
	}
	k.wantRoutes(k.load(k.key).Routes)
}

func detachMany(k *kit) {
	k.beat("one")
	var routes []session.Route
	for _, user := range []string{"a", "b", "c"} {
		s := k.session(k.now())
		k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
		r := session.Route{Key: session.KeyOf(user), Session: s.ID, Instance: "one", Epoch: 1, Connections: 1}
		k.attach(r)
		r.Connections = 0
		routes = append(routes, r)
	}
	k.detach(routes...)
	for _, r := range routes {
		k.wantRoutes(k.load(r.Key).Routes)
	}
}
