package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"

	"github.com/go-chi/chi/v5"
)

//go:embed page
var embedded embed.FS

// pagePolicy lets the page run its own files, and talk to its own host, alone.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pageData is what index.html is made with.
type pageData struct {
	Passwords bool     // signing in by password is possible
	DemoUsers []string // accounts to offer, all with the password demo
}

// addPage adds the sign-in page: index.html at /, and the files beside it. They are read once.
func (s *server) addPage(r chi.Router) error {
	files := s.Page
	if files == nil {
		var err error
		if files, err = fs.Sub(embedded, "page"); err != nil {
			return err
		}
	}
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		at := "/" + name
		if name == "index.html" {
			at = "/"
			if content, err = s.renderPage(content); err != nil {
				return err
			}
		}
		serve := s.secure(file(name, content))
		r.Method(http.MethodGet, at, serve)
		r.Method(http.MethodHead, at, serve)
		return nil
	})
}

func (s *server) renderPage(source []byte) ([]byte, error) {
	page, err := template.New("index.html").Parse(string(source))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, pageData{Passwords: s.Passwords != nil, DemoUsers: s.DemoUsers})
	return out.Bytes(), err
}

// file serves one file of the page.
func file(name string, content []byte) http.Handler {
	serve := versioned(name, content)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		serve.ServeHTTP(w, r)
	})
}

// versioned serves a file under the page's policy. Browsers ask each time whether it has changed. Its tag is weak, as
// it is that of the compressed file too.
func versioned(name string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := fmt.Sprintf("W/%q", base64.RawURLEncoding.EncodeToString(sum[:12]))
	kind := mime.TypeByExtension(path.Ext(name))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		if kind != "" {
			h.Set("Content-Type", kind)
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
