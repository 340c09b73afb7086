package sessiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// patience is how long the suite waits for a message that must come. Only a failing test waits as long.
const patience = time.Minute

// kit is a store under test with the words that the tests are written in. Its methods fail the test when the
// store returns an error that it should not.
type kit struct {
	*testing.T
	Harness
	ctx context.Context
	// user and key are an account that most tests need only one of.
	user string
	key  session.Key
}

func newKit(t *testing.T, h Harness) *kit {
	return &kit{T: t, Harness: h, ctx: t.Context(), user: "alice", key: session.KeyOf("alice")}
}

// must fails the test on an error.
func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// wantErr fails the test unless err is want.
func (k *kit) wantErr(err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Fatalf("got error %v, want %v", err, want)
	}
}

// same fails the test unless got and want say the same.
func same[T any](k *kit, what string, got, want T) {
	k.Helper()
	if g, w := asJSON(k, got), asJSON(k, want); g != w {
		k.Fatalf("%s:\n got %s\nwant %s", what, g, w)
	}
}

func asJSON(k *kit, v any) string {
	k.Helper()
	text, err := json.Marshal(v)
	k.must(err)
	return string(text)
}

func (k *kit) load(key session.Key) session.Snapshot {
	k.Helper()
	snap, err := k.Store.Load(k.ctx, key)
	k.must(err)
	return snap
}

// now returns the store's clock.
func (k *kit) now() time.Time {
	k.Helper()
	return k.load(k.key).Now
}

// session returns a session that was opened and last active at the given time, and lives for ever.
func (k *kit) session(at time.Time) session.Session {
	id := uuid.New()
	return session.Session{
		ID:           id,
		Device:       session.Device{ID: "device of " + id.String(), Kind: session.Web},
		CreatedAt:    at,
		LastActiveAt: at,
	}
}

// account returns the account of the kit's user.
func (k *kit) account(live ...session.Session) session.Account {
	return session.Account{User: k.user, Live: live}
}

// change returns a new change, whose events say which sessions ended.
func (k *kit) change(from session.Version, a session.Account, ended ...session.Session) session.Change {
	c := session.Change{ID: uuid.New(), From: from, Account: a, Ended: ended}
	for i := range ended {
		c.Events = append(c.Events, session.Event{
			Type:    session.SessionEnded,
			At:      ended[i].Ended.At,
			User:    a.User,
			Session: &ended[i],
		})
	}
	return c
}

// commit makes a change that must succeed, and returns the new version.
func (k *kit) commit(c session.Change) session.Version {
	k.Helper()
	_, err := k.Store.Commit(k.ctx, session.KeyOf(c.Account.User), c)
	k.must(err)
	return c.ID
}

// kept returns the account of a change as a store keeps it that has sent the notices of these sessions.
func kept(c session.Change, sent ...session.ID) session.Account {
	return c.Account.Deliver(c.Ended, sent)
}

// open commits the kit's account anew, with n live sessions that were last active a minute ago, and returns
// them.
func (k *kit) open(n int) []session.Session {
	k.Helper()
	snap := k.load(k.key)
	var live []session.Session
	for range n {
		live = append(live, k.session(snap.Now.Add(-time.Minute)))
	}
	k.commit(k.change(snap.Version, k.account(live...)))
	return live
}

// ending returns the change that ends one session of an account, and the session as it is then.
func (k *kit) ending(key session.Key, id session.ID) (session.Change, session.Session) {
	k.Helper()
	snap := k.load(key)
	a, ended := snap.Account.End([]session.ID{id}, session.Ending{Reason: session.EndedByUser}, snap.Now)
	if len(ended) != 1 {
		k.Fatalf("session %s is not live in %s", id, asJSON(k, snap.Account))
	}
	return k.change(snap.Version, a, ended...), ended[0]
}

// end ends one session of an account.
func (k *kit) end(key session.Key, id session.ID) session.Version {
	k.Helper()
	c, _ := k.ending(key, id)
	return k.commit(c)
}

// beat makes instances be alive.
func (k *kit) beat(instances ...string) {
	k.Helper()
	for _, id := range instances {
		_, _, err := k.Store.Beat(k.ctx, session.Instance{ID: id})
		k.must(err)
	}
}

// route returns the first route of an instance to a session of the kit's account.
func (k *kit) route(id session.ID, instance string) session.Route {
	return session.Route{Key: k.key, Session: id, Instance: instance, Epoch: 1, Connections: 1}
}

func (k *kit) attach(r session.Route) session.Snapshot {
	k.Helper()
	snap, err := k.Store.Attach(k.ctx, r.Key, r)
	k.must(err)
	return snap
}

func (k *kit) detach(routes ...session.Route) {
	k.Helper()
	k.must(k.Store.Detach(k.ctx, routes...))
}

// wantRoutes fails the test unless the account has exactly these routes, in any order.
func (k *kit) wantRoutes(got session.Routes, want ...session.Route) {
	k.Helper()
	names := func(routes []session.Route) map[string]int {
		set := make(map[string]int)
		for _, r := range routes {
			set[fmt.Sprintf("%s %s at %s, epoch %d: %d", r.Key, r.Session, r.Instance, r.Epoch, r.Connections)]++
		}
		return set
	}
	same(k, "routes", names(got), names(want))
}

// told returns how many notices a shard has sent an instance.
func (k *kit) told(instance string, shard int) uint64 {
	k.Helper()
	told, err := k.Store.Told(k.ctx, instance)
	k.must(err)
	return told[shard].Number
}

// receive returns the next notice in an inbox.
func (k *kit) receive(inbox <-chan []byte) session.Notice {
	k.Helper()
	select {
	case message := <-inbox:
		notice, err := session.DecodeNotice(message)
		k.must(err)
		return notice
	case <-time.After(patience):
		k.Fatal("no notice came")
		return session.Notice{}
	}
}

// page returns up to limit events after a place, and checks what is true of every page.
func (k *kit) page(after string, limit int) session.Page {
	k.Helper()
	page, err := k.Store.Events(k.ctx, after, limit)
	k.must(err)
	if len(page.Events) > limit || page.Next == "" {
		k.Fatalf("%d events in a page of %d, and then %q", len(page.Events), limit, page.Next)
	}
	return page
}

// events returns all events, read in pages of the given size.
func (k *kit) events(limit int) []session.Event {
	k.Helper()
	all, _ := k.eventsAfter("", limit)
	return all
}

// eventsAfter returns all events after a place, read in pages of the given size, and the cursor after them.
func (k *kit) eventsAfter(after string, limit int) (all []session.Event, next string) {
	k.Helper()
	for {
		page := k.page(after, limit)
		all, after = append(all, page.Events...), page.Next
		if page.Trimmed {
			k.Fatal("events are missing")
		}
		if !page.More {
			return all, after
		}
	}
}

// wantEvents fails the test unless these are all events, in this order.
func (k *kit) wantEvents(want ...session.Event) {
	k.Helper()
	same(k, "events", withoutIDs(k.events(100)), withoutIDs(want))
}

func withoutIDs(events []session.Event) []session.Event {
	plain := make([]session.Event, len(events))
	for i, e := range events {
		e.ID = ""
		plain[i] = e
	}
	return plain
}

// usersOf returns n users of one shard.
func usersOf(shard, n int) []string {
	var users []string
	for i := 0; len(users) < n; i++ {
		if user := fmt.Sprintf("user %d", i); session.KeyOf(user).Shard() == shard {
			users = append(users, user)
		}
	}
	return users
}
