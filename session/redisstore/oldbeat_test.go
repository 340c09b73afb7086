package redisstore_test

import (
	"fmt"
	"testing"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/redisstore"
)

// TestBeatsOfOtherVersions has hubs of an older and of later versions on the same Redis, as while they are replaced one
// by one.
func TestBeatsOfOtherVersions(t *testing.T) {
	client := redistest.Start(t).Client(t)
	now, err := client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	for id, description := range map[string]string{
		"older": `{"id":"older","version":"v1.0.0","started_at":"2026-01-02T03:04:05Z","beat_at":"0001-01-01T00:00:00Z",` +
			`"connections":7,"sessions":6,"admitted":5,"ended":4,"told":3,"acked":2,"late":1}`,
		"later": `{"id":"later","state":"asleep","connections":1,"notice_ms":{"told":[1,2,3],"shown":[4]},"more":{}}`,
		"other": `{"id":"other","state":{"is":"ready"},"connections":3}`,
	} {
		if err := client.HSet(t.Context(), "hub:instances", id, fmt.Sprint(now.UnixMilli(), " ", description)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	alive, _, err := redisstore.New(client, redisstore.Options{}).Beat(t.Context(), session.Instance{ID: "this"})
	if err != nil || len(alive) != 4 {
		t.Fatalf("%+v, %v", alive, err)
	}
	for _, i := range alive {
		switch i.ID {
		case "older":
			if i.State != "" || i.Connections != 7 || i.Late != 1 || i.Forced != 0 || i.Notices != (session.NoticeTimes{}) {
				t.Errorf("%+v", i)
			}
		case "other":
			if i.State != "" || i.Connections != 3 {
				t.Errorf("%+v", i)
			}
		case "later":
			if i.State != "asleep" || i.Connections != 1 || i.Notices.Told != (session.Histogram{1, 2, 3}) {
				t.Errorf("%+v", i)
			}
		}
	}
}
