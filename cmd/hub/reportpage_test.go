package main

import (
	"strings"
	"testing"
)

// TestReportPage runs the commands of docs/report.md in turn, as they stand there, and holds each answer to what the
// page says it is. The one command without an answer names a session of the reader's.
func TestReportPage(t *testing.T) {
	t.Parallel()
	blocks := blocksOf(readPage(t, "report.md"))
	if len(blocks) != 11 || !strings.Contains(blocks[0].text, "\nbin/hub serve --htpasswd users\n") {
		t.Fatalf("the page has %d blocks, and first %q", len(blocks), blocks[0].text)
	}
	_, base := serve(t, "--htpasswd="+usersFile(t, "correct horse"))
	token := ""
	for i := 2; i+1 < len(blocks); i++ {
		command, answer := blocks[i].text, blocks[i+1]
		if blocks[i].language != "sh" || answer.language != "json" {
			continue
		}
		got := wantAnswer(t, command, runShell(t, base, blocks[1].text+command, "TOKEN="+token), answer.text)
		if token == "" {
			token = got["token"].(string)
		}
	}
}
