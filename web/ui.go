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

// uiFiles are the hub's own pages: a folder each, and lib, which they share.
//
//go:embed ui
var uiFiles embed.FS

// uiPages says where the page of each folder is. What else is in the folders is served under /ui/. The page for signing
// in has two addresses: where the hub shares a host with an app, / is the app's.
var uiPages = map[string][]string{"signin": {"/", "/sign-in"}, "devices": {"/devices"}, "admin": {"/admin"}}

// pagePolicy lets a page run the hub's own files, and talk to its own host, alone. No text becomes a script, whatever
// a page does with it: nothing may make a trusted type (W3C Trusted Types).
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// pagePowers are those of a browser that no page of the hub has a use for (W3C Permissions Policy).
const pagePowers = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()"

// pageData is what a page is made with.
type pageData struct {
	Passwords bool     // signing in by password is possible
	DemoUsers []string // accounts to offer, all with the password demo
	Provider  string   // whom to sign in with, as people know it; empty is nobody
}

// addPages adds the hub's pages, and in place of the one for signing in the embedder's, if there is one. All are read
// once.
func (s *server) addPages(r chi.Router) error {
	shared, err := template.ParseFS(uiFiles, "ui/lib/*.html")
	if err != nil {
		return err
	}
	if s.Page != nil {
		if err := s.addFiles(r, s.Page, shared, func(name string) []string {
			if name == "index.html" {
				return uiPages["signin"]
			}
			return []string{"/" + name}
		}); err != nil {
			return fmt.Errorf("sign-in page: %w", err)
		}
	}
	return s.addFiles(r, uiFiles, shared, s.uiPath)
}

// uiPath returns where one of the hub's own files is served, if it is.
func (s *server) uiPath(name string) []string {
	folder := path.Base(path.Dir(name))
	switch {
	case path.Ext(name) != ".html":
		return []string{"/" + name}
	case folder == "signin" && s.Page != nil:
		return nil
	default:
		return uiPages[folder]
	}
}

// addFiles adds the files that have an address. Those that end in .html are templates, which may use the shared ones.
func (s *server) addFiles(
	r chi.Router, files fs.FS, shared *template.Template, address func(name string) []string,
) error {
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err == nil && path.Ext(name) == ".html" {
			content, err = s.renderPage(shared, name, content)
		}
		if err != nil {
			return err
		}
		serve := s.secure(file(name, content))
		for _, at := range address(name) {
			r.Method(http.MethodGet, at, serve)
			r.Method(http.MethodHead, at, serve)
		}
		return nil
	})
}

func (s *server) renderPage(shared *template.Template, name string, source []byte) ([]byte, error) {
	page, err := shared.Clone()
	if err == nil {
		page, err = page.New(name).Parse(string(source))
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	data := pageData{Passwords: s.Passwords != nil, DemoUsers: s.DemoUsers}
	if s.OIDC != nil {
		data.Provider = s.OIDC.Name()
	}
	err = page.Execute(&out, data)
	return out.Bytes(), err
}

// file serves one file of a page.
func file(name string, content []byte) http.Handler {
	serve := versioned(name, content)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", pagePowers)
		h.Set("X-Frame-Options", "DENY")
		serve.ServeHTTP(w, r)
	})
}

// versioned serves a file under the pages' policy. Browsers ask each time whether it has changed. Its tag is weak, as
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
