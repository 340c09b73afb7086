package main

import (
	"strings"
	"testing"
)

// TestAdmissionPage runs the commands of docs/admission.md in turn, as they stand there, and holds each answer to what
// the page says it is.
func TestAdmissionPage(t *testing.T) {
	t.Parallel()
	_, base := serve(t)
	script, command, token, answers := `curl() { command curl -sS --fail-with-body "$@"; }; `, "", "", 0
	for _, b := range blocksOf(readPage(t, "admission.md"))[1:] { // the first starts the hub
		switch {
		case strings.HasPrefix(b.text, "api() {"):
			script += b.text
		case b.language == "sh":
			command = b.text
		case b.language == "json":
			answers++
			got := wantAnswer(t, command, runShell(t, base, script+command, "TOKEN="+token), b.text)
			if handed, ok := got["token"].(string); ok {
				token = handed
			}
		}
	}
	if answers < 8 {
		t.Errorf("the page has %d answers", answers)
	}
}
