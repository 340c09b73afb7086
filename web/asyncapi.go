package web

import (
	"cmp"
	jsonv1 "encoding/json"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sessionhub/sessionhub/hub"
)

const aboutSocket = "One JSON object per text message, each of one of the types below. Clients ignore types and fields " +
	"that they do not know; the hub refuses those.\n\n" +
	"Offer the subprotocol " + hub.Subprotocol + ". The session's token comes as Authorization: Bearer, as the cookie, " +
	"with an Origin that is the hub's own or allowed, or, for browsers without the cookie, as a second subprotocol: " +
	bearerProtocol + "TOKEN, which is never echoed. A token in the URL is refused.\n\n" +
	"A browser cannot read a refused handshake. So a token that is no good is upgraded, told session.revoked, and closed."

// The parts of an AsyncAPI 3.0 document that the hub's has. Beside them it has x-close-codes, as the standard has no
// word for those.
type (
	asyncAPI struct {
		AsyncAPI           string                    `json:"asyncapi"`
		Info               asyncInfo                 `json:"info"`
		DefaultContentType string                    `json:"defaultContentType"`
		Servers            map[string]asyncServer    `json:"servers,omitempty"`
		Channels           map[string]asyncChannel   `json:"channels"`
		Operations         map[string]asyncOperation `json:"operations"`
		Components         asyncComponents           `json:"components"`
	}
	asyncInfo struct {
		Title       string `json:"title"`
		Version     string `json:"version"`
		Description string `json:"description"`
	}
	asyncServer struct {
		Host     string `json:"host"`
		Protocol string `json:"protocol"`
	}
	asyncChannel struct {
		Address    string              `json:"address"`
		Title      string              `json:"title"`
		Messages   map[string]asyncRef `json:"messages"`
		Bindings   asyncBindings       `json:"bindings"`
		CloseCodes []closeCode         `json:"x-close-codes"`
	}
	asyncBindings struct {
		WebSockets struct {
			Method  string       `json:"method"`
			Headers *huma.Schema `json:"headers"`
			Version string       `json:"bindingVersion"`
		} `json:"ws"`
	}
	closeCode struct {
		Code      int      `json:"code"`
		Means     string   `json:"means"`
		Reasons   []string `json:"reasons,omitempty"`
		Reconnect bool     `json:"reconnect"`
	}
	asyncOperation struct {
		Action   string     `json:"action"`
		Channel  asyncRef   `json:"channel"`
		Summary  string     `json:"summary"`
		Security []asyncRef `json:"security"`
		Messages []asyncRef `json:"messages"`
	}
	asyncComponents struct {
		Messages        map[string]asyncMessage  `json:"messages"`
		Schemas         map[string]*huma.Schema  `json:"schemas"`
		SecuritySchemes map[string]asyncSecurity `json:"securitySchemes"`
	}
	asyncMessage struct {
		Name     string         `json:"name"`
		Summary  string         `json:"summary"`
		Payload  *huma.Schema   `json:"payload"`
		Examples []asyncExample `json:"examples"`
	}
	asyncExample struct {
		Payload any `json:"payload"`
	}
	asyncSecurity struct {
		Type        string `json:"type"`
		Scheme      string `json:"scheme,omitempty"`
		In          string `json:"in,omitempty"`
		Name        string `json:"name,omitempty"`
		Description string `json:"description"`
	}
	asyncRef struct {
		Ref string `json:"$ref"`
	}
)

// SocketDocument describes the messages of the WebSocket in AsyncAPI 3.0, as JSON, made from the types that are sent.
func SocketDocument(version string) []byte {
	return written((&server{Options: Options{Version: version}}).socketDocument())
}

// written returns a document, or an example in one, as JSON.
func written(doc any) []byte {
	text, err := jsonv1.Marshal(doc)
	if err != nil {
		panic(err) // they are plain data
	}
	return text
}

