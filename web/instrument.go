package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessionhub/sessionhub/session"
)

// InstrumentStore returns a store that does what the given one does and measures how long each call takes, in
// hub_store_seconds, and how many fail, in hub_store_errors_total. It fails if reg has such metrics already.
func InstrumentStore(store session.Store, reg prometheus.Registerer) (session.Store, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "hub_store_seconds",
		Help:    "How long calls of the session store take.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"call"})
	failures := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hub_store_errors_total",
		Help: "Calls of the session store that failed; losing to another change is no failure.",
	}, []string{"call"})
	for _, c := range []prometheus.Collector{seconds, failures} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("store metrics: %w", err)
		}
	}
	meter := func(call string) meter {
		return meter{seconds.WithLabelValues(call), failures.WithLabelValues(call)}
	}
	return &measured{
		store: store,
		load:  meter("load"), commit: meter("commit"), attach: meter("attach"), detach: meter("detach"),
		touch: meter("touch"), push: meter("push"), due: meter("due"), record: meter("record"), events: meter("events"),
		latest: meter("latest"), tail: meter("tail"), forget: meter("forget"),
		beat: meter("beat"), told: meter("told"), missed: meter("missed"), post: meter("post"),
	}, nil
}

// measured is a store whose calls are measured. It is static after construction.
type measured struct {
	store session.Store

	load, commit, attach, detach, touch, push, due, record meter
	events, latest, tail, forget, beat, told, missed, post meter
}

// meter measures the calls of one method.
type meter struct {
	seconds  prometheus.Observer
	failures prometheus.Counter
}

// done measures a call that began at start and ended with *err.
func (m meter) done(start time.Time, err *error) {
	m.seconds.Observe(time.Since(start).Seconds())
	for _, answer := range []error{nil, session.ErrConflict, session.ErrTrimmed, session.ErrCursor} {
		if errors.Is(*err, answer) {
			return
		}
	}
	m.failures.Inc()
}

func (m *measured) Load(ctx context.Context, key session.Key) (_ session.Snapshot, err error) {
	defer m.load.done(time.Now(), &err)
	return m.store.Load(ctx, key)
}

// Recall asks nobody, so there is nothing to measure.
func (m *measured) Recall(key session.Key) (session.Snapshot, bool) { return m.store.Recall(key) }

func (m *measured) Commit(ctx context.Context, key session.Key, change session.Change) (_ session.Snapshot, err error) {
	defer m.commit.done(time.Now(), &err)
	return m.store.Commit(ctx, key, change)
}

func (m *measured) Attach(ctx context.Context, key session.Key, route session.Route) (_ session.Snapshot, err error) {
	defer m.attach.done(time.Now(), &err)
	return m.store.Attach(ctx, key, route)
}

func (m *measured) Detach(ctx context.Context, routes ...session.Route) (err error) {
	defer m.detach.done(time.Now(), &err)
	return m.store.Detach(ctx, routes...)
}

func (m *measured) Touch(ctx context.Context, marks ...session.Mark) (err error) {
	defer m.touch.done(time.Now(), &err)
	return m.store.Touch(ctx, marks...)
}

func (m *measured) Push(ctx context.Context, key session.Key, push session.Push) (_ session.Snapshot, err error) {
	defer m.push.done(time.Now(), &err)
	return m.store.Push(ctx, key, push)
}

func (m *measured) Due(ctx context.Context, limit int) (_ []session.Key, err error) {
	defer m.due.done(time.Now(), &err)
	return m.store.Due(ctx, limit)
}

func (m *measured) Record(ctx context.Context, key session.Key, events ...session.Event) (err error) {
	defer m.record.done(time.Now(), &err)
	return m.store.Record(ctx, key, events...)
}

func (m *measured) Events(ctx context.Context, after string, limit int) (_ session.Page, err error) {
	defer m.events.done(time.Now(), &err)
	return m.store.Events(ctx, after, limit)
}

func (m *measured) Latest(ctx context.Context, before string, limit int) (_ session.Page, err error) {
	defer m.latest.done(time.Now(), &err)
	return m.store.Latest(ctx, before, limit)
}

func (m *measured) Tail(ctx context.Context) (_ string, err error) {
	defer m.tail.done(time.Now(), &err)
	return m.store.Tail(ctx)
}

// Pass is not measured: it asks nobody.
func (m *measured) Pass(at string, event session.Event) (string, bool, error) {
	return m.store.Pass(at, event)
}

func (m *measured) Forget(ctx context.Context) (err error) {
	defer m.forget.done(time.Now(), &err)
	return m.store.Forget(ctx)
}

func (m *measured) Beat(ctx context.Context, self session.Instance) (_ []session.Instance, _ bool, err error) {
	defer m.beat.done(time.Now(), &err)
	return m.store.Beat(ctx, self)
}

func (m *measured) Told(ctx context.Context, instance string) (_ [session.Shards]session.Mailed, err error) {
	defer m.told.done(time.Now(), &err)
	return m.store.Told(ctx, instance)
}

func (m *measured) Missed(
	ctx context.Context, instance string, shard int, after session.Mailed,
) (_ []session.Notice, err error) {
	defer m.missed.done(time.Now(), &err)
	return m.store.Missed(ctx, instance, shard, after)
}

func (m *measured) Post(ctx context.Context, entries []session.Entry, names ...session.Digest) (
	_ [][]session.Fact, err error,
) {
	defer m.post.done(time.Now(), &err)
	return m.store.Post(ctx, entries, names...)
}
