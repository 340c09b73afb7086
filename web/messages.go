package web

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// messageInput is a message from an app to a user's sockets.
type messageInput struct {
	Data      anyJSON `json:"data"`
	SessionID *string `json:"session_id,omitempty" format:"uuid" doc:"Only to this session; all of the user's by default"`

	push session.Push // what the two are, once checked
}

func (in *messageInput) check(f *fields) {
	var only session.ID
	if in.SessionID != nil {
		var err error
		if only, err = uuid.Parse(*in.SessionID); err != nil || len(*in.SessionID) != len(only.String()) {
			f.fail("session_id", "is not the ID of a session")
		}
	}
	if in.Data == nil {
		f.fail("data", "is required")
		return
	}
	var err error
	in.push, err = session.NewPush(only, in.Data)
	f.wrap("data", err)
}

// anyJSON is a JSON value as it was sent.
type anyJSON []byte

// UnmarshalJSON implements json.Unmarshaler.
func (v *anyJSON) UnmarshalJSON(text []byte) error {
	*v = bytes.Clone(text)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (v anyJSON) MarshalJSON() ([]byte, error) { return v, nil }

// Schema implements huma.SchemaProvider.
func (anyJSON) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "The app's own: any JSON value of at most 16,384 bytes without white space"}
}

// messageAnswer says where a message went.
type messageAnswer struct {
	ID        uuid.UUID `json:"id" doc:"Comes with the message, and in the device's ack"`
	Instances int       `json:"instances" doc:"How many instances it was sent to; 0: nobody was connected"`
}

func (s *server) messageRoutes() []route {
	return []route{
		on(s, operation("POST", "/v1/admin/users/{user}/messages", "push-message",
			"Send a message to a user's sockets", byOperator), s.pushMessage).
			says("Every open socket of the user, or of the one session, gets {type: \"message\", id, at, data}. Nothing is "+
				"kept for those who are not connected.").
			takes(messageInput{Data: anyJSON(`{"unread":3}`), SessionID: examplePointer(exampleID.String())}).
			gives(http.StatusOK, "It is on its way.", messageAnswer{ID: exampleOtherID, Instances: 1}).
			refuses(errNoSession),
	}
}

func (s *server) pushMessage(c *call, in *messageInput) (*messageAnswer, error) {
	user, err := userParam(c)
	if err != nil {
		return nil, err
	}
	if in.SessionID != nil && in.push.Session == (session.ID{}) {
		return nil, errNoSession // the zero ID is nobody's, and must not become everybody's
	}
	instances, err := s.Registry.Push(c.Context(), user, in.push)
	if errors.Is(err, session.ErrNoSession) {
		return nil, errNoSession
	}
	if err != nil {
		return nil, err
	}
	return &messageAnswer{ID: in.push.ID, Instances: instances}, nil
}
