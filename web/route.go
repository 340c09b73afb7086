package web

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// bodyTimeout is how long a client may take to send a body, once its head is there.
const bodyTimeout = 10 * time.Second

// What is wrong with bodies that cannot be read.
var (
	errSlowBody  = plainProblem(http.StatusRequestTimeout, "The body did not arrive in time.")
	errCutShort  = plainProblem(http.StatusBadRequest, "The body did not arrive whole.")
	errMediaType = plainProblem(http.StatusUnsupportedMediaType, "Send the body as application/json.")
	errNotForm   = plainProblem(http.StatusUnsupportedMediaType, "Send the body as "+mediaForm+".")
	errBadForm   = newProblem(http.StatusBadRequest, "malformed", "The body cannot be read", "The body is not a form.")
)

// endpoint answers a JSON request: with a body, with nil for 204, or with an error, for which see problemOf.
// In is what the request's body holds.
type endpoint[In, Out any] func(c *call, in *In) (*Out, error)

// none is the body of a request that has none.
type none struct{}

// checked is a body that has bounds.
type checked interface{ check(f *fields) }

// fromForm is a body that comes as a form, and not as JSON.
type fromForm interface{ fromForm(values url.Values) error }

// The media types of bodies.
const (
	mediaJSON    = "application/json"
	mediaForm    = "application/x-www-form-urlencoded"
	mediaProblem = "application/problem+json" // RFC 9457
)

// route is one row of the API: what it is, in OpenAPI's words, and what serves it.
//
// The framework that describes the routes does not serve them. It would decode each body twice, count characters
// where bytes are bounded, repeat a wrong value (which may be a password) in its errors, and change them by a
// variable of the whole process.
type route struct {
	huma.Operation
	serve http.Handler
	told

	json    bool         // it is of an endpoint
	in, out reflect.Type // of the bodies; nil is none
}

// The ways to authenticate, as OpenAPI names them. What a route names is also what it enforces.
var (
	byToken  = []map[string][]string{{"token": {}}, {"cookie": {}}}
	byAPIKey = []map[string][]string{{"apiKey": {}}}
	// byOperator is an API key, or the cookie of the dashboard in its place.
	byOperator = []map[string][]string{{"apiKey": {}}, {"operator": {}}}
	// byCookie is that cookie alone.
	byCookie = []map[string][]string{{"operator": {}}}
)

// on makes a route of an endpoint. An operation without a status of its own succeeds with 200.
func on[In, Out any](s *server, op huma.Operation, answer endpoint[In, Out]) route {
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	in, out := bodyType[In](), bodyType[Out]()
	optional := op.RequestBody != nil && !op.RequestBody.Required
	admin := takes(op.Security, "apiKey")
	serve := func(w http.ResponseWriter, r *http.Request) {
		if admin {
			if _, ok := s.mayAsk(r, op.Security); !ok {
				writeProblem(w, errAPIKey)
				return
			}
		}
		var body In
		if in != nil {
			if err := readBody(w, r, optional, &body); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		c := newCall(w, r)
		defer c.end()
		result, err := answer(c, &body)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		if result == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		writeJSON(w, op.DefaultStatus, result)
	}
	return route{Operation: op, serve: http.HandlerFunc(serve), json: true, in: in, out: out}
}

// bodyType returns the type of a body, or nil for none.
func bodyType[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t != reflect.TypeFor[none]() {
		return t
	}
	return nil
}

// raw makes a route of a handler that reads its request, and writes its answer, itself.
func raw(op huma.Operation, serve http.Handler) route {
	return route{Operation: op, serve: serve}
}

// hasHead reports whether a route answers HEAD as well: those of balancers, scrapers and browsers do.
func (r route) hasHead() bool {
	return r.Method == http.MethodGet && !strings.HasPrefix(r.Path, "/v1/")
}

// readBody reads a body into in and checks its bounds.
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
		return errSlowBody
	}
	_ = slow.SetReadDeadline(time.Time{})
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return err
	}
	if err != nil {
		return errCutShort
	}
	if body.Len() == 0 && optional {
		return nil
	}
	media, wrong := mediaJSON, errMediaType
	form, isForm := in.(fromForm)
	if isForm {
		media, wrong = mediaForm, errNotForm
	}
	if !isMedia(r.Header.Get("Content-Type"), media) {
		return wrong
	}
	if isForm {
		values, err := url.ParseQuery(body.String())
		if err != nil {
			return errBadForm
		}
		return form.fromForm(values)
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

// isMedia reports whether a content type is of a media type, all of which are UTF-8 here.
func isMedia(contentType, want string) bool {
	if contentType == want {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == want
}

// writeJSON answers with a body.
func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body, jsontext.AllowInvalidUTF8(true)) // users are any bytes
	if err != nil {
		panic(err) // views are plain data: it cannot fail
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	w.Write(text)
}
