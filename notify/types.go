package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sessionhub/sessionhub/session"
)

// DefaultTypes are the events that are told where nothing else is asked for: sessions that their users say were not
// theirs, and those that somebody else has ended.
var DefaultTypes = []string{
	"session.reported",
	"session.ended:superseded", "session.ended:replaced", "session.ended:ended_by_user", "session.ended:ended_by_admin",
}

// filter chooses events. It is static after construction.
type filter struct {
	types   map[session.EventType]bool
	reasons map[session.Reason]bool // of sessions that ended, where not all of them are wanted
}

// parseFilter reads a list of TYPE and session.ended:REASON.
func parseFilter(list []string) (filter, error) {
	f := filter{make(map[session.EventType]bool), make(map[session.Reason]bool)}
	for _, item := range list {
		name, reason, withReason := strings.Cut(strings.TrimSpace(item), ":")
		what := session.EventType(name)
		switch {
		case !slices.Contains(session.EventTypes, what):
			return f, fmt.Errorf("no event type %q: the types are %s", clip(name, 40), join(session.EventTypes))
		case !withReason:
			f.types[what] = true
		case what != session.SessionEnded:
			return f, fmt.Errorf("%s has no reasons: only %s is written with one after it", name, session.SessionEnded)
		case !slices.Contains(session.Reasons, session.Reason(reason)):
			return f, fmt.Errorf("no reason %q: the reasons are %s", clip(reason, 40), join(session.Reasons))
		default:
			f.reasons[session.Reason(reason)] = true
		}
	}
	if len(f.types)+len(f.reasons) == 0 {
		return f, fmt.Errorf("no event is chosen: the types are %s", join(session.EventTypes))
	}
	return f, nil
}

// wants reports whether an event was chosen.
func (f filter) wants(e session.Event) bool {
	if f.types[e.Type] {
		return true
	}
	return e.Type == session.SessionEnded && e.Session != nil && e.Session.Ended != nil && f.reasons[e.Session.Ended.Reason]
}

// String lists what was chosen, as parseFilter reads it.
func (f filter) String() string {
	var list []string
	for what := range maps.Keys(f.types) {
		list = append(list, string(what))
	}
	for reason := range maps.Keys(f.reasons) {
		list = append(list, string(session.SessionEnded)+":"+string(reason))
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

func join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = string(item)
	}
	return strings.Join(texts, ", ")
}
