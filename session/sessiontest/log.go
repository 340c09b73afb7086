package sessiontest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

var logCases = []testCase{
	{"events can be read in pages, each once and in order", logPaged},
	{"the ID of an event is the same for every reader, and a place", logIDs},
	{"a page says whether there is more", logMore},
	{"the tail is after all that there is", logTail},
	{"passing an event leads to the place after it", logPass},
	{"whoever follows gets each event once while others write", logFollowed},
	{"what is no place is ErrCursor", logCursors},
	{"events that are too old are forgotten, and whoever missed them is told", logForgotten},
	{"whoever has read what is forgotten misses nothing", logForgottenRead},
}

// fail records that a user's login failed, from an address that tells it from others.
func (k *kit) fail(user, from string) {
	k.Helper()
	event := session.Event{Type: session.LoginFailed, At: k.now(), User: user, By: &session.Actor{IP: from}}
	k.must(k.Store.Record(k.ctx, session.KeyOf(user), event))
}

// failAll records n such events, of users in many shards, and two of each commit.
func (k *kit) failAll(n int) {
	k.Helper()
	for i := range n / 2 {
		user := fmt.Sprint("user ", i%13)
		one := session.Event{Type: session.LoginFailed, At: k.now(), User: user, By: &session.Actor{IP: fmt.Sprint(2 * i)}}
		two := one
		two.By = &session.Actor{IP: fmt.Sprint(2*i + 1)}
		k.must(k.Store.Record(k.ctx, session.KeyOf(user), one, two))
	}
}

// wantOnce fails the test unless these are n events of failAll, each once, and those of a user in order.
func (k *kit) wantOnce(what string, events []session.Event, n int) {
	k.Helper()
	latest, ids := make(map[string]int), make(map[string]bool)
	for _, e := range events {
		i, err := strconv.Atoi(e.By.IP)
		k.must(err)
		if before, ok := latest[e.User]; ok && i <= before {
			k.Errorf("%s: event %d of %s comes after %d", what, i, e.User, before)
		}
		latest[e.User] = i
		if ids[e.ID] || e.ID == "" {
			k.Errorf("%s: event ID %q twice or empty", what, e.ID)
		}
		ids[e.ID] = true
	}
	if len(ids) != n {
		k.Fatalf("%s: %d events, want %d", what, len(ids), n)
	}
}

func logPaged(k *kit) {
	const n = 46
	k.failAll(n)
	for _, limit := range []int{1, 2, 5, 10, n - 1, n, n + 1, 1000} {
		k.wantOnce(fmt.Sprint("pages of ", limit), k.events(limit), n)
	}
	if page := k.page("", 0); len(page.Events) != 0 || !page.More {
		k.Errorf("up to none: %d events, more %v", len(page.Events), page.More)
	}
}

func logIDs(k *kit) {
	const n = 30
	k.failAll(n)
	all := k.events(100)
	same(k, "events in pages of 1", k.events(1), all)
	middle := k.page("", 7)
	rest, _ := k.eventsAfter(middle.Next, 3)
	same(k, "events after a cursor", rest, all[7:])
	for i, e := range all {
		rest, next := k.eventsAfter(e.ID, 4)
		k.wantOnce(fmt.Sprint("after the ID of event ", i), append(all[:i+1:i+1], rest...), n)
		if rest, _ := k.eventsAfter(next, 10); len(rest) != 0 {
			k.Errorf("%d events after the last", len(rest))
		}
	}
}

func logMore(k *kit) {
	if page := k.page("", 10); page.More || page.Trimmed || len(page.Events) != 0 {
		k.Errorf("of an empty log: %s", asJSON(k, page))
	}
	k.failAll(8)
	for after, read := "", 0; read < 8; {
		page := k.page(after, 1)
		after, read = page.Next, read+len(page.Events)
		if page.More != (read < 8) {
			k.Errorf("%d of 8 events read: more %v", read, page.More)
		}
	}
}

func logTail(k *kit) {
	start, err := k.Store.Tail(k.ctx)
	k.must(err)
	k.failAll(20)
	all, _ := k.eventsAfter(start, 100)
	k.wantOnce("from before the first", all, 20)
	tail, err := k.Store.Tail(k.ctx)
	k.must(err)
	none, next := k.eventsAfter(tail, 100)
	same(k, "after the tail", none, nil)
	k.fail("new", "7")
	for _, from := range []string{tail, next} {
		news, _ := k.eventsAfter(from, 100)
		k.wantOnce("news", news, 1)
	}
}

func logPass(k *kit) {
	start, err := k.Store.Tail(k.ctx)
	k.must(err)
	k.failAll(24)
	all := k.events(100)
	var ends []string
	for _, at := range []string{start, k.page("", 1).From, ""} {
		ends = append(ends, k.passAll(at, all))
	}
	k.fail("new", "7")
	for _, at := range ends {
		news, _ := k.eventsAfter(at, 100)
		k.wantOnce("after all", news, 1)
	}
}

