package sessiontest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var loadCases = []testCase{
	{"an account that is not there is empty", loadAbsent},
	{"an account comes back as it was committed", loadWhole},
	{"a user can be any string of bytes", loadUsers},
	{"an account can have a thousand sessions", loadLarge},
	{"an ended context is ErrUnavailable, in every method", loadEndedContext},
}

func loadAbsent(k *kit) {
	snap := k.load(k.key)
	if snap.Version != (session.Version{}) {
		k.Errorf("version %s, want zero", snap.Version)
	}
	same(k, "account", snap.Account, session.Account{})
	k.wantRoutes(snap.Routes)
	whole := snap.Now.UTC().Truncate(time.Millisecond)
	if snap.Now.IsZero() || snap.Now != whole {
		k.Errorf("clock %v, want UTC in whole milliseconds", snap.Now)
	}
	if later := k.load(k.key).Now; later.Before(snap.Now) {
		k.Errorf("clock went from %v back to %v", snap.Now, later)
	}
}

func loadWhole(k *kit) {
	now := k.now()
	phone := session.Device{ID: "phone", Name: "Ann's phone 📱", Kind: session.Mobile}
	full := session.Session{
		ID:           uuid.New(),
		Device:       phone,
		IP:           "2001:db8::1",
		UserAgent:    `Agent/1.0 ("quoted" <&>)`,
		Digest:       session.Digest{1, 2, 3, 255},
		CreatedAt:    now.Add(-time.Hour),
		LastActiveAt: now.Add(-time.Minute + 123*time.Millisecond),
		IdleTimeout:  30 * time.Minute,
		ExpiresAt:    now.Add(24 * time.Hour),
		Attributes:   map[string]string{"tenant": "blue", "": "\x00"},
	}
	gone := full
	gone.ID = uuid.New()
	gone.Ended = &session.Ending{
		Reason:  session.EndedByAdmin,
		At:      now.Add(-time.Second),
		By:      &session.Actor{SessionID: uuid.New(), Device: &phone, IP: "192.0.2.1", UserAgent: "x"},
		Message: "Line one\nline two",
		AckedAt: now,
	}
	ticket := session.Ticket{
		Digest:    session.Digest{9},
		ExpiresAt: now.Add(time.Minute),
		Request:   session.Request{Device: phone, IP: "::1", Attributes: map[string]string{"a": "b"}},
		Rule: session.Rule{
			Limit:       3,
			LimitByKind: map[session.Kind]int{session.TV: 1, session.Web: session.Unlimited},
			Policy:      session.Ask,
			IdleTimeout: time.Hour,
			MaxLifetime: 48 * time.Hour,
		},
	}
	want := k.account(full, k.session(now))
	want.Ended, want.Tickets = []session.Session{gone}, []session.Ticket{ticket}
	version := k.commit(k.change(session.Version{}, want))

	snap := k.load(k.key)
	same(k, "account", snap.Account, want)
	same(k, "version", snap.Version, version)
}

func loadUsers(k *kit) {
	users := []string{
		"a", "two words", "/", "../..", "a/b?c#d", "{}", "{tag}", "a:b", `"`, "'", `\`, "`", "%00", "*", "[x]",
		"line\nline\r\n", "tab\t", "nul\x00nul", "\x00", "émile", "e\u0301mile", "👩‍👩‍👧", "\u202e", "\ufeff", "null",
		"0", "\xff\xfe", "half\xc3", "'; DROP TABLE accounts; --", strings.Repeat("x", 256), strings.Repeat("é", 128),
		strings.Repeat("\x00", 256),
	}
	k.beat("one")
	versions := make(map[string]session.Version)
	for _, user := range users {
		s := k.session(k.now())
		c := k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}})
		c.Events = []session.Event{{Type: session.SessionCreated, At: s.CreatedAt, User: user, Session: &s}}
		versions[user] = k.commit(c)
		k.attach(session.Route{Key: session.KeyOf(user), Session: s.ID, Instance: "one", Epoch: 1, Connections: 1})
	}
	for _, user := range users {
		snap := k.load(session.KeyOf(user))
		if snap.Account.User != user || snap.Version != versions[user] {
			k.Errorf("user %q is %q at %s, want %s", user, snap.Account.User, snap.Version, versions[user])
		}
		if n := len(snap.Routes); n != 1 {
			k.Errorf("user %q has %d routes, want 1", user, n)
		}
	}
	left := make(map[string]bool)
	for _, user := range users {
		left[user] = true
	}
	for _, e := range k.events(7) {
		if !left[e.User] {
			k.Errorf("an event of user %q is one too many", e.User)
		}
		delete(left, e.User)
	}
	for user := range left {
		k.Errorf("no event of user %q", user)
	}
}

