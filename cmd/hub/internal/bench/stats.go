package bench

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// maxLatency is the longest time that is told apart from longer ones.
const maxLatency = 5 * time.Minute

// sample is what a slice of calls took.
type sample struct {
	// took are the times of the single calls, and wall that of all together.
	took []time.Duration
	wall time.Duration
}

// perSecond is how many calls were made in a second.
func (s sample) perSecond() float64 {
	if s.wall <= 0 {
		return 0
	}
	return float64(len(s.took)) / s.wall.Seconds()
}

// p50 returns the median time of a call.
func (s sample) p50() time.Duration { return newLatency(s).quantile(50) }

// and returns both samples as one.
func (s sample) and(other sample) sample {
	return sample{took: slices.Concat(s.took, other.took), wall: s.wall + other.wall}
}

// latency is the distribution of the times of calls.
type latency struct{ histogram *hdrhistogram.Histogram }

func newLatency(s sample) latency {
	l := latency{hdrhistogram.New(1, maxLatency.Microseconds(), 3)}
	for _, took := range s.took {
		// A time that is out of range counts as the end of the range.
		l.histogram.RecordValue(min(max(took, time.Microsecond), maxLatency).Microseconds())
	}
	return l
}

func (l latency) quantile(q float64) time.Duration {
	return time.Duration(l.histogram.ValueAtQuantile(q)) * time.Microsecond
}

func (l latency) max() time.Duration { return time.Duration(l.histogram.Max()) * time.Microsecond }

// round is one turn of all slices, close enough in time to be compared: the speed of a machine drifts.
type round struct {
	serial, parallel turn
}

// turn is a slice of each of the calls, made one way.
type turn struct {
	empty, redis  sample // redis is empty where there is no Redis to ask
	floor         sample // an empty call and three round trips, one after the other; likewise
	login, notice sample
}

func (t turn) and(other turn) turn {
	return turn{
		empty: t.empty.and(other.empty), redis: t.redis.and(other.redis), floor: t.floor.and(other.floor),
		login: t.login.and(other.login), notice: t.notice.and(other.notice),
	}
}

// noticeToFloor returns how many times as long a notice took as its parts alone: an empty call and three
// round trips to Redis, made in turn as a login makes them. It is 0 where there is no Redis.
func (r round) noticeToFloor() float64 {
	if len(r.serial.floor.took) == 0 {
		return 0
	}
	return float64(r.serial.notice.p50()) / float64(r.serial.floor.p50())
}

// loginsToEmpty returns how many evicting logins there were for each empty call that the hub could have
// answered.
func (r round) loginsToEmpty() float64 {
	if empty := r.parallel.empty.perSecond(); empty > 0 {
		return r.parallel.login.perSecond() / empty
	}
	return 0
}

// median returns the middle one of values, or the mean of the two there; 0 without any.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
