package sessiontest

import (
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var limitCases = []testCase{
	{"the limits of a user come back as they were committed", limitsWhole},
	{"an account with limits is kept for ever", limitsKept},
	{"activity does not shorten that", limitsTouched},
	{"an account that has lost its limits is forgotten like any other", limitsLost},
}

func limitsWhole(k *kit) {
	tv := map[session.Kind]int{session.TV: 1, session.Web: session.Unlimited}
	for _, limits := range []session.Limits{
		{Limit: 5, LimitByKind: tv, Policy: session.Ask},
		{Limit: session.Unlimited},
		{LimitByKind: tv},
		{LimitByKind: map[session.Kind]int{}}, // which is not the same as none
		{Policy: session.Reject},
		{},
	} {
		want := k.account(k.session(k.now()))
		want.Limits = limits
		k.commit(k.change(k.load(k.key).Version, want))
		got := k.load(k.key).Account
		same(k, "account", got, want)
		if !got.Limits.Equal(limits) {
			k.Errorf("limits %+v, want %+v", got.Limits, limits)
		}
	}
}

// old returns the kit's account with nothing but a session that ended before anybody wants to know, and limits.
func (k *kit) old(limits session.Limits) session.Account {
	k.Helper()
	now := k.now()
	gone := k.session(now.Add(-30 * 24 * time.Hour))
	gone.Ended = &session.Ending{Reason: session.SignedOut, At: now.Add(-session.KeepEndedFor - time.Hour)}
	return session.Account{User: k.user, Ended: []session.Session{gone}, Limits: limits}
}

func limitsKept(k *kit) {
	limits := session.Limits{Policy: session.Ask}
	for _, want := range []session.Account{k.old(limits), {User: k.user, Limits: limits}} {
		version := k.commit(k.change(k.load(k.key).Version, want))
		snap := k.load(k.key)
		same(k, "account", snap.Account, want)
		same(k, "version", snap.Version, version)
	}
}

func limitsTouched(k *kit) {
	want := k.old(session.Limits{Limit: 2})
	live := k.session(k.now())
	live.IdleTimeout = time.Minute
	want.Live = []session.Session{live}
	k.commit(k.change(session.Version{}, want))
	k.touch(session.Mark{Key: k.key, Session: live.ID, IdleTimeout: time.Minute, Ago: 30 * 24 * time.Hour},
		session.Mark{Key: k.key, Session: want.Ended[0].ID, Receipt: true, Ago: 30 * 24 * time.Hour})
	same(k, "limits", k.load(k.key).Account.Limits, want.Limits)
	same(k, "live sessions", k.load(k.key).Account.Live, want.Live)
}

func limitsLost(k *kit) {
	version := k.commit(k.change(session.Version{}, k.old(session.Limits{Limit: 2})))
	k.commit(k.change(version, k.old(session.Limits{})))
	same(k, "account", k.load(k.key).Account, session.Account{})
}
