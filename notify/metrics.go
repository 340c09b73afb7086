package notify

import "github.com/prometheus/client_golang/prometheus"

// outcome is what became of a delivery.
type outcome string

const (
	delivered outcome = "delivered"
	failed    outcome = "failed" // an attempt: it is tried again
	expired   outcome = "expired"
)

// metrics are what a Notifier counts itself.
type metrics struct{ deliveries *prometheus.CounterVec }

func newMetrics() *metrics {
	return &metrics{deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hub_notify_deliveries_total",
		Help: "Events told to an endpoint by this instance: delivered, failed (each attempt, to be tried again), or " +
			"expired after a day.",
	}, []string{"endpoint", "outcome"})}
}

func (m *metrics) count(endpoint string, what outcome, n int) {
	m.deliveries.WithLabelValues(endpoint, string(what)).Add(float64(n))
}

func desc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("hub_notify_"+name, help, []string{"endpoint"}, nil)
}

// What a Notifier shows of its queues, which all instances share.
var (
	waitingDesc  = desc("waiting", "Events that wait for an endpoint, those under way included.")
	oldestDesc   = desc("oldest_seconds", "For how long the oldest of them has waited.")
	lostDesc     = desc("lost_total", "Events that were too much for the queue of an endpoint.")
	disabledDesc = desc("disabled", "Whether an endpoint is disabled, having answered 410 Gone.")
)

// Describe implements prometheus.Collector.
func (n *Notifier) Describe(out chan<- *prometheus.Desc) {
	n.metrics.deliveries.Describe(out)
	for _, d := range []*prometheus.Desc{waitingDesc, oldestDesc, lostDesc, disabledDesc} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (n *Notifier) Collect(out chan<- prometheus.Metric) {
	n.metrics.deliveries.Collect(out)
	for _, name := range n.Endpoints() {
		q := n.queueOf(name)
		show := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
			out <- prometheus.MustNewConstMetric(d, kind, value, name)
		}
		show(waitingDesc, prometheus.GaugeValue, float64(q.Waiting))
		show(oldestDesc, prometheus.GaugeValue, q.Oldest.Seconds())
		show(lostDesc, prometheus.CounterValue, float64(q.Lost))
		off := 0.0
		if q.Disabled {
			off = 1
		}
		show(disabledDesc, prometheus.GaugeValue, off)
	}
}
