package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go sizes its heap for the last burst and gives freed memory back to the system slowly: after a storm of
// connections or logins a hub would go on holding what the storm took. Once things are quiet, one collection
// gives it back. It costs some milliseconds of a core, and never comes under load.
const (
	trimEvery = 10 * time.Second
	// worthwhile is how many bytes must be there to be given back.
	worthwhile = 8 << 20
	// headroom is how much may be allocated between two collections at least. A hub with few connections has a
	// small heap, and under load would collect it dozens of times a second.
	headroom = 16 << 20
)

// heap is what a trimmer looks at, in bytes.
type heap struct {
	allocated uint64 // ever
	live      uint64 // in use at the last collection
	idle      uint64 // free and not given back, or free once it is collected
}

// trimmer decides when to give memory back.
type trimmer struct {
	read      func() heap
	free      func()
	allocated uint64 // as of the last look
}

// trimMemory gives idle memory back to the system after each storm, until ctx ends.
func trimMemory(ctx context.Context) {
	// Go collects when the heap has doubled: this makes it larger by what is never touched, and so takes no memory.
	ballast := make([]byte, headroom)
	defer runtime.KeepAlive(ballast)
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	t := trimmer{read: readHeap, free: debug.FreeOSMemory}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.look()
		}
	}
}

// look gives memory back if much of it lies idle, and little was allocated since the last look: keeping many
// sockets alive allocates too, in proportion to them.
func (t *trimmer) look() {
	now := t.read()
	quiet := now.allocated-t.allocated < max(worthwhile, now.live/8)
	t.allocated = now.allocated
	if quiet && now.idle > worthwhile {
		t.free()
	}
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	live, objects := samples[1].Value.Uint64(), samples[2].Value.Uint64()
	return heap{
		allocated: samples[0].Value.Uint64(),
		live:      live,
		idle:      samples[3].Value.Uint64() + objects - min(objects, live),
	}
}