func loadLarge(k *kit) {
	k.beat("one")
	live := k.open(session.MaxSessions)
	snap := k.load(k.key)
	same(k, "account", snap.Account, k.account(live...))

	const attached = 20
	for _, s := range live[:attached] {
		k.attach(k.route(s.ID, "one"))
	}
	var marks []session.Mark
	for _, s := range live {
		marks = append(marks, session.Mark{Key: k.key, Session: s.ID})
	}
	k.must(k.Store.Touch(k.ctx, marks...))
	snap = k.load(k.key)
	if len(snap.Routes) != attached {
		k.Errorf("%d routes, want %d", len(snap.Routes), attached)
	}
	for i, s := range snap.Account.Live {
		if !s.LastActiveAt.After(live[i].LastActiveAt) {
			k.Fatalf("session %d was last active at %v, no later than before", i, s.LastActiveAt)
		}
	}
	a := snap.Account
	ids := make([]session.ID, len(live))
	for i := range live {
		ids[i] = live[i].ID
	}
	a, ended := a.End(ids, session.Ending{Reason: session.EndedByAdmin}, snap.Now)
	k.commit(k.change(snap.Version, a, ended...))
	if told := k.told("one", k.key.Shard()); told != 1 {
		k.Errorf("%d notices, want one for the whole change", told)
	}
	if n := len(k.events(300)); n != session.MaxSessions {
		k.Errorf("%d events, want %d", n, session.MaxSessions)
	}
}

func loadEndedContext(k *kit) {
	k.open(1)
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	s, version := k.Store, k.load(k.key).Version
	calls := map[string]func() error{
		"Load":   func() error { _, err := s.Load(ctx, k.key); return err },
		"Commit": func() error { _, err := s.Commit(ctx, k.key, k.change(version, k.account())); return err },
		"Attach": func() error { _, err := s.Attach(ctx, k.key, k.route(uuid.New(), "one")); return err },
		"Detach": func() error { return s.Detach(ctx, k.route(uuid.New(), "one")) },
		"Touch":  func() error { return s.Touch(ctx, session.Mark{Key: k.key, Session: uuid.New()}) },
		"Due":    func() error { _, err := s.Due(ctx, 1); return err },
		"Record": func() error { return s.Record(ctx, k.key, session.Event{Type: session.LoginFailed}) },
		"Events": func() error { _, err := s.Events(ctx, "", 1); return err },
		"Beat":   func() error { _, _, err := s.Beat(ctx, session.Instance{ID: "one"}); return err },
		"Told":   func() error { _, err := s.Told(ctx, "one"); return err },
		"Missed": func() error { _, err := s.Missed(ctx, "one", 0, session.Mailed{}); return err },
	}
	for name, call := range calls {
		k.Run(name, func(t *testing.T) { (&kit{T: t}).wantErr(call(), session.ErrUnavailable) })
	}
}

var commitCases = []testCase{
	{"a change does all of it", commitAll},
	{"a change from another version is refused, with what it lost to", commitConflict},
	{"a change to an account that is not there is refused if it is from a version", commitConflictAbsent},
	{"a change that is sent again does nothing", commitRepeated},
	{"a change that is sent again after another is refused", commitRepeatedLate},
	{"a change is refused outside of its time", commitUntimely},
	{"what is recalled is what was committed last, or nothing", commitRecalled},
	{"a change may leave an account with nothing in it", commitEmptied},
}

// commitAll looks at the account, its deadline, its events and its notices.
func commitAll(k *kit) {
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	now := k.now()
	old, overdue := k.session(now), k.session(now.Add(-time.Hour))
	overdue.IdleTimeout = time.Minute
	first := k.commit(k.change(session.Version{}, k.account(old)))
	k.attach(k.route(old.ID, "one"))

	a, ended := k.account(old).End([]session.ID{old.ID}, session.Ending{Reason: session.Superseded}, now)
	a.Live = append(a.Live, overdue)
	change := k.change(first, a, ended...)
	change.Events = append(change.Events,
		session.Event{Type: session.SessionCreated, At: now, User: k.user, Session: &overdue},
		session.Event{Type: session.LoginChallenged, At: now, User: k.user, By: &session.Actor{IP: "192.0.2.7"}})
	change.NotAfter = now.Add(time.Hour)
	k.commit(change)

	snap := k.load(k.key)
	same(k, "account", snap.Account, kept(change, old.ID))
	same(k, "version", snap.Version, change.ID)
	k.wantRoutes(snap.Routes)
	k.wantEvents(change.Events...)
	notice := k.receive(inbox)
	same(k, "notice", withoutIDs(notice.Events), withoutIDs(change.Events))
	due, err := k.Store.Due(k.ctx, 10)
	k.must(err)
	same(k, "due", fmt.Sprint(due), fmt.Sprint([]session.Key{k.key}))
}

