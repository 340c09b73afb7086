package session_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

func TestNoticeBound(t *testing.T) {
	bounds := session.NoticeBounds()
	for took, want := range map[time.Duration]int{
		0: 0, 1: 0, time.Millisecond: 0, time.Millisecond + 1: 1, 2 * time.Millisecond: 1, 499 * time.Millisecond: 8,
		time.Second: 9, 10 * time.Second: 11, 10*time.Second + 1: len(bounds), math.MaxInt64: len(bounds),
	} {
		if got := session.NoticeBound(took); got != want {
			t.Errorf("%s is counted at %d, want %d", took, got, want)
		}
	}
	if !slices.IsSorted(bounds) || len(session.Histogram{}) != len(bounds)+1 {
		t.Errorf("bounds %v, and %d counts", bounds, len(session.Histogram{}))
	}
	bounds[0] = 7
	if session.NoticeBounds()[0] != 1 {
		t.Error("the bounds can be changed")
	}
}

func TestTotal(t *testing.T) {
	one := session.Instance{
		Counters: session.Counters{Connections: 1, Sessions: 2, Admitted: 3, Ended: 4, Forced: 5, Told: 6, Acked: 7, Late: 8},
		Notices:  session.NoticeTimes{Told: session.Histogram{1, 12: 2}, Acked: session.Histogram{3: 3}},
	}
	want := session.Totals{
		Instances: 3,
		Counters: session.Counters{
			Connections: 3, Sessions: 6, Admitted: 9, Ended: 12, Forced: 15, Told: 18, Acked: 21, Late: 24,
		},
		Notices: session.NoticeTimes{Told: session.Histogram{3, 12: 6}, Acked: session.Histogram{3: 9}},
	}
	if got := session.Total([]session.Instance{one, one, one}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := session.Total(nil); got != (session.Totals{}) {
		t.Errorf("of none: %+v", got)
	}
}

func TestReasonsThatAreForced(t *testing.T) {
	var forced []session.Reason
	for _, reason := range append(slices.Clone(session.Reasons), session.Unknown, "") {
		if reason.Forced() {
			forced = append(forced, reason)
		}
	}
	want := []session.Reason{session.Superseded, session.Replaced, session.EndedByUser, session.EndedByAdmin}
	if !slices.Equal(forced, want) {
		t.Errorf("forced are %v, want %v", forced, want)
	}
}

// TestBeatsAreSmall has an instance that has counted much say all that a beat says: all of them read all, every 3 s.
func TestBeatsAreSmall(t *testing.T) {
	const many = 1_234_567_890
	in := session.Instance{
		ID: "4f1d2c9a7b30", Version: "v1.2.3-0.20260102030405-0123456789ab", StartedAt: time.Now(), BeatAt: time.Now(),
		Health:   session.Health{State: session.Ready, CPU: 0.123456789, Memory: many, Goroutines: many, MaxConnections: many},
		Counters: session.Counters{many, many, many, many, many, many, many, many},
	}
	for i := range in.Notices.Told {
		in.Notices.Told[i], in.Notices.Acked[i] = many, many
	}
	text, err := json.Marshal(in)
	if err != nil || len(text) > 1000 {
		t.Errorf("%d bytes, %v: %s", len(text), err, text)
	}
}
