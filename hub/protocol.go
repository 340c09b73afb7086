package hub

import (
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// Message describes one type of the protocol's messages, for those who document it.
type Message struct {
	// Type is the value of the message's type.
	Type string
	// FromHub says who sends it: the hub, or else the client.
	FromHub bool
	// When says in a sentence or two when it is sent, and what is to be done about it.
	When string
	// Example is one, of the Go type that the hub sends or takes.
	Example any
}

// Closing describes a close code of the hub's.
type Closing struct {
	// Code is the code that the close frame has.
	Code websocket.StatusCode
	// Reasons are the words that the close frame may have as its reason; none is any, for people to read.
	Reasons []string
	// Means says in a sentence what has happened.
	Means string
	// Reconnect says whether the client may come back, later and with the same token.
	Reconnect bool
}

// What a client sends. The hub reads all of them as a request.
type (
	activity struct {
		Type string `json:"type"`
	}
	ack struct {
		Type string `json:"type"`
		ID   string `json:"id" doc:"The id of the notice or message."`
	}
	logout struct {
		Type string `json:"type"`
	}
)

// Messages lists all messages of the protocol, those of the hub first.
func Messages() []Message {
	var (
		now   = time.Date(2026, time.March, 9, 8, 30, 0, 0, time.UTC)
		later = session.Timestamp(now.Add(time.Minute))
		id    = uuid.MustParse("c2a9e1b4-52d7-4a86-8f3e-0b7d6c5a4932")
		phone = session.Device{ID: "phone-2", Name: "Firefox on Android", Kind: session.Mobile}
		own   = session.Session{
			ID: id, Device: session.Device{ID: "laptop-7", Name: "Firefox on Linux", Kind: session.Web}, IP: "192.0.2.7",
			CreatedAt: now.Add(-time.Hour), LastActiveAt: now.Add(-time.Minute), IdleTimeout: 30 * time.Minute,
			Attributes: map[string]string{"plan": "premium"},
		}
		over = session.Ending{Reason: session.Superseded, At: now, By: &session.Actor{
			SessionID: uuid.MustParse("6e0d8a53-7c1f-4f0e-9d0a-1f5b2c3d4e5f"), Device: &phone, IP: "198.51.100.20",
		}}
	)
	return []Message{
		{"welcome", true, "First, and once: the session is live.", welcome{
			Type: "welcome", Session: own.View("alice", true, true), Instance: "4f1d2c9a7b30",
			ServerTime: session.Timestamp(now), IdleTimeoutMS: own.IdleTimeout.Milliseconds(),
		}},
		{"session.revoked", true, "The session has ended. Show the message, and acknowledge it; the close code follows at " +
			"once then, and after a second in any case.", notice(id, over)},
		{"session.expiring", true, "A minute before the session ends for want of activity, or a tenth of the timeout where " +
			"that is less. An activity keeps it.", expiring{Type: "session.expiring", At: later, InMS: 60_000}},
		{"session.renewed", true, "There was activity after such a warning, here or on another connection of the session.",
			renewed{Type: "session.renewed", IdleExpiresAt: session.Timestamp(now.Add(own.IdleTimeout))}},
		{"message", true, "An app pushed it to the user or to this session. Acknowledge it when it was shown, if the app " +
			"wants to know.", pushed{
			Type: "message", ID: uuid.MustParse("9b1f0c6e-3d52-4c0b-8e77-51a2f4d6c809"), At: session.Timestamp(now),
			Data: jsontext.Value(`{"badge":3}`),
		}},
		{"reconnect", true, "This instance is going away, or has too many connections of the session. Close code 1012 or " +
			"1013 follows; come back after so long.", reconnect{Type: "reconnect", AfterMS: 1500}},
		{"activity", false, "The user did something. Send it when that happens, and not more often than every few seconds.",
			activity{"activity"}},
		{"ack", false, "A notice or a message was shown to the user.", ack{"ack", id.String()}},
		{"logout", false, "The user signs out: the session ends.", logout{"logout"}},
	}
}

// Closings lists the close codes that the hub sends, in their order. Those from 4000 to 4099 are terminal.
func Closings() []Closing {
	words := func(reasons ...session.Reason) []string {
		list := make([]string, len(reasons))
		for i, reason := range reasons {
			list[i] = string(reason)
		}
		return list
	}
	return []Closing{
		{websocket.StatusProtocolError, nil, "The client broke the WebSocket protocol.", false},
		{websocket.StatusUnsupportedData, nil, "The client sent a binary message.", false},
		{websocket.StatusInvalidFramePayloadData, nil, "The client sent text that is not UTF-8.", false},
		{websocket.StatusPolicyViolation, nil, "The client sent what is not of the protocol, too much at once, or too slowly.",
			false},
		{websocket.StatusPolicyViolation, []string{TooSlow}, "The client took its messages too slowly. Those it missed " +
			"are gone; the next welcome says when the last of them was.", true},
		{websocket.StatusMessageTooBig, nil, "The client sent more than 4,096 bytes in one message.", false},
		{CodeGoingAway, nil, "The instance is going away.", true},
		{CodeOverloaded, nil, "The session has too many connections.", true},
		{CodeRevoked, words(session.Superseded, session.Replaced, session.EndedByUser, session.EndedByAdmin),
			"The session was ended by a newer login, by the same device, by the user elsewhere, or by an administrator.", false},
		{CodeExpired, words(session.Idle, session.Lifetime),
			"The session was idle for too long, or reached its lifetime.", false},
		{CodeSignedOut, words(session.SignedOut), "The session was signed out.", false},
		{CodeUnknown, words(session.Unknown),
			"There is no such session: the token was never issued, or ended long ago.", false},
	}
}
