package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestStoreClockIsAsExactAsItSays lets beats take their time on the way to a store whose clock drifts.
func TestStoreClockIsAsExactAsItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		began := time.UnixMilli(rapid.Int64Range(0, 1<<41).Draw(t, "the store's clock at our start"))
		drift := rapid.Float64Range(-1.0/maxDrift, 1.0/maxDrift).Draw(t, "drift")
		var clock *storeClock
		here := time.Duration(1)
		for range rapid.IntRange(1, 30).Draw(t, "beats") {
			store := func(at time.Duration) time.Time { return began.Add(at + time.Duration(drift*float64(at))) }
			there := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "on the way there"))
			back := time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "on the way back"))
			clock = clock.hear(store(here+there).Truncate(time.Millisecond), here, here+there+back)
			here += there + back
			off := clock.now(here).Sub(store(here)).Abs()
			if allowed := clock.within + (here-clock.here)/maxDrift + 1; off > allowed {
				t.Fatalf("off by %s, where %s is allowed", off, allowed)
			}
			here += time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "until the next"))
		}
	})
}

func TestStoreClockKeepsTheShortestTrip(t *testing.T) {
	epoch := time.UnixMilli(1_700_000_000_000)
	var clock *storeClock
	hear := func(store time.Duration, sent, answered time.Duration) time.Duration {
		clock = clock.hear(epoch.Add(store), sent, answered)
		return clock.within
	}
	const ms, second = time.Millisecond, time.Second
	if got := hear(0, 0, 2*ms); got != 2*ms {
		t.Errorf("a trip of 2 ms is good to %s", got)
	}
	if got := hear(3*second, 3*second, 3*second+800*ms); got != 2*ms {
		t.Errorf("a long trip is believed, which is good to %s", got)
	}
	if got := hear(6*second, 6*second, 6*second+ms); got != 1500*time.Microsecond {
		t.Errorf("a short trip is not believed: still good to %s", got)
	}
	if hear(60*second, 9*second, 9*second+800*ms); clock.now(9*second+400*ms) != epoch.Add(60*second) {
		t.Error("a clock that was set is not followed")
	}
}

func TestStoreTimeBeforeTheFirstBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(nil, nil, nil, Options{})
		if got := h.storeNow(); !got.Equal(time.Now()) {
			t.Errorf("%s, want our own", got)
		}
	})
}
