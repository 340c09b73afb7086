package web

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sessionhub/sessionhub/session"
)

// Where the schemas and examples of a document are in it.
const (
	schemaPrefix  = "#/components/schemas/"
	examplePrefix = "#/components/examples/"
)

// newSchemas returns a registry of schemas that knows how the types of the domain read.
func newSchemas() huma.Registry {
	registry := huma.NewMapRegistry(schemaPrefix, schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[session.Timestamp](), reflect.TypeFor[time.Time]())
	registry.RegisterTypeAlias(reflect.TypeFor[session.ID](), reflect.TypeFor[idShape]())
	registry.RegisterTypeAlias(reflect.TypeFor[session.Kind](), reflect.TypeFor[kindShape]())
	registry.RegisterTypeAlias(reflect.TypeFor[session.ClientType](), reflect.TypeFor[clientTypeShape]())
	registry.RegisterTypeAlias(reflect.TypeFor[session.Reason](), reflect.TypeFor[reasonShape]())
	registry.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[anyShape]())
	return registry
}

// schemaName names the schema of a type. A session is one to clients, and not the view of one.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[session.View]() {
		return "Session"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// The types below stand for those of the domain, which knows nothing of schemas.
type (
	idShape         struct{}
	kindShape       struct{}
	clientTypeShape struct{}
	reasonShape     struct{}
	anyShape        struct{}
)

// Schema implements huma.SchemaProvider.
func (idShape) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// Schema implements huma.SchemaProvider.
func (kindShape) Schema(huma.Registry) *huma.Schema { return words(session.Kinds...) }

// Schema implements huma.SchemaProvider.
func (clientTypeShape) Schema(huma.Registry) *huma.Schema {
	return words(append(slices.Clone(session.ClientTypes), "")...)
}

// Schema implements huma.SchemaProvider.
func (reasonShape) Schema(huma.Registry) *huma.Schema {
	return words(append(slices.Clone(session.Reasons), session.Unknown)...)
}

// Schema implements huma.SchemaProvider.
func (anyShape) Schema(huma.Registry) *huma.Schema { return &huma.Schema{} }

// words describes a text that is one of a few.
func words[T ~string](list ...T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, word := range list {
		s.Enum = append(s.Enum, string(word))
	}
	return s
}

// complete puts right what the schemas say of their types, as far as the types tell: fields of embedded structs that
// are not exported, what may be null, and that text is bounded in bytes. Schemas of answers, which are those that no
// request refers to, allow fields that are not known yet.
func complete(registry huma.Registry, requests map[string]bool) {
	for done := make(map[string]bool); ; {
		var todo []string
		for name := range registry.Map() {
			if !done[name] {
				todo = append(todo, name)
			}
		}
		if len(todo) == 0 {
			break
		}
		for _, name := range todo {
			done[name] = true
			followType(registry, registry.Map()[name], registry.TypeFromRef(schemaPrefix+name))
		}
	}
	for _, s := range registry.Map() {
		eachSchema(s, boundInBytes)
	}
	strict := make(map[string]bool)
	for ref := range requests {
		collect(registry, ref, strict)
	}
	for name, s := range registry.Map() {
		switch {
		case strict[schemaPrefix+name]:
			for _, property := range s.Properties {
				property.Nullable = false // what is not said is left out
			}
		case s.AdditionalProperties == false:
			s.AdditionalProperties = nil
		}
	}
}

// followType adds to the schema of a struct what only its fields tell.
func followType(registry huma.Registry, s *huma.Schema, t reflect.Type) {
	for field := range fieldsOf(t) {
		if field.Anonymous && !field.IsExported() && field.Tag.Get("json") == "" {
			inner := registry.Schema(field.Type, false, "")
			followType(registry, inner, field.Type)
			for name, property := range inner.Properties {
				own := *property // what is said of one is not said of the other too
				s.Properties[name] = &own
			}
			s.Required = append(s.Required, inner.Required...)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := s.Properties[name]
		if property == nil {
			continue
		}
		switch {
		case field.Type.Kind() == reflect.Slice:
			property.Nullable = false // an empty list is a list
		case field.Type.Kind() != reflect.Pointer || strings.Contains(options, "omit"):
		case property.Ref != "":
			s.Properties[name] = &huma.Schema{
				Description: property.Description,
				AnyOf:       []*huma.Schema{{Ref: property.Ref}, {Type: "null"}},
			}
		case property.Type != "":
			property.Nullable = true
		}
	}
}

// fieldsOf returns the fields of a struct, and of those that are embedded in it and exported.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, field := range reflect.VisibleFields(t) {
			if len(field.Index) == 1 || t.FieldByIndex(field.Index[:1]).IsExported() {
				if !yield(field) {
					return
				}
			}
		}
	}
}

// boundInBytes says of a text's bounds what JSON Schema cannot: that they are in bytes, of which a character may
// have up to four.
func boundInBytes(s *huma.Schema) {
	if s.Type != huma.TypeString || s.MaxLength == nil || s.Format != "" {
		return
	}
	bound := fmt.Sprintf("At most %d bytes of UTF-8.", *s.MaxLength)
	if s.MinLength != nil && *s.MinLength > 0 {
		bound = fmt.Sprintf("%d to %d bytes of UTF-8.", *s.MinLength, *s.MaxLength)
	}
	if s.Description != "" && !strings.HasSuffix(s.Description, ".") {
		s.Description += "."
	}
	s.Description = strings.TrimSpace(s.Description + " " + bound)
}

// collect adds to found the schema that ref refers to, and those which it refers to in turn.
func collect(registry huma.Registry, ref string, found map[string]bool) {
	if found[ref] {
		return
	}
	found[ref] = true
	eachSchema(registry.SchemaFromRef(ref), func(s *huma.Schema) {
		if s.Ref != "" {
			collect(registry, s.Ref, found)
		}
	})
}

// eachSchema visits a schema and those inside it, not those it refers to.
func eachSchema(s *huma.Schema, visit func(*huma.Schema)) {
	if s == nil {
		return
	}
	visit(s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		eachSchema(s.Properties[name], visit)
	}
	eachSchema(s.Items, visit)
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		eachSchema(more, visit)
	}
	for _, one := range slices.Concat(s.AnyOf, s.OneOf, s.AllOf) {
		eachSchema(one, visit)
	}
}
