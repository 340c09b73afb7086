package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

// metrics are what the HTTP side counts itself.
type metrics struct {
	logins     *prometheus.CounterVec
	byEnd      map[session.Verdict]prometheus.Counter
	streams    prometheus.Gauge
	watchers   prometheus.Gauge
	streamsCut prometheus.Counter
}

func newMetrics() *metrics {
	logins := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hub_logins_total",
		Help: "Logins at this instance, by what became of them.",
	}, []string{"outcome"})
	m := &metrics{
		logins: logins, byEnd: make(map[session.Verdict]prometheus.Counter),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_event_streams", Help: "Open streams of events.",
		}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_session_streams", Help: "Open streams by which users follow their own sessions.",
		}),
		streamsCut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_event_streams_cut_total", Help: "Streams, of either sort, whose client was too slow.",
		}),
	}
	for verdict, outcome := range map[session.Verdict]string{
		session.Admitted:   "admitted",
		session.Rejected:   "rejected",
		session.Challenged: "challenged",
		session.Declined:   "declined",
	} {
		m.byEnd[verdict] = logins.WithLabelValues(outcome)
	}
	return m
}

// decided counts a login by its verdict.
func (m *metrics) decided(verdict session.Verdict) { m.byEnd[verdict].Inc() }

// failed counts a login that got no verdict.
func (m *metrics) failed(err error) {
	outcome := "error"
	throttled, abandoned := new(auth.ThrottledError), new(auth.SignOnError)
	switch {
	case errors.Is(err, auth.ErrCredentials):
		outcome = "credentials"
	case errors.As(err, &throttled):
		outcome = "throttled"
	case errors.Is(err, auth.ErrBusy):
		outcome = "busy"
	case errors.Is(err, session.ErrTicket):
		outcome = "ticket"
	case errors.Is(err, session.ErrProviderSession):
		outcome = "credentials"
	case errors.Is(err, session.ErrUnavailable), errors.Is(err, auth.ErrProvider), errors.Is(err, context.DeadlineExceeded):
		outcome = "unavailable"
	case errors.As(err, &abandoned):
		outcome = "abandoned"
	}
	m.logins.WithLabelValues(outcome).Inc()
}

// registerMetrics adds everything that /metrics shows of the hub and its process.
func (s *server) registerMetrics() error {
	for _, c := range []prometheus.Collector{
		s.metrics.logins,
		s.metrics.streams,
		s.metrics.watchers,
		s.metrics.streamsCut,
		hubCollector{s},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := s.Metrics.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	return nil
}

// hubCollector shows the counts that the hub and the registry keep themselves.
type hubCollector struct{ *server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hub_"+name, help, labels, nil)
}

// What a hubCollector shows.
var (
	connectionsDesc = desc("connections", "Open sockets.")
	sessionsDesc    = desc("connected_sessions", "Sessions with an open socket here.")
	admittedDesc    = desc("sessions_admitted_total", "Sessions opened by this instance.")
	endedDesc       = desc("sessions_ended_total", "Sessions ended by this instance.", "reason")
	reportedDesc    = desc("sessions_reported_total", "Sessions that their users have said were not theirs.")
	toldDesc        = desc("notices_sent_total", "Notices written to sockets.")
	ackedDesc       = desc("notices_acked_total", "Receipts for notices.")
	lateDesc        = desc("notices_late_total", "Sessions found ended without a notice.")
	gapsDesc        = desc("notice_gaps_found_total", "Times that notices were seen to be missing.")
	filledDesc      = desc("notice_gaps_filled_total", "Times that all missing notices were made good.")
	messagesDesc    = desc("messages_sent_total", "Messages of apps written to sockets.")
	shownDesc       = desc("messages_acked_total", "Receipts for messages.")
	lostDesc        = desc("messages_lost_total", "Messages that sockets were too slow for, or closed before.")
	slowDesc        = desc("slow_clients_total", "Sockets cut because they did not take their messages in time.")
	readyDesc       = desc("ready", "Whether the instance may take traffic.")
	timesDesc       = desc("notice_seconds", "Time from the end of a session until its notice was written to a socket "+
		"here, or its receipt was back.", "until")
)

// Describe implements prometheus.Collector.
func (hubCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsDesc, sessionsDesc, admittedDesc, endedDesc, reportedDesc, toldDesc,
		ackedDesc, lateDesc, gapsDesc, filledDesc, messagesDesc, shownDesc, lostDesc, slowDesc, readyDesc, timesDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c hubCollector) Collect(out chan<- prometheus.Metric) {
	show := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	stats, counts := c.Hub.Stats(), c.Registry.Counts()
	show(connectionsDesc, prometheus.GaugeValue, float64(stats.Connections))
	show(sessionsDesc, prometheus.GaugeValue, float64(stats.Sessions))
	show(admittedDesc, prometheus.CounterValue, float64(counts.Admitted))
	for reason, n := range counts.Ended {
		show(endedDesc, prometheus.CounterValue, float64(n), string(reason))
	}
	show(reportedDesc, prometheus.CounterValue, float64(counts.Reported))
	show(toldDesc, prometheus.CounterValue, float64(stats.Told))
	show(ackedDesc, prometheus.CounterValue, float64(stats.Acked))
	show(lateDesc, prometheus.CounterValue, float64(stats.Late))
	show(gapsDesc, prometheus.CounterValue, float64(stats.GapsFound))
	show(filledDesc, prometheus.CounterValue, float64(stats.GapsFilled))
	show(messagesDesc, prometheus.CounterValue, float64(stats.MessagesSent))
	show(shownDesc, prometheus.CounterValue, float64(stats.MessagesAcked))
	show(lostDesc, prometheus.CounterValue, float64(stats.MessagesLost))
	show(slowDesc, prometheus.CounterValue, float64(stats.SlowClients))
	ready := 0.0
	if c.Hub.Ready() == nil {
		ready = 1
	}
	show(readyDesc, prometheus.GaugeValue, ready)
	out <- noticeSeconds("told", stats.Notices.Told, stats.ToldIn)
	out <- noticeSeconds("acked", stats.Notices.Acked, stats.AckedIn)
}

// noticeSeconds is the histogram of how long notices took, as Prometheus has it: with the sum, and what is below each
// bound counted above it too.
func noticeSeconds(until string, counts session.Histogram, sum time.Duration) prometheus.Metric {
	below, total := make(map[float64]uint64), uint64(0)
	for i, ms := range session.NoticeBounds() {
		total += counts[i]
		below[(time.Duration(ms) * time.Millisecond).Seconds()] = total
	}
	total += counts[len(counts)-1]
	return prometheus.MustNewConstHistogram(timesDesc, total, sum.Seconds(), below, until)
}
