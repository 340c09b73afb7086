package hub

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// Whatever the order of calls: frames come out in the order they went in, no more wait than may, one sender is asked
// for exactly where nobody sends, and what is lost is counted once.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var box outbox
		var waiting []*byte // the first byte of each frame stands for it
		size, lost := 0, 0
		opened, sending, over, closed := false, false, false, false
		large := make([]byte, 16<<10)
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				frame := append([]byte(nil), large[:rapid.SampledFrom([]int{1, 100, len(large)}).Draw(t, "bytes")]...)
				for range rapid.IntRange(1, 100).Draw(t, "times") {
					begin, taken := box.put(frame)
					if taken == closed || begin != (opened && !sending && !closed) {
						t.Fatalf("begin %v, taken %v; opened %v, sending %v, closed %v", begin, taken, opened, sending, closed)
					}
					sending = sending || begin
					switch {
					case closed:
					case over:
						lost++
					case len(waiting) == maxWaiting || size+len(frame) > maxWaitingBytes:
						over, lost, waiting, size = true, len(waiting)+1, nil, 0
					default:
						waiting, size = append(waiting, &frame[0]), size+len(frame)
					}
				}
			},
			"open": func(t *rapid.T) {
				if opened || closed {
					t.Skip()
				}
				opened = true
				if sending = box.open(); sending != (len(waiting) > 0 || over) {
					t.Fatalf("begin %v with %d frames, overrun %v", sending, len(waiting), over)
				}
			},
			"next": func(t *rapid.T) {
				if !sending {
					t.Skip()
				}
				frame, gone := box.next()
				switch {
				case over && !closed:
					if frame != nil || gone != lost {
						t.Fatalf("%d lost, want %d", gone, lost)
					}
					closed, sending = true, false
				case len(waiting) == 0:
					if frame != nil || gone != 0 {
						t.Fatalf("got a frame of %d bytes, %d lost, want nothing", len(frame), gone)
					}
					sending = false
				default:
					if frame == nil || &frame[0] != waiting[0] {
						t.Fatal("not the oldest frame")
					}
					waiting, size = waiting[1:], size-len(frame)
				}
			},
			"shut": func(t *rapid.T) {
				want := len(waiting)
				if over && !closed {
					want = lost
				}
				if !opened && !over || closed {
					want = 0
				}
				if got := box.shut(); got != want {
					t.Fatalf("%d lost, want %d", got, want)
				}
				waiting, size, closed = nil, 0, true
			},
			"": func(t *rapid.T) {
				if !sending && opened && box.queue != nil {
					t.Fatal("an idle outbox keeps a queue")
				}
			},
		})
	})
}

func TestRecall(t *testing.T) {
	var r recall
	id := uuid.New()
	for _, step := range []struct {
		at   time.Duration
		want bool
	}{{1, false}, {2, true}, {recallFor, true}, {2 * recallFor, true}, {5 * recallFor, false}, {5*recallFor + 1, true}} {
		if got := r.again(id, step.at); got != step.want {
			t.Errorf("at %s: again %v, want %v", step.at, got, step.want)
		}
	}
	at := 5*recallFor + 2
	for range 3 * recallMost {
		if r.again(uuid.New(), at) {
			t.Fatal("a new one is taken for an old one")
		}
		if n := len(r.newer) + len(r.before); n > 2*recallMost {
			t.Fatalf("%d are remembered", n)
		}
	}
}
