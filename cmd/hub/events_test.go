package main

import (
	"testing"
	"time"
)

func TestEventFlagsReachTheStores(t *testing.T) {
	for _, tt := range []struct {
		args    []string
		keep    int // in all
		age     time.Duration
		redis   int // a shard
		forever bool
	}{
		{nil, 100_000, 168 * time.Hour, 6250, false},
		{[]string{"--events-keep=1000", "--events-age=1h"}, 1000, time.Hour, 62, false},
		{[]string{"--events-age=0"}, 100_000, 0, 6250, true},
	} {
		line, err := parseLine(t, append([]string{"serve", "--api-key=" + testKey}, tt.args...)...)
		if err != nil {
			t.Fatal(err)
		}
		o, err := line.Serve.options()
		if err != nil {
			t.Fatal(err)
		}
		file, redis := o.events.sqlite(), o.events.redis()
		if file.Events != tt.keep || redis.KeepEvents != tt.redis || file.EventsFor != redis.KeepFor {
			t.Errorf("%q: file %+v, Redis %+v", tt.args, file, redis)
		}
		if got := file.EventsFor; tt.forever && got >= 0 || !tt.forever && got != tt.age {
			t.Errorf("%q: kept for %s", tt.args, got)
		}
	}
	// The demo leaves both to the stores.
	if file := new(eventFlags).sqlite(); file.Events != 0 || file.EventsFor != 0 {
		t.Errorf("without flags: %+v", file)
	}
}
