package web

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/session"
)

// How much of the event log one request reads.
const (
	defaultEvents = 100
	maxEvents     = 1000
	// maxEventReads bounds how often the log is read for one answer, where few events are of the wanted kind; after
	// eventReadsWithin it is not read again.
	maxEventReads    = 8
	eventReadsWithin = 500 * time.Millisecond
	maxCursor        = 512 // bytes
)

// eventList is a page of the event log.
type eventList struct {
	Events []session.EventView `json:"events" doc:"Oldest first, and those of one user in the order in which they happened"`
	Next   string              `json:"next" doc:"Where to go on: the after of the next request, now or at any time"`
	More   bool                `json:"more" doc:"Whether there is more to read already, of whatever kind"`
	// Trimmed is worth an alarm to whoever must see everything.
	Trimmed bool   `json:"trimmed" doc:"Whether events after the given place are no longer kept, or were lost by the store"`
	From    string `json:"from,omitzero" doc:"With last: where these begin, the before of the next request"`
	Earlier bool   `json:"earlier,omitzero" doc:"With last: whether there may be earlier ones of those that were asked for"`
}

// What is wrong with a request for events.
var (
	errEventQuery = plainProblem(http.StatusBadRequest, "The query cannot be read: want name=value, with & between.")
	errCursor     = fieldError{"after", "is no place in this hub's event log: give the next of an answer, or the id of " +
		"an event, or nothing"}
	errStreams = unavailable("This instance has as many event streams as it may have.", retryBusy)
)

func (s *server) eventRoutes() []route {
	list := operation("GET", "/v1/admin/events", "list-events", "The audit log, oldest first", byOperator)
	list.Parameters = append([]*huma.Param{
		queryParam("limit", huma.TypeInteger, defaultEvents, "How many at most, 1 to 1000. The default is 100."),
		queryParam("last", huma.TypeInteger, defaultEvents,
			"In place of after and limit: the latest ones, so many at most, 1 to 1000."),
		queryParam("before", huma.TypeString, exampleCursor,
			"With last: the latest before this place, the from of an answer or any other place."),
		queryParam("since", huma.TypeString, exampleNow.Format(time.RFC3339), "Only events of this time (RFC 3339) or later."),
		queryParam("until", huma.TypeString, exampleNow.Add(time.Hour).Format(time.RFC3339), "Only events of before this time."),
	}, eventParams()...)
	live := operation("GET", "/v1/admin/events/stream", "stream-events", "The audit log, live", byOperator)
	live.Parameters = append([]*huma.Param{{
		Name: lastEventID, In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Example: exampleCursor,
		Description: "The last id: of an earlier stream, to go on from there. It counts for more than after.",
	}}, eventParams()...)
	return []route{
		on(s, list, s.listEvents).
			says("Whoever goes on from next to next gets each event exactly once, whatever is written meanwhile. There is "+
				"no end: the next of the last answer is where later events will be. An answer may have fewer events than "+
				"limit, or none, though there are more: see more. With last it begins at the other end: the latest events, and "+
				"the next from which later ones come. Where only some are wanted, it looks back at a bounded number: see earlier. "+
				"Whoever goes back from from to before gets each event exactly once.").
			gives(http.StatusOK, "A page of the log.", eventList{Events: exampleEvents, Next: exampleCursor}).
			refuses(invalid(errCursor), errEventQuery),
		raw(live, http.HandlerFunc(s.streamEvents)).
			says("Server-sent events, as the HTML standard has them: the data of each is one event, event its type, and id "+
				"where to go on. Without a place to begin at, it begins with what comes from now on. The event "+
				eventTrimmed+" says that others are missing, which are no longer kept.").
			gives(http.StatusOK, "The stream, until one of the two leaves.", text{"text/event-stream", exampleStream()}).
			refuses(invalid(errCursor), errEventQuery, errStore, errStreams),
	}
}

// eventParams are the parameters of the list and of the stream.
func eventParams() []*huma.Param {
	param := func(name, example, what string) *huma.Param { return queryParam(name, huma.TypeString, example, what) }
	return []*huma.Param{
		param("after", exampleCursor, "A place in the log: the next of an answer, the id: of a stream, or the id of an event."),
		param("type", string(session.SessionEnded), "Only events of this type."),
		param("user", exampleUser, "Only events of this user."),
		param("reason", string(session.Superseded), "Only sessions that have ended for this reason."),
	}
}

// exampleCursor is one of a log in a file.
const exampleCursor = "4712"

// exampleEvents are of one login that took the place of another, and was reported.
var exampleEvents = []session.EventView{
	session.Event{ID: "4710", Type: session.SessionEnded, At: exampleNow, User: exampleUser, Session: exampleGone()}.View(),
	session.Event{ID: "4711", Type: session.SessionCreated, At: exampleNow, User: exampleUser, Session: &exampleNew}.View(),
	session.Event{ID: "4712", Type: session.SessionReported, At: exampleNow.Add(time.Minute), User: exampleUser,
		Session: exampleIntruder(), By: exampleOld.Actor()}.View(),
}

func exampleGone() *session.Session {
	gone := exampleOld
	gone.Ended = &exampleEnding
	return &gone
}

func exampleIntruder() *session.Session {
	gone := exampleNew
	gone.Ended = &session.Ending{Reason: session.EndedByUser, At: exampleNow.Add(time.Minute), By: exampleOld.Actor()}
	return &gone
}

