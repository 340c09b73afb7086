package sessiontest

import (
	"fmt"
	"slices"

	"github.com/sessionhub/sessionhub/session"
)

var latestCases = []testCase{
	{"the latest events are those at the end, oldest first", latestEnd},
	{"whoever goes back reads each event once", latestBack},
	{"the latest are all there where one user has most of them", latestUneven},
	{"whoever goes on from the latest gets each later event once while others write", latestFollowed},
	{"there are none where all are forgotten", latestForgotten},
	{"what is no place is ErrCursor", latestCursors},
}

// latest returns the latest events before a place, and checks what is true of every page of them.
func (k *kit) latest(before string, limit int) session.Page {
	k.Helper()
	page, err := k.Store.Latest(k.ctx, before, limit)
	k.must(err)
	if len(page.Events) > limit || page.Trimmed || page.Next == "" ||
		page.More && len(page.Events) < limit {
		k.Fatalf("%d events of %d before %q, and then: %s", len(page.Events), limit, before, asJSON(k, page))
	}
	return page
}

func latestEnd(k *kit) {
	if page := k.latest("", 10); len(page.Events) != 0 || page.More {
		k.Errorf("of an empty log: %s", asJSON(k, page))
	}
	const n = 46
	k.failAll(n)
	all := k.events(100)
	for _, limit := range []int{0, 1, 2, 5, n - 1, n, n + 1, 1000} {
		page := k.latest("", limit)
		same(k, fmt.Sprint("the latest ", limit), page.Events, append([]session.Event{}, all[max(0, n-limit):]...))
		if page.More != (limit < n) {
			k.Errorf("the latest %d of %d: more %v", limit, n, page.More)
		}
		rest, _ := k.eventsAfter(page.Next, 10)
		same(k, "after them", rest, nil)
		again, _ := k.eventsAfter(page.From, 10)
		k.wantOnce("from before them", append(all[:max(0, n-limit):max(0, n-limit)], again...), n)
	}
}

func latestBack(k *kit) {
	const n = 40
	k.failAll(n)
	all := k.events(100)
	for i, e := range all {
		same(k, fmt.Sprint("the latest before what follows event ", i), k.latest(e.ID, 3).Events, all[max(0, i-2):i+1])
	}
	for _, limit := range []int{1, 3, 7, n} {
		var back []session.Event
		before := ""
		for more := true; more; {
			page := k.latest(before, limit)
			slices.Reverse(page.Events)
			back, before, more = append(back, page.Events...), page.From, page.More
			rest, _ := k.eventsAfter(before, 9)
			k.wantOnce("from there on", append(all[:n-len(back):n-len(back)], rest...), n)
			passed, news, err := k.Store.Pass(before, rest[0])
			if err != nil || !news {
				k.Errorf("passing the first: news %v, %v", news, err)
			}
			rest, _ = k.eventsAfter(passed, 9)
			same(k, "after the first", withoutIDs(rest), withoutIDs(all[n-len(back)+1:]))
		}
		slices.Reverse(back)
		same(k, fmt.Sprint("all, read back by ", limit), back, all)
		same(k, "before the first", k.latest(before, limit).Events, []session.Event{})
	}
}

func latestUneven(k *kit) {
	k.failAll(26)
	for i := range 120 {
		k.fail("talker", fmt.Sprint(i))
	}
	k.failAll(4)
	all := k.events(1000)
	for _, limit := range []int{3, 5, 20, 100, 123, 124, 125, 140, 150, 151} {
		page := k.latest("", limit)
		same(k, fmt.Sprint("the latest ", limit), page.Events, all[max(0, len(all)-limit):])
		same(k, "those before", k.latest(page.From, 30).Events,
			append([]session.Event{}, all[max(0, len(all)-limit-30):max(0, len(all)-limit)]...))
	}
}

// latestFollowed looks at all that there is, again and again while others write, and then follows from each look.
func latestFollowed(k *kit) {
	const writers, each, all = 8, 40, 1000
	var looks []session.Page
	k.whileWriting(writers, each, func() { looks = append(looks, k.latest("", all)) })
	for i := 0; i < len(looks); i += 1 + len(looks)/20 { // some twenty of them
		look := looks[i]
		later, _ := k.eventsAfter(look.Next, 50)
		k.wantOnce("looked at, and followed", append(look.Events, later...), writers*each)
	}
}

func latestForgotten(k *kit) {
	k.failAll(10)
	k.Outdate(k.T)
	k.must(k.Store.Forget(k.ctx))
	page := k.latest("", 5)
	if len(page.Events) != 0 || page.More {
		k.Errorf("of what is forgotten: %s", asJSON(k, page))
	}
	k.fail("new", "7")
	later, _ := k.eventsAfter(page.Next, 5)
	k.wantOnce("after that", later, 1)
	if page = k.latest("", 5); len(page.Events) != 1 || page.More {
		k.Errorf("after what is forgotten: %s", asJSON(k, page))
	}
	rest, _ := k.eventsAfter(page.From, 5)
	k.wantOnce("from before it", rest, 1)
}

func latestCursors(k *kit) {
	k.failAll(4)
	for _, text := range []string{"x", "-1", "1-2-3-x", "A"} {
		_, err := k.Store.Latest(k.ctx, text, 10)
		k.wantErr(err, session.ErrCursor)
	}
}
