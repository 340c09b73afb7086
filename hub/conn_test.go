package hub

import (
	"testing"
	"time"
)

// An alarm goes off a little late. The times set after it must not grow later with each, or a dead peer would be found
// after more than a minute.
func TestPingsDoNotDrift(t *testing.T) {
	late := 30 * time.Millisecond
	at := 10 * time.Second
	for range 100 {
		pong := together(at + late + pongWithin)
		next := together(pong + late + pingEvery - pongWithin)
		if next != at+pingEvery {
			t.Fatalf("a ping at %s, the next at %s: want %s between", at, next, pingEvery)
		}
		at = next
	}
}
