package redisstore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// drawCursor returns any cursor that a store can have made.
func drawCursor(t *rapid.T) cursor {
	var c cursor
	for shard := range c {
		s := &c[shard]
		s.number = rapid.Int64Range(unknown, 1<<40).Draw(t, "number")
		if rapid.Bool().Draw(t, "read") {
			s.ms = rapid.Uint64Range(0, maxMillis).Draw(t, "ms")
			s.seq = rapid.Uint64Range(1, 1<<40).Draw(t, "seq")
			s.part = rapid.IntRange(0, maxPart).Draw(t, "part")
		}
	}
	return c
}

func TestCursorsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawCursor(t)
		got, err := parseCursor(want.String())
		if err != nil || got != want {
			t.Fatalf("%s: got %+v, %v; want %+v", want.String(), got, err, want)
		}
	})
}

// TestPassingInAnyOrder reads the events of all shards in an order that keeps only that of each shard, whatever the
// clocks say: each is news once.
func TestPassingInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var logs [session.Shards][]place
		for shard := range logs {
			id := entryID{}
			for range rapid.IntRange(0, 4).Draw(t, "entries") {
				id.ms += rapid.Uint64Range(0, 1000).Draw(t, "later")
				id.seq++
				for index := range rapid.IntRange(1, 3).Draw(t, "events") {
					logs[shard] = append(logs[shard], place{id, shard, index})
				}
			}
		}
		store, at := new(Store), ""
		var read []place
		pass := func(p place, want bool) {
			next, news, err := store.Pass(at, session.Event{ID: p.String()})
			if err != nil || news != want {
				t.Fatalf("passing %s: news %v, %v; want %v", p, news, err, want)
			}
			at = next
		}
		for {
			var left []int
			for shard := range logs {
				if len(logs[shard]) > 0 {
					left = append(left, shard)
				}
			}
			if len(left) == 0 {
				break
			}
			shard := rapid.SampledFrom(left).Draw(t, "shard")
			pass(logs[shard][0], true)
			read, logs[shard] = append(read, logs[shard][0]), logs[shard][1:]
			pass(rapid.SampledFrom(read).Draw(t, "old"), false)
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	c := cursorAfter(place{entryID{1789992000123, 4}, 7, 1})
	for _, seed := range []string{"", "0-0-0-0", "1789992000123-4-7-1", c.String(), "A", "AQ", "AQAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			if !errors.Is(err, session.ErrCursor) {
				t.Errorf("%q: %v, want ErrCursor", text, err)
			}
			return
		}
		if again, err := parseCursor(c.String()); err != nil || again != c {
			t.Errorf("%q: %+v, and read back %+v, %v", text, c, again, err)
		}
	})
}

// TestCursorsAreShort holds for a busy hub, whose shards have all been written to of late, and for a quiet one.
func TestCursorsAreShort(t *testing.T) {
	for _, ago := range []time.Duration{time.Second, time.Hour, 7 * 24 * time.Hour} {
		var c cursor
		for shard := range c {
			c[shard] = spot{entryID{1789992000123 - uint64(shard)*uint64(ago.Milliseconds())/session.Shards, 0}, 2, 1_000_000}
		}
		if text := c.String(); len(text) > 256 {
			t.Errorf("%s: %d characters: %s", ago, len(text), text)
		}
	}
}

func TestLocate(t *testing.T) {
	at := func(ms uint64, part int, number int64) spot { return spot{entryID{ms, 0}, part, number} }
	entries := func(ms ...uint64) (all []entry) {
		for _, ms := range ms {
			all = append(all, entry{entryID: entryID{ms, 0}})
		}
		return all
	}
	stream := func(last uint64, added, gone int64, ms ...uint64) stretch {
		cut := len(ms) > 0 && ms[len(ms)-1] != last
		return stretch{last: entryID{last, 0}, added: added, gone: gone, entries: entries(ms...), cut: cut}
	}
	for _, tt := range []struct {
		name    string
		spot    spot
		stream  stretch
		missing bool
		number  int64 // of the spot afterwards
	}{
		{"beginning", at(0, 0, unknown), stream(9, 9, 4, 5, 6, 7, 8, 9), false, 4},
		{"tail of a stream without anything", at(0, 0, 0), stream(9, 2, 0, 8, 9), false, 0},
		{"the same, trimmed since", at(0, 0, 0), stream(9, 2, 1, 9), true, 1},
		{"its entry is there", at(5, 1, 5), stream(9, 9, 4, 5, 6, 7, 8, 9), false, 5},
		{"read whole", at(5, 0, 5), stream(9, 9, 4, 6, 7, 8, 9), false, 5},
		{"its entry was the last to go", at(5, 1, 5), stream(9, 9, 5, 6, 7, 8, 9), false, 5},
		{"the next is gone too", at(5, 1, 5), stream(9, 9, 6, 7, 8, 9), true, 6},
		{"all are gone, and were read", at(9, 1, 9), stream(9, 9, 9), false, 9},
		{"all are gone, and were not read", at(8, 1, 8), stream(9, 9, 9), true, 9},
		{"the end was lost", at(9, 1, 9), stream(7, 7, 0), true, 7},
		{"the end was lost, and another came", at(9, 1, 9), stream(12, 8, 0, 12), true, 7},
		{"the same, and more than one page of it", at(9, 0, 9), stream(99, 8, 2, 12), true, 2},
		{"begun anew", at(9, 0, 9), stream(0, 0, 0), true, 0},
		{"begun anew, and written to since", at(9, 0, 9), stream(12, 2, 0, 11, 12), true, 0},
		{"after an ID", at(5, 1, unknown), stream(9, 9, 4, 5, 6), false, unknown},
		{"after an ID that is gone", at(5, 1, unknown), stream(9, 9, 5, 6), true, unknown},
		{"by a time", at(5, 0, unknown), stream(9, 9, 5, 6), false, unknown},
		{"by a time after the last", at(9, 0, unknown), stream(7, 7, 5), false, unknown},
	} {
		spot := tt.spot
		if missing := spot.locate(tt.stream); missing != tt.missing || spot.number != tt.number {
			t.Errorf("%s: missing %v, number %d; want %v, %d", tt.name, missing, spot.number, tt.missing, tt.number)
		}
	}
}

func TestCursorAfterAnID(t *testing.T) {
	for _, id := range []string{"5-0-7-2", "5-3-7-2", "0-1-0-0", "5-0-15-0"} {
		p, err := parsePlace(id)
		if err != nil {
			t.Fatal(err)
		}
		c := cursorAfter(p)
		for shard := range c {
			for _, other := range []place{
				{entryID{5, 0}, shard, 0}, {entryID{5, 3}, shard, 1}, {entryID{4, 9}, shard, 0}, {entryID{5, 4}, shard, 0},
				{entryID{0, 1}, shard, 0}, {entryID{5, 3}, shard, 2}, {entryID{5, 3}, shard, 3}, {entryID{9, 0}, shard, 0},
			} {
				if want := other.compare(p) <= 0; c[shard].covers(other) != want {
					t.Errorf("after %s, is %s read: want %v", id, fmt.Sprint(other), want)
				}
			}
		}
	}
}
