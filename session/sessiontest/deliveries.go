package sessiontest

import (
	"slices"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var deliveryCases = []testCase{
	{"what a change ends is sent where it has a route, and else offline", deliverEach},
	{"whom a change has told is returned, and again when it is sent again", deliverAgain},
	{"a delivery stays, whatever comes after it", deliverKept},
	{"a later change is kept with the deliveries that it says", deliverSaid},
	{"the delivery of what has ended otherwise is not known", deliverUnknown},
	{"a change may tell more sessions than the account keeps", deliverMany},
}

// wantSent fails the test unless these are the sessions that a commit has told, in any order.
func (k *kit) wantSent(got []session.ID, want ...session.ID) {
	k.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	for _, ids := range [][]session.ID{got, want} {
		slices.SortFunc(ids, func(a, b session.ID) int { return slices.Compare(a[:], b[:]) })
	}
	if !slices.Equal(got, want) {
		k.Fatalf("told %v, want %v", got, want)
	}
}

func deliverEach(k *kit) {
	k.beat("one", "two")
	live := k.open(5)
	k.attach(k.route(live[0].ID, "one"))
	k.attach(k.route(live[0].ID, "two"))
	k.attach(k.route(live[1].ID, "two"))
	left := k.route(live[2].ID, "one")
	k.attach(left)
	left.Connections = 0
	k.detach(left)
	k.attach(k.route(live[4].ID, "one"))

	snap := k.load(k.key)
	a, ended := snap.Account.End([]session.ID{live[0].ID, live[1].ID, live[2].ID, live[3].ID},
		session.Ending{Reason: session.EndedByUser}, snap.Now)
	change := k.change(snap.Version, a, ended...)
	k.commit(change)
	want := kept(change, live[0].ID, live[1].ID)
	same(k, "account", k.load(k.key).Account, want)
	same(k, "account, in attach", k.attach(k.route(live[4].ID, "two")).Account, want)
	lostTo, err := k.Store.Commit(k.ctx, k.key, k.change(uuid.New(), k.account()))
	k.wantErr(err, session.ErrConflict)
	same(k, "account that a change lost to", lostTo.Account, want)
	k.wantSent(lostTo.Sent)
	if recalled, ok := k.Store.Recall(k.key); ok {
		same(k, "account that is recalled", recalled.Account, want)
	}
	k.wantEvents(change.Events...) // which were written before anybody knew
}

func deliverAgain(k *kit) {
	k.beat("one", "two")
	live := k.open(4)
	for _, r := range []session.Route{
		k.route(live[0].ID, "one"), k.route(live[0].ID, "two"), k.route(live[1].ID, "one"), k.route(live[2].ID, "one"),
	} {
		k.attach(r)
	}
	opening := k.load(k.key)
	opening.Account.Live = append(opening.Account.Live, k.session(opening.Now))
	after, err := k.Store.Commit(k.ctx, k.key, k.change(opening.Version, opening.Account))
	k.must(err)
	k.wantSent(after.Sent)

	k.end(k.key, live[2].ID)
	snap := k.load(k.key)
	a, ended := snap.Account.End([]session.ID{live[0].ID, live[3].ID}, session.Ending{Reason: session.EndedByUser}, snap.Now)
	change := k.change(snap.Version, a, ended...)
	for range 3 {
		after, err := k.Store.Commit(k.ctx, k.key, change)
		k.must(err)
		k.wantSent(after.Sent, live[0].ID)
		k.wantRoutes(after.Routes)
	}
}

func deliverKept(k *kit) {
	k.beat("one")
	live := k.open(3)
	k.attach(k.route(live[0].ID, "one"))
	first, _ := k.ending(k.key, live[0].ID)
	k.commit(first)
	want := kept(first, live[0].ID)
	snap := k.load(k.key)
	if recalled, ok := k.Store.Recall(k.key); ok {
		snap = recalled
	}
	for limit := range 3 {
		snap.Account.Limits.Limit, want.Limits.Limit = limit+1, limit+1
		snap.Version = k.commit(k.change(snap.Version, snap.Account))
		same(k, "account after a change", k.load(k.key).Account, want)
	}
	k.touch(session.Mark{Key: k.key, Session: live[0].ID, Receipt: true})
	k.attach(k.route(live[0].ID, "one")) // it has come back too late
	for _, s := range live[1:] {
		k.end(k.key, s.ID)
	}
	k.touch(session.Mark{Key: k.key, Session: live[1].ID, Receipt: true})
	for i, s := range live {
		ending := k.find(s.ID).Ended
		if ending.Sent() != (i == 0) || ending.Delivery == 0 || ending.AckedAt.IsZero() != (i == 2) {
			k.Errorf("session %d has ended as %s", i, asJSON(k, ending))
		}
	}
}

func deliverSaid(k *kit) {
	k.beat("one")
	id := k.open(1)[0].ID
	k.attach(k.route(id, "one"))
	first, _ := k.ending(k.key, id)
	k.commit(first)
	later := k.change(first.ID, kept(first)) // as one that knows of no deliveries, say
	k.commit(later)
	same(k, "account", k.load(k.key).Account, later.Account)
}

func deliverUnknown(k *kit) {
	k.beat("one")
	live := k.open(2)
	old := k.session(k.now())
	old.Ended = &session.Ending{Reason: session.SignedOut, At: k.now()}
	snap := k.load(k.key)
	snap.Account.Ended = []session.Session{old}
	k.commit(k.change(snap.Version, snap.Account))
	k.attach(k.route(old.ID, "one"))
	for _, s := range live {
		k.end(k.key, s.ID)
		same(k, "the session that had ended", k.find(old.ID), old)
	}
}

func deliverMany(k *kit) {
	k.beat("one")
	live := k.open(3 * session.KeepEnded)
	var ids []session.ID
	for _, s := range live {
		k.attach(k.route(s.ID, "one"))
		ids = append(ids, s.ID)
	}
	snap := k.load(k.key)
	a, ended := snap.Account.End(ids, session.Ending{Reason: session.EndedByAdmin}, snap.Now)
	change := k.change(snap.Version, a, ended...)
	after, err := k.Store.Commit(k.ctx, k.key, change)
	k.must(err)
	k.wantSent(after.Sent, ids...)
	same(k, "account", k.load(k.key).Account, kept(change, ids...))
}
