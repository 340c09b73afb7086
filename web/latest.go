package web

import (
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// lastEvents answers with the latest events, and the place after all that there are: one round trip, or a few where it
// looks for events of one kind.
func (s *server) lastEvents(c *call, q *eventQuery) (*eventList, error) {
	list := &eventList{Events: []session.EventView{}}
	before := ""
	for reads := 1; ; reads++ {
		size := maxEvents
		if q.wantsAll() {
			size = q.limit
		}
		page, err := s.Registry.Log().Latest(c.Context(), before, size)
		if err != nil {
			return nil, err
		}
		if before == "" {
			list.Next = page.Next
		}
		for i, e := range slices.Backward(page.Events) {
			if !q.wants(e) {
				continue
			}
			if list.Events = append(list.Events, e.View()); len(list.Events) == q.limit {
				page.More = page.More || i > 0
				break
			}
		}
		enough := len(list.Events) == q.limit || reads == maxEventReads || time.Since(c.begun) > eventReadsWithin
		if list.Earlier = page.More; enough || !page.More {
			break
		}
		before = page.From
	}
	slices.Reverse(list.Events) // they were found from the end
	return list, nil
}
