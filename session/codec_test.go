package session_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// TestCodec writes accounts and reads them back.
func TestCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := accounts.Draw(t, "account")
		want.User = string(rapid.SliceOf(rapid.Byte()).Draw(t, "user"))
		record, err := session.EncodeAccount(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.DecodeAccount(record)
		if err != nil {
			t.Fatal(err)
		}
		if got.User != want.User {
			t.Fatalf("user %q, want %q", got.User, want.User)
		}
		if g, w := asJSON(got), asJSON(want); g != w {
			t.Fatalf("got %s\nwant %s", g, w)
		}
		cut := rapid.IntRange(0, len(record)-1).Draw(t, "cut")
		if _, err := session.DecodeAccount(record[:cut]); err == nil {
			t.Fatalf("%d of %d bytes are an account", cut, len(record))
		}
	})
}

var events = rapid.Custom(func(t *rapid.T) session.Event {
	s := sessionOn(t, rapid.SampledFrom(devices).Draw(t, "device"))
	user := rapid.String().Draw(t, "user")
	e := session.Event{Type: session.SessionCreated, At: start, User: user, Session: &s}
	if rapid.Bool().Draw(t, "failed") {
		e.Type, e.Session, e.By = session.LoginFailed, nil, s.Actor()
	}
	return e
})

// TestNoticeCodec writes notices and reads them back.
func TestNoticeCodec(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := session.Notice{
			Shard: rapid.IntRange(0, session.Shards-1).Draw(t, "shard"),
			Mailed: session.Mailed{
				Number: rapid.Uint64().Draw(t, "number"),
				At:     rapid.StringMatching(`[0-9a-z-]*`).Draw(t, "at"),
			},
			Events: rapid.SliceOf(events).Draw(t, "events"),
		}
		body, err := session.EncodeEvents(want.Events)
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.DecodeNotice(session.EncodeNotice(want.Shard, want.Mailed, body))
		if err != nil {
			t.Fatal(err)
		}
		if got.Shard != want.Shard || got.Mailed != want.Mailed || asJSON(got.Events) != asJSON(want.Events) {
			t.Fatalf("got %s\nwant %s", asJSON(got), asJSON(want))
		}
	})
}

// TestNoticeRefused reads messages that are no notices.
func TestNoticeRefused(t *testing.T) {
	none := "\x80" // no events
	for _, message := range []string{
		"", "\n", "probe", "0 1 a" + none, "0 1\n" + none, "0 1 a b\n" + none, "-1 1 a\n" + none, "16 1 a\n" + none,
		"x 1 a\n" + none, "0 -1 a\n" + none, "0 99999999999999999999 a\n" + none, "0 1 a\n", "0 1 a\nevents",
		"0 1 a\n" + none + none,
	} {
		if notice, err := session.DecodeNotice([]byte(message)); err == nil {
			t.Errorf("%q is %+v", message, notice)
		}
	}
	if _, err := session.DecodeNotice([]byte("0 1 a\n" + none)); err != nil {
		t.Errorf("the shortest notice: %v", err)
	}
}

// FuzzDecodeNotice feeds an inbox anything. What it takes for a notice, it must take for the same again.
func FuzzDecodeNotice(f *testing.F) {
	s := session.Session{ID: newID(), Ended: &session.Ending{Reason: session.Idle, At: start}}
	ended := []session.Event{{Type: session.SessionEnded, At: start, User: "a", Session: &s}}
	body, err := session.EncodeEvents(ended)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(session.EncodeNotice(3, session.Mailed{Number: 7, At: "1-0"}, body))
	f.Add([]byte("0 1 a\n\x80"))
	f.Add([]byte("15 18446744073709551615 \n\xf6"))
	f.Fuzz(func(t *testing.T, message []byte) {
		notice, err := session.DecodeNotice(message)
		if err != nil {
			return
		}
		body, err := session.EncodeEvents(notice.Events)
		if err != nil {
			return // a time that RFC 3339 cannot write
		}
		again, err := session.DecodeNotice(session.EncodeNotice(notice.Shard, notice.Mailed, body))
		if err != nil {
			t.Fatalf("%q cannot be read again: %v", message, err)
		}
		if again.Shard != notice.Shard || again.Mailed != notice.Mailed || len(again.Events) != len(notice.Events) {
			t.Fatalf("%q is %+v, and then %+v", message, notice, again)
		}
	})
}

// TestKey looks at the names of accounts: they hide the user, and can be read back.
func TestKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := string(rapid.SliceOf(rapid.Byte()).Draw(t, "user"))
		key := session.KeyOf(user)
		text := key.String()
		if got, err := session.ParseKey(text); err != nil || got != key {
			t.Fatalf("%q is %v, %v, want %v", text, got, err, key)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`).MatchString(text) {
			t.Fatalf("key %q is not 22 characters of base64url", text)
		}
		if shard := key.Shard(); shard < 0 || shard >= session.Shards {
			t.Fatalf("shard %d", shard)
		}
	})
	for _, text := range []string{
		"", "short", strings.Repeat("A", 21), strings.Repeat("A", 23), strings.Repeat("/", 22),
		strings.Repeat("=", 22),
	} {
		if key, err := session.ParseKey(text); err == nil {
			t.Errorf("%q is key %v", text, key)
		}
	}
}

// TestDigestText writes digests and reads them back, and refuses all else.
func TestDigestText(t *testing.T) {
	want := session.Digest(bytes.Repeat([]byte{0xa5}, 32))
	text, err := want.MarshalText()
	if err != nil || !utf8.Valid(text) {
		t.Fatal(string(text), err)
	}
	var got session.Digest
	if err := got.UnmarshalText(text); err != nil || got != want {
		t.Errorf("%s is %v, %v", text, got, err)
	}
	for _, text := range []string{"", "a5", strings.Repeat("a", 65), strings.Repeat("z", 64)} {
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a digest", text)
		}
	}
}
