package auth

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"
)

// The keys of the tests, and when they are used.
const oneKey, otherKey = "0123456789abcdef", "fedcba9876543210"

var adminNow = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func apiKeys(t testing.TB, keys ...string) *APIKeys {
	t.Helper()
	set, err := NewAPIKeys(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func admit(t testing.TB, set *APIKeys, key string) string {
	t.Helper()
	session, _, err := set.Admit(key, adminNow)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func TestAdminSessionLastsTwelveHours(t *testing.T) {
	set := apiKeys(t, otherKey, oneKey)
	session, until, err := set.Admit(oneKey, adminNow)
	if want := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC); err != nil || until != want {
		t.Fatalf("until %v, %v; want %v", until, err, want)
	}
	for _, tt := range []struct {
		after time.Duration
		want  bool
	}{{-time.Second, true}, {0, true}, {until.Sub(adminNow) - 1, true}, {until.Sub(adminNow), false}, {time.Hour * 1e6, false}} {
		got, ok := set.Admitted(session, adminNow.Add(tt.after))
		if ok != tt.want || ok && got != until || !ok && !got.IsZero() {
			t.Errorf("after %v: %v until %v", tt.after, ok, got)
		}
	}
	if again := admit(t, set, oneKey); again == session {
		t.Error("two sign-ins are the same session")
	}
	if strings.Contains(session, oneKey) || len(session) > 100 {
		t.Errorf("the session holds its key, or is long: %s", session)
	}
}

func TestAdminSessionGoesWithItsKey(t *testing.T) {
	set := apiKeys(t, oneKey, otherKey)
	session := admit(t, set, oneKey)
	for name, tt := range map[string]struct {
		set  *APIKeys
		want bool
	}{
		"the same keys at another instance": {apiKeys(t, otherKey, oneKey), true},
		"its key alone":                     {apiKeys(t, oneKey), true},
		"its key twice":                     {apiKeys(t, oneKey, oneKey), true},
		"its key taken away":                {apiKeys(t, otherKey), false},
		"no keys":                           {apiKeys(t), false},
		"no set":                            {nil, false},
	} {
		if _, ok := tt.set.Admitted(session, adminNow); ok != tt.want {
			t.Errorf("%s: admitted %v", name, ok)
		}
		if tt.set.Empty() != (name == "no keys" || name == "no set") {
			t.Errorf("%s: empty %v", name, tt.set.Empty())
		}
	}
}

func TestOnlyKeysAreAdmitted(t *testing.T) {
	for _, set := range []*APIKeys{nil, {}, apiKeys(t, oneKey)} {
		for _, key := range []string{"", otherKey, oneKey + "0", admit(t, apiKeys(t, oneKey), oneKey)} {
			session, until, err := set.Admit(key, adminNow)
			if !errors.Is(err, ErrCredentials) || session != "" || !until.IsZero() {
				t.Errorf("key %q: %q until %v, %v", key, session, until, err)
			}
		}
	}
}

func TestForgedAdminSessionsAreNot(t *testing.T) {
	set := apiKeys(t, oneKey, otherKey)
	good := admit(t, set, oneKey)
	raw, err := encoding.DecodeString(good[len(adminPrefix):])
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(raw []byte)) string {
		forged := append([]byte(nil), raw...)
		change(forged)
		return adminPrefix + encoding.EncodeToString(forged)
	}
	signed := func(secret adminSecret) string {
		return forge(func(raw []byte) { copy(raw[adminClaim:], secret.sign(raw[:adminClaim])) })
	}
	token, _ := Mint("alice")
	forged := map[string]string{
		"nothing":         "",
		"the key":         oneKey,
		"cut short":       good[:len(good)-1],
		"cut to a claim":  adminPrefix + encoding.EncodeToString(raw[:adminClaim]),
		"with more":       good + "A",
		"with a newline":  good[:40] + "\n" + good[40:],
		"without prefix":  good[len(adminPrefix):],
		"another prefix":  tokenPrefix + good[len(adminPrefix):],
		"without a MAC":   forge(func(raw []byte) { clear(raw[adminClaim:]) }),
		"for longer":      forge(func(raw []byte) { binary.BigEndian.PutUint64(raw, 1<<40) }),
		"for ever":        forge(func(raw []byte) { binary.BigEndian.PutUint64(raw, 1<<64-1) }),
		"another's MAC":   signed(newAdminSecret("somebody else's key")),
		"the digest's":    signed(set.digests[0]),
		"of a zero key":   signed(adminSecret{}),
		"a login's token": token,
	}
	for name, text := range forged {
		if until, ok := set.Admitted(text, adminNow); ok || !until.IsZero() {
			t.Errorf("%s: admitted until %v", name, until)
		}
	}
	for i := range raw {
		for bit := range 8 {
			if _, ok := set.Admitted(forge(func(raw []byte) { raw[i] ^= 1 << bit }), adminNow); ok {
				t.Fatalf("admitted with bit %d of byte %d turned over", bit, i)
			}
		}
	}
}

// FuzzAdmitted looks for a text that is let in and that Admit has not made.
func FuzzAdmitted(f *testing.F) {
	set := apiKeys(f, oneKey)
	good := admit(f, set, oneKey)
	for _, seed := range []string{"", adminPrefix, good, good[:50], good + good, strings.ToUpper(good)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, ok := set.Admitted(text, adminNow); ok && text != good {
			t.Errorf("admitted %q", text)
		}
	})
}
