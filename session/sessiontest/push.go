package sessiontest

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var pushCases = []testCase{
	{"exactly the instances with a route to a live session get a message, with the account", pushReaches},
	{"a message for one session goes to that one alone", pushToOne},
	{"a message is not kept, and changes nothing", pushNotKept},
	{"messages sent one after the other come in this order", pushInOrder},
	{"a message for nobody is no error", pushNobody},
	{"an instance whose lease has run out gets no message", pushLeases},
	{"losses stay the latest, outside the version, until they are told", pushLosses},
	{"losses go with their session", pushLossesEnd},
}

// push sends a message to sessions of the kit's account; the zero ID is all of them.
func (k *kit) push(to session.ID, data string) (session.Push, session.Snapshot) {
	k.Helper()
	p, err := session.NewPush(to, []byte(data))
	k.must(err)
	snap, err := k.Store.Push(k.ctx, k.key, p)
	k.must(err)
	return p, snap
}

// delivery returns the next message in an inbox, which must be a push.
func (k *kit) delivery(inbox <-chan []byte) session.Pushed {
	k.Helper()
	select {
	case message := <-inbox:
		if !session.IsPush(message) {
			k.Fatalf("a notice came: %s", message)
		}
		d, err := session.DecodePush(message)
		k.must(err)
		return d
	case <-time.After(patience):
		k.Fatal("no message came")
		return session.Pushed{}
	}
}

// wantDelivery wants that a push is the next message in an inbox, for exactly these sessions.
func (k *kit) wantDelivery(inbox <-chan []byte, p session.Push, sessions ...session.ID) session.Pushed {
	k.Helper()
	d := k.delivery(inbox)
	if d.ID != p.ID || d.Key != k.key || string(d.Data) != string(p.Data) {
		k.Fatalf("got push %s of %d bytes for account %s, want %s", d.ID, len(d.Data), d.Key, p.ID)
	}
	set := func(ids []session.ID) map[session.ID]int {
		n := make(map[session.ID]int)
		for _, id := range ids {
			n[id]++
		}
		return n
	}
	same(k, "sessions", set(d.Sessions), set(sessions))
	return d
}

func pushReaches(k *kit) {
	k.beat("one", "two", "three")
	one, two, three := k.Inbox(k.T, "one"), k.Inbox(k.T, "two"), k.Inbox(k.T, "three")
	live := k.open(3)
	a, b, ended := live[0].ID, live[1].ID, live[2].ID
	routes := []session.Route{k.route(a, "one"), k.route(b, "one"), k.route(b, "two")}
	for _, r := range append(routes, k.route(ended, "three")) {
		k.attach(r)
	}
	k.end(k.key, ended)
	k.receive(three) // the notice, and nothing after it
	before := k.now()
	p, snap := k.push(session.ID{}, `{"n":[1,2.50,"ü"]}`)
	if d := k.wantDelivery(one, p, a, b); d.At.Before(before) || d.At.After(k.now()) {
		k.Errorf("sent at %v, want the store's clock after %v", d.At, before)
	}
	k.wantDelivery(two, p, b)
	k.wantRoutes(snap.Routes, routes...)
	same(k, "account", snap.Account, k.load(k.key).Account)
	same(k, "version", snap.Version, k.load(k.key).Version)
	k.wantSilence(three, "three")
}

// wantSilence wants that nothing has come to an instance's inbox before a notice that is sent to it now.
func (k *kit) wantSilence(inbox <-chan []byte, instance string) {
	k.Helper()
	k.endOneOf("somebody else "+uuid.NewString(), instance)
	k.receive(inbox)
}

func pushToOne(k *kit) {
	k.beat("one", "two")
	one, two := k.Inbox(k.T, "one"), k.Inbox(k.T, "two")
	live := k.open(2)
	a, b := live[0].ID, live[1].ID
	for _, r := range []session.Route{k.route(a, "one"), k.route(b, "one"), k.route(b, "two")} {
		k.attach(r)
	}
	p, snap := k.push(a, `"for a"`)
	k.wantDelivery(one, p, a)
	if to := snap.Routes.For(p); len(to) != 1 || len(to["one"]) != 1 {
		k.Errorf("it went to %v, want to one", to)
	}
	k.push(uuid.New(), `"for none"`)
	k.wantSilence(one, "one")
	k.wantSilence(two, "two")
}

