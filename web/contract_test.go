package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contract is what a document of the API promises, ready to judge answers by. It is static once read.
type contract struct {
	paths    map[string]map[string]promised
	examples map[string]promisedProblem
	values   map[string]any // of the examples
	compiler *jsonschema.Compiler

	mu      sync.Mutex
	schemas map[string]*jsonschema.Schema // guarded by mu
}

// promised is an operation in a document.
type promised struct {
	Summary     string
	Description string
	Tags        []string
	Security    []map[string][]string
	Parameters  []struct {
		Name, In, Description string
		Required              bool
		Example               any
		Schema                map[string]any
	}
	RequestBody *struct {
		Required bool
		Content  map[string]promisedBody
	}
	Responses map[string]promisedAnswer
}

type promisedAnswer struct {
	Description string
	Headers     map[string]struct {
		Description string
		Required    bool
		Example     string
	}
	Content map[string]promisedBody
}

type promisedBody struct {
	Schema   map[string]any
	Example  any
	Examples map[string]struct {
		Ref   string `json:"$ref"`
		Value any
	}
}

// promisedProblem is an example of a problem.
type promisedProblem struct {
	Value struct {
		Type, Title string
		Status      int
	}
}

const documentURL = "https://hub.example/openapi.json"

// contracts are those that were read already, by their text.
var contracts struct {
	sync.Mutex
	read map[string]*contract
}

// readContract reads the document that a handler serves.
func readContract(t testing.TB, handler http.Handler) *contract {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("no document: %d, %s", w.Code, w.Body)
	}
	contracts.Lock()
	defer contracts.Unlock()
	if contracts.read == nil {
		contracts.read = make(map[string]*contract)
	}
	c := contracts.read[w.Body.String()]
	if c == nil {
		var err error
		if c, err = newContract(w.Body.Bytes()); err != nil {
			t.Fatal(err)
		}
		contracts.read[w.Body.String()] = c
	}
	return c
}

func newContract(text []byte) (*contract, error) {
	var doc struct {
		Paths      map[string]map[string]promised
		Components struct{ Examples map[string]promisedProblem }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	components := whole.(map[string]any)["components"].(map[string]any)
	closeSchemas(whole)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, whole); err != nil {
		return nil, err
	}
	values := make(map[string]any)
	for name, example := range components["examples"].(map[string]any) {
		values[name] = example.(map[string]any)["value"]
	}
	return &contract{
		paths: doc.Paths, examples: doc.Components.Examples, values: values,
		compiler: compiler, schemas: make(map[string]*jsonschema.Schema),
	}, nil
}

// closeSchemas closes the schemas of a document, which allow fields that are not known yet: the hub that the document
// belongs to has none.
func closeSchemas(document any) {
	components := document.(map[string]any)["components"].(map[string]any)
	for _, s := range components["schemas"].(map[string]any) {
		if s := s.(map[string]any); s["properties"] != nil && s["additionalProperties"] == nil {
			s["additionalProperties"] = false
		}
	}
}

// valid checks a JSON text against the schema at a place in the document, which is a list of names.
func (c *contract) valid(body []byte, place ...string) error {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	for i := range place {
		place[i] = escape.Replace(place[i])
	}
	at := documentURL + "#/" + strings.Join(place, "/")
	c.mu.Lock()
	schema := c.schemas[at]
	if schema == nil {
		var err error
		if schema, err = c.compiler.Compile(at); err != nil {
			c.mu.Unlock()
			return err
		}
		c.schemas[at] = schema
	}
	c.mu.Unlock()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// find returns the documented path that an address is of; the one with the fewest parameters, where several are.
func (c *contract) find(address string) (path string, found bool) {
	parts := strings.Split(address, "/")
	for template := range c.paths {
		pattern := strings.Split(template, "/")
		fits := len(pattern) == len(parts)
		for i := 0; fits && i < len(parts); i++ {
			fits = pattern[i] == parts[i] || strings.HasPrefix(pattern[i], "{")
		}
		if fits && (!found || strings.Count(template, "{") < strings.Count(path, "{")) {
			path, found = template, true
		}
	}
	return path, found
}

// check judges an answer.
func (c *contract) check(r *http.Request, asked []byte, status int, header http.Header, body []byte) error {
	path, found := c.find(r.URL.EscapedPath())
	method := strings.ToLower(r.Method)
	if strings.HasPrefix(r.URL.Path+"/", "/v1/verify/") {
		path, method, found = "/v1/verify", "get", true // the gate is for any method, and any path below
	}
	if _, known := c.paths[path][method]; method == "head" && !known {
		method = "get"
	}
	op, known := c.paths[path][method]
	if !found || !known {
		return c.checkElsewhere(r, status, header, body)
	}
	answer, ok := op.Responses[fmt.Sprint(status)]
	if !ok {
		return fmt.Errorf("status %d is not told of: add it to the route with gives or refuses", status)
	}
	if err := checkHeaders(answer, status, header); err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return nil
	}
	if err := c.checkBody(answer, header, body, "paths", path, method, "responses", fmt.Sprint(status)); err != nil {
		return err
	}
	if status < 300 && len(asked) > 0 && op.RequestBody != nil {
		if _, ok := op.RequestBody.Content["application/json"]; ok {
			at := []string{"paths", path, method, "requestBody", "content", "application/json", "schema"}
			err := c.valid(asked, slices.Clone(at)...) // null may be a value, or as good as nothing
			if err != nil {
				err = c.valid(withoutNulls(asked), at...)
			}
			if err != nil {
				return fmt.Errorf("the request was taken, but is not as the document wants it: %w", err)
			}
		}
	}
	return nil
}

