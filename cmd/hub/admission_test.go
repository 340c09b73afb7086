package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestAdmissionPage runs the commands of docs/admission.md in turn, as they stand there, and holds each answer to what
// the page says it is.
func TestAdmissionPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/admission.md")
	if err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, "serve", "--listen=127.0.0.1:0", "--api-key="+testKey)
	base := "http://" + hub.address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)

	blocks := regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	script, command, token, answers := `curl() { command curl -sS --fail-with-body "$@"; }; `, "", "", 0
	for _, block := range blocks[1:] { // the first starts the hub
		switch {
		case strings.HasPrefix(block[2], "api() {"):
			script += block[2]
			continue
		case block[1] == "sh":
			command = block[2]
			continue
		}
		answers++
		cmd := exec.CommandContext(within(t), "sh", "-euc", script+command)
		cmd.Env = append(os.Environ(), "HUB="+base, "HUB_API_KEY="+testKey, "TOKEN="+token)
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v: %s", command, err, text)
		}
		var got, want any
		if err := json.Unmarshal([]byte(block[2]), &want); err != nil {
			t.Fatalf("the page's answer: %v: %s", err, block[2])
		}
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("the hub's answer: %v: %s", err, text)
		}
		if where := differ("the answer", got, want); where != "" {
			t.Errorf("%s\n%s\n got %s\nwant %s", command, where, text, block[2])
		}
		if handed, ok := got.(map[string]any)["token"].(string); ok {
			token = handed
		}
	}
	if answers < 8 {
		t.Errorf("the page has %d answers", answers)
	}
}

// differ says where got is not what a page shows of it: objects may have more, and … stands for any text.
func differ(at string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(want) == 0 && len(object) > 0 {
			return fmt.Sprintf("%s is %v, not %v", at, got, want)
		}
		for name, value := range want {
			if where := differ(at+"."+name, object[name], value); where != "" {
				return where
			}
		}
		return ""
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s is %v, not %d elements", at, got, len(want))
		}
		for i, value := range want {
			if where := differ(fmt.Sprintf("%s[%d]", at, i), list[i], value); where != "" {
				return where
			}
		}
		return ""
	case string:
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+") + "$"
		if text, ok := got.(string); !ok || !regexp.MustCompile(pattern).MatchString(text) {
			return fmt.Sprintf("%s is %v, not %q", at, got, want)
		}
		return ""
	default:
		if got != want {
			return fmt.Sprintf("%s is %v, not %v", at, got, want)
		}
		return ""
	}
}
