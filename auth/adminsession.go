package auth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// AdminSessionTTL is how long an operator stays signed in to the dashboard.
const AdminSessionTTL = 12 * time.Hour

// adminPrefix begins what an operator's browser is given, as those of tokens and tickets do.
const adminPrefix = "sa_"

// adminLabel keeps what is derived of a key for this apart from whatever else may be derived of it some day.
const adminLabel = "sessionhub admin session 1"

// What stands in an admin session: when it ends, in seconds since 1970, a random ID, and the MAC of both.
const (
	adminUntil  = 8
	adminRandom = 16
	adminClaim  = adminUntil + adminRandom
	adminSize   = adminClaim + sha256.Size
)

// adminSecret is what signs the admin sessions of an API key. It is derived by HKDF (RFC 5869), so that neither it
// nor a MAC tells anything of the key.
type adminSecret [sha256.Size]byte

func newAdminSecret(key string) adminSecret {
	secret, err := hkdf.Key(sha256.New, []byte(key), nil, adminLabel, sha256.Size)
	if err != nil {
		panic(err) // the length is one that HKDF can make
	}
	return adminSecret(secret)
}

// sign returns the HMAC-SHA256 (RFC 2104) of a claim.
func (s *adminSecret) sign(claim []byte) []byte {
	mac := hmac.New(sha256.New, s[:])
	mac.Write([]byte(adminPrefix))
	mac.Write(claim)
	return mac.Sum(nil)
}

// Empty reports whether there is no key, so that nobody can be let in; a nil set is empty.
func (k *APIKeys) Empty() bool { return k == nil || len(k.digests) == 0 }

// Admit returns an admin session for whoever has a key of the set, and when it ends: AdminSessionTTL from now, in
// whole seconds. It holds no key, and whoever has it is known as an operator until then at every instance with the
// same key, with or without a store: it is signed and kept nowhere. So it ends before its time only with its key.
// The error is ErrCredentials if the key is not one of the set.
func (k *APIKeys) Admit(key string, now time.Time) (session string, until time.Time, err error) {
	if k == nil || !k.Valid(key) {
		return "", time.Time{}, ErrCredentials
	}
	until = now.Add(AdminSessionTTL).UTC().Truncate(time.Second)
	raw := make([]byte, adminClaim, adminSize)
	binary.BigEndian.PutUint64(raw, uint64(until.Unix()))
	rand.Read(raw[adminUntil:]) // never fails
	secret := newAdminSecret(key)
	return adminPrefix + encoding.EncodeToString(append(raw, secret.sign(raw)...)), until, nil
}

// Admitted reports whether an admin session was made with a key of the set and has not ended, and returns when it
// will. It takes the same time whichever key that was, or none.
func (k *APIKeys) Admitted(session string, now time.Time) (until time.Time, ok bool) {
	var raw [adminSize]byte
	if k.Empty() || !unseal(raw[:], adminPrefix, session) {
		return time.Time{}, false
	}
	claim, mac := raw[:adminClaim], raw[adminClaim:]
	for i := range k.secrets {
		ok = hmac.Equal(k.secrets[i].sign(claim), mac) || ok // in this order, so that each is looked at
	}
	until = time.Unix(int64(binary.BigEndian.Uint64(claim)), 0).UTC()
	if !ok || !now.Before(until) {
		return time.Time{}, false
	}
	return until, true
}
