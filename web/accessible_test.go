package web_test

import (
	_ "embed" // the script below
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/accessible.js
var accessibleScript string

// axe is a program that finds what is in the way of people who use a page with other means than eyes and a mouse.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile("sdk/node_modules/axe-core/axe.min.js")
	if err != nil {
		err = fmt.Errorf("what pages are checked with is not there; run: make sdk (%w)", err)
	}
	return string(text), err
})

// axeRun asks for the rules of WCAG 2.2 at level AA, and what is good practice, such as landmarks and the order of
// headings. A complaint is one line: the rule, where, and why.
const axeRun = `axe.run(document, {
	runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
	rules: { "target-size": { enabled: true } },
	resultTypes: ["violations"],
}).then(({ violations }) => violations.flatMap((v) => v.nodes.map((n) =>
	v.id + " at " + n.target.flat().join(" ") + ": " +
		n.failureSummary.split("\n").slice(1).map((l) => l.trim()).join("; "))))`

// accessible holds the page, as it is at the moment, to WCAG 2.2 at level AA, in the given ways to look at it; none are
// all. Afterwards nothing has the focus.
func (w *window) accessible(at ...look) {
	w.Helper()
	if len(at) == 0 {
		at = looks
	}
	for _, barrier := range w.barriers(at) {
		w.Error(barrier)
	}
}

// barriers are what axe finds, and what axe does not see: sideways scrolling, small targets, fields without an edge,
// and a way through the page by keyboard that cannot be seen or does not go in the order of reading.
func (w *window) barriers(at []look) (found []string) {
	w.Helper()
	script, err := axe()
	if err != nil {
		w.Fatal(err)
	}
	w.script("%s", script+";0")
	w.script("window.accessible = %s;0", accessibleScript)
	defer func() {
		w.script("delete window.axe; delete window.accessible")
		w.do(usual)
	}()
	seen := make(map[string][]string) // by barrier, the looks
	add := func(l look, barriers []string) {
		for _, barrier := range barriers {
			if !slices.Contains(seen[barrier], l.String()) {
				seen[barrier] = append(seen[barrier], l.String())
			}
		}
	}
	for i, l := range at {
		w.do(l.take)
		w.script("accessible.still()")
		add(l, get(w, chromedp.Evaluate[[]string](axeRun, chromedp.EvalAwaitPromise)))
		add(l, get(w, chromedp.Evaluate[[]string]("accessible.wrong()")))
		if i == 0 || i == len(at)-1 { // wide and light, narrow and dark: the way is the same in the others
			add(l, w.walk())
		}
	}
	narrowest := look{width: 320, height: 600} // a window of 1280 at 400 % (WCAG 1.4.10)
	w.do(narrowest.take)
	add(narrowest, get(w, chromedp.Evaluate[[]string]("accessible.wrong()")))
	for barrier, at := range seen {
		found = append(found, barrier+" ("+strings.Join(at, ", ")+")")
	}
	slices.Sort(found)
	return found
}

// walk goes through the page by keyboard, to the end or 60 stops, and returns what is wrong on the way.
func (w *window) walk() (complaints []string) {
	w.Helper()
	w.script("accessible.begin()")
	for range 60 {
		w.do(chromedp.KeyEvent("\t"))
		at := get(w, chromedp.Evaluate[struct {
			Over  bool     `json:"over"`
			Wrong []string `json:"wrong"`
		}]("accessible.step()"))
		complaints = slices.Concat(complaints, at.Wrong)
		if at.Over {
			break
		}
	}
	w.script("accessible.begin()")
	return complaints
}
