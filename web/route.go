package web

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// bodyTimeout is how long a client may take to send a body, once its head is there.
const bodyTimeout = 10 * time.Second

// endpoint answers a JSON request: with a body, with nil for 204, or with an error, for which see problemOf.
// In is what the request's body holds.
type endpoint[In, Out any] func(c *call, in *In) (*Out, error)

// none is the body of a request that has none.
type none struct{}

// checked is a body that has bounds.
type checked interface{ check(f *fields) }

// route is one row of the API: what it is, in OpenAPI's words, and what serves it.
//
// The framework that describes the routes does not serve them. It would decode each body twice, count characters
// where bytes are bounded, repeat a wrong value (which may be a password) in its errors, and change them by a
// variable of the whole process.
type route struct {
	huma.Operation
	serve http.HandlerFunc
	// describe adds the types of the route to the operation and the registry.
	describe func(op *huma.Operation, registry huma.Registry)
}

// The ways to authenticate, as OpenAPI names them. What a route names is also what it enforces.
var (
	byToken  = []map[string][]string{{"token": {}}, {"cookie": {}}}
	byAPIKey = []map[string][]string{{"apiKey": {}}}
)

// on makes a route of an endpoint. An operation without a status of its own succeeds with 200.
func on[In, Out any](s *server, op huma.Operation, answer endpoint[In, Out]) route {
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	hasBody := reflect.TypeFor[In]() != reflect.TypeFor[none]()
	optional := op.RequestBody != nil && !op.RequestBody.Required
	admin := len(op.Security) > 0 && op.Security[0]["apiKey"] != nil
	serve := func(w http.ResponseWriter, r *http.Request) {
		if admin && !s.isAdmin(r) {
			writeProblem(w, errAPIKey)
			return
		}
		var in In
		if hasBody {
			if err := readBody(w, r, optional, &in); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		c := newCall(w, r)
		defer c.end()
		out, err := answer(c, &in)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if out == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		writeJSON(w, op.DefaultStatus, out)
	}
	return route{Operation: op, serve: serve, describe: describe[In, Out]}
}

// readBody reads a JSON body into in and checks its bounds.
func readBody(w http.ResponseWriter, r *http.Request, optional bool, in any) error {
	if r.ContentLength > maxBody {
		w.Header().Set("Connection", "close") // nobody will read the rest
		return &http.MaxBytesError{Limit: maxBody}
	}
	slow := http.NewResponseController(w)
	_ = slow.SetReadDeadline(time.Now().Add(bodyTimeout)) // a test's recorder has no deadlines
	body := bytes.NewBuffer(make([]byte, 0, max(r.ContentLength, 0)+bytes.MinRead))
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return plainProblem(http.StatusRequestTimeout, "The body did not arrive in time.")
	}
	_ = slow.SetReadDeadline(time.Time{})
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return err
	}
	if err != nil {
		return plainProblem(http.StatusBadRequest, "The body did not arrive whole.")
	}
	if body.Len() == 0 && optional {
		return nil
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return plainProblem(http.StatusUnsupportedMediaType, "Send the body as application/json.")
	}
	if err := decode(body.Bytes(), in); err != nil {
		return err
	}
	if in, ok := in.(checked); ok {
		var f fields
		in.check(&f)
		return f.err()
	}
	return nil
}

// isJSON reports whether a content type is JSON, which is UTF-8.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// writeJSON answers with a body.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // views are plain data: it cannot fail
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	w.Write(text)
}

// describe adds the shapes of In and Out, and the problem, to an operation.
func describe[In, Out any](op *huma.Operation, registry huma.Registry) {
	content := func(media string, t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{media: {Schema: registry.Schema(t, true, op.OperationID)}}
	}
	if in := reflect.TypeFor[In](); in != reflect.TypeFor[none]() {
		body := huma.RequestBody{Required: op.RequestBody == nil}
		body.Content = content("application/json", in)
		op.RequestBody = &body
	}
	status := op.DefaultStatus
	success := &huma.Response{Description: http.StatusText(status)}
	if out := reflect.TypeFor[Out](); out != reflect.TypeFor[none]() {
		success.Content = content("application/json", out)
	} else {
		status = http.StatusNoContent
		success.Description = http.StatusText(status)
	}
	op.Responses = map[string]*huma.Response{
		strconv.Itoa(status): success,
		"default": {
			Description: "A problem (RFC 9457)",
			Content:     content("application/problem+json", reflect.TypeFor[problem]()),
		},
	}
	for name := range pathParams(op.Path) {
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		})
	}
}
