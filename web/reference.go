package web

import (
	"bytes"
	"cmp"
	jsonv1 "encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/hub"
)

// reference is what docs.html is made with: the documents as a person reads them.
type reference struct {
	Version            string
	About, AboutSocket []string
	Sections           []refSection
	Messages           []refMessage
	Closings           []hub.Closing
	Problems           []refProblem
	Types              []refType
}

type (
	refSection struct {
		ID, Name, What string
		Operations     []refOperation
	}
	refOperation struct {
		ID, Method, Path, Summary, Description, Who, Curl string
		Parameters                                        []refField
		Body                                              *refBody
		Answers                                           []refAnswer
	}
	refBody struct {
		Media    string
		Required bool
		Fields   []refField
	}
	refAnswer struct {
		Status, Class, What string
		Headers, Fields     []refField
		Examples            []refExample
		Problems            []string
	}
	// refField is a field, a parameter or a header. Its type reads Before, Ref, After; Ref is the name of a type.
	refField struct {
		Name, In, Before, Ref, After, What string
		Optional                           bool
	}
	refExample struct{ Name, Text string }
	refMessage struct {
		ID, Type, When string
		FromHub        bool
		Fields         []refField
		Example        refExample
	}
	refProblem struct {
		Name, Status, Class, Title, Detail string
		Examples                           []refExample
	}
	refType struct {
		Name   string
		Fields []refField
	}
)

// renderReference makes the page of the API from its documents.
func (s *server) renderReference() []byte {
	doc, socket := s.document(), s.socketDocument()
	schemas := doc.Components.Schemas.Map()
	maps.Copy(schemas, socket.Components.Schemas)
	page := reference{
		Version: doc.Info.Version, About: strings.Split(doc.Info.Description, "\n\n"),
		AboutSocket: strings.Split(socket.Info.Description, "\n\n"), Closings: hub.Closings(),
	}
	reader := refReader{
		schemas: schemas, base: cmp.Or(s.origins.own, "http://localhost:8080"),
		used: make(map[string]bool), problems: make(map[string]string),
	}
	page.Problems = reader.readProblems(doc.Components.Examples)
	for _, tag := range doc.Tags {
		section := refSection{ID: anchor(tag.Name), Name: tag.Name, What: tag.Description}
		for _, route := range s.allRoutes() {
			if op := operationAt(doc, route.Method, route.Path); op.Tags[0] == tag.Name {
				section.Operations = append(section.Operations, reader.operation(op))
			}
		}
		page.Sections = append(page.Sections, section)
	}
	for _, m := range hub.Messages() {
		described := socket.Components.Messages[m.Type]
		page.Messages = append(page.Messages, refMessage{
			ID: "message-" + anchor(m.Type), Type: m.Type, When: m.When, FromHub: m.FromHub,
			Fields: reader.fields(described.Payload), Example: refExample{Text: pretty(described.Examples[0].Payload)},
		})
	}
	page.Types = reader.types()
	var out bytes.Buffer
	if err := template.Must(template.New("docs").Parse(referencePage)).Execute(&out, page); err != nil {
		panic(err) // the page is made of plain data
	}
	return out.Bytes()
}

func operationAt(doc *huma.OpenAPI, method, path string) *huma.Operation {
	item := doc.Paths[path]
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	default:
		return item.Delete
	}
}

// refReader reads operations and schemas for the page, and notes which types it has referred to.
type refReader struct {
	schemas map[string]*huma.Schema
	base    string // where the hub is, for requests to try
	used    map[string]bool

	problems map[string]string // the examples of problems, and the names of their types
}

