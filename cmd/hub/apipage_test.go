package main

import (
	"strings"
	"testing"
)

// TestAPIPage runs the commands of docs/api.md as they stand there, and compares what they print with the page.
func TestAPIPage(t *testing.T) {
	t.Parallel()
	blocks := blocksOf(readPage(t, "api.md"))
	_, flags, ok := strings.Cut(blocks[0].text, "\nbin/hub serve ")
	if !ok || len(blocks) != 5 {
		t.Fatalf("the page has %d blocks, and first %q", len(blocks), blocks[0].text)
	}
	_, base := serve(t, strings.Fields(flags)...)
	for i := 1; i < len(blocks); i += 2 {
		command, want := blocks[i].text, blocks[i+1].text
		if got := runShell(t, base, command); !reads(string(got), want) {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}
