package session

import "slices"

// NoticeDelivery says whether the notice of an ended session was sent to anybody when the session ended. Empty is not
// known.
type NoticeDelivery string

const (
	// NoticeSent says that it was sent to each instance that had a connection of the session.
	NoticeSent NoticeDelivery = "sent"
	// NoticeOffline says that there was no connection: whoever has the session finds out on coming back.
	NoticeOffline NoticeDelivery = "offline"
)

// Sent reports whether the notice was sent when the session ended.
func (e Ending) Sent() bool { return e.Delivery == NoticeSent }

// Deliver returns the account with the delivery of the sessions that a change has ended: sent for those among sent,
// else offline.
func (a Account) Deliver(ended []Session, sent []ID) Account {
	if len(ended) == 0 {
		return a
	}
	a.Ended = slices.Clone(a.Ended)
	for i := range a.Ended {
		if Index(ended, a.Ended[i].ID) >= 0 {
			a.Ended[i] = a.Ended[i].deliver(sent)
		}
	}
	return a
}

// deliver returns the ended session with its delivery.
func (s Session) deliver(sent []ID) Session {
	ending := *s.Ended
	ending.Delivery = NoticeOffline
	if slices.Contains(sent, s.ID) {
		ending.Delivery = NoticeSent
	}
	s.Ended = &ending
	return s
}
