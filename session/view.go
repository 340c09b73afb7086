package session

import "time"

// View is a session as clients see it, in HTTP answers and WebSocket messages.
type View struct {
	ID            ID         `json:"id" doc:"Names the session; proves nothing."`
	User          string     `json:"user"`
	Device        Device     `json:"device"`
	IP            string     `json:"ip"`
	UserAgent     string     `json:"user_agent"`
	Client        Client     `json:"client" doc:"What the user agent says, in words for people."`
	CreatedAt     Timestamp  `json:"created_at"`
	LastActiveAt  Timestamp  `json:"last_active_at"`
	IdleExpiresAt *Timestamp `json:"idle_expires_at" doc:"When it ends without activity; null is never."`
	ExpiresAt     *Timestamp `json:"expires_at" doc:"When it ends whatever happens; null is never."`
	Connected     bool       `json:"connected"`
	Current       bool       `json:"current" doc:"Whether it is the session that asks."`
	// Attributes are for the session's own client and for operators, and not for the user's other devices.
	Attributes map[string]string `json:"attributes,omitempty" doc:"The app's own, shown to the session itself and to operators."`
}

// View returns the session as clients see it, with its attributes if it is the one that asks.
func (s Session) View(user string, connected, current bool) View {
	v := View{
		ID: s.ID, User: user, Device: s.Device, IP: s.IP, UserAgent: s.UserAgent, Client: ReadClient(s.UserAgent),
		CreatedAt: Timestamp(s.CreatedAt), LastActiveAt: Timestamp(s.LastActiveAt),
		IdleExpiresAt: optional(s.IdleExpiresAt()), ExpiresAt: optional(s.ExpiresAt),
		Connected: connected, Current: current,
	}
	if current {
		v.Attributes = s.Attributes
	}
	return v
}

// Timestamp is a time that reads as RFC 3339 in UTC, with exactly three digits of milliseconds.
type Timestamp time.Time

const timestampLayout = "2006-01-02T15:04:05.000Z"

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, timestampLayout), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Timestamp) UnmarshalText(text []byte) error {
	at, err := time.Parse(time.RFC3339, string(text))
	*t = Timestamp(at)
	return err
}

func optional(t time.Time) *Timestamp {
	if t.IsZero() {
		return nil
	}
	at := Timestamp(t)
	return &at
}

// Shown returns the actor as people see it, with what the user agent says in words. The actor itself stays as it is.
func (a *Actor) Shown() *Actor {
	if a == nil || a.UserAgent == "" {
		return a
	}
	shown, client := *a, ReadClient(a.UserAgent)
	shown.Client = &client
	return &shown
}
