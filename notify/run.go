package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

const (
	// pulse is how often the log and the queues are looked at, and so about how long a webhook waits for an event.
	pulse = time.Second
	// gatherBatch is about how many events are taken at a time.
	gatherBatch = 1000
	// storeTimeout bounds each call of the outbox.
	storeTimeout = 3 * time.Second
	// grace is how long deliveries that are under way may take at the end.
	grace = 2 * time.Second
	// settleFor is how long it is tried to tell the store what became of a delivery, before its lease runs out.
	settleFor = 10 * time.Second
)

// work is what one Run shares.
type work struct {
	outbox session.Outbox
	// sending is the context of deliveries: it ends some time after that of Run.
	sending context.Context
	// stopped is closed when no more deliveries are to be begun.
	stopped <-chan struct{}
	health  health // guarded by its own mutex: of the store
}

// Run tells of events until ctx ends. It then lets what is under way come to its end, for two seconds at most: what does
// not is left to others, or to the next start.
func (n *Notifier) Run(ctx context.Context, outbox session.Outbox) {
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	w := &work{outbox: outbox, sending: sending, stopped: ctx.Done()}
	var lanes sync.WaitGroup
	for _, lane := range n.webhooks {
		lanes.Go(func() { lane.run(w) })
	}
	for _, lane := range n.channels {
		lanes.Go(func() { lane.run(w) })
	}
	n.watch(ctx, w)
	last := time.AfterFunc(grace, cut)
	defer last.Stop()
	lanes.Wait()
	n.client.CloseIdleConnections()
}

// watch takes events out of the log and looks at the queues, once in each pulse, until ctx ends.
func (n *Notifier) watch(ctx context.Context, w *work) {
	tick := time.NewTicker(n.pulse)
	defer tick.Stop()
	started := false
	for {
		err := errors.Join(n.gather(ctx, w), n.look(ctx, w))
		if ctx.Err() != nil {
			return
		}
		n.storeAnswered(w, err)
		if err == nil && !started {
			started = true
			n.log.Info("telling of events", "types", n.filter.String(), "endpoints", n.Endpoints())
		}
		for _, e := range n.endpoints() {
			e.wakeUp()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// storeAnswered logs when the outbox is lost and found again.
func (n *Notifier) storeAnswered(w *work, err error) {
	if w.health.changed(err == nil) {
		if err != nil {
			n.log.Warn("notifications wait for the store", "error", err)
		} else {
			n.log.Info("notifications go on")
		}
	}
}

// gather queues all events that are new.
func (n *Notifier) gather(ctx context.Context, w *work) error {
	names := n.Endpoints()
	route := func(e session.Event) []string {
		if !n.filter.wants(e) {
			return nil
		}
		if time.Since(e.At) > giveUpAfter {
			for _, name := range names {
				n.metrics.count(name, expired, 1)
			}
			return nil
		}
		return names
	}
	for ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, storeTimeout)
		taken, err := w.outbox.Gather(call, gatherBatch, route)
		cancel()
		if err != nil || taken == 0 {
			return err
		}
	}
	return nil
}

// look notes the state of all queues.
func (n *Notifier) look(ctx context.Context, w *work) error {
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	queues, err := w.outbox.Queues(call, n.Endpoints()...)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range queues {
		n.queues[q.Endpoint] = q
	}
	return nil
}

// queueOf returns an endpoint's queue as it was last seen.
func (n *Notifier) queueOf(name string) session.Queue {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.queues[name]
}

// claim claims deliveries, and drops those that are too old to be told. An error is the store's, which watch reports.
func (n *Notifier) claim(w *work, e *endpoint, c session.Claim) []session.Delivery {
	call, cancel := context.WithTimeout(w.sending, storeTimeout)
	defer cancel()
	claimed, err := w.outbox.Claim(call, e.name, c)
	if err != nil {
		return nil
	}
	var fresh, old []session.Delivery
	for _, d := range claimed {
		if d.Age > giveUpAfter {
			old = append(old, d)
		} else {
			fresh = append(fresh, d)
		}
	}
	n.giveUp(w, e, old)
	return fresh
}

// giveUp takes deliveries out of the queue that have been tried for long enough.
func (n *Notifier) giveUp(w *work, e *endpoint, old []session.Delivery) {
	if len(old) == 0 {
		return
	}
	n.metrics.count(e.name, expired, len(old))
	n.log.Error("notifications are given up, after they have been tried for a day", "endpoint", e.name,
		"events", len(old), "first", old[0].ID)
	n.settle(w, func(ctx context.Context) error { return w.outbox.Done(ctx, e.name, idsOf(old)...) })
}

// settle tells the store what became of deliveries, until it has heard it or it does not matter any more: then they
// come again when their lease has run out.
func (n *Notifier) settle(w *work, tell func(context.Context) error) {
	for end := time.Now().Add(settleFor); ; {
		call, cancel := context.WithTimeout(context.WithoutCancel(w.sending), storeTimeout)
		err := tell(call)
		cancel()
		if err == nil || w.sending.Err() != nil || time.Now().After(end) {
			return
		}
		wait := time.NewTimer(pulse)
		select {
		case <-wait.C:
		case <-w.sending.Done():
			wait.Stop()
		}
	}
}

func idsOf(deliveries []session.Delivery) []string {
	ids := make([]string, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.ID
	}
	return ids
}

// health remembers whether something works, so that only changes are logged. The zero value works.
type health struct {
	mu   sync.Mutex
	sick bool // guarded by mu
}

// changed notes whether it works now, and reports whether that is news.
func (h *health) changed(works bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	news := h.sick == works
	h.sick = !works
	return news
}
