package session_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

func TestNewPush(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
	for data, want := range map[string]string{
		"null": "null", " true\n": "true", "-0.00e+05": "-0.00e+05", `"\u00e9\/"`: `"\u00e9\/"`, "[ 1 , [] ]": "[1,[]]",
		`{ "b" : 1, "a" : " x " }`:               `{"b":1,"a":" x "}`,
		"123456789012345678901234567890":         "123456789012345678901234567890",
		text(session.MaxPush):                    text(session.MaxPush),
		" " + text(session.MaxPush) + "\t":       text(session.MaxPush),
		"[" + strings.Repeat("1, ", 8191) + "1]": "[" + strings.Repeat("1,", 8191) + "1]" + "!", // 16,385 bytes
		text(session.MaxPush + 1):                "!",
		"":                                       "!",
		" ":                                      "!",
		"1 2":                                    "!",
		"{}x":                                    "!",
		"[1,]":                                   "!",
		"'x'":                                    "!",
		"NaN":                                    "!",
		"01":                                     "!",
		"\"\xff\"":                               "!",
		`"\ud83e"`:                               "!",
		`{"a":1,"a":1}`:                          "!",
		`[{"a":{"b":1,"b":2}}]`:                  "!",
		"\"a\nb\"":                               "!",
		strings.Repeat("[", session.MaxPush/2) + "": "!",
	} {
		given := []byte(data)
		p, err := session.NewPush(session.ID{}, given)
		if strings.HasSuffix(want, "!") {
			if err == nil || strings.Contains(err.Error(), "xx") {
				t.Errorf("%.40q: error %v, want one that repeats nothing", data, err)
			}
			continue
		}
		if err != nil || string(p.Data) != want || p.ID == (uuid.UUID{}) {
			t.Errorf("%.40q: %.40q, %v; want %.40q and an ID", data, p.Data, err, want)
		}
		if string(given) != data {
			t.Errorf("%.40q was changed", data)
		}
	}
}

func TestDeliveriesReadAsTheyWereWritten(t *testing.T) {
	id := rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) uuid.UUID { return uuid.UUID(b) })
	rapid.Check(t, func(t *rapid.T) {
		d := session.Pushed{
			ID:       id.Draw(t, "ID"),
			Key:      session.Key(id.Draw(t, "key")),
			At:       time.UnixMilli(rapid.Int64Range(0, 1<<45).Draw(t, "time")).UTC(),
			Sessions: rapid.SliceOfN(id, 1, 20).Draw(t, "sessions"),
			Data:     rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "data"),
		}
		message := session.EncodePush(d)
		got, err := session.DecodePush(message)
		if err != nil || !reflect.DeepEqual(got, d) || !session.IsPush(message) {
			t.Fatalf("got %+v, %v; want %+v", got, err, d)
		}
		cut := message[:rapid.IntRange(0, bytes.IndexByte(message, '\n')).Draw(t, "cut")]
		if got, err := session.DecodePush(cut); err == nil {
			t.Fatalf("%q is read as %+v", cut, got)
		}
	})
	if session.IsPush(session.EncodeNotice(3, session.Mailed{Number: 1, At: "x"}, nil)) || session.IsPush(nil) {
		t.Error("a notice is taken for a message")
	}
}

func TestDeliveriesThatCannotBeRead(t *testing.T) {
	good := string(session.EncodePush(session.Pushed{Sessions: []session.ID{{}}, Data: []byte("1")}))
	if _, err := session.DecodePush([]byte(good)); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(good)
	for i := range words[:5] {
		for _, other := range []string{"", "x", strings.Repeat("9", 40)} {
			spoilt := append([]string(nil), words[:5]...)
			spoilt[i] = other
			if d, err := session.DecodePush([]byte(strings.Join(spoilt, " ") + "\n1")); err == nil {
				t.Errorf("%q is read as %+v", spoilt, d)
			}
		}
	}
}
