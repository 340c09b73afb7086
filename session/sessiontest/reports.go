package sessiontest

import (
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var reportCases = []testCase{
	{"a report ends the session, marks it and is an event, in one notice", reportEnds},
	{"a report of a session that has ended is an event and no notice", reportMarks},
	{"a receipt comes after a report as before it", reportReceipt},
}

// forced opens a session for the kit's user that forces another one out, and returns what proves either.
func (k *kit) forced(reg *session.Registry) (victim, intruder session.Credential) {
	k.Helper()
	var creds [2]session.Credential
	for i := range creds {
		s := k.session(time.Time{})
		creds[i] = session.Credential{Key: k.key, ID: s.ID, Digest: session.Digest{byte(i + 1)}}
		_, err := reg.Login(k.ctx, session.Request{User: k.user, Credential: creds[i], Device: s.Device, IP: "192.0.2.7"},
			session.Rule{Limit: 1, Policy: session.Evict})
		k.must(err)
	}
	return creds[0], creds[1]
}

// tombstone returns how a session of the kit's user has ended.
func (k *kit) tombstone(id session.ID) session.Ending {
	k.Helper()
	s, ok := k.load(k.key).Account.Find(id)
	if !ok || s.Ended == nil {
		k.Fatalf("session %s has not ended", id)
	}
	return *s.Ended
}

func reportEnds(k *kit) {
	k.beat("one")
	inbox := k.Inbox(k.T, "one")
	reg := session.NewRegistry(k.Store)
	victim, intruder := k.forced(reg)
	k.attach(k.route(intruder.ID, "one"))
	before := len(k.events(100))

	out, err := reg.Report(k.ctx, victim)
	k.must(err)
	events := k.events(100)[before:]
	same(k, "notice", withoutIDs(k.receive(inbox).Events), withoutIDs(events))
	if len(events) != 2 || events[0].Type != session.SessionEnded || events[1].Type != session.SessionReported ||
		events[1].By == nil || events[1].By.SessionID != victim.ID || events[1].Session.Digest != (session.Digest{}) {
		k.Errorf("events %s", asJSON(k, events))
	}
	ending := k.tombstone(intruder.ID)
	same(k, "tombstone", ending, *out.Session.Ended)
	if !out.Ended || !ending.Sent() || !ending.ReportedAt.Equal(ending.At) || ending.By.SessionID != victim.ID {
		k.Errorf("it has ended as %s", asJSON(k, out))
	}
	again, err := reg.Report(k.ctx, victim)
	k.must(err)
	same(k, "the session, reported again", again.Session, out.Session)
	if n := len(k.events(100)); n != before+2 {
		k.Errorf("%d events, want %d", n, before+2)
	}
}

func reportMarks(k *kit) {
	k.beat("one")
	reg := session.NewRegistry(k.Store)
	victim, intruder := k.forced(reg)
	k.attach(k.route(intruder.ID, "one"))
	k.end(k.key, intruder.ID)
	told, before := k.told("one", k.key.Shard()), len(k.events(100))

	_, err := reg.Report(k.ctx, victim)
	k.must(err)
	if events := k.events(100)[before:]; len(events) != 1 || events[0].Type != session.SessionReported {
		k.Errorf("events %s", asJSON(k, events))
	}
	if ending := k.tombstone(intruder.ID); ending.ReportedAt.IsZero() || ending.By != nil {
		k.Errorf("it has ended as %s", asJSON(k, ending))
	}
	if n := k.told("one", k.key.Shard()); n != told {
		k.Errorf("%d notices more", n-told)
	}
}

func reportReceipt(k *kit) {
	reg := session.NewRegistry(k.Store)
	victim, intruder := k.forced(reg)
	k.touch(session.Mark{Key: k.key, Session: victim.ID, Receipt: true})
	_, err := reg.Report(k.ctx, victim)
	k.must(err)
	k.touch(session.Mark{Key: k.key, Session: intruder.ID, Receipt: true})
	for _, id := range []session.ID{victim.ID, intruder.ID} {
		if k.tombstone(id).AckedAt.IsZero() {
			k.Errorf("there is no receipt of %s", id)
		}
	}
	if k.tombstone(intruder.ID).ReportedAt.IsZero() {
		k.Error("the mark is gone")
	}
}
