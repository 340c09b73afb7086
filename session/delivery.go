package session

import "slices"

// NoticeDelivery says whether the notice of an ended session was sent to anybody when the session ended. Zero is not
// known. It is a number in records, which are read with every login, and a word elsewhere.
type NoticeDelivery uint8

const (
	// NoticeOffline says that there was no connection: whoever has the session finds out on coming back.
	NoticeOffline NoticeDelivery = iota + 1
	// NoticeSent says that it was sent to each instance that had a connection of the session.
	NoticeSent
)

var deliveryWords = [...]string{"", "offline", "sent"}

func (d NoticeDelivery) String() string {
	if int(d) < len(deliveryWords) {
		return deliveryWords[d]
	}
	return ""
}

// MarshalText returns the word.
func (d NoticeDelivery) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote. What a later version says that this one does not know is not known.
func (d *NoticeDelivery) UnmarshalText(text []byte) error {
	*d = NoticeDelivery(max(0, slices.Index(deliveryWords[:], string(text))))
	return nil
}

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
