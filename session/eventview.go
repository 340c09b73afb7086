package session

// EventView is an event as operators and webhooks see it.
type EventView struct {
	ID      string        `json:"id" doc:"Names the event, for ever. It may be given as after, too."`
	Type    EventType     `json:"type" enum:"session.created,session.ended,session.reported,login.failed,login.rejected,login.challenged"`
	At      Timestamp     `json:"at"`
	User    string        `json:"user"`
	Session *EventSession `json:"session" doc:"The one that was opened, has ended or was reported; null where there is none"`
	Reason  Reason        `json:"reason,omitempty" doc:"Why the session has ended"`
	By      *Actor        `json:"by,omitempty" doc:"The login or person that ended the session, the session that reported it, or who tried to sign in"`
}

// EventSession is a session as it was at the time of an event.
type EventSession struct {
	ID            ID                `json:"id"`
	User          string            `json:"user"`
	Device        Device            `json:"device"`
	IP            string            `json:"ip"`
	UserAgent     string            `json:"user_agent"`
	Client        Client            `json:"client"`
	CreatedAt     Timestamp         `json:"created_at"`
	LastActiveAt  Timestamp         `json:"last_active_at"`
	IdleExpiresAt *Timestamp        `json:"idle_expires_at"`
	ExpiresAt     *Timestamp        `json:"expires_at"`
	Attributes    map[string]string `json:"attributes,omitempty"`
}

// View returns the event as operators and webhooks see it.
func (e Event) View() EventView {
	v := EventView{ID: e.ID, Type: e.Type, At: Timestamp(e.At), User: e.User, By: e.By}
	s := e.Session
	if s == nil {
		return v
	}
	v.Session = &EventSession{
		ID: s.ID, User: e.User, Device: s.Device, IP: s.IP, UserAgent: s.UserAgent, Client: ReadClient(s.UserAgent),
		CreatedAt: Timestamp(s.CreatedAt), LastActiveAt: Timestamp(s.LastActiveAt), IdleExpiresAt: optional(s.IdleExpiresAt()),
		ExpiresAt: optional(s.ExpiresAt), Attributes: s.Attributes,
	}
	if s.Ended != nil {
		v.Reason = s.Ended.Reason
		if e.Type == SessionEnded {
			v.By = s.Ended.By
		}
	}
	return v
}
