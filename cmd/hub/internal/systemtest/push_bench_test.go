package systemtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// ahead is how many messages may be under way to each socket: far fewer than would have it cut.
const ahead = 64

// BenchmarkPush sends messages of some 100 bytes from the registry of one hub over Redis to sockets on TCP, all of
// which are in this process, and are read. It counts what the sockets get.
func BenchmarkPush(b *testing.B) {
	for _, shape := range []struct{ users, sockets int }{{1, 1}, {1, 100}, {1, 1000}, {1000, 1}} {
		name := fmt.Sprintf("%d-sockets-of-a-user", shape.sockets)
		if shape.users > 1 {
			name = fmt.Sprintf("%d-users", shape.users)
		}
		b.Run(name, func(b *testing.B) {
			h := newHouse(b, 1)
			crowd := make([]*audience, shape.users)
			for i := range crowd {
				crowd[i] = h.gather(b, fmt.Sprint("user ", i), shape.sockets)
			}
			data := []byte(`{"text":"Your order has been sent, and will be with you tomorrow.","order":1234567890}`)
			for b.Loop() {
				round(b, h.hubs[0], crowd, data)
			}
			sent := float64(b.N * roundOf(shape.users) * shape.sockets)
			b.ReportMetric(sent/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(b.Elapsed().Seconds()*1e9/sent, "ns/message")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// roundOf is how many messages of a round there are for all users together.
func roundOf(users int) int { return max(ahead, users) }

// round sends messages, at 16 users at a time, and waits until every socket has got what was for it.
func round(b *testing.B, hub *instance, crowd []*audience, data []byte) {
	var pushers sync.WaitGroup
	var next atomic.Int64
	for range min(16, len(crowd)) { // one for a user alone: its messages are in order
		pushers.Go(func() {
			for i := next.Add(1) - 1; i < int64(roundOf(len(crowd))); i = next.Add(1) - 1 {
				to := crowd[int(i)%len(crowd)]
				push, err := session.NewPush(session.ID{}, data)
				if err == nil {
					_, err = hub.registry.Push(b.Context(), to.user, push)
				}
				if err != nil {
					b.Error(err)
				}
				to.wanted.Add(int64(to.sockets))
			}
		})
	}
	pushers.Wait()
	for _, a := range crowd {
		a.wait(b)
	}
}

// audience is a user's sockets, which read all that comes and count it.
type audience struct {
	user    string
	sockets int
	wanted  atomic.Int64
	got     atomic.Int64
	more    chan struct{} // gets a value, if there is room, when got has grown
}

// gather opens so many sockets for a user, twenty for each session.
func (h *house) gather(b *testing.B, user string, sockets int) *audience {
	a := &audience{user: user, sockets: sockets, more: make(chan struct{}, 1)}
	var opened reply
	for n := range sockets {
		if n%20 == 0 {
			opened = h.opened(b, h.hubs[0], user)
		}
		s := dialRaw(b, h.hubs[0], opened.Token)
		s.text(b)
		h.all.Go(func() {
			for {
				if _, _, err := s.next(false); err != nil {
					return
				}
				a.got.Add(1)
				select {
				case a.more <- struct{}{}:
				default:
				}
			}
		})
		b.Cleanup(func() { s.Close() })
	}
	return a
}

// wait returns when all that was wanted has come.
func (a *audience) wait(b *testing.B) {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for a.got.Load() < a.wanted.Load() {
		select {
		case <-a.more:
		case <-deadline.C:
			b.Fatalf("%d messages of %d came to %s", a.got.Load(), a.wanted.Load(), a.user)
		}
	}
}
