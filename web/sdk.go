package web

import (
	"compress/gzip"
	"embed"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// sdkFiles are the modules of the browser SDK, which package.json makes an npm package of too.
//
//go:embed sdk/*.js
var sdkFiles embed.FS

// sdkModules are they in the order in which they need each other.
var sdkModules = []string{"line.js", "tabs.js", "sessionhub.js"}

// What the SDK is served without. Its modules hold no strings or expressions that look like these; what is served
// is what the tests in a browser run.
var (
	sdkComments = regexp.MustCompile(`(?s)/\*\*.*?\*/ ?|(?m-s:(^| )//.*$)`)
	sdkImports  = regexp.MustCompile(`(?m)^import .*\n`)
	sdkInternal = regexp.MustCompile(`(?m)^export (class|function ended|async function call)`)
	sdkIndent   = regexp.MustCompile(`(?m)^\s+|[ \t]+$`)
	sdkSpaces   = regexp.MustCompile(` (=>|[!=]==|[<>]=|\?\?=?|\|\||&&|=) `)
	sdkPrivate  = regexp.MustCompile(`#[a-zA-Z]\w*`)
)

// sdk returns the SDK as it is served: all its modules as one, so that no browser mixes those of two versions, and
// without what only its readers need. Its lines stay lines, for whoever debugs it.
var sdk = sync.OnceValue(func() string {
	var all strings.Builder
	for _, name := range sdkModules {
		text, err := sdkFiles.ReadFile("sdk/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		all.Write(text)
	}
	text := sdkComments.ReplaceAllString(all.String(), "")
	text = sdkInternal.ReplaceAllString(sdkImports.ReplaceAllString(text, ""), "$1")
	text = sdkSpaces.ReplaceAllString(sdkIndent.ReplaceAllString(text, ""), "$1")
	return shorten(text)
})

// shorten gives the private names of classes, which nothing outside of them can use, names as short as can be: a letter,
// the same ones in each class.
func shorten(text string) string {
	const begin = "\nclass "
	classes := strings.Split(text, begin)
	for i, class := range classes {
		short := map[string]string{}
		classes[i] = sdkPrivate.ReplaceAllStringFunc(class, func(name string) string {
			if short[name] == "" {
				n := len(short)
				short[name] = "#" + strings.Repeat("_", n/26) + string(rune('a'+n%26))
			}
			return short[name]
		})
	}
	return strings.Join(classes, begin)
}

// sdkBeside are modules that are served as they are, but for their comments: what shows sessions to people.
var sdkBeside = []string{"words.js", "notice-parts.js", "notice-texts.js", "session-notice.js"}

// addSDK adds the browser SDK, and the modules beside it. They are the same for everybody and hold no secret, so pages
// of every origin may import them; what they may do with them, the API decides.
func (s *server) addSDK(r chi.Router) error {
	modules := map[string]string{"sessionhub.js": sdk()}
	for _, name := range sdkBeside {
		text, err := sdkFiles.ReadFile("sdk/" + name)
		if err != nil {
			return err
		}
		modules[name] = sdkComments.ReplaceAllString(string(text), "")
	}
	for name, text := range modules {
		serve := versioned(name, []byte(text))
		serve = middleware.Compress(gzip.BestCompression, "text/javascript")(serve)
		serve = middleware.SetHeader("Access-Control-Allow-Origin", "*")(serve)
		serve = s.secure(middleware.SetHeader("Cross-Origin-Resource-Policy", "cross-origin")(serve))
		r.Method(http.MethodGet, "/sdk/"+name, serve)
		r.Method(http.MethodHead, "/sdk/"+name, serve)
	}
	return nil
}
