package sessiontest

import (
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var touchCases = []testCase{
	{"the later activity stays, outside the version", touchActivity},
	{"the earlier receipt stays, outside the version", touchReceipt},
	{"marks for an account that is not there are forgotten", touchAbsent},
	{"marks for a session that is not there do nothing", touchUnknown},
	{"marks that come in between a load and its commit are kept", touchBetween},
	{"marks can be for several accounts", touchMany},
	{"a change that ends a session loses to activity since", touchEnded},
	{"a session that has been active since does not end as idle", touchIdle},
}

// wantTime fails the test unless at lies between two moments of the store's clock, ago before.
func (k *kit) wantTime(what string, at, before, after time.Time, ago time.Duration) {
	k.Helper()
	if at.Before(before.Add(-ago)) || at.After(after.Add(-ago)) {
		k.Fatalf("%s at %v, want %v before between %v and %v", what, at, ago, before, after)
	}
}

func (k *kit) touch(marks ...session.Mark) {
	k.Helper()
	k.must(k.Store.Touch(k.ctx, marks...))
}

// find returns a session of the kit's account.
func (k *kit) find(id session.ID) session.Session {
	k.Helper()
	s, ok := k.load(k.key).Account.Find(id)
	if !ok {
		k.Fatalf("no session %s", id)
	}
	return s
}

func touchActivity(k *kit) {
	now := k.now()
	s, other := k.session(now.Add(-time.Hour)), k.session(now.Add(-time.Hour))
	s.IdleTimeout, other.IdleTimeout = 2*time.Hour, 2*time.Hour
	version := k.commit(k.change(session.Version{}, k.account(s, other)))
	mark := session.Mark{Key: k.key, Session: s.ID, IdleTimeout: s.IdleTimeout}

	mark.Ago = 2 * time.Hour
	k.touch(mark)
	if at := k.find(s.ID).LastActiveAt; !at.Equal(s.LastActiveAt) {
		k.Errorf("active at %v, want %v still", at, s.LastActiveAt)
	}
	before := k.now()
	mark.Ago = 10 * time.Minute
	k.touch(mark)
	at := k.find(s.ID).LastActiveAt
	k.wantTime("active", at, before, k.now(), mark.Ago)
	mark.Ago = 30 * time.Minute
	k.touch(mark)
	if again := k.find(s.ID).LastActiveAt; !again.Equal(at) {
		k.Errorf("active at %v, want %v still", again, at)
	}
	before = k.now()
	mark.Ago = 0
	k.touch(mark)
	k.wantTime("active", k.find(s.ID).LastActiveAt, before, k.now(), 0)

	snap := k.load(k.key)
	same(k, "version", snap.Version, version)
	same(k, "the other session", snap.Account.Live[1], other)
}

func touchReceipt(k *kit) {
	live := k.open(2)
	k.end(k.key, live[0].ID)
	version := k.end(k.key, live[1].ID)
	mark := session.Mark{Key: k.key, Session: live[0].ID, Receipt: true}
	acked := func() time.Time { k.Helper(); return k.find(live[0].ID).Ended.AckedAt }

	before := k.now()
	mark.Ago = 10 * time.Second
	k.touch(mark)
	first := acked()
	k.wantTime("shown", first, before, k.now(), mark.Ago)
	mark.Ago = 0
	k.touch(mark)
	if at := acked(); !at.Equal(first) {
		k.Errorf("shown at %v, want %v still", at, first)
	}
	before = k.now()
	mark.Ago = 20 * time.Second
	k.touch(mark)
	k.wantTime("shown", acked(), before, k.now(), mark.Ago)

	snap := k.load(k.key)
	same(k, "version", snap.Version, version)
	if at := k.find(live[1].ID).Ended.AckedAt; !at.IsZero() {
		k.Errorf("the other's notice was shown at %v", at)
	}
}

func touchAbsent(k *kit) {
	s := k.session(k.now().Add(-time.Hour))
	k.touch()
	k.touch(session.Mark{Key: k.key, Session: s.ID, IdleTimeout: time.Hour},
		session.Mark{Key: k.key, Session: s.ID, Receipt: true})
	same(k, "version", k.load(k.key).Version, session.Version{})
	k.commit(k.change(session.Version{}, k.account(s)))
	same(k, "session", k.find(s.ID), s)
}

func touchUnknown(k *kit) {
	live := k.open(1)
	before := k.load(k.key)
	k.touch(session.Mark{Key: k.key, Session: uuid.New()},
		session.Mark{Key: k.key, Session: uuid.New(), Receipt: true},
		session.Mark{Key: k.key, Session: live[0].ID, Receipt: true})
	same(k, "account", k.load(k.key).Account, before.Account)
}

func touchBetween(k *kit) {
	live := k.open(3)
	k.end(k.key, live[0].ID)
	change, _ := k.ending(k.key, live[1].ID)
	before := k.now()
	k.touch(session.Mark{Key: k.key, Session: live[0].ID, Receipt: true},
		session.Mark{Key: k.key, Session: live[2].ID})
	after := k.now()
	k.commit(change)
	k.wantTime("shown", k.find(live[0].ID).Ended.AckedAt, before, after, 0)
	k.wantTime("active", k.find(live[2].ID).LastActiveAt, before, after, 0)

	// And through further commits.
	want := k.load(k.key)
	k.commit(k.change(want.Version, want.Account))
	same(k, "account", k.load(k.key).Account, want.Account)
}

func touchMany(k *kit) {
	var marks []session.Mark
	before := k.now()
	for _, user := range []string{"a", "b", "c"} {
		s := k.session(before.Add(-time.Hour))
		k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
		marks = append(marks, session.Mark{Key: session.KeyOf(user), Session: s.ID},
			session.Mark{Key: session.KeyOf("nobody"), Session: s.ID})
	}
	k.touch(marks...)
	for _, user := range []string{"a", "b", "c"} {
		at := k.load(session.KeyOf(user)).Account.Live[0].LastActiveAt
		k.wantTime("active", at, before, k.now(), 0)
	}
}

// touchEnded lets a session be active that a change is about to end: the change was decided on what is no longer so.
func touchEnded(k *kit) {
	live := k.open(2)
	before := k.load(k.key)
	change, _ := k.ending(k.key, live[0].ID)
	k.touch(session.Mark{Key: k.key, Session: live[1].ID})
	k.touch(session.Mark{Key: k.key, Session: live[0].ID})
	lostTo, err := k.Store.Commit(k.ctx, k.key, change)
	k.wantErr(err, session.ErrConflict)
	same(k, "version", lostTo.Version, before.Version)
	change.Ended[0].LastActiveAt = lostTo.Account.Live[0].LastActiveAt
	if !change.Ended[0].LastActiveAt.After(live[0].LastActiveAt) {
		k.Errorf("active at %s, no later than before", change.Ended[0].LastActiveAt)
	}
	k.commit(change)
}

func touchIdle(k *kit) {
	now := k.now()
	s := k.session(now.Add(-time.Hour))
	s.IdleTimeout = 30 * time.Minute
	k.commit(k.change(session.Version{}, k.account(s)))
	snap := k.load(k.key)
	account, expired := snap.Account.Expire(snap.Now)
	if len(expired) != 1 || expired[0].Ended.Reason != session.Idle {
		k.Fatalf("expired: %s", asJSON(k, expired))
	}
	change := k.change(snap.Version, account)
	change.Ended = expired

	k.touch(session.Mark{Key: k.key, Session: s.ID, Ago: time.Minute, IdleTimeout: s.IdleTimeout})
	lostTo, err := k.Store.Commit(k.ctx, k.key, change)
	k.wantErr(err, session.ErrConflict)
	if found, _ := lostTo.Account.Find(s.ID); found.Ended != nil || found.Err(lostTo.Now) != nil {
		k.Errorf("the session is %s, want it live", asJSON(k, found))
	}
	if found := k.find(s.ID); found.Ended != nil {
		k.Errorf("the session has ended: %s", asJSON(k, found))
	}
}