// socketDocument describes the WebSocket of this server.
func (s *server) socketDocument() *asyncAPI {
	doc := &asyncAPI{
		AsyncAPI:           "3.0.0",
		Info:               asyncInfo{"Session Hub: the WebSocket", cmp.Or(s.Version, "(devel)"), aboutSocket},
		DefaultContentType: mediaJSON,
		Components:         asyncComponents{Messages: make(map[string]asyncMessage), SecuritySchemes: s.socketSecurity()},
	}
	if s.origins.own != "" {
		scheme, host, _ := strings.Cut(s.origins.own, "://")
		doc.Servers = map[string]asyncServer{"hub": {Host: host, Protocol: strings.Replace(scheme, "http", "ws", 1)}}
	}
	channel := asyncChannel{Address: "/v1/connect", Title: "The socket of a session", Messages: make(map[string]asyncRef)}
	channel.Bindings.WebSockets.Method = "GET"
	channel.Bindings.WebSockets.Headers = handshakeHeaders()
	channel.Bindings.WebSockets.Version = "0.1.0"
	for _, c := range hub.Closings() {
		channel.CloseCodes = append(channel.CloseCodes, closeCode{int(c.Code), c.Means, c.Reasons, c.Reconnect})
	}
	security := []asyncRef{{"#/components/securitySchemes/token"}, {"#/components/securitySchemes/subprotocol"},
		{"#/components/securitySchemes/cookie"}}
	socket := asyncRef{"#/channels/socket"}
	send := asyncOperation{Action: "send", Channel: socket, Summary: "What the hub tells a device.", Security: security}
	receive := asyncOperation{Action: "receive", Channel: socket, Summary: "What a device may say.", Security: security}
	registry := newSchemas()
	requests := make(map[string]bool)
	for _, m := range hub.Messages() {
		shape := registry.Schema(reflect.TypeOf(m.Example), true, "")
		typed := registry.SchemaFromRef(shape.Ref).Properties["type"]
		typed.Const = m.Type
		doc.Components.Messages[m.Type] = asyncMessage{
			Name: m.Type, Summary: m.When, Payload: shape, Examples: []asyncExample{{asSent(m.Example)}},
		}
		channel.Messages[m.Type] = asyncRef{"#/components/messages/" + m.Type}
		way := &receive
		if m.FromHub {
			way = &send
		} else {
			requests[shape.Ref] = true
		}
		way.Messages = append(way.Messages, asyncRef{"#/channels/socket/messages/" + m.Type})
	}
	complete(registry, requests)
	doc.Channels = map[string]asyncChannel{"socket": channel}
	doc.Operations = map[string]asyncOperation{"send": send, "receive": receive}
	doc.Components.Schemas = registry.Map()
	return doc
}

// socketSecurity are the ways in which a handshake brings its token.
func (s *server) socketSecurity() map[string]asyncSecurity {
	return map[string]asyncSecurity{
		"token": {Type: "http", Scheme: "bearer", Description: "The token of a session."},
		"subprotocol": {Type: "httpApiKey", In: "header", Name: "Sec-WebSocket-Protocol",
			Description: "The same, as the subprotocol " + bearerProtocol + "TOKEN beside " + hub.Subprotocol + "."},
		"cookie": {Type: "httpApiKey", In: "cookie", Name: s.cookieName(),
			Description: "The same, from pages of the hub's own origin or an allowed one."},
	}
}

// handshakeHeaders describes the headers that a handshake needs beyond those of any WebSocket.
func handshakeHeaders() *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject,
		Properties: map[string]*huma.Schema{"Sec-WebSocket-Protocol": {
			Type: huma.TypeString, Description: "The subprotocol, and the token where there is no other way to send it.",
			Examples: []any{hub.Subprotocol + ", " + bearerProtocol + "sh_…"},
		}},
		Required: []string{"Sec-WebSocket-Protocol"},
	}
}
