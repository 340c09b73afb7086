package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

var errCrossSite = newProblem(http.StatusForbidden, "cross-site", "Not from this site",
	"The request comes from a web page of another site, which the hub's operator has not allowed.")

// origins knows which web pages may use the hub on behalf of whoever looks at them.
type origins struct {
	own     string   // the hub's own, if its public URL is known
	allowed []string // those the operator named
	secure  bool     // the hub is served over TLS, so that a page without it is another site
}

// parseOrigin returns an origin as browsers send it: scheme, host, and a port that is not the scheme's.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("origin %q: %w", text, err)
	}
	if u.Scheme == "" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" ||
		u.Fragment != "" || strings.Contains(u.Host, "*") {
		return "", fmt.Errorf("origin %q: want a scheme and a host, as in https://app.example.com", text)
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return scheme + "://" + host, nil
}

// listed reports whether the operator has named the origin. It is compared whole: "null", or a name that only
// begins or ends like an allowed one, is not it.
func (o *origins) listed(origin string) bool { return slices.Contains(o.allowed, origin) }

// allows reports whether a page of the given origin may send r: the hub's own, or a listed one.
func (o *origins) allows(r *http.Request, origin string) bool {
	return o.listed(origin) || o.isOwn(r, origin)
}

// isOwn reports whether an origin is the hub's own, by its public URL or as r was asked for.
func (o *origins) isOwn(r *http.Request, origin string) bool {
	if origin == o.own && origin != "" {
		return true
	}
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme != "https" && (scheme != "http" || o.secure) {
		return false
	}
	return strings.EqualFold(host, r.Host)
}

// sameSite reports whether r was sent by a page that may, or by no page at all.
func (o *origins) sameSite(r *http.Request) bool {
	if sent := r.Header.Values("Origin"); len(sent) > 0 {
		return len(sent) == 1 && o.allows(r, sent[0])
	}
	return fetchedHere(r)
}

// fetchedHere reports whether r was sent by a page of the same origin, or by a person, as far as the browser says
// (W3C Fetch Metadata).
func fetchedHere(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return true
	default:
		return false
	}
}

// ownPage reports whether r was sent by one of the hub's own pages, or by no page at all.
func (o *origins) ownPage(r *http.Request) bool {
	if sent := r.Header.Values("Origin"); len(sent) > 1 || len(sent) == 1 && !o.isOwn(r, sent[0]) {
		return false
	}
	return fetchedHere(r)
}

// protect refuses requests that change something if a page of another site sent them, and answers the questions
// that browsers ask for pages of allowed ones. A request with a Bearer token and no cookie needs no protection: no
// browser adds that by itself.
func (s *server) protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isClientAPI(r.URL.Path) && s.cors(w, r) {
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			_, hasBearer := bearer(r)
			_, err := r.Cookie(s.cookieName())
			if hasCookie := err == nil; (hasCookie || !hasBearer) && !s.origins.sameSite(r) {
				writeProblem(w, errCrossSite)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isClientAPI reports whether pages of allowed origins may call a path.
func isClientAPI(path string) bool {
	return strings.HasPrefix(path, "/v1/") && !strings.HasPrefix(path, "/v1/admin/")
}

// cors adds what a page of an allowed origin needs to read the answer. It reports true if that was all, because r
// only asked whether it may.
func (s *server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !s.origins.listed(origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", "Retry-After")
		return false
	}
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
