package web

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sessionhub/sessionhub/hub"
)

// healthRoutes are what those who run the hub ask for, without a key: balancers and scrapers have none.
func (s *server) healthRoutes() []route {
	show := promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	alive := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, healthAnswer{"ok"}) }
	return []route{
		raw(operation("GET", "/healthz", "alive", "Whether the hub is alive", nil), http.HandlerFunc(alive)).
			says("For whoever would restart it otherwise. It says nothing of the store.").
			gives(http.StatusOK, "It is.", healthAnswer{"ok"}),
		raw(operation("GET", "/readyz", "ready", "Whether this instance may take traffic", nil), http.HandlerFunc(s.ready)).
			says("For a load balancer. The detail of a 503 says what is missing.").
			gives(http.StatusOK, "It may.", healthAnswer{"ok"}).
			refuses(unavailable("the store does not answer", retryBusy), unavailable(hub.ErrDraining.Error(), retryBusy)),
		raw(operation("GET", "/metrics", "metrics", "The metrics of this instance", nil), show).
			says("For Prometheus.").
			gives(http.StatusOK, "All metrics, in the format that was asked for.",
				text{"text/plain", "# HELP hub_ready Whether the instance may take traffic.\n# TYPE hub_ready gauge\nhub_ready 1\n"}),
	}
}

type healthAnswer struct {
	Status string `json:"status" enum:"ok"`
}

// ready answers whether this instance may take traffic, and if not, why.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.Hub.Ready(); err != nil {
		writeProblem(w, unavailable(err.Error(), retryBusy))
		return
	}
	writeJSON(w, http.StatusOK, healthAnswer{"ok"})
}
