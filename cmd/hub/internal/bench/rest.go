package bench

import (
	"context"
	"fmt"
	"time"
)

// Rest is what the hubs use while all sockets are open and nothing happens but pings.
type Rest struct {
	Seconds float64 `json:"seconds"`
	Hubs    []Hub   `json:"hubs"`
	// BytesPerConnection is all resident memory of the hub that has the sockets, for each of them.
	BytesPerConnection float64 `json:"bytes_per_connection"`
	// BytesPerConnectionOfAll is that of all hubs together.
	BytesPerConnectionOfAll float64 `json:"bytes_per_connection_of_all"`
	// CPUPercent is that of all hubs together, in percent of a core.
	CPUPercent float64 `json:"cpu_percent"`
	// CPUPercentPer10k is the same for every 10,000 connections.
	CPUPercentPer10k float64 `json:"cpu_percent_per_10000_connections"`
}

// Hub is what one hub's process uses at rest.
type Hub struct {
	PID        int     `json:"pid"`
	RSSBytes   int64   `json:"rss_bytes"`
	PSSBytes   int64   `json:"pss_bytes,omitempty"`
	CPUPercent float64 `json:"cpu_percent"`
}

// rest lets the hubs settle, and then measures them for the given time.
func rest(ctx context.Context, hubs *hubs, connections int, during time.Duration, show *progress) (*Rest, error) {
	if err := wait(ctx, "settling", min(settling, during), show); err != nil {
		return nil, err
	}
	before, err := usages(hubs.pids)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := wait(ctx, "measuring at rest", during, show); err != nil {
		return nil, err
	}
	after, err := usages(hubs.pids)
	if err != nil {
		return nil, err
	}
	return newRest(hubs.pids, before, after, time.Since(began), connections), nil
}

func newRest(pids []int, before, after []usage, during time.Duration, connections int) *Rest {
	r := &Rest{Seconds: during.Seconds()}
	var all int64
	for i, pid := range pids {
		h := Hub{PID: pid, RSSBytes: after[i].rss, PSSBytes: after[i].pss}
		h.CPUPercent = 100 * (after[i].cpu - before[i].cpu).Seconds() / during.Seconds()
		r.Hubs = append(r.Hubs, h)
		r.CPUPercent += h.CPUPercent
		all += h.RSSBytes
	}
	r.CPUPercentPer10k = r.CPUPercent * 10_000 / float64(connections)
	r.BytesPerConnection = float64(r.Hubs[len(r.Hubs)-1].RSSBytes) / float64(connections)
	r.BytesPerConnectionOfAll = float64(all) / float64(connections)
	return r
}

func usages(pids []int) ([]usage, error) {
	var all []usage
	for _, pid := range pids {
		u, err := usageOf(pid)
		if err != nil {
			return nil, fmt.Errorf("%w (leave it out with --idle 0)", err)
		}
		all = append(all, u)
	}
	return all, nil
}

// wait waits, and shows how far it is.
func wait(ctx context.Context, what string, during time.Duration, show *progress) error {
	const step = 250 * time.Millisecond
	bar := show.phase(what, int(during/step)+1)
	defer bar.done()
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	over := time.NewTimer(during)
	defer over.Stop()
	for {
		select {
		case <-ticks.C:
			bar.add(1)
		case <-over.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
