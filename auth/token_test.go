package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

func TestMintedTokenParses(t *testing.T) {
	for _, user := range []string{"alice", "", "a b/c{d}\"e\"\n\x00", "ü👩‍💻", strings.Repeat("x", 256)} {
		token, want := Mint(user)
		got, err := Parse(token)
		if err != nil || got != want {
			t.Fatalf("Parse(Mint(%q)) = %v, %v; want %v", user, got, err, want)
		}
		if got.Key != session.KeyOf(user) {
			t.Errorf("the token of %q is for another account", user)
		}
		if got.Digest != sha256.Sum256([]byte(token)) {
			t.Errorf("the digest is not that of the whole token")
		}
		if got.ID.Version() != 4 || got.ID.Variant() != uuid.RFC4122 {
			t.Errorf("the session ID %s is not a random UUID", got.ID)
		}
		if len(token) != 3+86 || strings.Trim(token, "-_"+letters) != "" {
			t.Errorf("a token of %d characters that a header or a subprotocol cannot hold: %q", len(token), token)
		}
	}
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func TestMintedTicketParses(t *testing.T) {
	ticket, want := MintTicket("alice")
	key, digest, err := ParseTicket(ticket)
	if err != nil || key != session.KeyOf("alice") || digest != want {
		t.Fatalf("ParseTicket = %v, %v, %v; want the key of alice and %v", key, digest, err, want)
	}
}

func TestMintNeverRepeats(t *testing.T) {
	seen := make(map[string]bool)
	for range 100 {
		token, cred := MintKey(session.KeyOf("alice"))
		ticket, _ := MintTicketKey(session.KeyOf("alice"))
		for _, secret := range []string{token, ticket, cred.ID.String()} {
			if seen[secret] {
				t.Fatal("minted the same twice")
			}
			seen[secret] = true
		}
	}
}

// mangled returns texts that are nearly the given secret.
func mangled(secret string) map[string]string {
	prefix, body := secret[:3], secret[3:]
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		panic(err)
	}
	encode := func(b []byte) string { return prefix + base64.RawURLEncoding.EncodeToString(b) }
	return map[string]string{
		"empty":             "",
		"prefix only":       prefix,
		"no prefix":         body,
		"other prefix":      "sx_" + body,
		"upper case prefix": strings.ToUpper(prefix) + body,
		"cut":               secret[:len(secret)-1],
		"a byte short":      encode(raw[:len(raw)-1]),
		"a byte long":       encode(append(bytes.Clone(raw), 0)),
		"doubled":           secret + secret,
		"padded":            secret + "==",
		"space before":      " " + secret,
		"space after":       secret + " ",
		"line break after":  secret + "\n",
		"line break inside": secret[:20] + "\n" + secret[21:],
		"line breaks added": secret[:20] + "\r\n" + secret[20:],
		"NUL inside":        secret[:20] + "\x00" + secret[21:],
		"standard alphabet": secret[:20] + "+/" + secret[22:],
		"not ASCII":         secret[:20] + "é" + secret[22:],
		"10 MB":             prefix + strings.Repeat("A", 10<<20),
	}
}

func TestParseRefusesWhatWasNotMinted(t *testing.T) {
	token, _ := Mint("alice")
	ticket, _ := MintTicket("alice")
	texts := mangled(token)
	texts["ticket"] = ticket
	texts["trailing bits"] = token[:len(token)-1] + string(flip(token[len(token)-1]))
	for name, text := range texts {
		cred, err := Parse(text)
		if !errors.Is(err, ErrToken) || cred != (session.Credential{}) {
			t.Errorf("%s: Parse = %v, %v; want ErrToken", name, cred, err)
		}
	}
}

func TestParseTicketRefusesWhatWasNotMinted(t *testing.T) {
	token, _ := Mint("alice")
	ticket, _ := MintTicket("alice")
	texts := mangled(ticket)
	texts["token"] = token
	for name, text := range texts {
		key, digest, err := ParseTicket(text)
		if !errors.Is(err, ErrTicket) || key != (session.Key{}) || digest != (session.Digest{}) {
			t.Errorf("%s: ParseTicket = %v, %v, %v; want ErrTicket", name, key, digest, err)
		}
	}
}

// flip changes the last bit of what a base64url letter stands for. In a token's last letter it means nothing.
func flip(letter byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, letter)^1]
}

func TestChangedTokenIsAnother(t *testing.T) {
	token, cred := Mint("alice")
	for i := len(tokenPrefix); i < len(token)-1; i++ {
		changed := token[:i] + string(flip(token[i])) + token[i+1:]
		got, err := Parse(changed)
		if err != nil {
			t.Fatalf("letter %d changed: %v", i, err)
		}
		if got.Digest == cred.Digest {
			t.Fatalf("letter %d changed, and the digest has not", i)
		}
	}
}

func FuzzParse(f *testing.F) {
	token, _ := Mint("alice")
	ticket, _ := MintTicket("alice")
	f.Add(token)
	f.Add(ticket)
	for _, text := range mangled(token) {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if cred, err := Parse(text); err == nil {
			random, _ := encoding.DecodeString(text[len(tokenPrefix):])
			again := tokenPrefix + encoding.EncodeToString(
				bytes.Join([][]byte{cred.Key[:], cred.ID[:], random[keySize+idSize:]}, nil))
			if again != text || cred.Digest != sha256.Sum256([]byte(text)) {
				t.Errorf("%q is read as %q", text, again)
			}
		} else if !errors.Is(err, ErrToken) {
			t.Errorf("Parse(%q): %v", text, err)
		}
		if key, digest, err := ParseTicket(text); err == nil {
			random, _ := encoding.DecodeString(text[len(ticketPrefix):])
			again := ticketPrefix + encoding.EncodeToString(append(key[:], random[keySize:]...))
			if again != text || digest != sha256.Sum256([]byte(text)) {
				t.Errorf("%q is read as %q", text, again)
			}
		} else if !errors.Is(err, ErrTicket) {
			t.Errorf("ParseTicket(%q): %v", text, err)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Mint("alice")
	}
}

func BenchmarkParse(b *testing.B) {
	token, _ := Mint("alice")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(token); err != nil {
			b.Fatal(err)
		}
	}
}
