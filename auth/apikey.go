package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
)

// minAPIKey is the fewest characters an API key has: 16 random letters and digits are past guessing.
const minAPIKey = 16

// APIKeys are the keys with which apps and operators call the admin API. It may be used concurrently.
type APIKeys struct {
	// Static after construction.
	digests [][sha256.Size]byte
	secrets []adminSecret // of the same keys, in the same order
}

// NewAPIKeys returns the set of the given keys; the empty set lets nobody in. It refuses a key of fewer than
// 16 characters, and one that cannot stand in an Authorization header. The error counts the keys from 1 and
// shows none.
func NewAPIKeys(keys ...string) (*APIKeys, error) {
	set := &APIKeys{digests: make([][sha256.Size]byte, 0, len(keys))}
	for i, key := range keys {
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fmt.Errorf("API key %d has a space, a line break or a letter outside ASCII in it: "+
				"no client could send it", i+1)
		}
		if len(key) < minAPIKey {
			return nil, fmt.Errorf("API key %d has %d characters: use at least %d random ones, as from "+
				"`openssl rand -hex 16`", i+1, len(key), minAPIKey)
		}
		set.digests = append(set.digests, sha256.Sum256([]byte(key)))
		set.secrets = append(set.secrets, newAdminSecret(key))
	}
	return set, nil
}

// Valid reports whether key is one of the set. It takes the same time whichever it is, or none.
func (k *APIKeys) Valid(key string) bool {
	digest := sha256.Sum256([]byte(key))
	found := 0
	for i := range k.digests {
		found |= subtle.ConstantTimeCompare(k.digests[i][:], digest[:])
	}
	return found == 1
}
