package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// statsAnswer is the sum of the counters of all living instances.
type statsAnswer struct {
	Instances int `json:"instances"`
	session.Counters
	NoticeMS noticeTimes `json:"notice_ms"`
}

// noticeTimes are how long notices took, and by which bounds that is counted. All lists of counts are one longer.
type noticeTimes struct {
	LE    []int    `json:"le" doc:"Up to how many ms a notice took that is counted at the same place in told and acked; they have one more, for the others"`
	Told  []uint64 `json:"told" doc:"How many were written to a socket so long after the session was ended"`
	Acked []uint64 `json:"acked" doc:"How many were acknowledged so long after that"`
}

// historyAnswer is what stats would have said at the last beats of the instance that answers.
type historyAnswer struct {
	EveryMS int64          `json:"every_ms" doc:"How far the points are apart while the store answers"`
	Points  []historyPoint `json:"points" doc:"Oldest first: those of the last ten minutes, or since this instance started"`
}

type historyPoint struct {
	At        session.Timestamp `json:"at" doc:"By the store's clock"`
	Continues bool              `json:"continues" doc:"Whether counters less those of the point before are what has happened since; not so where an instance has left, or come back, with its counts"`
	statsAnswer
}

type instancesAnswer struct {
	Instances []instanceView `json:"instances"`
}

// instanceView is a running hub, and its counters as of its last beat.
type instanceView struct {
	ID        string             `json:"id"`
	Version   string             `json:"version"`
	StartedAt *session.Timestamp `json:"started_at"`
	BeatAt    *session.Timestamp `json:"beat_at" doc:"When it was last heard of, by the store's clock"`

	State          session.State `json:"state" enum:"ready,draining,not_ready,unknown" doc:"Unknown is that of another version, which does not say, or says what this one does not know"`
	Detail         string        `json:"detail,omitempty" doc:"What is wrong, where it is not ready"`
	CPU            float64       `json:"cpu" doc:"How much of one core it took between its last two beats: 1 is all of it"`
	MemoryBytes    uint64        `json:"memory_bytes" doc:"What is resident of it in memory"`
	Goroutines     int           `json:"goroutines"`
	MaxConnections int           `json:"max_connections" doc:"How many it takes; 0 is no limit"`

	session.Counters
	NoticeMS noticeTimes `json:"notice_ms"`
}

// stateUnknown is shown of an instance of another version that does not say how it is, or says what is not in States.
const stateUnknown session.State = "unknown"

func (s *server) statsRoutes() []route {
	sum := viewTotals(session.Totals{
		Instances: 2,
		Counters: session.Counters{Connections: 1204, Sessions: 980, Admitted: 20311, Ended: 19204, Forced: 18655,
			Told: 18890, Acked: 18640},
		Notices: session.NoticeTimes{
			Told:  session.Histogram{9120, 7345, 1980, 310, 88, 31, 12, 3, 1},
			Acked: session.Histogram{0, 12, 5240, 8123, 4410, 690, 124, 30, 8, 2, 1},
		},
	})
	one := viewInstance(session.Instance{
		ID: exampleInstance, Version: "v1.2.3", StartedAt: exampleNow.Add(-24 * time.Hour), BeatAt: exampleNow,
		Health: session.Health{State: session.Ready, CPU: 0.07, Memory: 48 << 20, Goroutines: 1243, MaxConnections: 20000},
	})
	one.Counters, one.NoticeMS = sum.Counters, sum.NoticeMS
	return []route{
		on(s, operation("GET", "/v1/admin/stats", "stats", "Counters over all instances", byOperator), s.stats).
			says("As of the last beat of each, which is a few seconds ago at most. They are those of the instances that live "+
				"now: with one that leaves goes what it has counted.").
			gives(http.StatusOK, "Their sums.", sum),
		on(s, operation("GET", "/v1/admin/stats/history", "stats-history", "The same, of the last ten minutes", byOperator),
			s.history).
			says("As the instance that answers has seen it at its beats; it needs no store for that. What has happened between "+
				"two points is the difference of their counters, if the later one continues.").
			gives(http.StatusOK, "The points, oldest first.", historyAnswer{
				EveryMS: hub.HistoryEvery.Milliseconds(), Points: []historyPoint{{session.Timestamp(exampleNow), true, sum}},
			}),
		on(s, operation("GET", "/v1/admin/instances", "instances", "The instances that are alive", byOperator), s.instances).
			says("As of the last beat of each. Whether the instance that answers is ready is as of now.").
			gives(http.StatusOK, "Each with how it is doing, and its own counters.",
				instancesAnswer{Instances: []instanceView{one}}),
	}
}

func (s *server) stats(*call, *none) (*statsAnswer, error) {
	all, err := s.Hub.Instances()
	if err != nil {
		return nil, err
	}
	sum := viewTotals(session.Total(all))
	return &sum, nil
}

func (s *server) history(*call, *none) (*historyAnswer, error) {
	points := s.Hub.History()
	answer := &historyAnswer{EveryMS: hub.HistoryEvery.Milliseconds(), Points: make([]historyPoint, len(points))}
	for i, p := range points {
		answer.Points[i] = historyPoint{session.Timestamp(p.At), p.Continues, viewTotals(p.Totals)}
	}
	return answer, nil
}

func (s *server) instances(*call, *none) (*instancesAnswer, error) {
	all, err := s.Hub.Instances()
	if err != nil {
		return nil, err
	}
	answer := &instancesAnswer{Instances: make([]instanceView, len(all))}
	for i, in := range all {
		answer.Instances[i] = viewInstance(in)
	}
	return answer, nil
}

func viewInstance(in session.Instance) instanceView {
	state := in.State
	if !slices.Contains(session.States, state) {
		state = stateUnknown
	}
	return instanceView{
		ID: in.ID, Version: in.Version, StartedAt: timestamp(in.StartedAt), BeatAt: timestamp(in.BeatAt),
		State: state, Detail: in.Detail, CPU: in.CPU, MemoryBytes: in.Memory,
		Goroutines: in.Goroutines, MaxConnections: in.MaxConnections,
		Counters: in.Counters, NoticeMS: viewNotices(in.Notices),
	}
}

func viewTotals(t session.Totals) statsAnswer {
	return statsAnswer{Instances: t.Instances, Counters: t.Counters, NoticeMS: viewNotices(t.Notices)}
}

func viewNotices(t session.NoticeTimes) noticeTimes {
	return noticeTimes{LE: session.NoticeBounds(), Told: t.Told[:], Acked: t.Acked[:]}
}
