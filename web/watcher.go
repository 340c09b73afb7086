package web

import (
	"context"

	"github.com/sessionhub/sessionhub/session"
)

// watcher is told by the feed that something has happened to the sessions of a user.
type watcher struct {
	user session.Key
	own  session.ID // the session that watches

	// bell holds one element while there is something that the watcher has not looked at.
	bell chan struct{}
	// over gets how the session that watches has ended, once.
	over chan session.Ending
}

// watch adds a watcher for a session. It hears of everything that happens from now on; unwatch must follow. Where
// nobody follows the log yet, its end is looked up: one round trip.
func (f *feed) watch(ctx context.Context, user session.Key, own session.ID) (*watcher, error) {
	w := &watcher{user: user, own: own, bell: make(chan struct{}, 1), over: make(chan session.Ending, 1)}
	if f.admit(w, "") {
		return w, nil
	}
	at, err := f.log.Tail(ctx)
	if err != nil {
		return nil, err
	}
	f.admit(w, at)
	return w, nil
}

// admit adds a watcher if the log is being read, or a place is given to read it from.
func (f *feed) admit(w *watcher, at string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop == nil && at == "" {
		return false
	}
	if f.watchers[w.user] == nil {
		f.watchers[w.user] = make(map[*watcher]struct{})
	}
	f.watchers[w.user][w] = struct{}{}
	f.startLocked(at)
	return true
}

// unwatch removes a watcher.
func (f *feed) unwatch(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.watchers[w.user]
	delete(all, w)
	if len(all) == 0 {
		delete(f.watchers, w.user)
	}
	f.restLocked()
}

// ringLocked tells the watchers of a page of the log: however many there are, an event costs one look. Where events are
// missing, all are told.
func (f *feed) ringLocked(page session.Page) {
	if len(f.watchers) == 0 {
		return
	}
	if page.Trimmed {
		for _, all := range f.watchers {
			for w := range all {
				w.ring()
			}
		}
	}
	changed := make(map[session.Key]bool) // each bell is rung once
	for _, e := range page.Events {
		if e.Type != session.SessionCreated && e.Type != session.SessionEnded {
			continue
		}
		user := session.KeyOf(e.User)
		all := f.watchers[user]
		if len(all) == 0 {
			continue
		}
		changed[user] = true
		for w := range all {
			if e.Session != nil && e.Session.ID == w.own && e.Session.Ended != nil {
				w.end(*e.Session.Ended)
			}
		}
	}
	for user := range changed {
		for w := range f.watchers[user] {
			if len(w.over) == 0 {
				w.ring()
			}
		}
	}
}

// ring rings the bell, unless it rings already.
func (w *watcher) ring() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

// end tells how the session that watches has ended. Later ends, of which there are none, would be dropped.
func (w *watcher) end(why session.Ending) {
	select {
	case w.over <- why:
	default:
	}
}
