package web

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

const aboutAPI = "A user signs in on a new device; the old one is told at once, and its session never works again.\n\n" +
	"Bodies are JSON, unless a route says otherwise. Unknown fields of a request are refused; answers may get new ones, so " +
	"ignore those you do not know. Bounds of text are in bytes of UTF-8. Times are RFC 3339 in UTC with milliseconds.\n\n" +
	"Whatever is not a success is a problem (RFC 9457), whose type says which. Without its store the hub answers 503 " +
	"within two seconds, never 401 and never 200.\n\n" +
	"What a GET outside of /v1 answers can be asked for by HEAD too. The WebSocket at /v1/connect has a document of its " +
	"own: /asyncapi.json."

// sections are the parts of the document: the first whose prefix a path has is its own.
var sections = []struct{ prefix, name, what string }{
	{"/v1/login", "Signing in", "A client signs in, and answers the question that it may be asked."},
	{"/v1/session", "Sessions", "What the device of a session may ask and do, with the session's token."},
	{"/v1/connect", "Sessions", ""},
	{"/v1/oidc", "Signing in", ""},
	{gatePath, "Proxies", "What a reverse proxy asks before it lets a request through to an app."},
	{"/v1/", "Apps and operators", "What an app's backend and an operator may do, with an API key."},
	{"/", "The hub itself", "For balancers, scrapers and developers. No key is asked for."},
}

// document is a description of the API in the making.
type document struct {
	*huma.OpenAPI
	registry huma.Registry
	requests map[string]bool // the schemas of requests' bodies
}

// Document describes the API in OpenAPI 3.1, made from the routes that serve it and the types of their bodies.
func Document(version string) *huma.OpenAPI {
	return (&server{Options: Options{Version: version}}).document()
}

// document describes the routes of this server.
func (s *server) document() *huma.OpenAPI {
	doc := &document{registry: newSchemas(), requests: make(map[string]bool)}
	doc.OpenAPI = &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Session Hub", Version: cmp.Or(s.Version, "(devel)"), Description: aboutAPI},
		Components: &huma.Components{
			Schemas:  doc.registry,
			Examples: make(map[string]*huma.Example),
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"token":  {Type: "http", Scheme: "bearer", Description: "The token of a session."},
				"cookie": {Type: "apiKey", In: "cookie", Name: s.cookieName(), Description: "The same, in a browser."},
				"apiKey": {Type: "http", Scheme: "bearer", Description: "The key of an app or operator."},

				"operator": s.operatorScheme(),
			},
		},
	}
	for _, section := range sections {
		if section.what != "" {
			doc.Tags = append(doc.Tags, &huma.Tag{Name: section.name, Description: section.what})
		}
	}
	if s.origins.own != "" {
		doc.Servers = []*huma.Server{{URL: s.origins.own}}
	}
	for _, route := range s.allRoutes() {
		op := route.Operation
		route.describe(&op, doc)
		doc.AddOperation(&op)
	}
	complete(doc.registry, doc.requests)
	return doc.OpenAPI
}

func tagOf(path string) string {
	for _, section := range sections {
		if strings.HasPrefix(path, section.prefix) {
			return section.name
		}
	}
	return ""
}

// media describes a body by its type and an example, or several.
func (d *document) media(shape reflect.Type, example any) *huma.MediaType {
	several, ok := example.(examples)
	if !ok {
		return &huma.MediaType{Schema: d.registry.Schema(shape, true, ""), Example: asSent(example)}
	}
	media := &huma.MediaType{Examples: make(map[string]*huma.Example)}
	for name, one := range several {
		if shape == reflect.TypeFor[examples]() {
			shape = reflect.TypeOf(one)
		}
		media.Examples[name] = &huma.Example{Value: asSent(one)}
	}
	media.Schema = d.registry.Schema(shape, true, "")
	return media
}

// asSent returns a value as JSON that reads as an answer would.
func asSent(v any) any {
	if _, written := v.(rawJSON); written || v == nil {
		return v
	}
	written, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		panic(err) // examples are plain data
	}
	return rawJSON(written)
}

// asAsked returns a value as JSON that a client would write: what it may leave out, it does.
func asAsked(v any) any {
	if v == nil {
		return nil
	}
	return rawJSON(written(v))
}

// rawJSON is JSON that is there already.
type rawJSON []byte

// MarshalJSON implements the interface that the document is written by.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// addProblems tells of the problems of an operation, together by their status.
func (d *document) addProblems(op *huma.Operation, problems []*problem) {
	byStatus := make(map[int][]*problem)
	for _, p := range problems {
		byStatus[p.Status] = append(byStatus[p.Status], p)
	}
	for status, alike := range byStatus {
		media := &huma.MediaType{
			Schema:   d.registry.Schema(reflect.TypeFor[problem](), true, ""),
			Examples: make(map[string]*huma.Example),
		}
		response := &huma.Response{
			Headers: make(map[string]*huma.Param), Content: map[string]*huma.MediaType{mediaProblem: media},
		}
		var titles []string
		waits, challenges := 0, 0
		for _, p := range alike {
			name := d.example(p)
			media.Examples[name] = &huma.Example{Ref: examplePrefix + name}
			if title := p.summary(); !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
			if p.retryAfter > 0 {
				waits++
			}
			if p.challenge {
				challenges++
			}
		}
		response.Description = strings.Join(titles, " ")
		if waits > 0 {
			response.Headers["Retry-After"] = header("How many seconds to wait before trying again.", "2", waits == len(alike))
		}
		if challenges > 0 {
			response.Headers["WWW-Authenticate"] = header("How to authenticate.", bearerChallenge, challenges == len(alike))
		}
		if other := op.Responses[strconv.Itoa(status)]; other != nil {
			response.Description = other.Description + " " + response.Description
			maps.Copy(response.Content, other.Content)
			maps.Copy(response.Headers, other.Headers)
		}
		op.Responses[strconv.Itoa(status)] = response
	}
}

// summary is a sentence that tells a problem from others of its status.
func (p *problem) summary() string {
	if p.Type == "about:blank" {
		return p.Detail
	}
	return p.Title + "."
}

func header(what, example string, always bool) *huma.Param {
	return &huma.Param{
		Description: what, Required: always, Example: example, Schema: &huma.Schema{Type: huma.TypeString},
	}
}

// example returns the name that a problem has among the document's examples. What reads alike is one example.
func (d *document) example(p *problem) string {
	name := p.Type[strings.LastIndexByte(p.Type, '/')+1:]
	switch {
	case p.Reason != "":
		name += "-" + strings.ReplaceAll(string(p.Reason), "_", "-")
	case p.Type == "about:blank":
		name = strings.ReplaceAll(strings.ToLower(http.StatusText(p.Status)), " ", "-")
	}
	value := asSent(p).(rawJSON)
	for n, unique := 1, name; ; unique = fmt.Sprint(name, "-", n) {
		known := d.Components.Examples[unique]
		if known == nil {
			d.Components.Examples[unique] = &huma.Example{Summary: p.summary(), Value: value}
			return unique
		}
		if slices.Equal(known.Value.(rawJSON), value) {
			return unique
		}
		n++
	}
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
