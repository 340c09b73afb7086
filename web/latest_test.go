package web_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

func TestLastEvents(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		last := func(query string, want int) *reply {
			t.Helper()
			return s.admin("GET", eventsPath+"?last="+query, "").want(http.StatusOK).length(want, "events").
				has(false, "more").has(false, "trimmed")
		}
		none := last("10", 0).has(nil, "earlier")
		for i := range 260 {
			fail(t, store, fmt.Sprint("user ", i%20), i, 1)
		}
		for i, size := range []int{1, 7, 100, 259} {
			r := last(fmt.Sprint(size), size).has(true, "earlier")
			if i > 1 {
				continue
			}
			// Nothing that comes later is missed, and nothing comes twice.
			fail(t, store, "bob", i, 1)
			s.admin("GET", eventsPath+"?after="+url.QueryEscape(r.at("next").(string)), "").length(1, "events").
				has("bob", "events", 0, "user").has(fmt.Sprint(i), "events", 0, "by", "ip")
		}
		last("1000", 262).has(nil, "earlier")
		s.admin("GET", eventsPath+"?limit=1000&after="+url.QueryEscape(none.at("next").(string)), "").length(262, "events")

		mine := last("5&user=user+7", 5).has(true, "earlier")
		for i, want := range []string{"167", "187", "207", "227", "247"} {
			mine.has("user 7", "events", i, "user").has(want, "events", i, "by", "ip")
		}
		last("13&user=user+7", 13).has(true, "earlier").has("7", "events", 0, "by", "ip") // of others
		last("14&user=user+7", 13).has(nil, "earlier")
		last("5&type=session.created", 0).has(nil, "earlier")
	})
}

// TestLastEventsLookBackSoFar has what is asked for lie further back than is looked at for one answer.
func TestLastEventsLookBackSoFar(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		fail(t, store, "alice", 0, 1)
		for i := range 9 {
			fail(t, store, "bob", 1000*i, 1000)
		}
		s.admin("GET", eventsPath+"?last=5&user=alice", "").length(0, "events").has(true, "earlier")
		s.admin("GET", eventsPath+"?last=1000&user=bob", "").length(1000, "events").has(true, "earlier")
	})
}

// TestEventsReadBack goes from the end to the beginning, while others write.
func TestEventsReadBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		for i := range 2600 {
			fail(t, store, fmt.Sprint("user ", i%20), i, 1)
		}
		// Of one user the order is exact, whatever is written meanwhile.
		for query, want := range map[string]int{"last=1000": 2600, "last=999": 2600, "last=7&user=user+7": 130,
			"last=130&user=user+7": 130, "last=1000&type=session.created": 0} {
			seen, place, last := make(map[any]bool), "", math.MaxInt
			for earlier := true; earlier; {
				r := s.admin("GET", eventsPath+"?"+query+place, "").want(http.StatusOK)
				for _, e := range slices.Backward(r.at("events").([]any)) {
					e := e.(map[string]any)
					if e["user"] == "latecomer" {
						continue
					}
					seen[e["id"]] = true
					at, _ := strconv.Atoi(e["by"].(map[string]any)["ip"].(string))
					if strings.Contains(query, "user=") && at >= last {
						t.Fatalf("%s: %d after %d", query, at, last)
					}
					last = at
				}
				if place != "" {
					fail(t, store, "latecomer", 0, 1)
				}
				place, earlier = "&before="+url.QueryEscape(r.at("from").(string)), r.at("earlier") == true
			}
			if len(seen) != want {
				t.Errorf("%s: %d events, read back; want %d", query, len(seen), want)
			}
			s.admin("GET", eventsPath+"?"+query+place, "").want(http.StatusOK).length(0, "events").has(nil, "earlier")
		}
	})
}

func TestEventsOfATime(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		noon := time.Now().UTC().Truncate(time.Minute).Add(-time.Hour)
		for i := range 1300 {
			at := noon.Add(time.Duration(i) * time.Second)
			event := session.Event{Type: session.LoginFailed, At: at, User: "alice", By: &session.Actor{IP: fmt.Sprint(i)}}
			if err := store.Record(t.Context(), session.KeyOf("alice"), event); err != nil {
				t.Fatal(err)
			}
		}
		at := func(seconds int) string { return noon.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339) }
		// An answer may have fewer than there are, where the machine is busy: it is gone on from.
		of := func(query string, want int, first, last string) {
			t.Helper()
			var found []any
			for place, on := "", true; on; {
				r := s.admin("GET", eventsPath+"?"+query+place, "").want(http.StatusOK)
				page := r.at("events").([]any)
				if strings.HasPrefix(query, "last=") {
					found = append(page, found...)
					place, on = "&before="+url.QueryEscape(r.at("from").(string)), r.at("earlier") == true
				} else {
					found = append(found, page...)
					place, on = "&after="+url.QueryEscape(r.at("next").(string)), r.at("more") == true
				}
			}
			ip := func(e any) any { return e.(map[string]any)["by"].(map[string]any)["ip"] }
			if len(found) != want || ip(found[0]) != first || ip(found[want-1]) != last {
				t.Errorf("%s: %d events from %v to %v, want %d from %s to %s", query, len(found), ip(found[0]),
					ip(found[len(found)-1]), want, first, last)
			}
		}
		ten := "&since=" + at(60) + "&until=" + at(120)
		of("last=1000"+ten, 60, "60", "119")
		of("last=25"+ten, 60, "60", "119")
		of("limit=1000"+ten, 60, "60", "119")
		of("last=1000&since="+at(1297), 3, "1297", "1299")
		of("last=1000&until="+at(2), 2, "0", "1")
	})
}

func TestEventsByReason(t *testing.T) {
	onBothStores(t, func(t *testing.T, store session.Store) {
		s := serveEvents(t, store)
		start := s.admin("GET", eventsPath+"?last=1", "").at("next").(string)
		for range 3 {
			s.open("alice")
		}
		s.admin("DELETE", "/v1/admin/users/alice/sessions", "").want(http.StatusOK)
		for reason, want := range map[string]int{"superseded": 2, "ended_by_admin": 1, "idle": 0} {
			for _, query := range []string{"?last=10", "?type=session.ended"} {
				r := s.admin("GET", eventsPath+query+"&reason="+reason, "").want(http.StatusOK).length(want, "events")
				for i := range want {
					r.has(reason, "events", i, "reason").has("session.ended", "events", i, "type")
				}
			}
		}
		live := s.source("?reason=ended_by_admin&after="+url.QueryEscape(start), nil)
		if e := live.next(); e["reason"] != "ended_by_admin" {
			t.Errorf("the stream begins with %v", e)
		}
	})
}

func TestLastEventsRefused(t *testing.T) {
	s := newSite(t)
	for query, field := range map[string]string{"before=1": "before", "last=1&before=none": "before",
		"since=9:10": "since", "until=yesterday": "until", "since=2026-01-01T09:20:00Z&until=2026-01-01T09:10:00Z": "until"} {
		s.admin("GET", eventsPath+"?"+query, "").want(http.StatusUnprocessableEntity).has(field, "errors", 0, "field")
	}
	for _, query := range []string{"last=0", "last=1001", "last=many", "last=", "last=5&after=1", "last=5&limit=5",
		"last=5&after="} {
		s.admin("GET", eventsPath+"?"+query, "").want(http.StatusUnprocessableEntity).has("last", "errors", 0, "field")
	}
	s.admin("GET", streamPath+"?last=5", "").want(http.StatusUnprocessableEntity).has("last", "errors", 0, "field")
}
