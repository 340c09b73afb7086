package web

import (
	"net/http"
	"net/netip"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"
)

// Header values that are the same on every answer are shared, not made anew; nobody writes to them.
var (
	contentJSON    = []string{mediaJSON}
	contentProblem = []string{mediaProblem}
	noStore        = []string{"no-store"}
	nosniff        = []string{"nosniff"}
	noReferrer     = []string{"no-referrer"}
	sameOrigin     = []string{"same-origin"}
	apiPolicy      = []string{"default-src 'none'; frame-ancestors 'none'"}
	strictTLS      = []string{"max-age=31536000"}
)

// secure adds the headers that keep an answer from being cached, sniffed, framed, run, or loaded into another page.
func (s *server) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Cache-Control"] = noStore
		h["X-Content-Type-Options"] = nosniff
		h["Referrer-Policy"] = noReferrer
		h["Content-Security-Policy"] = apiPolicy
		h["Cross-Origin-Resource-Policy"] = sameOrigin // what CORS allows is not concerned
		if s.publicTLS {
			h["Strict-Transport-Security"] = strictTLS
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics gives the answer where a handler panicked, and logs where it was.
func (s *server) recoverPanics(answer *problem) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				reason := recover()
				if reason == nil {
					return
				}
				if reason == http.ErrAbortHandler {
					panic(reason) // net/http's own way to cut a connection
				}
				s.log.ErrorContext(r.Context(), "request panicked", "method", r.Method, "route", r.Pattern,
					"panic", reason, "stack", string(debug.Stack()))
				writeProblem(w, answer)
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// clientAddress finds the address of the client: that of whoever opened the connection or, where that is a trusted
// proxy, the nearest one in X-Forwarded-For that is not.
func clientAddress(proxies []netip.Prefix) func(http.Handler) http.Handler {
	if len(proxies) == 0 {
		return middleware.ClientIPFromRemoteAddr
	}
	trusted := make([]string, len(proxies))
	for i, proxy := range proxies {
		trusted[i] = proxy.String()
	}
	return middleware.ClientIPFromXFF(trusted...)
}

// client returns the client's address. Where trusted proxies name none but each other, the first of them is the
// client; where they name nobody, or something that is no address, it is whoever opened the connection. It is not
// valid only where that has no address, as on a Unix socket.
func (c *call) client() netip.Addr {
	if found := middleware.GetClientIPAddr(c.Context()); found.IsValid() {
		return found
	}
	opener, err := netip.ParseAddrPort(c.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	peer := opener.Addr().Unmap()
	var first netip.Addr
	for _, entry := range listed(c.Header, "X-Forwarded-For") {
		if entry == "" {
			continue
		}
		ip, err := netip.ParseAddr(entry)
		if err != nil {
			return peer
		}
		if !first.IsValid() {
			first = ip.Unmap().WithZone("")
		}
	}
	if !first.IsValid() {
		return peer
	}
	return first
}

// address returns the client's address as text; empty where it is not valid.
func (c *call) address() string {
	if ip := c.client(); ip.IsValid() {
		return ip.String()
	}
	return ""
}
