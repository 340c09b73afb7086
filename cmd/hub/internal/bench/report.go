package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// The targets of the ratios, and of what an idle connection may use.
const (
	targetNotice = 1.5    // at most
	targetLogins = 0.35   // at least
	targetBytes  = 10_000 // a connection, at most
	targetCPU    = 1.0    // percent of a core for 10,000 connections, at most
	// targetConnections is with how many connections the last two are meant.
	targetConnections = 15_000
)

// Report is the figures of a run.
type Report struct {
	Connections int     `json:"connections"`
	Users       int     `json:"users"`
	Hubs        int     `json:"hubs"`
	Redis       bool    `json:"redis"`
	Parallel    int     `json:"parallel_logins"`
	Rounds      int     `json:"rounds"`
	Opening     Opening `json:"opening"`
	// Rest is nil if it was not measured.
	Rest *Rest `json:"rest,omitempty"`
	// OneByOne and Together are the calls made one at a time, and so many in parallel.
	OneByOne Calls  `json:"serial"`
	Together Calls  `json:"parallel"`
	Ratios   Ratios `json:"ratios"`
}

// Calls are the figures of calls made in one way.
type Calls struct {
	Empty  Figures  `json:"empty_call"`
	Redis  *Figures `json:"redis_round_trip,omitempty"`
	Floor  *Figures `json:"floor,omitempty"` // an empty call and three round trips, one after the other
	Login  Figures  `json:"login"`
	Notice Figures  `json:"notice"`
}

// Figures are what calls of one sort took, from just before the request was sent: until the answer was read;
// of a notice, until it was read at the socket whose session the login had ended.
type Figures struct {
	Count     int     `json:"count"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Max       float64 `json:"max_ms"`
	PerSecond float64 `json:"per_second"`
}

// Ratios compare logins with what their parts cost alone; each is the median of the rounds.
type Ratios struct {
	// NoticeToFloor is a notice's p50, one at a time, in times of one empty call and three round trips to
	// Redis. It is nil without Redis.
	NoticeToFloor *float64 `json:"notice_to_floor,omitempty"`
	// LoginsToEmpty is how many parallel logins there were for each empty call that could have been answered.
	LoginsToEmpty float64 `json:"logins_to_empty_calls"`
}

func (c *Command) newReport(h *hubs) *Report {
	return &Report{
		Connections: c.Connections, Users: c.users(), Hubs: len(h.urls), Redis: c.Redis != "",
		Parallel: c.Parallel, Rounds: c.Rounds,
	}
}

// add works out the figures of the rounds.
func (r *Report) add(rounds []round) {
	var serial, parallel turn
	var notice, logins []float64
	for _, round := range rounds {
		serial, parallel = serial.and(round.serial), parallel.and(round.parallel)
		notice = append(notice, round.noticeToFloor())
		logins = append(logins, round.loginsToEmpty())
	}
	r.OneByOne, r.Together = newCalls(serial), newCalls(parallel)
	r.Ratios.LoginsToEmpty = median(logins)
	if r.OneByOne.Redis != nil {
		ratio := median(notice)
		r.Ratios.NoticeToFloor = &ratio
	}
}

func newCalls(t turn) Calls {
	c := Calls{Empty: newFigures(t.empty), Login: newFigures(t.login), Notice: newFigures(t.notice)}
	if len(t.redis.took) > 0 {
		redis, floor := newFigures(t.redis), newFigures(t.floor)
		c.Redis, c.Floor = &redis, &floor
	}
	return c
}

func newFigures(s sample) Figures {
	l := newLatency(s)
	return Figures{
		Count: len(s.took), PerSecond: s.perSecond(),
		P50: millis(l.quantile(50)), P99: millis(l.quantile(99)), Max: millis(l.max()),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// writeJSON writes the report as one JSON object.
func (r *Report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// writeTable writes the report for a person to read.
func (r *Report) writeTable(w io.Writer) error {
	var text bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) }
	line("%d connections of %d users, %s", r.Connections, r.Users, r.setting())
	line("opened at %.0f logins/s and %.0f sockets/s", r.Opening.LoginsPerSecond, r.Opening.SocketsPerSecond)
	r.OneByOne.write(line, "one at a time")
	r.Together.write(line, fmt.Sprintf("%d at a time", r.Parallel))
	r.Rest.write(line, r.Connections)
	line("\nratios (medians of %d rounds)", r.Rounds)
	if ratio := r.Ratios.NoticeToFloor; ratio != nil {
		line("  %-63s %5.2f   at most  %.2f: %s", "notice p50 / (empty call + 3 Redis round trips), one at a time",
			*ratio, targetNotice, verdict(*ratio <= targetNotice))
	}
	line("  %-63s %5.2f   at least %.2f: %s", fmt.Sprintf("logins that evict / empty calls, %d at a time", r.Parallel),
		r.Ratios.LoginsToEmpty, targetLogins, verdict(r.Ratios.LoginsToEmpty >= targetLogins))
	_, err := text.WriteTo(w)
	return err
}

func (r *Report) setting() string {
	hubs := "one hub"
	if r.Hubs > 1 {
		hubs = "logins at one hub, sockets at another"
	}
	if r.Redis {
		return hubs + ", Redis"
	}
	return hubs
}

func (c Calls) write(line func(string, ...any), title string) {
	line("\n%-20s %13s %13s %13s %12s", title, "p50", "p99", "max", "per second")
	row := func(name string, f Figures) {
		line("  %-18s %10.2f ms %10.2f ms %10.2f ms %12.0f", name, f.P50, f.P99, f.Max, f.PerSecond)
	}
	row("empty call", c.Empty)
	if c.Redis != nil {
		row("Redis round trip", *c.Redis)
		row("one, then three", *c.Floor)
	}
	row("login that evicts", c.Login)
	row("notice (kick)", c.Notice)
}

func (r *Rest) write(line func(string, ...any), connections int) {
	if r == nil {
		return
	}
	line("\n%-20s %13s %13s %13s", fmt.Sprintf("at rest, %.0f s", r.Seconds), "resident", "shared out", "CPU")
	for i, h := range r.Hubs {
		name := "hub of the logins"
		if i == len(r.Hubs)-1 {
			name = "hub of the sockets"
		}
		line("  %-18s %10.1f MB %10.1f MB %12.2f%%", name, mega(h.RSSBytes), mega(h.PSSBytes), h.CPUPercent)
	}
	perConnection, perCPU := verdict(r.BytesPerConnection <= targetBytes), verdict(r.CPUPercentPer10k <= targetCPU)
	if connections < targetConnections {
		// What a hub needs without any connection is shared by too few.
		perConnection = fmt.Sprintf("with %d connections", targetConnections)
		perCPU = perConnection
	}
	line("  %-18s %10.2f KB   at most %.2f: %s", "per connection", r.BytesPerConnection/1000,
		targetBytes/1000.0, perConnection)
	line("  %-18s %12.2f%%   at most %.2f: %s", "CPU per 10,000", r.CPUPercentPer10k, targetCPU, perCPU)
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}
