package redisstore

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sessionhub/sessionhub/session"
)

// entryID is the ID of an entry in a stream: Redis's clock in ms, and a count within the millisecond. In one stream
// each is greater than the one before, also where the clock has been set back.
type entryID struct{ ms, seq uint64 }

func (e entryID) String() string {
	return strconv.FormatUint(e.ms, 10) + "-" + strconv.FormatUint(e.seq, 10)
}

func (e entryID) compare(f entryID) int {
	return cmp.Or(cmp.Compare(e.ms, f.ms), cmp.Compare(e.seq, f.seq))
}

func parseEntryID(text string) (entryID, error) {
	ms, seq, ok := strings.Cut(text, "-")
	var e entryID
	var err, err2 error
	e.ms, err = strconv.ParseUint(ms, 10, 64)
	e.seq, err2 = strconv.ParseUint(seq, 10, 64)
	if !ok || err != nil || err2 != nil || e.ms > maxMillis {
		return entryID{}, fmt.Errorf("redis: %q is not the ID of an entry", text)
	}
	return e, nil
}

// place is where an event stands among those of all shards: by time, then by shard, then in its commit. As text it is
// the event's ID.
type place struct {
	entryID
	shard, index int
}

func (p place) String() string { return fmt.Sprintf("%s-%d-%d", p.entryID, p.shard, p.index) }

func (p place) compare(q place) int {
	return cmp.Or(p.entryID.compare(q.entryID), cmp.Compare(p.shard, q.shard), cmp.Compare(p.index, q.index))
}

func parsePlace(id string) (place, error) {
	var p place
	wrong := fmt.Errorf("%w: event ID %q", session.ErrCursor, id)
	parts := strings.Split(id, "-")
	if len(parts) != 4 {
		return place{}, wrong
	}
	var err, err2, err3 error
	p.entryID, err = parseEntryID(parts[0] + "-" + parts[1])
	p.shard, err2 = strconv.Atoi(parts[2])
	p.index, err3 = strconv.Atoi(parts[3])
	if err != nil || err2 != nil || err3 != nil || p.shard < 0 || p.shard >= session.Shards || p.index < 0 ||
		p.index >= maxPart || p.String() != id || p.entryID == (entryID{}) {
		return place{}, wrong
	}
	return p, nil
}

// spot is how far a reader has come in one shard.
type spot struct {
	entryID     // the last entry read; zero is none
	part    int // how many of its events have been read; 0 is all of them
	// number is how many entries there were up to this one, with those that are no longer kept; or unknown.
	number int64
}

const unknown = -1

// start returns where to read on, in XRANGE's words: from the entry itself if it may not have been read whole.
func (s spot) start() string {
	switch {
	case s.entryID == entryID{}:
		return "-"
	case s.part > 0:
		return s.entryID.String()
	default:
		return "(" + s.entryID.String()
	}
}

// covers reports whether an event of the shard has been read.
func (s spot) covers(p place) bool {
	order := s.entryID.compare(p.entryID)
	return order > 0 || order == 0 && (s.part == 0 || p.index < s.part)
}

// pass moves on past the next event.
func (s *spot) pass(p place) {
	if s.entryID != p.entryID && s.number != unknown {
		s.number++
	}
	s.entryID, s.part = p.entryID, p.index+1
}

// cursor is a reader's place in the log: how far it has come in each shard. A single place for all shards would miss
// events: the clocks of a cluster's nodes differ, and any clock may be set back, so that an event can be written to
// one shard that seems older than what has been read of another.
type cursor [session.Shards]spot

// The bounds of what a cursor can hold, far beyond what comes to be.
const (
	cursorVersion = 1
	maxMillis     = 1 << 48
	maxPart       = 1 << 20
	maxNumber     = 1 << 53
)

// encoding is base64 of what needs no escape in a URL. It has no _, without which nothing looks like a token: those
// the hub refuses in URLs.
var encoding = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.").
	WithPadding(base64.NoPadding).Strict()

// String returns the cursor as some 150 characters: all spots are likely to be near the latest.
func (c *cursor) String() string {
	var latest uint64
	for _, s := range c {
		latest = max(latest, s.ms)
	}
	text := binary.AppendUvarint(append(make([]byte, 0, 256), cursorVersion), latest)
	for _, s := range c {
		text = binary.AppendUvarint(text, uint64(s.number+1))
		if (s.entryID == entryID{}) {
			text = append(text, 0)
			continue
		}
		text = binary.AppendUvarint(text, latest-s.ms+1)
		text = binary.AppendUvarint(text, s.seq)
		text = binary.AppendUvarint(text, uint64(s.part))
	}
	return encoding.EncodeToString(text)
}

// parseCursor reads what String wrote, and the ID of an event as the place after it.
func parseCursor(text string) (cursor, error) {
	var c cursor
	if text == "" {
		for shard := range c {
			c[shard].number = unknown
		}
		return c, nil
	}
	if text[0] >= '0' && text[0] <= '9' { // the version makes a cursor begin with an A
		p, err := parsePlace(text)
		return cursorAfter(p), err
	}
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) == 0 || raw[0] != cursorVersion {
		return cursor{}, fmt.Errorf("%w: %.40q", session.ErrCursor, text)
	}
	r := numbers{text: raw[1:]}
	latest := r.next(maxMillis)
	for shard := range c {
		s := &c[shard]
		s.number = int64(r.next(maxNumber)) - 1
		if back := r.next(latest + 1); back > 0 {
			s.ms, s.seq, s.part = latest-(back-1), r.next(math.MaxUint64), int(r.next(maxPart))
		}
	}
	// What can be written in two ways is none of ours in one of them.
	if r.wrong || len(r.text) > 0 || c.String() != text {
		return cursor{}, fmt.Errorf("%w: %.40q", session.ErrCursor, text)
	}
	return c, nil
}

// cursorAfter returns the cursor of a reader who has read everything up to an event, by the clocks.
func cursorAfter(p place) cursor {
	var c cursor
	for shard := range c {
		s := &c[shard]
		s.entryID, s.number = p.entryID, unknown
		switch {
		case shard == p.shard:
			s.part = p.index + 1
		case shard > p.shard && p.seq > 0:
			s.seq--
		case shard > p.shard && p.ms > 0:
			s.ms, s.seq = p.ms-1, math.MaxUint32
		}
	}
	return c
}

// numbers reads varints.
type numbers struct {
	text  []byte
	wrong bool
}

// next returns the next number, which may be most at the most.
func (r *numbers) next(most uint64) uint64 {
	n, size := binary.Uvarint(r.text)
	if size <= 0 || n > most {
		r.wrong = true
		return 0
	}
	r.text = r.text[size:]
	return n
}

// Pass implements session.Log.
func (s *Store) Pass(at string, event session.Event) (next string, news bool, err error) {
	c, err := parseCursor(at)
	if err != nil {
		return "", false, err
	}
	p, err := parsePlace(event.ID)
	if err != nil {
		return "", false, err
	}
	if c[p.shard].covers(p) {
		return at, false, nil
	}
	c[p.shard].pass(p)
	return c.String(), true, nil
}
