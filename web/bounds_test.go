package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/hub"
)

// TestDocumentedBoundsHold sends each request of the document as its example has it, with one thing wrong that the
// document does not allow, and wants to be told which.
func TestDocumentedBoundsHold(t *testing.T) {
	s := newSite(t)
	c := readContract(t, unwatched(t, newMemory(), nil))
	schemas := s.do("GET", "/openapi.json", "").at("components", "schemas").(map[string]any)
	token, _ := s.open("alice")
	tried := 0
	for path, methods := range c.paths {
		for method, op := range methods {
			if op.RequestBody == nil || op.RequestBody.Content["application/json"].Example == nil {
				continue
			}
			body := op.RequestBody.Content["application/json"]
			secret := token
			if len(op.Security) > 0 && op.Security[0]["apiKey"] != nil {
				secret = apiKey
			}
			address := strings.NewReplacer("{user}", "alice", "{id}", "c2a9e1b4-52d7-4a86-8f3e-0b7d6c5a4932").Replace(path)
			for field, wrong := range mistakes(schemas, body.Schema, "") {
				for _, value := range wrong {
					text := encode(with(body.Example, strings.Split(field, "."), value))
					r := s.do(strings.ToUpper(method), address, text, "Authorization", "Bearer "+secret)
					tried++
					if r.status != http.StatusUnprocessableEntity || !strings.HasPrefix(r.at("errors", 0, "field").(string), field) {
						t.Errorf("%s %s with %s: %.40v: %d, %s", method, path, field, value, r.status, r.text)
					}
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("%d requests tried", tried)
	}
}

// absent stands for a field that is left out.
type absent struct{}

// mistakes returns values that the fields of a schema must not have, by the fields' names with dots between.
func mistakes(schemas, schema map[string]any, prefix string) map[string][]any {
	if ref, ok := schema["$ref"].(string); ok {
		schema = schemas[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	all := map[string][]any{prefix + "nobody_knows_this": {1}}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for name, property := range properties {
		property := property.(map[string]any)
		if property["$ref"] != nil {
			maps.Copy(all, mistakes(schemas, property, prefix+name+"."))
			continue
		}
		wrong := mistaken(property)
		if slices.Contains(required, any(name)) {
			wrong = append(wrong, absent{})
		}
		all[prefix+name] = wrong
	}
	return all
}

// mistaken returns values that a schema does not allow.
func mistaken(schema map[string]any) []any {
	of := map[string]any{"string": 1, "integer": 1.5, "boolean": "yes", "array": 1, "object": 1}
	var wrong []any
	if kind, ok := schema["type"].(string); ok {
		wrong = append(wrong, of[kind])
	}
	if most, ok := schema["maxLength"].(float64); ok {
		// Bounds are in bytes: so many letters may be too much.
		wrong = append(wrong, strings.Repeat("x", int(most)+1), strings.Repeat("é", int(most)/2+1))
	}
	if least, ok := schema["minLength"].(float64); ok && least > 0 {
		wrong = append(wrong, "")
	}
	if schema["enum"] != nil || schema["format"] == "uuid" {
		wrong = append(wrong, "none of them")
	}
	if most, ok := schema["maximum"].(float64); ok {
		wrong = append(wrong, most+1)
	}
	if least, ok := schema["minimum"].(float64); ok {
		wrong = append(wrong, least-1)
	}
	return wrong
}

// with returns a copy of an example with another value under a path of names.
func with(example any, path []string, value any) any {
	var object map[string]any
	text, err := json.Marshal(example)
	if err == nil {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		panic(err) // examples are objects
	}
	at := object
	for _, name := range path[:len(path)-1] {
		inner, ok := at[name].(map[string]any)
		if !ok {
			inner = make(map[string]any)
			at[name] = inner
		}
		at = inner
	}
	if last := path[len(path)-1]; value == (absent{}) {
		delete(at, last)
	} else {
		at[last] = value
	}
	return object
}

// TestDocumentedRefusalsHappen provokes on each route the refusals that routes have in common, where the document
// tells of them.
func TestDocumentedRefusalsHappen(t *testing.T) {
	s := newSite(t)
	c := readContract(t, unwatched(t, newMemory(), nil))
	token, _ := s.open("alice")
	large := strings.Repeat(" ", 64<<10+1)
	for path, methods := range c.paths {
		for method, op := range methods {
			if path == "/v1/oidc/backchannel-logout" {
				continue // without a provider it is not there; its own tests have one
			}
			secret := []string{"Authorization", "Bearer " + token}
			if len(op.Security) > 0 && op.Security[0]["apiKey"] != nil {
				secret[1] = "Bearer " + apiKey
			}
			address := strings.NewReplacer("{user}", "alice", "{id}", "c2a9e1b4-52d7-4a86-8f3e-0b7d6c5a4932", "{type}", "x").Replace(path)
			refused := func(status int, query, body string, headers ...string) {
				t.Helper()
				if _, told := op.Responses[fmt.Sprint(status)]; told {
					s.do(strings.ToUpper(method), address+query, body, headers...).want(status)
				}
			}
			refused(http.StatusBadRequest, "?token=x", "", secret...)
			refused(http.StatusForbidden, "", "", "Sec-Fetch-Site", "cross-site", "Cookie", "hub_session=x",
				"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
				"Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol", hub.Subprotocol,
				"Origin", "https://elsewhere.example")
			refused(http.StatusRequestEntityTooLarge, "", large, secret...)
			refused(http.StatusUnsupportedMediaType, "", "x", append(secret, "Content-Type", "text/plain")...)
			if len(op.Security) > 0 { // elsewhere it is for wrong passwords and the like
				body := ""
				if op.RequestBody != nil {
					body = encode(op.RequestBody.Content["application/json"].Example)
				}
				refused(http.StatusUnauthorized, "", body)
			}
		}
	}
}
