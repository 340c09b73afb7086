package sessiontest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var ledgerCases = []testCase{
	{"facts stand under the names they were entered under", ledgerNames},
	{"a fact that is to be alone is not entered beside another", ledgerSole},
	{"of many that are to be alone, at the same time, one is", ledgerRace},
	{"a call that is sent twice does what it does once", ledgerRepeated},
	{"a fact is kept until the later of both times", ledgerLater},
	{"a fact whose time is over is gone, and no longer keeps another out", ledgerOver},
	{"a fact that is not to be kept is not entered", ledgerNotKept},
	{"of two that enter what the other reads, one at least sees the other's", ledgerCrossed},
	{"a call may enter or read nothing, or much", ledgerSizes},
	{"an ended context is ErrUnavailable", ledgerEndedContext},
}

// entry is one fact that is kept for an hour.
func entry(name string, fact byte) session.Entry {
	return session.Entry{Name: named(name), Fact: session.Fact{0: 255, 1: 0, 15: fact}, Keep: time.Hour}
}

func named(name string) session.Digest { return sha256.Sum256([]byte(name)) }

func sole(e session.Entry) session.Entry {
	e.Sole = true
	return e
}

func (k *kit) post(entries []session.Entry, names ...string) [][]session.Fact {
	k.Helper()
	var digests []session.Digest
	for _, name := range names {
		digests = append(digests, named(name))
	}
	facts, err := k.Store.Post(k.ctx, entries, digests...)
	k.must(err)
	if len(facts) != len(names) {
		k.Fatalf("facts under %d names, want %d", len(facts), len(names))
	}
	for i := range facts {
		slices.SortFunc(facts[i], func(a, b session.Fact) int { return bytes.Compare(a[:], b[:]) })
	}
	return facts
}

// wantFacts fails the test unless exactly these facts stand under a name.
func (k *kit) wantFacts(name string, want ...session.Entry) {
	k.Helper()
	got := k.post(nil, name)[0]
	facts := make([]session.Fact, len(want))
	for i, e := range want {
		facts[i] = e.Fact
	}
	if !slices.Equal(got, facts) {
		k.Fatalf("facts under %q: %x, want %x", name, got, facts)
	}
}

func ledgerNames(k *kit) {
	one, two, other := entry("a", 1), entry("a", 2), entry("b", 1)
	got := k.post([]session.Entry{two, one, other}, "b", "a", "nothing")
	want := [][]session.Fact{{other.Fact}, {one.Fact, two.Fact}, nil}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			k.Errorf("facts of the call itself: %x, want %x", got, want)
		}
	}
	k.wantFacts("a", one, two)
	k.wantFacts("b", other)
	k.wantFacts("nothing")
}

func ledgerSole(k *kit) {
	k.post([]session.Entry{sole(entry("a", 1)), sole(entry("a", 2)), sole(entry("b", 2))})
	k.wantFacts("a", entry("a", 1))
	k.wantFacts("b", entry("b", 2))
	k.post([]session.Entry{entry("a", 3)}) // which does not ask to be alone
	k.wantFacts("a", entry("a", 1), entry("a", 3))
	k.post([]session.Entry{sole(entry("a", 1))})
	k.wantFacts("a", entry("a", 1), entry("a", 3))
}

func ledgerRace(k *kit) {
	const rivals = 40
	var wins sync.Map
	var rush sync.WaitGroup
	for i := range rivals {
		rush.Go(func() {
			mine := sole(entry("a", byte(i)))
			facts, err := k.Store.Post(k.ctx, []session.Entry{mine}, mine.Name)
			if err != nil || len(facts[0]) != 1 {
				k.Errorf("facts %x, %v", facts, err)
				return
			}
			wins.Store(facts[0][0], true)
		})
	}
	rush.Wait()
	n := 0
	wins.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		k.Errorf("%d different facts were read, want the same one by all", n)
	}
}

func ledgerRepeated(k *kit) {
	call := []session.Entry{sole(entry("a", 1)), entry("b", 2)}
	for range 3 {
		got := k.post(call, "a", "b")
		if len(got[0]) != 1 || len(got[1]) != 1 {
			k.Fatalf("facts %x, want one under each name", got)
		}
	}
}

// awaitGone returns once a fact that is kept for so short a time is gone, by the store's own clock.
func (k *kit) awaitGone(name string, want ...session.Entry) {
	k.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	for len(k.post(nil, name)[0]) > len(want) {
		if ctx.Err() != nil {
			k.Fatalf("a fact under %q does not go", name)
		}
	}
	k.wantFacts(name, want...)
}

func ledgerLater(k *kit) {
	short := entry("a", 1)
	short.Keep = 2 * time.Millisecond
	k.post([]session.Entry{entry("a", 1)})
	k.post([]session.Entry{short})
	long := entry("b", 1)
	short.Name = long.Name
	k.post([]session.Entry{short, long})
	other := entry("c", 1)
	other.Keep = 2 * time.Millisecond
	k.post([]session.Entry{other})
	k.awaitGone("c") // by when the short ones would be gone too
	k.wantFacts("a", entry("a", 1))
	k.wantFacts("b", entry("b", 1))
}

func ledgerOver(k *kit) {
	brief := entry("a", 1)
	brief.Keep = 2 * time.Millisecond
	k.post([]session.Entry{brief, entry("a", 2)})
	k.awaitGone("a", entry("a", 2))
	alone := sole(brief)
	alone.Name = named("b")
	k.post([]session.Entry{alone})
	k.awaitGone("b")
	k.post([]session.Entry{sole(entry("b", 2))})
	k.wantFacts("b", entry("b", 2))
	// Nor does it keep itself out.
	k.post([]session.Entry{entry("a", 1)})
	k.wantFacts("a", entry("a", 1), entry("a", 2))
}

func ledgerNotKept(k *kit) {
	for _, keep := range []time.Duration{0, -time.Hour, time.Microsecond} {
		e := entry("a", 1)
		e.Keep = keep
		k.post([]session.Entry{e}, "a")
	}
	k.wantFacts("a")
}

func ledgerCrossed(k *kit) {
	for round := range 50 {
		left, right := fmt.Sprint("left ", round), fmt.Sprint("right ", round)
		saw := make([]bool, 2)
		var both sync.WaitGroup
		for i, names := range [][2]string{{left, right}, {right, left}} {
			both.Go(func() {
				facts, err := k.Store.Post(k.ctx, []session.Entry{entry(names[0], 1)}, named(names[1]))
				if err != nil {
					k.Error(err)
					return
				}
				saw[i] = len(facts[0]) > 0
			})
		}
		both.Wait()
		if !saw[0] && !saw[1] {
			k.Fatal("neither saw what the other had entered")
		}
	}
}

func ledgerSizes(k *kit) {
	k.post(nil)
	var entries []session.Entry
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprint("name ", i))
		entries = append(entries, entry(names[i], byte(i)), entry("all", byte(i)))
	}
	k.post(entries)
	for i, facts := range k.post(nil, names...) {
		if len(facts) != 1 || facts[0] != entry("", byte(i)).Fact {
			k.Fatalf("facts under %q: %x", names[i], facts)
		}
	}
	if n := len(k.post(nil, "all")[0]); n != 200 {
		k.Errorf("%d facts under one name, want 200", n)
	}
}

func ledgerEndedContext(k *kit) {
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	_, err := k.Store.Post(ctx, []session.Entry{entry("a", 1)}, named("a"))
	k.wantErr(err, session.ErrUnavailable)
	_, err = k.Store.Post(ctx, nil, named("a"))
	k.wantErr(err, session.ErrUnavailable)
	k.wantFacts("a")
}
