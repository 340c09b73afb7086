package bench

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// of returns a sample of calls that took so many milliseconds each, one after the other.
func of(millis ...int) sample {
	var s sample
	for _, n := range millis {
		took := time.Duration(n) * time.Millisecond
		s.took = append(s.took, took)
		s.wall += took
	}
	return s
}

func about(got, want float64) bool { return got > 0.995*want && got < 1.005*want }

func TestFigures(t *testing.T) {
	t.Parallel()
	var ramp []int
	for n := range 100 {
		ramp = append(ramp, n+1)
	}
	f := newFigures(of(ramp...))
	if f.Count != 100 || !about(f.P50, 50) || !about(f.P99, 99) || !about(f.Max, 100) || !about(f.PerSecond, 100/5.05) {
		t.Errorf("figures of 1 to 100 ms: %+v", f)
	}
	if f := newFigures(sample{}); f != (Figures{}) {
		t.Errorf("figures of nothing: %+v", f)
	}
	if f := newFigures(sample{took: []time.Duration{0, time.Hour}, wall: time.Hour}); f.Count != 2 || !about(f.Max, 300_000) {
		t.Errorf("figures out of range: %+v", f)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	tests := []struct {
		values []float64
		want   float64
	}{
		{nil, 0}, {[]float64{7}, 7}, {[]float64{9, 1}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5},
	}
	for _, test := range tests {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestRatios(t *testing.T) {
	t.Parallel()
	slow := round{
		serial:   turn{empty: of(2, 2, 2), redis: of(1, 1, 1), floor: of(5, 5, 5), notice: of(10, 10, 10), login: of(9, 9, 9)},
		parallel: turn{empty: of(1, 1), login: of(4), notice: of(4)},
	}
	fast := round{
		serial:   turn{empty: of(1, 1, 1), redis: of(1, 1, 1), floor: of(4, 4, 4), notice: of(4, 4, 4), login: of(3, 3, 3)},
		parallel: turn{empty: of(1, 1), login: of(2), notice: of(2)},
	}
	var r Report
	r.add([]round{fast, slow, fast})
	if r.Ratios.NoticeToFloor == nil || !about(*r.Ratios.NoticeToFloor, 1) || !about(r.Ratios.LoginsToEmpty, 0.5) {
		t.Errorf("ratios: %+v", r.Ratios)
	}
	if r.OneByOne.Login.Count != 9 || r.Together.Empty.Count != 6 || r.OneByOne.Redis.Count != 9 {
		t.Errorf("counts: %+v, %+v", r.OneByOne, r.Together)
	}
	var alone Report
	fast.serial.redis = sample{}
	alone.add([]round{fast})
	if alone.Ratios.NoticeToFloor != nil || alone.OneByOne.Redis != nil {
		t.Errorf("without Redis there is no floor to compare with: %+v", alone)
	}
}

func TestRest(t *testing.T) {
	t.Parallel()
	before := []usage{{cpu: time.Second}, {cpu: 2 * time.Second}}
	after := []usage{
		{rss: 30e6, pss: 20e6, cpu: 1100 * time.Millisecond},
		{rss: 150e6, pss: 140e6, cpu: 2200 * time.Millisecond},
	}
	r := newRest([]int{7, 8}, before, after, 10*time.Second, 20_000)
	if !about(r.BytesPerConnection, 7_500) || !about(r.BytesPerConnectionOfAll, 9_000) {
		t.Errorf("memory: %+v", r)
	}
	if !about(r.CPUPercent, 3) || !about(r.CPUPercentPer10k, 1.5) || !about(r.Hubs[1].CPUPercent, 2) {
		t.Errorf("CPU: %+v", r)
	}
	report := Report{Connections: 20_000, Users: 20_000, Hubs: 2, Redis: true, Parallel: 32, Rest: r}
	report.add([]round{{serial: turn{empty: of(1), redis: of(1), floor: of(4), notice: of(9), login: of(8)}}})
	var table bytes.Buffer
	if err := report.writeTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"7.50 KB   at most 10.00: met", "1.50%   at most 1.00: missed", "2.25   at most  1.50: missed"} {
		if !strings.Contains(table.String(), part) {
			t.Errorf("no %q in\n%s", part, &table)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	t.Parallel()
	u, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	// The two are taken one after the other, and the kernel counts the first roughly.
	if u.rss < 1<<20 || u.pss < 1<<20 || u.pss > 2*u.rss || u.cpu < 0 {
		t.Errorf("usage of this process: %+v", u)
	}
	if _, err := usageOf(-1); err == nil {
		t.Error("usage of no process")
	}
}

func TestProcFiles(t *testing.T) {
	t.Parallel()
	status := "Name:\thub\nVmHWM:\t  9999 kB\nVmRSS:\t    48 kB\n"
	if n, err := kilobytes([]byte(status), "VmRSS:"); err != nil || n != 48<<10 {
		t.Errorf("VmRSS: %d, %v", n, err)
	}
	if _, err := kilobytes([]byte("Name:\thub\n"), "VmRSS:"); err == nil {
		t.Error("found memory where there is none")
	}
	// The name of the program may hold all that the line is parted by.
	stat := "42 (a) 1 (b) S 1 42 42 0 -1 4194560 100 0 0 0 150 25 0 0 20 0 9 0 12345 1000 200"
	if cpu, err := cpuTime([]byte(stat)); err != nil || cpu != 1750*time.Millisecond {
		t.Errorf("CPU: %s, %v", cpu, err)
	}
	for _, bad := range []string{"", "42 (hub) S 1", strings.Replace(stat, "150", "many", 1)} {
		if _, err := cpuTime([]byte(bad)); err == nil {
			t.Errorf("CPU in %q", bad)
		}
	}
}
