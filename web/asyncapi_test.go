package web_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/web"
)

// protocol is what the document of the WebSocket promises. It is static once read.
type protocol struct {
	AsyncAPI string
	Channels map[string]struct {
		Address    string
		Messages   map[string]reference
		CloseCodes []struct {
			Code      websocket.StatusCode
			Reasons   []string
			Reconnect bool
		} `json:"x-close-codes"`
	}
	Operations map[string]struct {
		Action   string
		Channel  reference
		Security []reference
		Messages []reference
	}
	Components struct {
		Messages map[string]struct {
			Name, Summary string
			Examples      []struct{ Payload json.RawMessage }
		}
	}

	whole   any
	schemas map[string]*jsonschema.Schema // of the messages, by type
}

type reference struct {
	Ref string `json:"$ref"`
}

// readProtocol reads the document once.
var readProtocol = sync.OnceValues(func() (*protocol, error) {
	text := web.SocketDocument("1.2.3")
	p := &protocol{schemas: make(map[string]*jsonschema.Schema)}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, err
	}
	var err error
	if p.whole, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	closed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	closeSchemas(closed)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const at = "https://hub.example/asyncapi.json"
	if err := compiler.AddResource(at, closed); err != nil {
		return nil, err
	}
	for name := range p.Components.Messages {
		if p.schemas[name], err = compiler.Compile(at + "#/components/messages/" + name + "/payload"); err != nil {
			return nil, err
		}
	}
	return p, nil
})

// wantMessage checks that a message is one of the protocol.
func wantMessage(t *testing.T, text []byte) {
	t.Helper()
	p, err := readProtocol()
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Type string }
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	schema := p.schemas[m.Type]
	if schema == nil {
		t.Fatalf("a message that is not in the document: %s", text)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s is otherwise than documented: %v", text, err)
	}
}

// wantClosing checks that a close code is one of the protocol, with a reason that it may have.
func wantClosing(t *testing.T, code websocket.StatusCode, reason string) {
	t.Helper()
	p, err := readProtocol()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Channels["socket"].CloseCodes {
		if c.Code == code && (len(c.Reasons) == 0 || slices.Contains(c.Reasons, reason)) {
			return
		}
	}
	t.Errorf("closed with %d, %q, which is not in the document", code, reason)
}

func TestSocketDocument(t *testing.T) {
	p, err := readProtocol()
	if err != nil {
		t.Fatal(err)
	}
	if p.AsyncAPI != "3.0.0" || p.Channels["socket"].Address != "/v1/connect" {
		t.Errorf("%s at %s", p.AsyncAPI, p.Channels["socket"].Address)
	}
	for name, m := range p.Components.Messages {
		if m.Name != name || m.Summary == "" || len(m.Examples) == 0 {
			t.Errorf("%s: no summary or example", name)
		}
		for _, example := range m.Examples {
			wantMessage(t, example.Payload)
		}
	}
	// Each message goes one way.
	ways := make(map[string]int)
	for name, op := range p.Operations {
		if op.Action != name || op.Channel.Ref != "#/channels/socket" || len(op.Security) != 3 {
			t.Errorf("operation %s: %+v", name, op)
		}
		for _, m := range op.Messages {
			ways[strings.TrimPrefix(m.Ref, "#/channels/socket/messages/")]++
		}
	}
	for _, m := range hub.Messages() {
		if ways[m.Type] != 1 {
			t.Errorf("%s goes %d ways", m.Type, ways[m.Type])
		}
	}
	wantReferences(t, p.whole, p.whole)
}

// wantReferences checks that all references inside a document lead somewhere in it.
func wantReferences(t *testing.T, whole, part any) {
	t.Helper()
	switch part := part.(type) {
	case []any:
		for _, element := range part {
			wantReferences(t, whole, element)
		}
	case map[string]any:
		if ref, ok := part["$ref"].(string); ok {
			at := whole
			for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				at, _ = at.(map[string]any)[step]
				if at == nil {
					t.Fatalf("%s leads nowhere", ref)
				}
			}
		}
		for _, member := range part {
			wantReferences(t, whole, member)
		}
	}
}

// TestClientsMaySendTheExamples sends the hub what the document says that a client may send.
func TestClientsMaySendTheExamples(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	c := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token)
	c.next("welcome")
	for _, m := range hub.Messages() {
		if m.FromHub {
			continue
		}
		if err := c.Write(t.Context(), websocket.MessageText, []byte(encode(m.Example))); err != nil {
			t.Fatal(err)
		}
	}
	c.next("session.revoked") // the last of them is the logout
	c.closed(hub.CodeSignedOut)
}

func TestSocketDocumentIsServed(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.PublicURL = "https://hub.example.com:8443" })
	s.do("GET", "/asyncapi.json", "").want(http.StatusOK).has("3.0.0", "asyncapi").
		has("wss", "servers", "hub", "protocol").has("hub.example.com:8443", "servers", "hub", "host")
}
