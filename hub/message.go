package hub

import (
	"encoding/json"
	"time"

	"github.com/coder/websocket"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// Subprotocol is the WebSocket subprotocol that the hub speaks: one JSON object per text message, each of one of
// the types in this file.
const Subprotocol = "sessionhub.v1"

// maxMessage is the most bytes a client's message may have.
const maxMessage = 4 << 10

// Close codes. Those from 4000 to 4099 are terminal: the client must not come back with the same session. After
// the others of this list it may, later.
const (
	CodeRevoked   websocket.StatusCode = 4001 // superseded, replaced, ended_by_user, ended_by_admin
	CodeExpired   websocket.StatusCode = 4002 // idle, lifetime
	CodeSignedOut websocket.StatusCode = 4003 // signed_out
	CodeUnknown   websocket.StatusCode = 4004 // unknown

	CodeGoingAway  = websocket.StatusServiceRestart // 1012, after a reconnect message
	CodeOverloaded = websocket.StatusTryAgainLater  // 1013
)

// overloadedFor is how long a client is asked to stay away after CodeOverloaded.
const overloadedFor = 5 * time.Second

// CodeFor returns the close code for the reason a session ended.
func CodeFor(reason session.Reason) websocket.StatusCode {
	switch reason {
	case session.Idle, session.Lifetime:
		return CodeExpired
	case session.SignedOut:
		return CodeSignedOut
	case session.Unknown:
		return CodeUnknown
	default:
		return CodeRevoked
	}
}

// From the hub.
type (
	// welcome is the first message of a live session's connection. It has the session's attributes. missed_at is
	// there if messages to the session have been lost since it was last told, because a connection was too slow for
	// them or closed before they went out: when the last one was. They do not come again; the client should ask its
	// app for what it shows.
	welcome struct {
		Type          string            `json:"type"` // "welcome"
		Session       session.View      `json:"session"`
		Instance      string            `json:"instance"`
		ServerTime    session.Timestamp `json:"server_time"`
		IdleTimeoutMS int64             `json:"idle_timeout_ms" doc:"How long the session lives without activity; 0 is for ever."`

		MissedAt *session.Timestamp `json:"missed_at,omitempty" doc:"When messages to this session were last lost; absent, none were."`
	}

	// revoked says that the session has ended. A terminal close code follows.
	revoked struct {
		Type      string            `json:"type"`                 // "session.revoked"
		ID        session.ID        `json:"id" doc:"For an ack."` // a session has one notice, named like it
		SessionID session.ID        `json:"session_id"`
		Reason    session.Reason    `json:"reason"`
		At        session.Timestamp `json:"at"`
		Message   string            `json:"message" doc:"Why, in plain words, for the person whose session it was."`
		By        *session.Actor    `json:"by,omitempty" doc:"Who ended it, as far as known."`
	}

	// expiring warns that the session will end for want of activity.
	expiring struct {
		Type string            `json:"type"` // "session.expiring"
		At   session.Timestamp `json:"at" doc:"When the session will end."`
		InMS int64             `json:"in_ms" doc:"In how long."`
	}

	// renewed says that there has been activity after such a warning.
	renewed struct {
		Type          string            `json:"type"` // "session.renewed"
		IdleExpiresAt session.Timestamp `json:"idle_expires_at"`
	}

	// pushed is a message from an app to the user or the session. Those that come by one instance keep their order.
	// None follows the end of the session.
	pushed struct {
		Type string            `json:"type"` // "message"
		ID   uuid.UUID         `json:"id" doc:"For an ack."`
		At   session.Timestamp `json:"at" doc:"When it was sent."`
		Data jsontext.Value    `json:"data" doc:"The app's own: at most 16 KiB of JSON."`
	}

	// reconnect asks the client to connect anew so long after the message, to another instance.
	reconnect struct {
		Type    string `json:"type"` // "reconnect"
		AfterMS int64  `json:"after_ms" doc:"When to connect again."`
	}
)

// request is what a client may send: {type: "activity"}, the user did something; {type: "ack", id}, a notice
// or a message was shown; {type: "logout"}.
type request struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// farewell is the last thing a connection is told: a message, and the close code with its reason.
type farewell struct {
	message []byte
	code    websocket.StatusCode
	reason  string
	endedAt time.Time // by the store's clock, if this is news that can be timed; else zero
}

// ended returns the farewell of a session that has ended.
func ended(id session.ID, ending session.Ending) *farewell {
	return &farewell{
		message: encode(notice(id, ending)),
		code:    CodeFor(ending.Reason),
		reason:  string(ending.Reason),
	}
}

// notice returns the message that a session has ended.
func notice(id session.ID, ending session.Ending) revoked {
	return revoked{
		Type: "session.revoked", ID: id, SessionID: id, Reason: ending.Reason,
		At: session.Timestamp(ending.At), Message: ending.Text(), By: ending.By.Shown(),
	}
}

// encodePush returns an app's message as it is sent, with its data as the app wrote it. It fails if that is no JSON.
func encodePush(d session.Pushed) ([]byte, error) {
	return jsonv2.Marshal(pushed{Type: "message", ID: d.ID, At: session.Timestamp(d.At), Data: d.Data},
		jsontext.PreserveRawStrings(true))
}

// greeting is a welcome on its way.
type greeting struct {
	message  []byte
	missedAt time.Time // what it says of it, in the store's words; zero is nothing
}

// encode returns a message as it is sent. The messages are structs of this file, which always encode.
func encode(message any) []byte {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return text
}
