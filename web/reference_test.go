package web_test

import (
	"cmp"
	"fmt"
	"html"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/web"
)

func TestReferenceTellsEverything(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.Version, o.PublicURL = "v1.2.3", "https://hub.example.com" })
	page := s.do("GET", "/docs", "").want(http.StatusOK)
	if got := page.header.Get("Content-Type"); !strings.HasPrefix(got, "text/html") {
		t.Errorf("Content-Type %q", got)
	}
	for _, forbidden := range []string{
		"<script", "style=", "onclick=", "ZgotmplZ", "<no value>", `href="http`, `src="http`,
	} {
		if strings.Contains(page.text, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
	for _, want := range []string{"v1.2.3", "https://hub.example.com/v1/login", "4001"} {
		if !strings.Contains(page.text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	c := readContract(t, unwatched(t, newMemory(), nil))
	for path, methods := range c.paths {
		for method := range methods {
			want := fmt.Sprintf(`<span class="method">%s</span> <code>%s</code>`, strings.ToUpper(method), path)
			if !strings.Contains(page.text, want) {
				t.Errorf("the page says nothing of %s %s", method, path)
			}
		}
	}
	for _, m := range hub.Messages() {
		if !strings.Contains(page.text, "<code>"+m.Type+"</code></h3>") {
			t.Errorf("the page says nothing of the message %s", m.Type)
		}
	}
	// Whatever is referred to is there, once; so is what the type of a problem leads to.
	var targets []string
	for _, match := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page.text, -1) {
		if slices.Contains(targets, match[1]) {
			t.Errorf("two places are named %s", match[1])
		}
		targets = append(targets, match[1])
	}
	for _, match := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page.text, -1) {
		if !slices.Contains(targets, match[1]) {
			t.Errorf("#%s leads nowhere", match[1])
		}
	}
	for _, example := range c.examples {
		if kind := example.Value.Type; kind != "about:blank" {
			at := s.do("GET", kind, "").header.Get("Location")
			if _, place, _ := strings.Cut(at, "/docs#"); !slices.Contains(targets, place) {
				t.Errorf("%s leads to %s, which is not there", kind, at)
			}
		}
	}
}

// TestReferenceCanBeTried runs each request of the page in a shell, with a curl that only says what it was given,
// and sends that to a hub.
func TestReferenceCanBeTried(t *testing.T) {
	s := newSite(t, unlimited)
	token, _ := s.open("alice")
	page := s.do("GET", "/docs", "").text
	lines := regexp.MustCompile(`(?s)<pre><code>(curl .*?)</code></pre>`).FindAllStringSubmatch(page, -1)
	if len(lines) < 20 {
		t.Fatalf("%d requests to try", len(lines))
	}
	for _, line := range lines {
		shell := exec.CommandContext(t.Context(), "sh", "-euc", `curl() { printf '%s\0' "$@"; }; `+html.UnescapeString(line[1]))
		shell.Env = []string{"TOKEN=" + token, "HUB_API_KEY=" + apiKey}
		said, err := shell.Output()
		if err != nil {
			t.Fatalf("%s: %v", line[1], err)
		}
		tried := parseCurl(t, strings.Split(strings.TrimSuffix(string(said), "\x00"), "\x00"))
		if tried.path == "/v1/session" && tried.method == "DELETE" || strings.HasPrefix(tried.path, "/v1/verify") ||
			strings.HasSuffix(tried.path, "/stream") {
			continue // it would end the session of the others, or has no end; the gate has tests of its own
		}
		r := s.do(tried.method, tried.path, tried.body, tried.headers...)
		if slices.Contains([]int{400, 403, 405, 413, 415, 422, 500}, r.status) ||
			r.status == http.StatusUnauthorized && tried.path != "/v1/login" && tried.path != "/v1/admin/session" {
			t.Errorf("%s: %d, %s", html.UnescapeString(line[1]), r.status, r.text)
		}
	}
}

// curled is a request as curl would send it.
type curled struct {
	method, path, body string
	headers            []string
}

func parseCurl(t *testing.T, args []string) curled {
	t.Helper()
	var c curled
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-i":
		case "-X":
			i++
			c.method = args[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(args[i], ": ")
			c.headers = append(c.headers, name, value)
		case "-d", "--data-urlencode":
			form := args[i] == "--data-urlencode"
			i++
			c.method, c.body = cmp.Or(c.method, "POST"), args[i]
			if form {
				c.headers = append(c.headers, "Content-Type", "application/x-www-form-urlencoded")
			}
		default:
			path, ok := strings.CutPrefix(args[i], "http://localhost:8080")
			if !ok {
				t.Fatalf("curl %q", args)
			}
			c.path = path
		}
	}
	c.method = cmp.Or(c.method, "GET")
	return c
}

func TestReferenceInABrowser(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := browser(t, s)()
	w.do(chromedp.Navigate(s.server.URL + "/docs"))
	// By keyboard, the first thing to reach leads past the contents.
	w.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
	if at := get(w, chromedp.Evaluate[string]("document.activeElement.id")); at != "content" {
		t.Errorf("the first Tab and Enter lead to %q", at)
	}
	w.accessible(looks[0], looks[len(looks)-1])
	w.shot("docs")
	// A problem's type leads to its place on the page.
	w.do(chromedp.Navigate(s.server.URL + "/problems/session-limit"))
	at := get(w, chromedp.Evaluate[string]("document.querySelector(':target').textContent"))
	if !strings.Contains(at, "session-limit") {
		t.Errorf("the type of a problem leads to %q", at)
	}
}