func commitConflict(k *kit) {
	k.beat("one")
	live := k.open(2)
	k.attach(k.route(live[0].ID, "one"))
	stale, _ := k.ending(k.key, live[0].ID)
	k.end(k.key, live[1].ID)
	before, events := k.load(k.key), k.events(100)

	lostTo, err := k.Store.Commit(k.ctx, k.key, stale)
	k.wantErr(err, session.ErrConflict)
	snaps := map[string]session.Snapshot{"the snapshot it lost to": lostTo, "the account": k.load(k.key)}
	for name, snap := range snaps {
		same(k, name, snap.Account, before.Account)
		same(k, "version of "+name, snap.Version, before.Version)
		k.wantRoutes(snap.Routes, k.route(live[0].ID, "one"))
		if snap.Now.Before(before.Now) {
			k.Errorf("clock of %s went from %v back to %v", name, before.Now, snap.Now)
		}
	}
	k.wantEvents(events...)
	if told := k.told("one", k.key.Shard()); told != 0 {
		k.Errorf("%d notices of a change that was refused", told)
	}
}

func commitConflictAbsent(k *kit) {
	lostTo, err := k.Store.Commit(k.ctx, k.key, k.change(uuid.New(), k.account(k.session(k.now()))))
	k.wantErr(err, session.ErrConflict)
	for _, snap := range []session.Snapshot{lostTo, k.load(k.key)} {
		same(k, "account", snap.Account, session.Account{})
		same(k, "version", snap.Version, session.Version{})
	}
	// And the zero version is only that of an account which is not there.
	k.open(1)
	lostTo, err = k.Store.Commit(k.ctx, k.key, k.change(session.Version{}, k.account()))
	k.wantErr(err, session.ErrConflict)
	same(k, "version", lostTo.Version, k.load(k.key).Version)
}

func commitRepeated(k *kit) {
	k.beat("one")
	live := k.open(2)
	k.attach(k.route(live[0].ID, "one"))
	change, _ := k.ending(k.key, live[0].ID)
	for range 3 {
		k.commit(change)
	}
	same(k, "account", k.load(k.key).Account, kept(change, live[0].ID))
	k.wantEvents(change.Events...)
	if told := k.told("one", k.key.Shard()); told != 1 {
		k.Errorf("told %d times, want once", told)
	}
}

func commitRepeatedLate(k *kit) {
	live := k.open(2)
	first, _ := k.ending(k.key, live[0].ID)
	k.commit(first)
	second, _ := k.ending(k.key, live[1].ID)
	k.commit(second)

	lostTo, err := k.Store.Commit(k.ctx, k.key, first)
	k.wantErr(err, session.ErrConflict)
	for _, snap := range []session.Snapshot{lostTo, k.load(k.key)} {
		same(k, "account", snap.Account, kept(second))
		same(k, "version", snap.Version, second.ID)
	}
	k.wantEvents(append(first.Events, second.Events...)...)
}

func commitUntimely(k *kit) {
	live := k.open(1)
	before := k.load(k.key)
	change, _ := k.ending(k.key, live[0].ID)
	refused := func(notBefore, notAfter time.Time) {
		k.Helper()
		change.NotBefore, change.NotAfter = notBefore, notAfter
		lostTo, err := k.Store.Commit(k.ctx, k.key, change)
		k.wantErr(err, session.ErrConflict)
		for _, snap := range []session.Snapshot{lostTo, k.load(k.key)} {
			same(k, "account", snap.Account, before.Account)
			same(k, "version", snap.Version, before.Version)
		}
	}
	for _, by := range []time.Duration{0, time.Millisecond, time.Hour} {
		refused(time.Time{}, before.Now.Add(-by))
	}
	refused(before.Now.Add(time.Hour), before.Now.Add(2*time.Hour))
	k.wantEvents()

	change.NotBefore, change.NotAfter = before.Now, before.Now.Add(time.Hour)
	k.commit(change)
}

func commitRecalled(k *kit) {
	k.beat("one")
	if snap, ok := k.Store.Recall(k.key); ok {
		k.Fatalf("of an account that was never there %s is recalled", asJSON(k, snap))
	}
	live := k.open(2)
	k.attach(k.route(live[0].ID, "one"))
	change, _ := k.ending(k.key, live[0].ID)
	k.commit(change)
	snap, ok := k.Store.Recall(k.key)
	if !ok {
		return
	}
	same(k, "account", snap.Account, kept(change, live[0].ID))
	same(k, "version", snap.Version, change.ID)
	k.wantRoutes(snap.Routes)
	if now := k.now(); snap.Now.After(now) {
		k.Errorf("it is %s, and %s was recalled", now, snap.Now)
	}
}

func commitEmptied(k *kit) {
	k.open(1)
	change := k.change(k.load(k.key).Version, k.account())
	k.commit(change)
	k.commit(change)
	snap := k.load(k.key)
	if n := len(snap.Account.Live) + len(snap.Account.Ended) + len(snap.Account.Tickets); n != 0 {
		k.Errorf("%d things left in %s", n, asJSON(k, snap.Account))
	}
	next := k.session(snap.Now)
	k.commit(k.change(snap.Version, k.account(next)))
	same(k, "account", k.load(k.key).Account, k.account(next))
}
