package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReportPage runs the commands of docs/report.md in turn, as they stand there, and holds each answer to what the
// page says it is. The one command without an answer names a session of the reader's.
func TestReportPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 11 || !strings.Contains(blocks[0][2], "\nbin/hub serve --htpasswd users\n") {
		t.Fatalf("the page has %d blocks, and first %q", len(blocks), blocks[0][2])
	}
	users := filepath.Join(t.TempDir(), "users")
	if code, _, errors := passwd(t, "correct horse\n", users, "alice"); code != exitOK {
		t.Fatal(errors)
	}
	base := "http://" + startHub(t, "serve", "--listen=127.0.0.1:0", "--api-key="+testKey, "--htpasswd="+users).address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)
	token := ""
	for i := 2; i+1 < len(blocks); i++ {
		command, answer := blocks[i][2], blocks[i+1]
		if blocks[i][1] != "sh" || answer[1] != "json" {
			continue
		}
		cmd := exec.CommandContext(within(t), "sh", "-euc", blocks[1][2]+command)
		cmd.Env = append(os.Environ(), "HUB="+base, "HUB_API_KEY="+testKey, "TOKEN="+token)
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s\n%v: %s", command, err, text)
		}
		var got, want map[string]any
		if err := json.Unmarshal([]byte(answer[2]), &want); err != nil {
			t.Fatalf("the page's answer: %v: %s", err, answer[2])
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("the hub's answer: %v: %s", err, text)
		}
		if where := differ("the answer", got, want); where != "" {
			t.Errorf("%s\n%s\n got %s\nwant %s", command, where, text, answer[2])
		}
		if token == "" {
			token = got["token"].(string)
		}
	}
}
