package hub

import (
	"sync/atomic"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// counts are of what has happened since the start.
type counts struct {
	told, acked, late, dead atomic.Uint64
	gapsFound, gapsFilled   atomic.Uint64
	toldIn, ackedIn         tally
	// Of messages: written, said to be shown, and lost; and connections that were too slow for them.
	pushed, shown, lost, slow atomic.Uint64
}

// Stats are this instance's counts: of what is open now, and of what has happened since it started.
type Stats struct {
	session.Counters
	Notices    session.NoticeTimes
	ToldIn     time.Duration // how long the notices took until they were told, those that were timed together
	AckedIn    time.Duration // and until they were acknowledged
	DeadPeers  uint64        // connections closed because a ping was not answered
	GapsFound  uint64        // times that notices were seen to be missing
	GapsFilled uint64        // times that all of them were made good

	MessagesSent  uint64 // messages of apps written to sockets
	MessagesAcked uint64 // receipts for them
	MessagesLost  uint64 // messages that sockets were too slow for, or closed before
	SlowClients   uint64 // connections cut because they did not take their messages in time
}

// Stats returns the counts of this moment.
func (h *Hub) Stats() Stats {
	counts := h.reg.Counts()
	var endings, forced uint64
	for reason, n := range counts.Ended {
		endings += n
		if reason.Forced() {
			forced += n
		}
	}
	h.mu.Lock()
	open, seats := h.open, len(h.seats)
	h.mu.Unlock()
	return Stats{
		Counters: session.Counters{
			Connections: open, Sessions: seats, Admitted: counts.Admitted, Ended: endings, Forced: forced,
			Told: h.count.told.Load(), Acked: h.count.acked.Load(), Late: h.count.late.Load(),
		},
		Notices: session.NoticeTimes{Told: h.count.toldIn.histogram(), Acked: h.count.ackedIn.histogram()},
		ToldIn:  time.Duration(h.count.toldIn.sum.Load()), AckedIn: time.Duration(h.count.ackedIn.sum.Load()),
		DeadPeers: h.count.dead.Load(),
		GapsFound: h.count.gapsFound.Load(), GapsFilled: h.count.gapsFilled.Load(),
		MessagesSent: h.count.pushed.Load(), MessagesAcked: h.count.shown.Load(),
		MessagesLost: h.count.lost.Load(), SlowClients: h.count.slow.Load(),
	}
}
