package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// MaxPush is the most bytes that the data of a message may have.
const MaxPush = 16 << 10

// ErrNoSession says that a session is not live: it has ended, or was never opened.
var ErrNoSession = errors.New("there is no such live session")

// Push is a message from an app to the connections of a user's live sessions. It is not kept: whoever is not
// connected misses it.
type Push struct {
	ID uuid.UUID
	// Session is the one it is for; the zero ID is all of the user's.
	Session ID
	// Data is one JSON value without white space around its parts.
	Data []byte
}

// NewPush returns a message with an ID of its own, for a session or, with the zero ID, for all of a user's. It
// fails if data is not exactly one JSON value (RFC 8259; valid UTF-8, no name twice in an object), or has more than
// MaxPush bytes without white space; the error says which, and repeats nothing of data.
func NewPush(session ID, data []byte) (Push, error) {
	value := jsontext.Value(data).Clone()
	if err := value.Compact(); err != nil || !value.IsValid() {
		return Push{}, errors.New("is not one JSON value")
	}
	if len(value) > MaxPush {
		return Push{}, fmt.Errorf("has %d bytes without white space; want %d at most", len(value), MaxPush)
	}
	return Push{ID: uuid.New(), Session: session, Data: value}, nil
}

// Push sends a message to the connections of a user's live sessions: one round trip. It returns how many instances
// it was sent to, and ErrNoSession if the one session it is for is not live. That nobody is connected, or nobody
// knows the user, is no error.
func (r *Registry) Push(ctx context.Context, user string, push Push) (instances int, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	snap, err := r.store.Push(ctx, KeyOf(user), push)
	if err != nil {
		return 0, err
	}
	if push.Session != (ID{}) {
		if found, ok := snap.Account.Find(push.Session); !ok || found.Ended != nil {
			return 0, ErrNoSession
		}
	}
	return len(snap.Routes.For(push)), nil
}

// For returns to which sessions of each instance a message goes.
func (r Routes) For(push Push) map[string][]ID {
	to := make(map[string][]ID)
	for _, route := range r {
		if push.Session == (ID{}) || push.Session == route.Session {
			to[route.Instance] = append(to[route.Instance], route.Session)
		}
	}
	return to
}

// Pushed is a Push as it reaches an instance.
type Pushed struct {
	ID  uuid.UUID
	Key Key
	// At is when it was sent, by the store's clock.
	At time.Time
	// Sessions are those that the instance has a route to and the message is for.
	Sessions []ID
	Data     []byte
}

// pushWord begins the text of every Pushed, and of no Notice, which begins with a digit.
const pushWord = "push "

// IsPush tells which of the two a message in an instance's inbox is: a Pushed, or else a Notice.
func IsPush(message []byte) bool { return len(message) > 0 && message[0] == pushWord[0] }

// EncodePush returns the message that carries a Push to an instance's inbox: the head of the push, the time in
// decimal milliseconds, and the sessions in hexadecimal, each after a space; a newline; the data. A store's script
// can put one together.
func EncodePush(d Pushed) []byte {
	message := append(PushHead(d.Key, d.ID), strconv.FormatInt(d.At.UnixMilli(), 10)...)
	for _, id := range d.Sessions {
		message = hex.AppendEncode(append(message, ' '), id[:])
	}
	return append(append(message, '\n'), d.Data...)
}

// PushHead returns what a Pushed begins with, up to its time: a word, the key and the ID of the push, each before a
// space.
func PushHead(key Key, id uuid.UUID) []byte {
	return fmt.Appendf(nil, "%s%s %s ", pushWord, key, id)
}

// DecodePush reads what EncodePush wrote. The data is a part of message.
func DecodePush(message []byte) (Pushed, error) {
	head, data, ok := bytes.Cut(message, []byte("\n"))
	words := bytes.Split(head, []byte(" "))
	if !ok || len(words) < 4 || string(words[0])+" " != pushWord {
		return Pushed{}, fmt.Errorf("decode push: no head in %d bytes", len(message))
	}
	d := Pushed{Data: data}
	var err error
	if d.Key, err = ParseKey(string(words[1])); err != nil {
		return Pushed{}, fmt.Errorf("decode push: %w", err)
	}
	if d.ID, err = uuid.ParseBytes(words[2]); err != nil {
		return Pushed{}, fmt.Errorf("decode push: ID: %w", err)
	}
	at, err := strconv.ParseInt(string(words[3]), 10, 64)
	if err != nil {
		return Pushed{}, fmt.Errorf("decode push: time %q", words[3])
	}
	d.At = time.UnixMilli(at).UTC()
	for _, word := range words[4:] {
		id, err := uuid.ParseBytes(word)
		if err != nil {
			return Pushed{}, fmt.Errorf("decode push: session: %w", err)
		}
		d.Sessions = append(d.Sessions, id)
	}
	return d, nil
}