func pushNotKept(k *kit) {
	k.beat("one")
	live := k.open(1)
	k.attach(k.route(live[0].ID, "one"))
	before := k.load(k.key)
	k.push(session.ID{}, `1`)
	inbox := k.Inbox(k.T, "one")
	after := k.load(k.key)
	before.Now, after.Now = time.Time{}, time.Time{}
	same(k, "snapshot", after, before)
	same(k, "events", len(k.events(10)), 0)
	if told := k.told("one", k.key.Shard()); told != 0 {
		k.Errorf("it counts as %d notices", told)
	}
	k.end(k.key, live[0].ID)
	if n := k.receive(inbox); n.Mailed.Number != 1 {
		k.Errorf("the first notice is number %d", n.Mailed.Number)
	}
}

func pushInOrder(k *kit) {
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	k.attach(k.route(k.open(1)[0].ID, "one"))
	for i := range 50 {
		k.push(session.ID{}, fmt.Sprint(i))
	}
	for i := range 50 {
		if d := k.delivery(inbox); string(d.Data) != fmt.Sprint(i) {
			k.Fatalf("got %s, want %d", d.Data, i)
		}
	}
}

func pushNobody(k *kit) {
	_, snap := k.push(session.ID{}, `null`)
	same(k, "version", snap.Version, session.Version{})
	k.wantRoutes(snap.Routes)
	live := k.open(1)
	_, snap = k.push(live[0].ID, `null`)
	same(k, "account", snap.Account, k.account(live...))
	k.wantRoutes(snap.Routes)
}

func pushLeases(k *kit) {
	k.beat("one", "two")
	one, two := k.Inbox(k.T, "one"), k.Inbox(k.T, "two")
	live := k.open(1)
	k.attach(k.route(live[0].ID, "one"))
	k.attach(k.route(live[0].ID, "two"))
	k.Lapse(k.T, "one")
	k.beat("two")
	p, snap := k.push(session.ID{}, `true`)
	k.wantDelivery(two, p, live[0].ID)
	k.wantRoutes(snap.Routes, k.route(live[0].ID, "two"))
	k.beat("one")
	k.wantSilence(one, "one")
}

func pushLosses(k *kit) {
	live := k.open(2)
	version := k.load(k.key).Version
	mark := session.Mark{Key: k.key, Session: live[0].ID, Missed: true}
	missed := func() time.Time { k.Helper(); return k.load(k.key).Missed[mark.Session] }

	before := k.now()
	mark.Ago = 10 * time.Second
	k.touch(mark)
	k.wantTime("lost", missed(), before, k.now(), mark.Ago)
	early := missed()
	before = k.now()
	mark.Ago = time.Second
	k.touch(mark, mark) // sent again
	k.wantTime("lost", missed(), before, k.now(), mark.Ago)
	late := missed()
	mark.Ago = 20 * time.Second
	k.touch(mark)
	same(k, "lost", missed(), late)

	told := session.Mark{Key: k.key, Session: mark.Session, Missed: true, Told: early}
	k.touch(told)
	same(k, "lost, of which only the earlier was told", missed(), late)
	snap := k.load(k.key)
	same(k, "version", snap.Version, version)
	same(k, "account", snap.Account, k.account(live...))
	same(k, "sessions with losses", len(snap.Missed), 1)
	k.beat("one")
	same(k, "lost, in attach", k.attach(k.route(live[0].ID, "one")).Missed[mark.Session], late)
	// Through a change, and with activity.
	k.touch(session.Mark{Key: k.key, Session: mark.Session})
	k.end(k.key, live[1].ID)
	same(k, "lost", missed(), late)

	told.Told = late
	k.touch(told, told)
	same(k, "sessions with losses", len(k.load(k.key).Missed), 0)
	mark.Key = session.KeyOf("nobody")
	told.Key = mark.Key
	k.touch(mark, told)
	same(k, "version of nobody", k.load(mark.Key).Version, session.Version{})
}

func pushLossesEnd(k *kit) {
	live := k.open(2)
	gone := session.Mark{Key: k.key, Session: live[0].ID, Missed: true}
	k.touch(gone)
	k.end(k.key, live[0].ID)
	same(k, "sessions with losses", len(k.load(k.key).Missed), 0)
	k.touch(gone, session.Mark{Key: k.key, Session: uuid.New(), Missed: true})
	snap := k.load(k.key)
	same(k, "sessions with losses", len(snap.Missed), 0)
	same(k, "live sessions", snap.Account.Live, live[1:])
}
