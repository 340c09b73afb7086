package auth

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// counted returns a tally.
func counted(window int64, wrong, open, wrongBefore, openBefore int) tally {
	t := tally{window: window}
	t.now.wrong, t.now.open, t.before.wrong, t.before.open = wrong, open, wrongBefore, openBefore
	return t
}

func TestTallySlides(t *testing.T) {
	was := counted(7, 1, 2, 3, 4)
	for window, want := range map[int64]tally{
		6: counted(6, 0, 0, 0, 0),
		7: was,
		8: counted(8, 0, 0, 1, 2),
		9: counted(9, 0, 0, 0, 0),
	} {
		if got := was.at(window); got != want {
			t.Errorf("in window %d %+v, want %+v", window, got, want)
		}
	}
}

func TestTallyEnds(t *testing.T) {
	for _, test := range []struct {
		begun int64
		wrong bool
		want  tally
	}{
		{7, false, counted(7, 1, 1, 3, 4)},
		{7, true, counted(7, 2, 1, 3, 4)},
		{6, false, counted(7, 1, 2, 3, 3)},
		{6, true, counted(7, 1, 2, 4, 3)},
		{5, true, counted(7, 1, 2, 3, 4)},
		{8, true, counted(7, 1, 2, 3, 4)},
	} {
		got := counted(7, 1, 2, 3, 4)
		if got.end(test.begun, test.wrong); got != test.want {
			t.Errorf("begun in %d, wrong %t: %+v, want %+v", test.begun, test.wrong, got, test.want)
		}
	}
	never := counted(7, 1, 0, 0, 0)
	if never.end(7, false); never != counted(7, 1, 0, 0, 0) {
		t.Errorf("after one that was not counted %+v", never)
	}
}

// A Counter never has more under a key than its limit, and refuses for the right reason.
func TestMemoryCounterHoldsItsLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1e9, 0)
		counter := newMemoryCounter(func() time.Time { return now })
		quotas := []Quota{{"a", 3}, {"b", 5}}
		var open []func(bool)
		wrong := 0
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				end, err := counter.Begin(t.Context(), time.Minute, quotas)
				if room := wrong+len(open) < 3; room != (err == nil) {
					t.Fatalf("Begin: %v with %d wrong and %d under way", err, wrong, len(open))
				}
				if err == nil {
					open = append(open, end)
				} else if (wrong < 3) != (err == ErrBusy) {
					t.Fatalf("Begin: %v with %d wrong and %d under way", err, wrong, len(open))
				}
			case 2:
				if len(open) > 0 {
					is := rapid.Bool().Draw(t, "wrong")
					open[0](is)
					open = open[1:]
					if is {
						wrong++
					}
				}
			case 3: // never so long that a window slides
				now = now.Add(time.Millisecond)
			}
		}
		for _, end := range open {
			end(false)
		}
		if kept := len(counter.tallies); wrong == 0 && kept != 0 || wrong > 0 && kept != 2 {
			t.Fatalf("%d keys are kept after %d wrong passwords", kept, wrong)
		}
		now = now.Add(2 * time.Minute)
		if _, err := counter.Begin(t.Context(), time.Minute, []Quota{{"c", 1}}); err != nil || len(counter.tallies) != 1 {
			t.Fatalf("%d keys are kept two windows later (%v), want the new one", len(counter.tallies), err)
		}
	})
}

func TestMemoryCounterKeepsNothingOfTheRefused(t *testing.T) {
	counter := newMemoryCounter(time.Now)
	throttle := NewThrottle(Limits{PerAddress: 1}, counter)
	fail(t, throttle, ip(1), "alice", 1)
	for i := range 100 {
		fail(t, throttle, ip(1), colleague(i), 1)
	}
	if len(counter.tallies) != 3 {
		t.Errorf("%d keys are kept, want the three of the only guess", len(counter.tallies))
	}
}
