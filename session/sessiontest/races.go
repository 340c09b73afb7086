package sessiontest

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sessionhub/sessionhub/session"
)

var raceCases = []testCase{
	{"of changes from one version exactly one is made", raceCommits},
	{"of an attach and a commit, one is told or the other sees", raceAttach},
	{"of an old route's detach and a new one's attach, the new one stays", raceDetach},
	{"notices to one instance are numbered without a gap", raceNotices},
	{"one change that is sent many times is made once", raceRepeated},
}

// together calls f(0) to f(n-1) at the same time, and returns their errors in order.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

func raceCommits(k *kit) {
	const contenders = 16
	version := session.Version{}
	for round := range 10 {
		changes := make([]session.Change, contenders)
		lostTo := make([]session.Snapshot, contenders)
		for i := range changes {
			s := k.session(k.now())
			changes[i] = k.change(version, k.account(s))
			changes[i].Events = []session.Event{{Type: session.SessionCreated, User: k.user, Session: &s}}
		}
		errs := together(contenders, func(i int) (err error) {
			lostTo[i], err = k.Store.Commit(k.ctx, k.key, changes[i])
			return err
		})
		winner := slices.Index(errs, nil)
		if winner < 0 {
			k.Fatalf("round %d: none was made: %v", round, errs)
		}
		for i, err := range errs {
			if i == winner {
				continue
			}
			k.wantErr(err, session.ErrConflict)
			same(k, "the version it lost to", lostTo[i].Version, changes[winner].ID)
			same(k, "the account it lost to", lostTo[i].Account, changes[winner].Account)
		}
		version = changes[winner].ID
		same(k, "account", k.load(k.key).Account, changes[winner].Account)
		if n := len(k.events(100)); n != round+1 {
			k.Fatalf("%d events after round %d", n, round)
		}
	}
}

func raceAttach(k *kit) {
	k.beat("one")
	for round := range 100 {
		user := fmt.Sprint("user ", round)
		key := session.KeyOf(user)
		s := k.session(k.now())
		k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
		change, _ := k.ending(key, s.ID)
		before := k.told("one", key.Shard())

		var seen session.Snapshot
		errs := together(2, func(i int) (err error) {
			if i == 0 {
				_, err = k.Store.Commit(k.ctx, key, change)
				return err
			}
			route := session.Route{Key: key, Session: s.ID, Instance: "one", Epoch: 1, Connections: 1}
			seen, err = k.Store.Attach(k.ctx, key, route)
			return err
		})
		k.must(errors.Join(errs...))
		if told := k.told("one", key.Shard()) > before; !told && len(seen.Account.Ended) == 0 {
			k.Fatalf("round %d: neither told nor seen", round)
		} else if s, _ := k.load(key).Account.Find(s.ID); s.Ended.Sent() && !told {
			k.Fatalf("round %d: sent, and not told", round)
		}
	}
}

func raceDetach(k *kit) {
	k.beat("one")
	id := k.open(1)[0].ID
	old, fresh := k.route(id, "one"), k.route(id, "one")
	for range 100 {
		old.Epoch, fresh.Epoch = fresh.Epoch, fresh.Epoch+1
		old.Connections = 0
		errs := together(2, func(i int) error {
			if i == 0 {
				return k.Store.Detach(k.ctx, old)
			}
			_, err := k.Store.Attach(k.ctx, k.key, fresh)
			return err
		})
		k.must(errors.Join(errs...))
		k.wantRoutes(k.load(k.key).Routes, fresh)
	}
}

func raceNotices(k *kit) {
	const shard, n = 2, 60
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	users := usersOf(shard, n)
	changes := make([]session.Change, n)
	for i, user := range users {
		s := k.session(k.now())
		key := session.KeyOf(user)
		k.commit(k.change(session.Version{}, session.Account{User: user, Live: []session.Session{s}}))
		k.attach(session.Route{Key: key, Session: s.ID, Instance: "one", Epoch: 1, Connections: 1})
		changes[i], _ = k.ending(key, s.ID)
	}
	k.must(errors.Join(together(n, func(i int) error {
		_, err := k.Store.Commit(k.ctx, session.KeyOf(users[i]), changes[i])
		return err
	})...))
	told := make(map[string]bool)
	for i := range n {
		notice := k.receive(inbox)
		if notice.Mailed.Number != uint64(i+1) {
			k.Fatalf("notice %d came after %d others", notice.Mailed.Number, i)
		}
		told[notice.Events[0].User] = true
	}
	if len(told) != n {
		k.Errorf("%d users in %d notices", len(told), n)
	}
	same(k, "missed", len(k.missed("one", shard, session.Mailed{})), n)
}

func raceRepeated(k *kit) {
	k.beat("one")
	id := k.open(1)[0].ID
	k.attach(k.route(id, "one"))
	change, _ := k.ending(k.key, id)
	k.must(errors.Join(together(16, func(int) error {
		_, err := k.Store.Commit(k.ctx, k.key, change)
		return err
	})...))
	k.wantEvents(change.Events...)
	if told := k.told("one", k.key.Shard()); told != 1 {
		k.Errorf("told %d times, want once", told)
	}
}
