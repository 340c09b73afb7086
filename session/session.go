package session

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// ID names a session. It is public: it stands in URLs and on pages, and proves nothing.
type ID = uuid.UUID

// Key names a user's account in a store: the first 16 bytes of SHA-256 of the user.
// Any user string makes a safe key, and none can be read from one.
type Key [16]byte

// Shards is the number of parts the accounts are spread over. What belongs to one
// shard (accounts, deadlines, events, counters) can change in one commit.
const Shards = 16

// KeyOf returns the key of a user's account.
func KeyOf(user string) Key {
	sum := sha256.Sum256([]byte(user))
	return Key(sum[:len(Key{})])
}

// ParseKey reads what Key.String wrote.
func ParseKey(text string) (Key, error) {
	var k Key
	if base64.RawURLEncoding.DecodedLen(len(text)) != len(k) {
		return Key{}, fmt.Errorf("key %q: want 22 characters", text)
	}
	if _, err := base64.RawURLEncoding.Decode(k[:], []byte(text)); err != nil {
		return Key{}, fmt.Errorf("key %q: %w", text, err)
	}
	return k, nil
}

// String returns the key in base64url, 22 characters.
func (k Key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// Shard returns the part of the store that k lives in, from 0 to Shards-1.
func (k Key) Shard() int { return int(k[0]) % Shards }

// Digest is the SHA-256 of a secret, all that is kept of it.
type Digest [sha256.Size]byte

// MarshalText returns the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("digest: want %d hexadecimal digits", 2*len(d))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// Credential is what a token claims and proves: a session of an account, and the digest of the whole
// token. Only a session that holds the same digest vouches for the claim; see [Registry.Check].
type Credential struct {
	Key    Key
	ID     ID
	Digest Digest
}

// Kind is the sort of device a session is on.
type Kind string

// The kinds of device.
const (
	Web     Kind = "web"
	Mobile  Kind = "mobile"
	Desktop Kind = "desktop"
	TV      Kind = "tv"
	Other   Kind = "other"
)

// Kinds lists every kind of device.
var Kinds = []Kind{Web, Mobile, Desktop, TV, Other}

// Known reports whether k is one of Kinds.
func (k Kind) Known() bool { return slices.Contains(Kinds, k) }

// Device is what a user signs in on. Two logins of one user with the same ID are the same device.
type Device struct {
	ID   string `json:"id" cbor:"1,keyasint"`
	Name string `json:"name" cbor:"2,keyasint,omitempty"`
	Kind Kind   `json:"kind" cbor:"3,keyasint"`
}

// Session is one login of one user on one device. It is live until Ended is set, and then never again.
// All times are UTC and whole milliseconds.
type Session struct {
	ID        ID     `json:"id" cbor:"1,keyasint"`
	Device    Device `json:"device" cbor:"2,keyasint"`
	IP        string `json:"ip,omitempty" cbor:"3,keyasint,omitempty"`
	UserAgent string `json:"user_agent,omitempty" cbor:"4,keyasint,omitempty"`
	// Digest is that of the session's token.
	Digest       Digest    `json:"digest,omitzero" cbor:"5,keyasint,omitzero"`
	CreatedAt    time.Time `json:"created_at" cbor:"6,keyasint"`
	LastActiveAt time.Time `json:"last_active_at" cbor:"7,keyasint"`
	// IdleTimeout is how long the session lives without activity; 0 is for ever.
	IdleTimeout time.Duration `json:"idle_timeout,omitzero" cbor:"8,keyasint,omitzero"`
	// ExpiresAt is when the session ends whatever happens; zero is never.
	ExpiresAt time.Time `json:"expires_at,omitzero" cbor:"9,keyasint,omitzero"`
	// Attributes are the app's own, handed over when it opened the session.
	Attributes map[string]string `json:"attributes,omitempty" cbor:"10,keyasint,omitempty"`
	// Ended is nil while the session is live.
	Ended *Ending `json:"ended,omitempty" cbor:"11,keyasint,omitempty"`
	// SSO is how the OpenID provider knows it that vouched for its user; nil if none did. Clients do not see it.
	SSO *SSO `json:"sso,omitempty" cbor:"20,keyasint,omitempty"`
}

// Index returns where a session is in a list, or -1. It copies none: where each of a thousand is looked for, that is
// what takes the time.
func Index(list []Session, id ID) int {
	for i := range list {
		if list[i].ID == id {
			return i
		}
	}
	return -1
}

// IdleExpiresAt returns when the session ends without further activity; zero is never.
func (s Session) IdleExpiresAt() time.Time {
	if s.IdleTimeout == 0 {
		return time.Time{}
	}
	return s.LastActiveAt.Add(s.IdleTimeout)
}

// Deadline returns when the session ends at the latest without further activity, and for which
// reason; zero is never.
func (s Session) Deadline() (time.Time, Reason) {
	idle := s.IdleExpiresAt()
	if idle.IsZero() || !s.ExpiresAt.IsZero() && s.ExpiresAt.Before(idle) {
		return s.ExpiresAt, Lifetime
	}
	return idle, Idle
}

// Actor returns s as the one who ended another session.
func (s Session) Actor() *Actor {
	return &Actor{SessionID: s.ID, Device: &s.Device, IP: s.IP, UserAgent: s.UserAgent}
}

// Reason is why a session ended.
type Reason string

// The reasons for which a session ends. Unknown is the answer for a session that no store knows:
// never opened, or ended so long ago that its record is gone.
const (
	Superseded   Reason = "superseded"     // a newer login took its place
	Replaced     Reason = "replaced"       // the same device signed in again
	SignedOut    Reason = "signed_out"     // its own logout
	EndedByUser  Reason = "ended_by_user"  // from another of the user's devices
	EndedByAdmin Reason = "ended_by_admin" // through the admin API
	Idle         Reason = "idle"           // no activity for the idle timeout
	Lifetime     Reason = "lifetime"       // its maximum lifetime is over
	Unknown      Reason = "unknown"        // no such session
)

// Reasons lists every reason for which a session ends.
var Reasons = []Reason{Superseded, Replaced, SignedOut, EndedByUser, EndedByAdmin, Idle, Lifetime}

// Forced reports whether somebody else has ended a session for this reason: a newer login, another device of the user,
// or an operator.
func (r Reason) Forced() bool {
	return slices.Contains([]Reason{Superseded, Replaced, EndedByUser, EndedByAdmin}, r)
}

// Ending says why a session ended, when and by whom. It is the session's tombstone, and its notice.
type Ending struct {
	Reason Reason    `json:"reason" cbor:"1,keyasint"`
	At     time.Time `json:"at" cbor:"2,keyasint"`
	By     *Actor    `json:"by,omitempty" cbor:"3,keyasint,omitempty"`
	// Message is for the person who reads the notice; empty lets the reason speak.
	Message string `json:"message,omitempty" cbor:"4,keyasint,omitempty"`
	// AckedAt is the receipt: when a device said that it had shown the notice; zero is not yet.
	AckedAt time.Time `json:"acked_at,omitzero" cbor:"5,keyasint,omitzero"`
	// ReportedAt is when the user said that the session was not theirs; zero is not yet. ByReport says that this is what
	// has ended it. See Registry.Report.
	ReportedAt time.Time `json:"reported_at,omitzero" cbor:"6,keyasint,omitzero"`
	ByReport   bool      `json:"by_report,omitzero" cbor:"7,keyasint,omitzero"`
	// Delivery is whether the notice was sent. Store.Commit adds it: events are written before anybody knows.
	Delivery NoticeDelivery `json:"delivery,omitempty" cbor:"8,keyasint,omitempty"`
}

// Actor is the login or the person that ended a session, as far as known.
type Actor struct {
	SessionID ID      `json:"session_id,omitzero" cbor:"1,keyasint,omitzero"`
	Device    *Device `json:"device,omitempty" cbor:"2,keyasint,omitempty"`
	IP        string  `json:"ip,omitempty" cbor:"3,keyasint,omitempty"`
	UserAgent string  `json:"user_agent,omitempty" cbor:"4,keyasint,omitempty"`
	// Client is what Shown reads in UserAgent. It is not kept.
	Client *Client `json:"client,omitempty" cbor:"-" doc:"What the user agent says, in words for people"`
}
