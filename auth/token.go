package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// What Parse and ParseTicket return for anything that Mint and MintTicket cannot have made.
var (
	ErrToken  = errors.New("not a session token: sign in for one, and send it whole, from " + tokenPrefix + " on")
	ErrTicket = errors.New("not a login ticket: sign in for one, and send it whole, from " + ticketPrefix + " on")
)

// The prefixes tell secret scanners, and people, what they look at.
const (
	tokenPrefix  = "sh_"
	ticketPrefix = "st_"
)

// What a token and a ticket are made of, in bytes.
const (
	keySize    = len(session.Key{})
	idSize     = len(session.ID{})
	randomSize = 32
)

// encoding refuses the trailing bits that would let two texts mean the same token. It ignores line breaks,
// which unseal makes up for.
var encoding = base64.RawURLEncoding.Strict()

// Mint makes the token of a new session of user, and the credential that the token stands for. The token
// holds the key of the user's account and the session's new random ID, so that one read of one record checks
// it, and 32 random bytes, which prove it.
func Mint(user string) (token string, cred session.Credential) { return MintKey(session.KeyOf(user)) }

// MintKey is Mint for an account of which only the key is known.
func MintKey(key session.Key) (token string, cred session.Credential) {
	id := uuid.New()
	token = seal(tokenPrefix, key[:], id[:])
	return token, session.Credential{Key: key, ID: id, Digest: sha256.Sum256([]byte(token))}
}

// Parse reads a token. It proves nothing: only a session that holds the same digest vouches for the
// credential. It returns ErrToken for a text that is not exactly as Mint would have written it.
func Parse(token string) (session.Credential, error) {
	var raw [keySize + idSize + randomSize]byte
	if !unseal(raw[:], tokenPrefix, token) {
		return session.Credential{}, ErrToken
	}
	return session.Credential{
		Key:    session.Key(raw[:keySize]),
		ID:     session.ID(raw[keySize : keySize+idSize]),
		Digest: sha256.Sum256([]byte(token)),
	}, nil
}

// MintTicket makes a ticket, with which user answers a login's question, and the digest it is known by. The
// ticket holds the key of the user's account and 32 random bytes.
func MintTicket(user string) (ticket string, digest session.Digest) {
	return MintTicketKey(session.KeyOf(user))
}

// MintTicketKey is MintTicket for an account of which only the key is known.
func MintTicketKey(key session.Key) (ticket string, digest session.Digest) {
	ticket = seal(ticketPrefix, key[:])
	return ticket, sha256.Sum256([]byte(ticket))
}

// ParseTicket reads a ticket: whose account it is for, and its digest. It returns ErrTicket for a text that
// is not exactly as MintTicket would have written it.
func ParseTicket(ticket string) (session.Key, session.Digest, error) {
	var raw [keySize + randomSize]byte
	if !unseal(raw[:], ticketPrefix, ticket) {
		return session.Key{}, session.Digest{}, ErrTicket
	}
	return session.Key(raw[:keySize]), sha256.Sum256([]byte(ticket)), nil
}

// seal writes a secret: the parts and 32 random bytes, in base64url after the prefix.
func seal(prefix string, parts ...[]byte) string {
	raw := make([]byte, 0, keySize+idSize+randomSize)
	for _, part := range parts {
		raw = append(raw, part...)
	}
	var random [randomSize]byte
	rand.Read(random[:]) // never fails
	return prefix + encoding.EncodeToString(append(raw, random[:]...))
}

// unseal reads what seal wrote into raw, and reports whether text is exactly that. The length is looked at
// twice, as a text and as bytes: between them no line break has room.
func unseal(raw []byte, prefix, text string) bool {
	body, ok := strings.CutPrefix(text, prefix)
	if !ok || len(body) != encoding.EncodedLen(len(raw)) {
		return false
	}
	n, err := encoding.Decode(raw, []byte(body))
	return err == nil && n == len(raw)
}
