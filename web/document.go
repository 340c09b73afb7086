package web

import (
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/session"
)

// Document describes the JSON routes in OpenAPI 3.1, made from the types that serve them.
func Document(version string) *huma.OpenAPI {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[session.Timestamp](), reflect.TypeFor[time.Time]())
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Session Hub", Version: version},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":  {Type: "http", Scheme: "bearer", Description: "The token of a session"},
				"cookie": {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "The same, in a browser"},
				"apiKey": {Type: "http", Scheme: "bearer", Description: "The key of an app or operator"},
			},
		},
	}
	for _, route := range new(server).routes() {
		op := route.Operation
		route.describe(&op, registry)
		doc.AddOperation(&op)
	}
	return doc
}

// pathParams returns the names of the parameters in a route's path.
func pathParams(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok && !yield(strings.TrimSuffix(name, "}")) {
				return
			}
		}
	}
}
