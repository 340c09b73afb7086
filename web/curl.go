package web

import (
	"bytes"
	jsonv1 "encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
)

// curl writes a request with which an operation can be tried, as a line of a shell; empty where there is none.
func curl(op *huma.Operation, base string) string {
	if op.Responses["101"] != nil {
		return "" // it is no request with an answer
	}
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
		}
	}
	parts := []string{"curl -i " + quote(base+path)}
	if op.Method != http.MethodGet && (op.Method != http.MethodPost || op.RequestBody == nil) {
		parts[0] = "curl -i -X " + op.Method + " " + quote(base+path)
	}
	switch {
	case takes(op.Security, "apiKey"):
		parts = append(parts, `-H "Authorization: Bearer $HUB_API_KEY"`)
	case takes(op.Security, "token"):
		parts = append(parts, `-H "Authorization: Bearer $TOKEN"`)
	}
	if op.RequestBody != nil {
		for media, body := range op.RequestBody.Content {
			parts = append(parts, data(media, body.Example)...)
		}
	}
	return strings.Join(parts, " \\\n  ")
}

// data are the arguments for a body.
func data(media string, example any) []string {
	written, _ := example.(rawJSON)
	if media == mediaJSON {
		return []string{"-H 'Content-Type: application/json'", "-d " + quote(string(written))}
	}
	var form map[string]any
	if err := jsonv1.Unmarshal(written, &form); err != nil {
		panic(err) // the example of a form is an object
	}
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		fields = append(fields, "--data-urlencode "+quote(fmt.Sprint(name, "=", form[name])))
	}
	return fields
}

// quote makes one word of a text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// pretty writes an example for people.
func pretty(example any) string {
	written, ok := example.(rawJSON)
	if !ok {
		return fmt.Sprint(example)
	}
	var out bytes.Buffer
	if err := jsonv1.Indent(&out, written, "", "  "); err != nil {
		panic(err) // it was written as JSON
	}
	return out.String()
}

// sentence ends a text as one.
func sentence(text string) string {
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// anchor makes a name for a place on the page.
func anchor(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '-'
	}, name)
}
