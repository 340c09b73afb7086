package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Go sizes its heap for the last burst and gives freed memory back to the system slowly: after a storm of
// connections or logins a hub would go on holding what the storm took. Once things are quiet, one collection
// gives it back. It costs some milliseconds of a core, at most once a minute, and never under load.
const (
	trimEvery = time.Minute
	// worthwhile is how many idle bytes must be there to be given back.
	worthwhile = 16 << 20
)

// heap is what a trimmer looks at, in bytes.
type heap struct {
	allocated uint64 // ever
	objects   uint64 // in use, or not collected yet
	idle      uint64 // free, and not given back
}

// trimmer decides when to give memory back.
type trimmer struct {
	read      func() heap
	free      func()
	allocated uint64 // as of the last look
}

// trimMemory gives idle memory back to the system after each storm, until ctx ends.
func trimMemory(ctx context.Context) {
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
	quiet := now.allocated-t.allocated < max(worthwhile, now.objects/2)
	t.allocated = now.allocated
	if quiet && now.idle > worthwhile {
		t.free()
	}
}

func readHeap() heap {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
	}
	metrics.Read(samples)
	return heap{
		allocated: samples[0].Value.Uint64(),
		objects:   samples[1].Value.Uint64(),
		idle:      samples[2].Value.Uint64(),
	}
}
