package auth

import (
	"strings"
	"testing"
)

func TestAPIKeysValid(t *testing.T) {
	keys := []string{"0123456789abcdef", strings.Repeat("k", 64), "p@ss-w0rd_with.signs~"}
	set, err := NewAPIKeys(keys...)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if !set.Valid(key) {
			t.Errorf("Valid(%q) = false", key)
		}
	}
	for _, key := range []string{
		"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", " 0123456789abcdef", keys[0] + keys[1],
		strings.Repeat("k", 1<<20),
	} {
		if set.Valid(key) {
			t.Errorf("Valid(%.40q) = true", key)
		}
	}
}

func TestNoAPIKeysLetNobodyIn(t *testing.T) {
	empty, err := NewAPIKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []*APIKeys{empty, {}} {
		for _, key := range []string{"", "0123456789abcdef"} {
			if set.Valid(key) {
				t.Errorf("Valid(%q) = true of no keys", key)
			}
		}
	}
}

func TestNewAPIKeysRefuses(t *testing.T) {
	const good = "0123456789abcdef"
	for key, want := range map[string]string{
		"":                   "API key 2 has 0 characters: use at least 16",
		"hunter2-hunter2":    "API key 2 has 15 characters: use at least 16",
		"0123456789abcdef\n": "line break",
		"01234567 89abcdef":  "space",
		"0123456789abcdéf":   "outside ASCII",
		"0123456789abcd\x00": "line break",
	} {
		_, err := NewAPIKeys(good, key)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("key %q: %v; want an error with %q", key, err, want)
			continue
		}
		if key != "" && strings.Contains(err.Error(), strings.TrimSpace(key)) || strings.Contains(err.Error(), good) {
			t.Errorf("key %q: the error shows a key: %v", key, err)
		}
	}
}
