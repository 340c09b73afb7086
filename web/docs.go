package web

import (
	"net/http"
	"sync"
)

// documentRoutes are those of the documents.
func (s *server) documentRoutes() []route {
	openAPI := sync.OnceValue(func() http.Handler {
		return file("openapi.json", written(s.document()))
	})
	asyncAPI := sync.OnceValue(func() http.Handler {
		return file("asyncapi.json", written(s.socketDocument()))
	})
	return []route{
		raw(operation("GET", "/openapi.json", "openapi", "This document", nil), lazily(openAPI)).
			says("It is made from the code that serves the routes.").
			gives(http.StatusOK, "OpenAPI 3.1.", map[string]any{"openapi": "3.1.0"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the client has.", nil, entityTag),
		raw(operation("GET", "/asyncapi.json", "asyncapi", "The document of the WebSocket", nil), lazily(asyncAPI)).
			says("The messages of /v1/connect both ways, made from the types that are sent, and the close codes.").
			gives(http.StatusOK, "AsyncAPI 3.0.", map[string]any{"asyncapi": "3.0.0"}, entityTag).
			gives(http.StatusNotModified, "It is the one that the client has.", nil, entityTag),
	}
}

// entityTag is the header of what browsers keep and ask for again.
var entityTag = headerField{"ETag", "For If-None-Match.", `"zVvGbVK4ZqJfXJMX"`, false}

// lazily serves by a handler that is made when it is first needed: most hubs are never asked for their documents.
func lazily(handler func() http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) })
}
