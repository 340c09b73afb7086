package session

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// TestUserAgents reads user agents of what people and apps use, one a line, after what is to be read from them.
func TestUserAgents(t *testing.T) {
	text, err := os.ReadFile("testdata/useragents.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		want, userAgent, ok := strings.Cut(line, " | ")
		if !ok {
			t.Fatalf("no user agent in %q", line)
		}
		c := ReadClient(userAgent)
		got := fmt.Sprintf("%s, %s, %s, %s, %s", c.Browser, c.BrowserVersion, c.System, c.SystemVersion, c.Type)
		if got != want {
			t.Errorf("%s\n\tis %q, want %q", userAgent, got, want)
		}
		seen++
	}
	if seen < 60 {
		t.Errorf("only %d user agents", seen)
	}
}

func TestClientsAreWordsForPeople(t *testing.T) {
	long := "Mozilla/5.0 (X11; Linux x86_64) " + strings.Repeat("<b>x</b>/1 ", 1000) + "Firefox/140.0"
	if c := ReadClient(""); c != (Client{}) {
		t.Errorf("nothing: %+v", c)
	}
	if c := ReadClient(long); c.Browser != "" || c.System != "Linux" || c.Type != Computer {
		t.Errorf("a long one: %+v", c)
	}
	pieces := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"Mozilla/5.0 ", "(", ")", "; ", "/", "Chrome/1.2", "Safari/9", "Android 10", "iPhone", "Version/", "<script>",
		"\u202e", "Macintosh", "\x00", "Tizen ", "OS 1_", " Mobile/", "bot/", "https://x",
	}))
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")
		c := ReadClient(text)
		if c != ReadClient(text) {
			t.Fatal("it is not the same twice")
		}
		for _, word := range []string{c.Browser, c.BrowserVersion, c.System, c.SystemVersion, string(c.Type)} {
			if utf8.RuneCountInString(word) > 40 || !utf8.ValidString(word) || strings.ContainsAny(word, "<>\"\u202e\x00\n") {
				t.Fatalf("%q of %q", word, text)
			}
		}
	})
}

// TestClientsAreBounded reads more user agents than are remembered.
func TestClientsAreBounded(t *testing.T) {
	for i := range 3 * maxClients {
		if c := ReadClient(fmt.Sprintf("curl/%d.0", i)); c.BrowserVersion != fmt.Sprint(i) {
			t.Fatalf("%+v", c)
		}
	}
	if n := clients.Len(); n > maxClients {
		t.Errorf("%d are remembered", n)
	}
}

// BenchmarkReadClients reads the user agents of a thousand sessions: of one browser, and each of another.
func BenchmarkReadClients(b *testing.B) {
	for _, kinds := range []int{1, 1000, 10_000} {
		agents := make([]string, kinds)
		for i := range agents {
			agents[i] = fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%[1]d.0", i)
		}
		b.Run(fmt.Sprint(kinds), func(b *testing.B) {
			next := 0
			for b.Loop() {
				for range 1000 {
					ReadClient(agents[next%kinds])
					next++
				}
			}
		})
	}
}

func TestShownActorsHaveTheirUserAgentInWords(t *testing.T) {
	kept := Actor{IP: "192.0.2.1", UserAgent: "curl/8.5.0"}
	shown := kept.Shown()
	if shown.Client == nil || shown.Client.Browser != "curl" || shown.IP != kept.IP {
		t.Errorf("shown as %+v", shown)
	}
	if kept.Client != nil {
		t.Error("what is kept has been changed")
	}
	for _, actor := range []*Actor{nil, {IP: "192.0.2.1"}} {
		if got := actor.Shown(); got != actor {
			t.Errorf("%+v is shown as %+v", actor, got)
		}
	}
}
