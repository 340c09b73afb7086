package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

// maxSDK is the most bytes that a browser may have to load for the SDK.
const maxSDK = 4 << 10

// sdkAnswer gets the SDK as a browser does, packed, and returns the bytes on the wire.
func (s *site) sdkAnswer(headers ...string) *reply {
	s.Helper()
	return s.do("GET", "/sdk/sessionhub.js", "", append(headers, "Accept-Encoding", "gzip, deflate, br")...)
}

func TestSDKIsSmall(t *testing.T) {
	s := newSite(t)
	r := s.sdkAnswer().want(http.StatusOK)
	if got := r.header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q", got)
	}
	t.Logf("%d bytes", len(r.text))
	if len(r.text) >= maxSDK {
		t.Errorf("%d bytes packed, want less than %d", len(r.text), maxSDK)
	}
	packed, err := gzip.NewReader(strings.NewReader(r.text))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	if plain := s.do("GET", "/sdk/sessionhub.js", "", "Accept-Encoding", "identity").want(http.StatusOK); plain.text != string(text) {
		t.Error("packed, it is another")
	}
	if !strings.Contains(string(text), "export function connect(") {
		t.Error("the SDK as served has no connect")
	}
	for _, left := range []string{"/*", "import ", "export class", "https://"} {
		if strings.Contains(strings.ReplaceAll(string(text), "https://hub.example", ""), left) {
			t.Errorf("the SDK as served has %q", left)
		}
	}
}

func TestSDKMayBeImportedByAnyPage(t *testing.T) {
	s := newSite(t)
	r := s.sdkAnswer("Origin", "https://app.example").want(http.StatusOK)
	for name, want := range map[string]string{
		"Content-Type":                     "text/javascript; charset=utf-8",
		"Access-Control-Allow-Origin":      "*",
		"Access-Control-Allow-Credentials": "",
		"Cross-Origin-Resource-Policy":     "cross-origin",
		"X-Content-Type-Options":           "nosniff",
		"Cache-Control":                    "no-cache",
		"Vary":                             "Accept-Encoding",
	} {
		if got := r.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("Content-Security-Policy %q", r.header.Get("Content-Security-Policy"))
	}
	again := s.sdkAnswer("If-None-Match", r.header.Get("ETag"))
	if again.status != http.StatusNotModified || again.text != "" {
		t.Errorf("again: %d with %d bytes", again.status, len(again.text))
	}
	s.do("GET", "/sdk/line.js", "").want(http.StatusNotFound)
	s.do("POST", "/sdk/sessionhub.js", "").want(http.StatusMethodNotAllowed)
}
