package web

import (
	_ "embed" // the page and its style sheet
	"net/http"
	"sync"
)

var (
	//go:embed reference/docs.html
	referencePage string
	//go:embed reference/docs.css
	referenceStyle []byte
)

// documentRoutes are those of the documents.
func (s *server) documentRoutes() []route {
	openAPI := lazily("openapi.json", func() []byte { return written(s.document()) })
	asyncAPI := lazily("asyncapi.json", func() []byte { return written(s.socketDocument()) })
	page, style := lazily("docs.html", s.renderReference), file("docs.css", referenceStyle)
	return []route{
		raw(operation("GET", "/openapi.json", "openapi", "The API in OpenAPI", nil), openAPI).
			says("It is made from the code that serves the routes.").
			gives(http.StatusOK, "OpenAPI 3.1.", map[string]any{"openapi": "3.1.0"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the client has.", nil, entityTag),
		raw(operation("GET", "/asyncapi.json", "asyncapi", "The WebSocket in AsyncAPI", nil), asyncAPI).
			says("The messages of /v1/connect both ways, made from the types that are sent, and the close codes.").
			gives(http.StatusOK, "AsyncAPI 3.0.", map[string]any{"asyncapi": "3.0.0"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the client has.", nil, entityTag),
		raw(operation("GET", "/docs", "docs", "The API for people to read", nil), page).
			says("Made from the two documents.").
			gives(http.StatusOK, "A page without scripts.", text{"text/html", "<!doctype html>…"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the browser has.", nil, entityTag),
		raw(operation("GET", "/docs.css", "docs-style", "The style of that page", nil), style).
			gives(http.StatusOK, "Its style sheet.", text{"text/css", "body { margin: 0 }"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the browser has.", nil, entityTag),
		s.problemRoute(),
	}
}

// problemRoute leads from the type of a problem to what the page says of it.
func (s *server) problemRoute() route {
	return raw(operation("GET", problemPrefix+"{type}", "problem", "What a type of problem means", nil),
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/docs#problem-"+anchor(r.PathValue("type")))
			w.WriteHeader(http.StatusSeeOther)
		})).
		gives(http.StatusSeeOther, "It is explained there.", nil,
			headerField{"Location", "The place on the page.", "/docs#problem-session-limit", false})
}

// entityTag is the header of what browsers keep and ask for again.
var entityTag = headerField{"ETag", "For If-None-Match.", `"zVvGbVK4ZqJfXJMX"`, false}

// lazily serves a file that is written when it is first needed: most hubs are never asked for their documents.
func lazily(name string, write func() []byte) http.Handler {
	serve := sync.OnceValue(func() http.Handler { return file(name, write()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve().ServeHTTP(w, r) })
}
