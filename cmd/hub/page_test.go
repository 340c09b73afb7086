package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readPage returns a page of the documentation.
func readPage(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// block is a piece of code on a page.
type block struct{ language, text string }

var blockShape = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// blocksOf returns the blocks of a page, in turn.
func blocksOf(page string) (blocks []block) {
	for _, found := range blockShape.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block{found[1], found[2]})
	}
	return blocks
}

// blockOf returns the only block of a page in a language.
func blockOf(t *testing.T, page, language string) string {
	t.Helper()
	var texts []string
	for _, b := range blocksOf(page) {
		if b.language == language {
			texts = append(texts, b.text)
		}
	}
	if len(texts) != 1 {
		t.Fatalf("%d blocks of %s in the page, want one", len(texts), language)
	}
	return texts[0]
}

// runShell runs commands of a page for the hub at base, and returns what they print.
func runShell(t *testing.T, base, commands string, env ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(within(t), "sh", "-euc", commands)
	cmd.Env = append(os.Environ(), append(env, "HUB="+base, "HUB_API_KEY="+testKey)...)
	text, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			text = append(text, exit.Stderr...)
		}
		t.Fatalf("%s\n%v: %s", commands, err, text)
	}
	return text
}

// wantAnswer holds the hub's answer to a command to the one that the page shows, and returns it.
func wantAnswer(t *testing.T, command string, text []byte, shown string) map[string]any {
	t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		t.Fatalf("the page's answer: %v: %s", err, shown)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("the hub's answer: %v: %s", err, text)
	}
	if where := differ("the answer", got, want); where != "" {
		t.Errorf("%s\n%s\n got %s\nwant %s", command, where, text, shown)
	}
	return got
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
		if text, ok := got.(string); !ok || !reads(text, want) {
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

// reads reports whether a text is what a page shows of it, where … stands for any text within a line.
func reads(got, shown string) bool {
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(shown), "…", ".+") + "$"
	return regexp.MustCompile(pattern).MatchString(got)
}
