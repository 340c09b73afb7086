package notify

import "github.com/sessionhub/sessionhub/session"

// payload is the body of a webhook, of the form that Standard Webhooks recommends.
type payload struct {
	Type      session.EventType `json:"type"`
	Timestamp session.Timestamp `json:"timestamp"`
	Data      data              `json:"data"`
}

// data is the event as the admin API has it in its log.
type data struct {
	ID      string            `json:"id"`
	Type    session.EventType `json:"type"`
	At      session.Timestamp `json:"at"`
	User    string            `json:"user"`
	Session *subject          `json:"session"`
	Reason  session.Reason    `json:"reason,omitempty"`
	By      *session.Actor    `json:"by,omitempty"`
}

// subject is the session that an event is about, as it was then.
type subject struct {
	ID            session.ID         `json:"id"`
	User          string             `json:"user"`
	Device        session.Device     `json:"device"`
	IP            string             `json:"ip"`
	UserAgent     string             `json:"user_agent"`
	CreatedAt     session.Timestamp  `json:"created_at"`
	LastActiveAt  session.Timestamp  `json:"last_active_at"`
	IdleExpiresAt *session.Timestamp `json:"idle_expires_at"`
	ExpiresAt     *session.Timestamp `json:"expires_at"`
	Attributes    map[string]string  `json:"attributes,omitempty"`
}

func newPayload(e session.Event) payload {
	d := data{ID: e.ID, Type: e.Type, At: session.Timestamp(e.At), User: e.User, By: e.By}
	if s := e.Session; s != nil {
		v := s.View(e.User, false, false)
		d.Session = &subject{
			ID: v.ID, User: v.User, Device: v.Device, IP: v.IP, UserAgent: v.UserAgent, CreatedAt: v.CreatedAt,
			LastActiveAt: v.LastActiveAt, IdleExpiresAt: v.IdleExpiresAt, ExpiresAt: v.ExpiresAt, Attributes: s.Attributes,
		}
		if s.Ended != nil {
			d.Reason, d.By = s.Ended.Reason, s.Ended.By
		}
	}
	return payload{Type: e.Type, Timestamp: session.Timestamp(e.At), Data: d}
}
