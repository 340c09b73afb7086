package notify

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// How deliveries go to a webhook.
const (
	// perWebhook is how many requests to one webhook are under way at a time, from one hub.
	perWebhook = 4
	// webhookLease is a little longer than a request and its settling take, so that what a dead hub had comes soon.
	webhookLease = webhookTimeout + settleFor
)

// How messages go to a channel.
const (
	// quiet is how long nothing must have happened before a message tells of it, and gathering the longest that it waits
	// for that.
	quiet     = 3 * time.Second
	gathering = 30 * time.Second
	// window is the least time between two messages.
	window = 30 * time.Second
	// channelLease is a little longer than a message and its settling take.
	channelLease = channelTimeout + settleFor
)

// webhookLane delivers to one webhook. It has its own goroutines, so that none waits for another's receiver.
type webhookLane struct {
	endpoint
	webhook webhook
	n       *Notifier
}

// run delivers until no more is to be begun, and what was begun has ended.
func (l *webhookLane) run(w *work) {
	slots := make(chan struct{}, perWebhook)
	var sending sync.WaitGroup
	defer sending.Wait()
	for {
		select {
		case <-w.stopped:
			return
		case <-l.wake:
		}
		free := perWebhook - len(slots) // only this goroutine takes slots
		if free == 0 || l.n.queueOf(l.name).Waiting == 0 {
			continue
		}
		for _, d := range l.n.claim(w, &l.endpoint, session.Claim{Limit: free, Lease: webhookLease}) {
			slots <- struct{}{}
			sending.Go(func() {
				l.deliver(w, d)
				<-slots
				l.wakeUp()
			})
		}
	}
}

// deliver sends one event, and sees to what comes of it.
func (l *webhookLane) deliver(w *work, d session.Delivery) {
	err := l.webhook.post(w.sending, d.Event)
	var f *failure
	switch {
	case err == nil:
		l.n.metrics.count(l.name, delivered, 1)
		l.n.recovered(&l.endpoint)
		l.n.settle(w, func(ctx context.Context) error { return w.outbox.Done(ctx, l.name, d.ID) })
	case errors.As(err, &f) && f.gone:
		l.n.metrics.count(l.name, failed, 1)
		l.n.log.Error("the receiver of a webhook wants nothing any more (410 Gone): it is disabled. "+
			"To enable it again: hub notify enable "+l.name, "endpoint", l.name)
		l.n.settle(w, func(ctx context.Context) error { return w.outbox.Disable(ctx, l.name) })
	default:
		l.n.retry(w, &l.endpoint, err, false, d)
	}
}

// channelLane tells one channel. All that has happened in a while is one message, of one of the hubs.
type channelLane struct {
	endpoint
	channel sender
	n       *Notifier
}

// sender is a channel, or what stands in for one. Its errors are *failure.
type sender interface {
	send(ctx context.Context, m message) error
}

// run sends messages until no more are to be begun.
func (l *channelLane) run(w *work) {
	for {
		select {
		case <-w.stopped:
			return
		case <-l.wake:
		}
		if !ripe(l.n.queueOf(l.name)) {
			continue
		}
		claim := session.Claim{Limit: session.MaxQueue, Lease: channelLease, Hold: window}
		if claimed := l.n.claim(w, &l.endpoint, claim); len(claimed) > 0 {
			l.tell(w, claimed)
		}
	}
}

// ripe reports whether it is time to tell of what is in a queue: when nothing more has come for a moment, or enough has
// been waited for that.
func ripe(q session.Queue) bool {
	return q.Waiting > 0 && (q.Newest >= quiet || q.Oldest >= gathering)
}

func (l *channelLane) tell(w *work, claimed []session.Delivery) {
	events := make([]session.Event, len(claimed))
	for i, d := range claimed {
		events[i] = d.Event
	}
	if err := l.channel.send(w.sending, compose(events)); err != nil {
		l.n.retry(w, &l.endpoint, err, true, claimed...)
		return
	}
	l.n.metrics.count(l.name, delivered, len(claimed))
	l.n.recovered(&l.endpoint)
	l.n.settle(w, func(ctx context.Context) error { return w.outbox.Done(ctx, l.name, idsOf(claimed)...) })
}

// retry postpones deliveries that have failed, all for the same time, or gives them up. Those that are told together
// hold the endpoint for as long: what comes meanwhile is told with them.
func (n *Notifier) retry(w *work, e *endpoint, err error, together bool, failedOnes ...session.Delivery) {
	if w.sending.Err() != nil { // it is the hub that has failed, by leaving: others may go on at once
		n.settle(w, func(ctx context.Context) error { return w.outbox.Postpone(ctx, e.name, 0, idsOf(failedOnes)...) })
		return
	}
	n.metrics.count(e.name, failed, len(failedOnes))
	if e.health.changed(false) {
		n.log.Warn("a notification was not delivered; it is tried again for a day", "endpoint", e.name, "error", err)
	} else {
		n.log.Debug("a notification was not delivered", "endpoint", e.name, "error", err)
	}
	attempt := 0
	for _, d := range failedOnes {
		attempt = max(attempt, d.Attempt)
	}
	wait := backoff(attempt)
	pause := time.Duration(0)
	if f := (*failure)(nil); errors.As(err, &f) {
		pause = f.pause
	}
	if wait = max(wait, pause); together {
		pause = wait
	}
	if pause > 0 {
		n.settle(w, func(ctx context.Context) error { return w.outbox.Hold(ctx, e.name, pause) })
	}
	var again, old []session.Delivery
	for _, d := range failedOnes {
		if d.Age+wait > giveUpAfter {
			old = append(old, d)
		} else {
			again = append(again, d)
		}
	}
	n.giveUp(w, e, old)
	n.settle(w, func(ctx context.Context) error { return w.outbox.Postpone(ctx, e.name, wait, idsOf(again)...) })
}

// recovered notes that an endpoint takes notifications.
func (n *Notifier) recovered(e *endpoint) {
	if e.health.changed(true) {
		n.log.Info("notifications are delivered again", "endpoint", e.name)
	}
}