// passAll passes events that are all there are after a place, one after the other, and returns the place after them.
func (k *kit) passAll(at string, all []session.Event) string {
	k.Helper()
	for i, e := range all {
		next, news, err := k.Store.Pass(at, e)
		k.must(err)
		if !news {
			k.Fatalf("event %d is no news", i)
		}
		at = next
		for _, old := range all[:i+1] {
			if next, news, err := k.Store.Pass(at, old); err != nil || news || next != at {
				k.Fatalf("passing event %s again: news %v, at %q, %v", old.ID, news, next, err)
			}
		}
		rest, _ := k.eventsAfter(at, 5)
		same(k, fmt.Sprint("after passing ", i), withoutIDs(rest), withoutIDs(all[i+1:]))
	}
	return at
}

// whileWriting lets several writers record so many events each, and looks again and again meanwhile, and once more after
// that.
func (k *kit) whileWriting(writers, each int, look func()) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				user := fmt.Sprintf("user %d of %d", i%5, w)
				event := session.Event{Type: session.LoginFailed, User: user, By: &session.Actor{IP: fmt.Sprint(i)}}
				if err := k.Store.Record(k.ctx, session.KeyOf(user), event); err != nil {
					k.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for last := false; !last; {
		select {
		case <-done:
			last = true // and then once more
		default:
		}
		look()
	}
}

// logFollowed lets a reader go from cursor to cursor, and another from the beginning by passing what the first reads.
func logFollowed(k *kit) {
	const writers, each = 8, 60
	var read []session.Event
	at, passed := "", ""
	k.whileWriting(writers, each, func() {
		events, next := k.eventsAfter(at, 50)
		for _, e := range events {
			var news bool
			var err error
			if passed, news, err = k.Store.Pass(passed, e); err != nil || !news {
				k.Errorf("passing event %s: news %v, %v", e.ID, news, err)
			}
		}
		read, at = append(read, events...), next
	})
	k.wantOnce("followed", read, writers*each)
	for _, end := range []string{at, passed} {
		rest, _ := k.eventsAfter(end, 50)
		same(k, "after the last", withoutIDs(rest), withoutIDs(nil))
	}
}

func logCursors(k *kit) {
	k.failAll(4)
	for _, text := range []string{
		"x", " ", "1 ", "-1", "+1", "01", "1-2", "1-2-3", "1-2-3-4-5", "1-2-99-0", "1e3", "99999999999999999999", "é", "A",
		"AQ", "AQ==", strings.Repeat("A", 300), uuid.NewString(), "\x00", "null",
	} {
		_, err := k.Store.Events(k.ctx, text, 10)
		k.wantErr(err, session.ErrCursor)
		_, _, err = k.Store.Pass(text, k.events(1)[0])
		k.wantErr(err, session.ErrCursor)
	}
	tail, err := k.Store.Tail(k.ctx)
	k.must(err)
	_, _, err = k.Store.Pass(tail, session.Event{ID: "x"})
	k.wantErr(err, session.ErrCursor)
}

func logForgotten(k *kit) {
	k.failAll(10)
	k.must(k.Store.Forget(k.ctx))
	k.wantOnce("before they are too old", k.events(100), 10)
	early := k.page("", 4)
	k.Outdate(k.T)
	k.must(k.Store.Forget(k.ctx))
	k.must(k.Store.Forget(k.ctx))
	same(k, "events", k.events(100), nil)
	page := k.page(early.Next, 100)
	if len(page.Events) != 0 || !page.Trimmed {
		k.Errorf("after what is forgotten: %s, want none, and to be told", asJSON(k, page))
	}
	k.fail("new", "7")
	if page = k.page(early.Next, 100); len(page.Events) != 1 || !page.Trimmed || page.More {
		k.Errorf("after what is forgotten: %s, want the new one, and to be told", asJSON(k, page))
	}
	// It is told once, also where the page was not read to its end.
	passed, news, err := k.Store.Pass(page.From, page.Events[0])
	k.must(err)
	if _, at := k.eventsAfter(passed, 100); !news || at != page.Next {
		k.Errorf("passing the new one leads to %q, want %q", at, page.Next)
	}
	if page = k.page(page.Next, 100); len(page.Events) != 0 || page.Trimmed {
		k.Errorf("after that: %s", asJSON(k, page))
	}
	if page = k.page("", 100); len(page.Events) != 1 || page.Trimmed {
		k.Errorf("from the beginning: %s", asJSON(k, page))
	}
}

func logForgottenRead(k *kit) {
	k.failAll(10)
	tail, err := k.Store.Tail(k.ctx)
	k.must(err)
	_, next := k.eventsAfter("", 3)
	passed, _, err := k.Store.Pass(k.page(tail, 1).Next, k.events(100)[9])
	k.must(err)
	k.Outdate(k.T)
	k.must(k.Store.Forget(k.ctx))
	k.fail("new", "7")
	k.fail("user 1", "8")
	for _, at := range []string{tail, next, passed} {
		news, _ := k.eventsAfter(at, 100)
		k.wantOnce("after all that is forgotten", news, 2)
	}
}
