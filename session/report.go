package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrForgotten says that a session is neither live nor among those whose ending is still known.
var ErrForgotten = errors.New("nothing is known of the session")

// UnforcedError says that a session cannot report who ended it: it is live, it ended without another session's doing, or
// nothing is known any more of the one that ended it.
type UnforcedError struct {
	// Session is the one that would report. Its Ended is nil while it is live.
	Session Session
}

func (e *UnforcedError) Error() string {
	if e.Session.Ended == nil {
		return fmt.Sprintf("session %s is live", e.Session.ID)
	}
	return fmt.Sprintf("session %s has ended as %s, by none that can be reported", e.Session.ID, e.Session.Ended.Reason)
}

// Reported is what came of a report.
type Reported struct {
	// User is whose session was reported.
	User string
	// Session is the one that was reported. It has ended, by the report or before.
	Session Session
	// Ended says that the report ended it.
	Ended bool
	// Repeated says that it had been reported before: nothing was written.
	Repeated bool
	// Standing are the user's other live sessions.
	Standing []Session
	// Expired are the sessions that had run out by then.
	Expired []Session
	// Routes are those of the account when it was decided.
	Routes Routes
}

// Intruder returns the session that ended the one with this ending, if another one did: by signing in, on the same
// device or on another, or by its user's hand. Only the user knows whether that was them.
func (e Ending) Intruder() (ID, bool) {
	switch e.Reason {
	case Superseded, Replaced, EndedByUser:
		if e.By != nil && e.By.SessionID != (ID{}) {
			return e.By.SessionID, true
		}
	}
	return ID{}, false
}

// Report notes of a session that its user says it was not theirs, and ends it if it is live. By is the session that
// reports it, as an actor; nil is not known. A session that was reported before stays as it is, whoever reports it
// again. It reports false, and leaves all as it is, if there is no such session, live or ended.
func (a Account) Report(id ID, by *Actor, now time.Time) (Account, Reported, bool) {
	now = now.UTC().Truncate(time.Millisecond)
	before := a
	a, expired := a.Expire(now)
	was := a.Ended
	a, ended := a.End([]ID{id}, Ending{Reason: EndedByUser, By: by, ReportedAt: now, ByReport: true}, now)
	if len(ended) > 0 && len(was) == KeepEnded && by != nil && was[0].ID == by.SessionID {
		a.Ended[0] = was[0] // who reports can do so again, and another one is forgotten
	}
	i := slices.IndexFunc(a.Ended, func(s Session) bool { return s.ID == id })
	if i < 0 {
		return before, Reported{}, false
	}
	out := Reported{User: a.User, Standing: a.Live, Expired: expired}
	switch {
	case len(ended) > 0:
	case !a.Ended[i].Ended.ReportedAt.IsZero():
		out.Repeated = true
	default:
		ending := *a.Ended[i].Ended
		ending.ReportedAt = now
		a.Ended = slices.Clone(a.Ended)
		a.Ended[i].Ended = &ending
	}
	out.Session = a.Ended[i]
	out.Ended = out.Session.Ended.ByReport
	return a, out, true
}

// latest returns the last of the sessions that have followed the given one on its device: whoever signs in there again
// is the same person.
func (a Account) latest(id ID) ID {
	for range a.Ended {
		s, _ := a.Find(id)
		if s.Ended == nil || s.Ended.Reason != Replaced {
			break
		}
		next, _ := s.Ended.Intruder()
		if _, known := a.Find(next); !known {
			break
		}
		id = next
	}
	return id
}

// Victim returns the ended session that cred proves, and the ID of the one that ended it, or, where somebody has signed
// in on that device again, of the last one there. It returns an *EndedError with the reason Unknown if cred
// proves none, and an *UnforcedError if there is none to report.
func (snap Snapshot) Victim(cred Credential) (victim Session, intruder ID, err error) {
	victim, err = snap.Verify(cred)
	var over *EndedError
	switch {
	case err == nil:
		return Session{}, ID{}, &UnforcedError{Session: victim}
	case !errors.As(err, &over) || over.Ending.Reason == Unknown:
		return Session{}, ID{}, err
	}
	victim.Ended = &over.Ending
	intruder, forced := over.Ending.Intruder()
	a, _ := snap.Account.Expire(snap.Now)
	if last := a.latest(intruder); last != victim.ID { // else each of the two says so of the other
		intruder = last
	}
	if _, known := a.Find(intruder); !forced || !known || intruder == victim.ID {
		return Session{}, ID{}, &UnforcedError{Session: victim}
	}
	return victim, intruder, nil
}

// Report lets the user of an ended session, which cred proves, say that it was not them who ended it: the session that
// did is reported, and ended if it is live, with a notice that names the one that reports it. The ending, the mark and
// the events are one commit; said again, it returns the same and writes nothing. Its errors are those of
// Snapshot.Victim. A token outlives its session, so whoever calls this has asked for more than cred.
func (r *Registry) Report(ctx context.Context, cred Credential) (Reported, error) {
	return r.report(ctx, cred.Key, func(snap Snapshot) (ID, *Actor, error) {
		victim, intruder, err := snap.Victim(cred)
		return intruder, victim.Actor(), err
	})
}

// ReportFor is Report on the word of an app, which names the session to report: live, or ended lately. The one that
// reports it is taken to be the last that it has ended, if it has. It returns ErrForgotten if it knows no such session.
func (r *Registry) ReportFor(ctx context.Context, user string, id ID) (Reported, error) {
	return r.report(ctx, KeyOf(user), func(snap Snapshot) (ID, *Actor, error) {
		for _, victim := range slices.Backward(snap.Account.Ended) {
			if intruder, forced := victim.Ended.Intruder(); forced && intruder == id {
				return id, victim.Actor(), nil
			}
		}
		return id, nil, nil
	})
}

func (r *Registry) report(ctx context.Context, key Key, choose func(Snapshot) (ID, *Actor, error)) (Reported, error) {
	var out Reported
	var refused error
	sent, err := r.update(ctx, key, func(snap Snapshot) decision {
		var id ID
		var by *Actor
		if id, by, refused = choose(snap); refused != nil {
			return decision{}
		}
		a, reported, known := snap.Account.Report(id, by, snap.Now)
		if !known {
			refused = ErrForgotten
			return decision{}
		}
		out = reported
		out.Routes = snap.Routes
		return reportedAs(a, out, by)
	})
	if err := errors.Join(err, refused); err != nil {
		return Reported{}, err
	}
	if out.Ended && !out.Repeated {
		out.Session = out.Session.deliver(sent)
	}
	return out, nil
}

// reportedAs turns a report into what is to be committed.
func reportedAs(a Account, out Reported, by *Actor) decision {
	d := decision{account: a, ended: slices.Clone(out.Expired)}
	if out.Repeated {
		return d
	}
	if out.Ended {
		d.ended = append(d.ended, out.Session)
	}
	event := sessionEvent(SessionReported, a.User, out.Session, out.Session.Ended.ReportedAt)
	event.By = by
	d.besides = &event
	return d
}
