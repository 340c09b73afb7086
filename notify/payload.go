package notify

import "github.com/sessionhub/sessionhub/session"

// payload is the body of a webhook, of the form that Standard Webhooks recommends. Its data is the event as the admin
// API has it in its log.
type payload struct {
	Type      session.EventType `json:"type"`
	Timestamp session.Timestamp `json:"timestamp"`
	Data      session.EventView `json:"data"`
}

func newPayload(e session.Event) payload {
	return payload{Type: e.Type, Timestamp: session.Timestamp(e.At), Data: e.View()}
}
