package session

// Text says in plain words why a session ended, for the person who used it: the ending's own message, or
// one sentence made from its reason, when it was and by whom. Times in it are UTC. It is one line, whatever the
// message and the names hold, and of a bounded length.
func (e Ending) Text() string {
	if message := plain(e.Message, maxPlainMessage); message != "" {
		return message
	}
	at := ""
	if !e.At.IsZero() {
		at = " at " + e.At.UTC().Format("15:04 UTC")
	}
	switch e.Reason {
	case Superseded:
		return "Your account signed in" + e.where(" on ") + at + e.from() + "."
	case Replaced:
		return "This device signed in again" + at + e.from() + "."
	case SignedOut:
		return "You signed out" + at + "."
	case EndedByUser:
		return "You ended this session" + e.where(" from ") + at + e.from() + "."
	case EndedByAdmin:
		return "An administrator ended this session" + at + "."
	case Idle:
		return "You were signed out" + at + " because this session had not been used for a while."
	case Lifetime:
		return "This session reached its maximum lifetime" + at + ". Please sign in again."
	default:
		return "This session is not known here. Please sign in again."
	}
}

// where names the device of whoever ended the session, after the given word.
func (e Ending) where(word string) string {
	if e.By != nil && e.By.Device != nil {
		if name := plain(e.By.Device.Name, maxPlainName); name != "" {
			return word + name
		}
	}
	return word + "another device"
}

// from names the address of whoever ended the session.
func (e Ending) from() string {
	if e.By == nil || e.By.IP == "" {
		return ""
	}
	return ", from " + plain(e.By.IP, maxPlainName)
}
