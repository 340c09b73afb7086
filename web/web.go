package web

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
)

// Options are what the HTTP side needs and can be told. The zero value of each field is its default; Registry, Hub
// and Rule have none.
type Options struct {
	// Registry decides logins and checks sessions.
	Registry *session.Registry
	// Hub holds the sockets of this instance.
	Hub *hub.Hub
	// Rule is that of all logins, where neither the user's own limits nor a login by the admin API say anything else.
	Rule session.Rule

	// Passwords checks who signs in by password; nil lets nobody. Its context ends after some 1.2 seconds, by when
	// a password must have had its turn: after that, Verify should take no longer than it must.
	Passwords auth.Passwords
	// OIDC signs users in at an OpenID provider; nil lets nobody sign in by one. The provider sends browsers back to
	// /sign-in. The hub does not close it.
	OIDC *auth.OIDC
	// APIKeys are those of apps and operators; nil lets nobody use the admin API.
	APIKeys *auth.APIKeys
	// Throttle slows down those who guess passwords; nil does not.
	Throttle *auth.Throttle

	// AllowOrigins are the origins of web pages, beside the hub's own, that may use the client API: scheme, host, and
	// a port that is not the scheme's. Browsers send the session's cookie (SameSite=Lax) from pages of the hub's own
	// site alone, as app.example.com is to hub.example.com; pages of other sites use the token in the body, as a
	// Bearer token.
	AllowOrigins []string
	// TrustedProxies are the networks of proxies whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// PublicURL is where clients reach the hub. With https, its cookies and headers are those of a site on TLS.
	PublicURL string
	// SecureCookies marks cookies for TLS, where the public URL does not say so already.
	SecureCookies bool
	// ClearSiteData asks browsers to forget all that a site has stored when its user signs out.
	ClearSiteData bool

	// MaxEventStreams is how many streams of events this instance has at a time; 0 is 100.
	MaxEventStreams int
	// MaxSessionStreams is how many streams this instance has by which users follow their own sessions; 0 is 1000.
	MaxSessionStreams int

	// Logger is where the hub's own faults are reported; the default is slog.Default.
	Logger *slog.Logger
	// Metrics is what /metrics shows; the default is a registry of its own.
	Metrics *prometheus.Registry
	// Version is that of the hub, for its documents.
	Version string
	// Page replaces the sign-in page: index.html, which may be a template, and what it refers to.
	Page fs.FS
	// DemoUsers are accounts that the sign-in page offers, all with the password demo; none is no offer.
	DemoUsers []string
}

// server is what the handlers share. It is static after construction.
type server struct {
	Options
	log       *slog.Logger
	origins   origins
	publicTLS bool
	metrics   *metrics
	feed      *feed
	streams   chan struct{} // holds one element for each stream of events
	watching  seats
}

// New returns the hub's HTTP handler. Its server should bound how long the head of a request may take
// (http.Server.ReadHeaderTimeout); bodies are bounded here.
func New(o Options) (http.Handler, error) {
	if o.Registry == nil || o.Hub == nil {
		return nil, errors.New("web: a registry and a hub are required")
	}
	if err := o.Rule.Validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	o.AllowOrigins, o.TrustedProxies = slices.Clone(o.AllowOrigins), slices.Clone(o.TrustedProxies)
	s := &server{Options: o, log: o.Logger, metrics: newMetrics()}
	s.feed, s.streams = newFeed(o.Registry.Log()), make(chan struct{}, cmp.Or(o.MaxEventStreams, defaultStreams))
	s.watching.most = cmp.Or(o.MaxSessionStreams, defaultSessionStreams)
	if err := s.findOrigins(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if err := s.registerMetrics(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s.handler()
}

// findOrigins works out which pages may use the hub, and whether it is on TLS.
func (s *server) findOrigins() error {
	for _, text := range s.AllowOrigins {
		origin, err := parseOrigin(text)
		if err != nil {
			return err
		}
		s.origins.allowed = append(s.origins.allowed, origin)
	}
	if s.PublicURL != "" {
		// The hub answers at the root of its host: a path would be somebody else's.
		own, err := parseOrigin(s.PublicURL)
		if err != nil {
			return fmt.Errorf("public URL: %w", err)
		}
		if !strings.HasPrefix(own, "http://") && !strings.HasPrefix(own, "https://") {
			return fmt.Errorf("public URL %q: want http or https", s.PublicURL)
		}
		s.origins.own, s.publicTLS = own, strings.HasPrefix(own, "https://")
	}
	s.SecureCookies = s.SecureCookies || s.publicTLS
	s.origins.secure = s.SecureCookies
	return nil
}

// handler puts the routes together, and the gate before them.
func (s *server) handler() (http.Handler, error) {
	mux, err := s.mux()
	if err != nil {
		return nil, err
	}
	return s.beforeGate(mux), nil
}

func (s *server) mux() (*chi.Mux, error) {
	mux := chi.NewMux()
	mux.Use(s.recoverPanics(errInside), s.refuseURLSecrets, clientAddress(s.TrustedProxies))
	connect := s.connectRoute()
	mux.Method(connect.Method, connect.Path, connect.serve)
	// A provider's server sends it, and no page: where it comes from is not looked at.
	logout := s.logoutRoute()
	mux.With(s.secure).Method(logout.Method, logout.Path, logout.serve)
	mux.Group(func(r chi.Router) {
		r.Use(s.secure, s.protect)
		for _, route := range s.routes() {
			r.Method(route.Method, route.Path, route.serve)
			if route.hasHead() {
				r.Method(http.MethodHead, route.Path, route.serve)
			}
		}
	})
	if err := s.addPages(mux); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if err := s.addSDK(mux); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	// A preflight has no route of its own: it is answered on the way to "no such method".
	outer := func(h http.HandlerFunc) http.HandlerFunc { return s.secure(s.protect(h)).ServeHTTP }
	mux.NotFound(outer(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, plainProblem(http.StatusNotFound, "There is nothing at this address."))
	}))
	mux.MethodNotAllowed(outer(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowedMethods(mux, r))
		writeProblem(w, plainProblem(http.StatusMethodNotAllowed, "This address does not take "+clip(r.Method, 20)+"."))
	}))
	return mux, nil
}

// allowedMethods lists what a request's address takes.
func allowedMethods(mux chi.Routes, r *http.Request) string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if mux.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}

// routes are all routes but those of the socket, of the gate and of the provider.
func (s *server) routes() []route {
	return slices.Concat(s.loginRoutes(), s.oidcRoutes(), s.signOnRoutes(), s.sessionRoutes(), s.watchRoutes(),
		s.reportRoutes(), s.adminRoutes(), s.operatorRoutes(), s.statsRoutes(), s.limitRoutes(), s.messageRoutes(),
		s.introspectRoutes(), s.eventRoutes(), s.healthRoutes(), s.documentRoutes())
}

// allRoutes are the routes, and those that stand before or beside the others.
func (s *server) allRoutes() []route {
	return append(s.routes(), s.connectRoute(), s.gateRoute(), s.logoutRoute())
}

// operation is the beginning of a route.
func operation(method, path, id, summary string, security []map[string][]string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Security: security}
}

// creates has an operation succeed with 201.
func creates(op huma.Operation) huma.Operation {
	op.DefaultStatus = http.StatusCreated
	return op
}

// mayHaveBody has an operation take a body, and do without it.
func mayHaveBody(op huma.Operation) huma.Operation {
	op.RequestBody = &huma.RequestBody{}
	return op
}

// queryParam describes a parameter of a query; kind is its type in JSON's words.
func queryParam(name, kind string, example any, what string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: kind}, Example: example, Description: what}
}
