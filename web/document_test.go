package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sessionhub/sessionhub/web"
)

func TestDocumentIsOpenAPI(t *testing.T) {
	text, err := web.Document("1.2.3").MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	standard, err := jsonschema.UnmarshalJSON(strings.NewReader(datamodel.OpenAPI31SchemaData))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("openapi-3.1.json", standard); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("openapi-3.1.json").Validate(doc); err != nil {
		t.Errorf("not as the OpenAPI 3.1 schema wants it: %v", err)
	}
	read, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	model, err := read.BuildV3Model()
	if err != nil {
		t.Fatalf("references that lead nowhere: %v", err)
	}
	if got := model.Model.Info.Version; got != "1.2.3" {
		t.Errorf("version %q", got)
	}
}

// TestEveryRouteIsDocumented walks what the router serves, and what the document tells of.
func TestEveryRouteIsDocumented(t *testing.T) {
	c := readContract(t, unwatched(t, newMemory(), nil))
	mux, err := web.Mux()
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile(`^/$|^/sign-in$|^/devices$|^/admin$|^/ui/|^/sdk/`)
	served := map[string]bool{"GET /v1/verify": true} // it stands before the router
	err = chi.Walk(mux, func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served[method+" "+path] = true
		if page.MatchString(path) {
			return nil
		}
		if _, hasGet := c.paths[path]["get"]; method == http.MethodHead && hasGet {
			return nil
		}
		if _, ok := c.paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s %s is served, but not documented", method, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range c.paths {
		for method := range methods {
			if !served[strings.ToUpper(method)+" "+path] {
				t.Errorf("%s %s is documented, but not served", method, path)
			}
		}
	}
}

// TestEveryStatusHasAnExample wants each status explained, and each body with an example that is as its schema says.
func TestEveryStatusHasAnExample(t *testing.T) {
	c := readContract(t, unwatched(t, newMemory(), nil))
	for path, methods := range c.paths {
		for method, op := range methods {
			t.Run(method+" "+path, func(t *testing.T) {
				complete(t, op)
				for status, answer := range op.Responses {
					for media, body := range answer.Content {
						c.wantExamples(t, body, "paths", path, method, "responses", status, "content", media, "schema")
					}
				}
				if op.RequestBody != nil {
					for media, body := range op.RequestBody.Content {
						c.wantExamples(t, body, "paths", path, method, "requestBody", "content", media, "schema")
					}
				}
			})
		}
	}
}

// complete checks that an operation, its parameters, statuses and headers are explained.
func complete(t *testing.T, op promised) {
	t.Helper()
	if op.Summary == "" || len(op.Tags) == 0 {
		t.Error("no summary or section")
	}
	succeeds := false
	for status, answer := range op.Responses {
		_, refused := answer.Content["application/problem+json"]
		succeeds = succeeds || status < "400" && !refused
		if len(answer.Description) < 3 {
			t.Errorf("status %s is not explained", status)
		}
		for name, h := range answer.Headers {
			if h.Description == "" || h.Example == "" {
				t.Errorf("status %s: header %s without a description or an example", status, name)
			}
		}
	}
	if !succeeds {
		t.Error("no status for success: add it to the route with gives")
	}
	for _, p := range op.Parameters {
		if p.Description == "" || p.Schema == nil || p.Example == nil {
			t.Errorf("parameter %s without a description, a schema or an example", p.Name)
		}
	}
}

// wantExamples checks the examples of a body against its schema.
func (c *contract) wantExamples(t *testing.T, body promisedBody, place ...string) {
	t.Helper()
	var all []any
	if body.Example != nil {
		all = append(all, body.Example)
	}
	for _, example := range body.Examples {
		if example.Ref != "" {
			example.Value = c.values[strings.TrimPrefix(example.Ref, "#/components/examples/")]
		}
		all = append(all, example.Value)
	}
	if len(all) == 0 {
		t.Errorf("no example at %v: add one to the route with takes, gives or refuses", place)
	}
	for _, example := range all {
		text, err := json.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.valid(text, slices.Clone(place)...); err != nil {
			t.Errorf("an example at %v is not as its schema wants it: %v", place, err)
		}
	}
}

func TestDocumentIsServed(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Version, o.PublicURL = "1.2.3", "https://hub.example.com" })
	r := s.do("GET", "/openapi.json", "").want(http.StatusOK).has("3.1.0", "openapi").has("1.2.3", "info", "version").
		has("https://hub.example.com", "servers", 0, "url").
		has("__Host-hub_session", "components", "securitySchemes", "cookie", "name")
	if got := r.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if again := s.do("GET", "/openapi.json", "", "If-None-Match", r.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("again: status %d", again.status)
	}
}

func TestDocumentTellsWhatTypesSay(t *testing.T) {
	s := newSite(t)
	r := s.do("GET", "/openapi.json", "")
	schema := func(path ...any) any { return r.at(append([]any{"components", "schemas"}, path...)...) }
	for _, tt := range []struct {
		name string
		got  any
		want string
	}{
		{"what may be null", schema("Session", "properties", "expires_at", "type"), `["string","null"]`},
		{"an object that may be null", schema("EndedSession", "properties", "receipt", "anyOf"),
			`[{"$ref":"#/components/schemas/Receipt"},{"type":"null"}]`},
		{"a list is never null", schema("SessionList", "properties", "sessions", "type"), `"array"`},
		{"a time", schema("Session", "properties", "created_at", "format"), `"date-time"`},
		{"an ID", schema("Session", "properties", "id", "format"), `"uuid"`},
		{"kinds", schema("Device", "properties", "kind", "enum"), `["web","mobile","desktop","tv","other"]`},
		{"embedded fields", schema("Problem", "properties", "by", "$ref"), `"#/components/schemas/Actor"`},
		{"bytes", schema("LoginInput", "properties", "username", "description"), `"1 to 256 bytes of UTF-8."`},
		{"bytes, of two embedded ones", schema("SetLimitInput", "properties", "message", "description"),
			`"For the person whose session ends. At most 500 bytes of UTF-8."`},
		{"requests are closed", schema("LoginInput", "additionalProperties"), `false`},
		{"answers may grow", schema("LoginAnswer", "additionalProperties"), `null`},
		{"an optional body", r.at("paths", "/v1/session/heartbeat", "post", "requestBody", "required"), `null`},
		{"a body that is needed", r.at("paths", "/v1/login", "post", "requestBody", "required"), `true`},
		{"who may ask", r.at("paths", "/v1/admin/stats", "get", "security"), `[{"apiKey":[]},{"operator":[]}]`},
		{"anybody", r.at("paths", "/v1/login", "post", "security"), `null`},
	} {
		if got := encode(tt.got); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
