package notify

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// redactor takes the secrets of a channel's address out of what its service says: the services put the addresses they
// call into their errors, and those hold tokens.
type redactor struct{ words []string } // the longest first

// anAddress is whatever looks like one.
var anAddress = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"]*`)

// newRedactor finds the secrets of an address. Everything after its scheme may be one, except for the names of hosts and
// of parameters.
func newRedactor(address string) redactor {
	var r redactor
	add := func(text string) {
		for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text)} {
			r.words = append(r.words, form)
			r.words = append(r.words, strings.FieldsFunc(form, func(c rune) bool {
				return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_')
			})...)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		_, rest, _ := strings.Cut(address, "://")
		add(rest)
	} else {
		password, _ := u.User.Password()
		for _, part := range []string{u.User.Username(), password, u.Path, u.Fragment, u.Opaque} {
			add(part)
		}
		for _, values := range u.Query() {
			for _, value := range values {
				add(value)
			}
		}
		// Some services have their token where others have the host.
		if !strings.Contains(u.Hostname(), ".") {
			add(u.Host)
		}
	}
	// Shorter ones are words of every sentence.
	r.words = slices.DeleteFunc(r.words, func(word string) bool { return len(word) < 4 })
	slices.SortFunc(r.words, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	r.words = slices.Compact(r.words)
	return r
}

// clean returns a text without secrets, on one line, of at most 300 characters.
func (r redactor) clean(text string) string {
	text = anAddress.ReplaceAllString(text, "…")
	for _, word := range r.words {
		text = strings.ReplaceAll(text, word, "…")
	}
	return plain(text, 300)
}
