package web

import (
	"cmp"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// told is what is said of a route beyond what its types say. The route's row adds to it, in the order of reading:
//
//	on(s, operation("POST", "/v1/things", "make-thing", "Make a thing", byAPIKey), s.make).
//		says("A thing is made once.").
//		takes(thingInput{Name: "lamp"}).
//		gives(http.StatusCreated, "The thing is made", thing{ID: exampleID}).
//		refuses(errThingTaken)
//
// A test fails where a route answers with a status, a header, a type of problem or a body that it has not told of.
type told struct {
	media    string // of the request's body
	example  any    // of the request's body
	replies  []reply
	problems []*problem
	headers  map[int][]headerField // more of them, by status
	alone    bool                  // it has no problems in common with others
}

// reply is a status that a route answers with, other than a problem.
type reply struct {
	status  int
	when    string
	media   string
	example any // nil is no body; examples are several
	headers []headerField
}

// examples are several examples by name, of one status.
type examples map[string]any

// text is the example of a body that is not JSON.
type text struct{ media, example string }

// headerField is a header of an answer.
type headerField struct {
	name, what, example string
	sometimes           bool // it is not on every answer of its status
}

// says explains the route, in a sentence or a few.
func (r route) says(what string) route {
	r.Description = what
	return r
}

// takes gives an example of the request's JSON body.
func (r route) takes(example any) route {
	r.media, r.example = mediaJSON, example
	return r
}

// takesForm gives an example of the request's body where that is a form: a struct whose JSON names are the form's.
func (r route) takesForm(example any) route {
	r.in, r.media, r.example = reflect.TypeOf(example), mediaForm, example
	return r
}

// gives tells of a status other than a problem's: when it is answered, and an example of the body. Without a body
// the example is nil; several are examples; one that is not JSON is a text.
func (r route) gives(status int, when string, example any, headers ...headerField) route {
	body := reply{status: status, when: when, media: mediaJSON, example: example, headers: headers}
	if other, ok := example.(text); ok {
		body.media, body.example = other.media, other.example
	}
	r.replies = append(slices.Clone(r.replies), body)
	return r
}

// refuses tells of problems, which are their own examples. Those that follow from what a route is need not be told:
// see common.
func (r route) refuses(problems ...*problem) route {
	r.problems = append(slices.Clone(r.problems), problems...)
	return r
}

// sends tells of headers of a status, a problem's for one.
func (r route) sends(status int, headers ...headerField) route {
	r.headers = maps.Clone(r.headers)
	if r.headers == nil {
		r.headers = make(map[int][]headerField)
	}
	r.headers[status] = append(slices.Clone(r.headers[status]), headers...)
	return r
}

// apart is for a route that is not reached on the way of the others, and has no problems in common with them.
func (r route) apart() route {
	r.alone = true
	return r
}

// common are the problems of a route that follow from how it is reached, what it takes and who may ask.
func (r route) common() []*problem {
	if r.alone {
		return nil
	}
	problems := []*problem{errInURL, errInside}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		problems = append(problems, errCrossSite)
	}
	if r.json {
		problems = append(problems, errStore)
	}
	if r.json && r.in != nil {
		problems = append(problems, errCutShort, errSlowBody, errTooLarge(maxBody))
		if r.media == mediaForm {
			problems = append(problems, errBadForm, errNotForm)
		} else {
			problems = append(problems, malformed(17), errMediaType,
				invalid(fieldError{"body", "is not what belongs there"}))
		}
	}
	if strings.Contains(r.Path, "{user}") {
		problems = append(problems, invalid(fieldError{"user", "has 300 bytes; want 1 to 256"}))
	}
	if strings.HasSuffix(r.Path, "sessions/{id}") {
		problems = append(problems, errNoSession)
	}
	if takes(r.Security, "apiKey") {
		problems = append(problems, errAPIKey)
	} else if takes(r.Security, "token") && r.json {
		problems = append(problems, errNoToken, endedProblem(exampleEnding))
	}
	return problems
}

// describe adds the route's parameters, bodies, statuses and examples to an operation of the document.
func (r route) describe(op *huma.Operation, doc *document) {
	op.Tags = []string{tagOf(op.Path)}
	for name := range pathParams(op.Path) {
		param := pathParam(name)
		op.Parameters = append(slices.Clone(op.Parameters), param)
	}
	if r.in != nil {
		body := doc.media(r.in, asAsked(r.example))
		doc.requests[body.Schema.Ref] = true
		op.RequestBody = &huma.RequestBody{
			Required: op.RequestBody == nil || op.RequestBody.Required,
			Content:  map[string]*huma.MediaType{cmp.Or(r.media, mediaJSON): body},
		}
	}
	op.Responses = make(map[string]*huma.Response)
	for _, given := range r.replies {
		op.Responses[strconv.Itoa(given.status)] = r.success(given, doc)
	}
	doc.addProblems(op, slices.Concat(r.problems, r.common()))
	for status, headers := range r.headers {
		addHeaders(op.Responses[strconv.Itoa(status)], headers)
	}
}

// success describes a status other than a problem's.
func (r route) success(given reply, doc *document) *huma.Response {
	response := &huma.Response{Description: given.when, Headers: make(map[string]*huma.Param)}
	addHeaders(response, given.headers)
	if given.example == nil {
		return response
	}
	shape := reflect.TypeOf(given.example)
	if r.json && given.status == r.DefaultStatus {
		shape = r.out
	}
	response.Content = map[string]*huma.MediaType{given.media: doc.media(shape, given.example)}
	return response
}

func addHeaders(response *huma.Response, headers []headerField) {
	for _, h := range headers {
		response.Headers[h.name] = header(h.what, h.example, !h.sometimes)
	}
}

// pathParam describes a parameter of a path.
func pathParam(name string) *huma.Param {
	param := huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}
	switch name {
	case "user":
		most := maxUser
		param.Schema.MaxLength = &most
		param.Description = "The user, as the app names them: 1 to 256 bytes of UTF-8, escaped as in any URL."
		param.Example = exampleUser
	case "type":
		param.Description = "The last part of the problem's type."
		param.Example = "session-limit"
	case "id":
		param.Schema.Format = "uuid"
		param.Description = "The ID of a session."
		param.Example = exampleID.String()
	}
	return &param
}
