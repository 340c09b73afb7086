package main

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestAPIPage runs the commands of docs/api.md as they stand there, and compares what they print with the page.
func TestAPIPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```(sh|text)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	_, flags, ok := strings.Cut(blocks[0][2], "\nbin/hub serve ")
	if !ok || len(blocks) != 5 {
		t.Fatalf("the page has %d blocks, and first %q", len(blocks), blocks[0][2])
	}
	args := append([]string{"serve", "--listen=127.0.0.1:0", "--api-key=" + testKey}, strings.Fields(flags)...)
	base := "http://" + startHub(t, args...).address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)
	for i := 1; i < len(blocks); i += 2 {
		command, want := blocks[i][2], blocks[i+1][2]
		cmd := exec.CommandContext(within(t), "sh", "-euc", command)
		cmd.Env = append(os.Environ(), "HUB="+base, "HUB_API_KEY="+testKey)
		got, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", command, err, got)
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + "$"
		if !regexp.MustCompile(pattern).Match(got) {
			t.Errorf("%s\n got %s\nwant %s", command, got, want)
		}
	}
}