// exampleStream is the beginning of a stream.
func exampleStream() string {
	st := stream{at: "4709"}
	st.buf.WriteString("retry: 2718\n")
	st.id()
	for _, e := range exampleEvents {
		st.at = e.ID
		st.write(string(e.Type), encodeEvent(e))
	}
	return st.buf.String()
}

// eventQuery is which events a request wants.
type eventQuery struct {
	after  string
	before string // with last: the place from which it looks back; empty is the end
	limit  int
	last   bool              // the limit is of the latest ones
	typ    session.EventType // empty is all
	user   string            // empty is all
	reason session.Reason    // empty is all
	since  time.Time         // zero is the beginning
	until  time.Time         // zero is the end; events of this very moment are not wanted
}

func (q *eventQuery) wants(e session.Event) bool {
	return !e.At.Before(q.since) && (q.until.IsZero() || e.At.Before(q.until)) &&
		(q.typ == "" || e.Type == q.typ) && (q.user == "" || e.User == q.user) &&
		(q.reason == "" || e.Session != nil && e.Session.Ended != nil && e.Session.Ended.Reason == q.reason)
}

func (q *eventQuery) wantsAll() bool {
	return q.typ == "" && q.user == "" && q.reason == "" && q.since.IsZero() && q.until.IsZero()
}

// allBefore reports whether events are so old that there is no need to look further back. The log is about in the
// order of time, and these are a thousand.
func (q *eventQuery) allBefore(events []session.Event) bool {
	return !slices.ContainsFunc(events, func(e session.Event) bool { return !e.At.Before(q.since) })
}

// readEventQuery reads the query of a request, which may have the given parameters.
func readEventQuery(r *http.Request, known ...string) (eventQuery, error) {
	q := eventQuery{limit: defaultEvents}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, errEventQuery
	}
	var f fields
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value := query.Get(name)
		switch {
		case !slices.Contains(known, name):
			f.fail(clip(name, maxFieldName), "is not a known parameter; want some of %v", known)
		case len(query[name]) > 1:
			f.fail(name, "is there twice")
		case name == "after":
			f.text(name, value, 0, maxCursor)
			q.after = value
		case name == "last" && (query.Has("after") || query.Has("limit")):
			f.fail(name, "goes with neither after nor limit")
		case name == "before" && !query.Has("last"):
			f.fail(name, "goes with last alone")
		case name == "before":
			f.text(name, value, 0, maxCursor)
			q.before = value
		case name == "since", name == "until":
			at, err := time.Parse(time.RFC3339, value)
			if err != nil {
				f.fail(name, "is no time, such as %s", exampleNow.Format(time.RFC3339))
			}
			if name == "since" {
				q.since = at
			} else {
				q.until = at
			}
		case name == "limit", name == "last":
			if q.limit, err = strconv.Atoi(value); err != nil || q.limit < 1 || q.limit > maxEvents {
				f.fail(name, "is not a number from 1 to %d", maxEvents)
			}
			q.last = name == "last"
		case name == "type":
			if q.typ = session.EventType(value); !slices.Contains(session.EventTypes, q.typ) {
				f.fail(name, "is none of %v", session.EventTypes)
			}
		case name == "user":
			f.text(name, value, 1, maxUser)
			q.user = value
		case name == "reason":
			if q.reason = session.Reason(value); !slices.Contains(session.Reasons, q.reason) {
				f.fail(name, "is none of %v", session.Reasons)
			}
		}
	}
	if !q.until.IsZero() && !q.since.Before(q.until) {
		f.fail("until", "is not later than since")
	}
	if q.reason != "" && q.typ != "" && q.typ != session.SessionEnded {
		f.fail("reason", "goes with no type but %s", session.SessionEnded)
	}
	return q, f.err()
}

// cursorProblem says which part of the request holds what is no place in the log, if that is what err says.
func cursorProblem(err error, field string) error {
	if !errors.Is(err, session.ErrCursor) {
		return err
	}
	return invalid(fieldError{field, errCursor.Message})
}

// listEvents answers with a page of the log: one round trip, or a few where it looks for events of one kind.
func (s *server) listEvents(c *call, _ *none) (*eventList, error) {
	q, err := readEventQuery(c.Request, "after", "limit", "last", "before", "since", "until", "type", "user", "reason")
	if err != nil {
		return nil, err
	}
	if q.last {
		return s.lastEvents(c, &q)
	}
	list := &eventList{Events: []session.EventView{}, Next: q.after, More: true}
	for reads := 0; list.More && len(list.Events) < q.limit; reads++ {
		if reads == maxEventReads || reads > 0 && time.Since(c.begun) > eventReadsWithin {
			break
		}
		size := maxEvents
		if q.wantsAll() {
			size = q.limit - len(list.Events)
		}
		page, err := s.Registry.Log().Events(c.Context(), list.Next, size)
		if err != nil {
			return nil, cursorProblem(err, "after")
		}
		if err := s.addEvents(list, &q, page); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// addEvents adds the wanted events of a page, until there are enough.
func (s *server) addEvents(list *eventList, q *eventQuery, page session.Page) (err error) {
	list.Next, list.More, list.Trimmed = page.Next, page.More, list.Trimmed || page.Trimmed
	at := page.From
	for i, e := range page.Events {
		if !q.wantsAll() {
			if at, _, err = s.Registry.Log().Pass(at, e); err != nil {
				return err
			}
			if !q.wants(e) {
				continue
			}
		}
		list.Events = append(list.Events, e.View())
		if len(list.Events) == q.limit && i < len(page.Events)-1 {
			list.Next, list.More = at, true
			break
		}
	}
	return nil
}