func (r *refReader) operation(op *huma.Operation) refOperation {
	view := refOperation{
		ID: "op-" + op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Who: whoMayAsk(op), Curl: curl(op, r.base),
	}
	for _, p := range op.Parameters {
		field := r.field(p.Name, p.Schema, p.Required)
		field.In, field.What = p.In, strings.TrimSpace(p.Description)
		view.Parameters = append(view.Parameters, field)
	}
	if op.RequestBody != nil {
		for media, body := range op.RequestBody.Content {
			view.Body = &refBody{Media: media, Required: op.RequestBody.Required, Fields: r.fields(body.Schema)}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		view.Answers = append(view.Answers, r.answer(status, op.Responses[status]))
	}
	return view
}

func (r *refReader) answer(status string, response *huma.Response) refAnswer {
	view := refAnswer{Status: status, Class: status[:1], What: response.Description}
	for _, name := range slices.Sorted(maps.Keys(response.Headers)) {
		h := response.Headers[name]
		view.Headers = append(view.Headers, refField{Name: name, In: "header", What: h.Description, Optional: !h.Required})
	}
	for media, body := range response.Content {
		if media == mediaProblem {
			for _, name := range slices.Sorted(maps.Keys(body.Examples)) {
				of := r.problems[strings.TrimPrefix(body.Examples[name].Ref, examplePrefix)]
				if of != "" && !slices.Contains(view.Problems, of) {
					view.Problems = append(view.Problems, of)
				}
			}
			continue
		}
		view.Fields = r.fields(body.Schema)
		if body.Example != nil {
			view.Examples = append(view.Examples, refExample{Text: pretty(body.Example)})
		}
		for _, name := range slices.Sorted(maps.Keys(body.Examples)) {
			view.Examples = append(view.Examples, refExample{name, pretty(body.Examples[name].Value)})
		}
	}
	return view
}

func whoMayAsk(op *huma.Operation) string {
	switch {
	case len(op.Security) == 0:
		return "Anybody may ask."
	case !takes(op.Security, "apiKey") && takes(op.Security, "operator"):
		return "Needs the cookie of the dashboard."
	case takes(op.Security, "operator"):
		return "Needs an API key: Authorization: Bearer API_KEY. The dashboard has a cookie in its place."
	case takes(op.Security, "apiKey"):
		return "Needs an API key: Authorization: Bearer API_KEY."
	default:
		return "Needs the session's token: Authorization: Bearer TOKEN, or the cookie."
	}
}

// fields lists the fields of an object; what is needed comes first.
func (r *refReader) fields(s *huma.Schema) []refField {
	if s.Ref != "" {
		s = r.schemas[strings.TrimPrefix(s.Ref, schemaPrefix)]
	}
	var needed, optional []refField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if slices.Contains(s.Required, name) {
			needed = append(needed, r.field(name, s.Properties[name], true))
		} else {
			optional = append(optional, r.field(name, s.Properties[name], false))
		}
	}
	return append(needed, optional...)
}

func (r *refReader) field(name string, s *huma.Schema, required bool) refField {
	f := refField{Name: name, What: sentence(s.Description), Optional: !required}
	nullable := s.Nullable
	if len(s.AnyOf) == 2 { // a reference, or null
		s, nullable = s.AnyOf[0], true
	}
	if s.Type == huma.TypeArray {
		f.Before, s = "list of ", s.Items
	} else if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
		f.Before, s = "by name: ", values
	}
	if s.Ref != "" {
		f.Ref = strings.TrimPrefix(s.Ref, schemaPrefix)
		r.used[f.Ref] = true
	} else {
		f.Before += kindOf(s)
	}
	if nullable {
		f.After = ", or null"
	}
	return f
}

// kindOf says in a few words what a schema is that is no reference.
func kindOf(s *huma.Schema) string {
	switch {
	case s.Const != nil:
		return fmt.Sprint(`"`, s.Const, `"`)
	case len(s.Enum) > 0:
		var list []string
		for _, word := range s.Enum {
			list = append(list, fmt.Sprint(word))
		}
		return "one of " + strings.Join(list, ", ")
	case s.Format == "uuid":
		return "UUID"
	case s.Format == "date-time":
		return "time"
	case s.Type == "":
		return "any JSON"
	default:
		return s.Type
	}
}

// types lists the types that were referred to, and those that these refer to.
func (r *refReader) types() []refType {
	for before := -1; before < len(r.used); {
		before = len(r.used)
		for name := range maps.Clone(r.used) {
			r.fields(r.schemas[name])
		}
	}
	var list []refType
	for _, name := range slices.Sorted(maps.Keys(r.used)) {
		list = append(list, refType{name, r.fields(r.schemas[name])})
	}
	return list
}

// readProblems lists the hub's own types of problems, by name, with all their examples.
func (r *refReader) readProblems(all map[string]*huma.Example) []refProblem {
	byName := make(map[string]*refProblem)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		value := all[key].Value
		var p problem
		if err := jsonv1.Unmarshal(value.(rawJSON), &p); err != nil {
			panic(err) // the example was one
		}
		name, ok := strings.CutPrefix(p.Type, problemPrefix)
		if !ok {
			continue
		}
		r.problems[key] = name
		view := byName[name]
		if view == nil {
			status := strconv.Itoa(p.Status)
			view = &refProblem{Name: name, Status: status, Class: status[:1], Title: p.Title, Detail: p.Detail}
			byName[name] = view
		} else if view.Detail != p.Detail {
			view.Detail = "" // the examples say what there is
		}
		view.Examples = append(view.Examples, refExample{Text: pretty(value)})
	}
	var list []refProblem
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	return list
}