// withoutNulls returns a JSON object without its members that are null: to requests, they are not there.
func withoutNulls(body []byte) []byte {
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		return body
	}
	maps.DeleteFunc(object, func(_ string, v any) bool { return v == nil })
	return []byte(encode(object))
}

// checkElsewhere judges an answer of an address or method that is not in the document: a page, or a refusal.
func (c *contract) checkElsewhere(r *http.Request, status int, header http.Header, body []byte) error {
	if header.Get("Content-Type") == "application/problem+json" {
		if !slices.Contains([]int{400, 403, 404, 405, 500}, status) {
			return fmt.Errorf("status %d of an address that is not in the document", status)
		}
		return c.valid(body, "components", "schemas", "Problem")
	}
	isPreflight := r.Method == http.MethodOptions && status == http.StatusNoContent
	isPage := !strings.HasPrefix(r.URL.Path, "/v1/") && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	if !isPreflight && !isPage {
		return fmt.Errorf("status %d of a route that is not in the document", status)
	}
	return nil
}

// checkHeaders looks for headers that were promised and are not there, and for some the other way round.
func checkHeaders(answer promisedAnswer, status int, header http.Header) error {
	for name, promise := range answer.Headers {
		if promise.Required && len(header.Values(name)) == 0 {
			return fmt.Errorf("status %d without the header %s", status, name)
		}
	}
	for name := range header {
		telling := slices.Contains([]string{"Retry-After", "Www-Authenticate", "Location", "Clear-Site-Data"}, name) ||
			strings.HasPrefix(name, "X-Session-") || name == "Set-Cookie" && status < 300
		promised := slices.ContainsFunc(slices.Collect(maps.Keys(answer.Headers)), func(known string) bool {
			return http.CanonicalHeaderKey(known) == name
		})
		if telling && !promised {
			return fmt.Errorf("status %d with the header %s, which is not told of", status, name)
		}
	}
	return nil
}

// checkBody judges a body by the schema of its media type, and a problem by whether its type is told of.
func (c *contract) checkBody(answer promisedAnswer, header http.Header, body []byte, place ...string) error {
	if len(answer.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("a body where none is told of: %s", body)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("Content-Type: %w", err)
	}
	promise, ok := answer.Content[media]
	if !ok {
		return fmt.Errorf("%s, which is not told of", media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	if err := c.valid(body, append(place, "content", media, "schema")...); err != nil {
		return fmt.Errorf("%w, in %s", err, body)
	}
	if media != "application/problem+json" {
		return nil
	}
	var got struct{ Type string }
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	for _, example := range promise.Examples {
		if c.examples[strings.TrimPrefix(example.Ref, "#/components/examples/")].Value.Type == got.Type {
			return nil
		}
	}
	return fmt.Errorf("the problem %s is not told of: add it to the route with refuses", got.Type)
}

// witness is an answer that is looked at when it is over. What it wraps can still be hijacked and flushed.
type witness struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *witness) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}

// kept is a request's body, of which what was read is kept.
type kept struct {
	io.Reader
	io.Closer
}

// abiding returns the handler with every answer checked against its own document.
func abiding(t testing.TB, handler http.Handler) http.Handler {
	t.Helper()
	c := readContract(t, handler)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &witness{ResponseWriter: w}
		var asked bytes.Buffer
		again := *r // the server looks at its own afterwards
		again.Body = kept{io.TeeReader(r.Body, &asked), r.Body}
		handler.ServeHTTP(seen, &again)
		if seen.status == 0 {
			seen.status = http.StatusOK
		}
		if err := c.check(r, asked.Bytes(), seen.status, w.Header(), seen.body.Bytes()); err != nil {
			t.Errorf("%s %s is answered otherwise than documented: %v", r.Method, r.URL.Path, err)
		}
	})
}

// TestContractJudges lets answers be judged that are not as documented.
func TestContractJudges(t *testing.T) {
	c := readContract(t, unwatched(t, newMemory(), nil))
	problem := http.Header{"Content-Type": {"application/problem+json"}}
	plain := http.Header{"Content-Type": {"application/json"}}
	for _, tt := range []struct {
		name         string
		method, path string
		status       int
		header       http.Header
		body, want   string
	}{
		{"unknown status", "GET", "/v1/sessions", 202, plain, `{}`, "status 202 is not told of"},
		{"unknown route", "GET", "/v1/more", 200, plain, `{}`, "a route that is not in the document"},
		{"field missing", "GET", "/v1/sessions", 200, plain, `{}`, "sessions"},
		{"field unknown", "GET", "/v1/sessions", 200, plain, `{"sessions":[],"more":1}`, "more"},
		{"field of another type", "GET", "/v1/sessions", 200, plain, `{"sessions":null}`, "null"},
		{"another media type", "GET", "/v1/sessions", 200, problem, `{}`, "which is not told of"},
		{"unknown problem", "GET", "/v1/sessions", 500, problem, `{"type":"/problems/x","title":"X","status":500}`,
			"/problems/x is not told of"},
		{"header missing", "GET", "/v1/sessions", 503, problem, `{"type":"/problems/unavailable","title":"X","status":503}`,
			"without the header Retry-After"},
		{"body without promise", "DELETE", "/v1/session", 204, plain, `{}`, "a body where none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := c.check(httptest.NewRequest(tt.method, tt.path, nil), nil, tt.status, tt.header, []byte(tt.body))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("judged %v, want %q", err, tt.want)
			}
		})
	}
}
