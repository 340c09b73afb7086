package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// addHealth adds what those who run the hub ask for, without a key: balancers and scrapers have none.
func (s *server) addHealth(r chi.Router) {
	alive := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, healthAnswer{"ok"}) }
	show := promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		r.MethodFunc(method, "/healthz", alive)
		r.MethodFunc(method, "/readyz", s.ready)
		r.Method(method, "/metrics", show)
	}
}

type healthAnswer struct {
	Status string `json:"status"`
}

// ready answers whether this instance may take traffic, and if not, why.
func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	if err := s.Hub.Ready(); err != nil {
		writeProblem(w, unavailable(err.Error(), retryBusy))
		return
	}
	writeJSON(w, http.StatusOK, healthAnswer{"ok"})
}
