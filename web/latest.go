package web

import (
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// lastEvents answers with the latest events, or the latest before a place, and the places before and after them: one
// round trip, or a few where it looks for events of one kind.
func (s *server) lastEvents(c *call, q *eventQuery) (*eventList, error) {
	list := &eventList{Events: []session.EventView{}}
	before := q.before
	for reads := 1; ; reads++ {
		size := maxEvents
		if q.wantsAll() {
			size = q.limit
		}
		page, err := s.Registry.Log().Latest(c.Context(), before, size)
		if err != nil {
			return nil, cursorProblem(err, "before")
		}
		if reads == 1 {
			list.Next = page.Next
		}
		list.From, list.Earlier = page.From, page.More && !q.allBefore(page.Events)
		looked := list.addBackward(q, page.Events)
		if left := len(page.Events) - looked; left > 0 {
			// The place before the last one that it has looked at: what is further back is read again, by whoever asks.
			if page, err = s.Registry.Log().Latest(c.Context(), page.Next, looked); err != nil {
				return nil, err
			}
			list.From, list.Earlier = page.From, true
		}
		enough := len(list.Events) == q.limit || reads == maxEventReads || time.Since(c.begun) > eventReadsWithin
		if enough || !list.Earlier {
			break
		}
		before = page.From
	}
	slices.Reverse(list.Events) // they were found from the end
	return list, nil
}

// addBackward adds the wanted ones of some events, from the last on, until there are enough. It returns how many it has
// looked at.
func (list *eventList) addBackward(q *eventQuery, events []session.Event) (looked int) {
	for _, e := range slices.Backward(events) {
		if len(list.Events) == q.limit {
			break
		}
		if looked++; q.wants(e) {
			list.Events = append(list.Events, e.View())
		}
	}
	return looked
}
