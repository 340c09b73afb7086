package web_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

func TestSignInIsForEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t, demo, policy(session.Ask))
	open := browser(t, s)
	first, second := open(), open()
	first.see("#login", "signin")
	first.accessible()
	first.shot("signin")
	first.use("bob")
	first.see(live, "live")
	first.accessible()
	first.shot("live")
	second.use("bob")
	second.see("#choice", "choice")
	second.accessible()
	second.shot("choice")
	s.admin("DELETE", "/v1/admin/users/bob/sessions", `{"message":"The office is closed."}`)
	first.says("An administrator signed you out")
	first.accessible()
	first.shot("ended")
}

// barrierPage has one of each barrier, so that a page without complaints has none.
const barrierPage = `<!doctype html><html lang="en"><title>Barriers</title><link rel="icon" href="data:,">
	<link rel="stylesheet" href="/app.css">
	<main><h1>Barriers</h1><h3>A step left out</h3><p class="wide">wide</p><p class="pale">Pale</p>
	<button class="small">x</button> <button class="bare">Nothing to see</button> <button class="faint">Faint</button>
	<label>Edge <input class="edge"></label> <input> <button tabindex="3">First</button>
	<div class="back"><button>One</button><button>Two</button></div>
	<div class="under"><button>Under</button></div></main>`

const barrierStyle = `
	.wide { width: 500px; } .pale { color: #999; } .small { width: 16px; height: 16px; padding: 0; }
	.bare:focus { outline: none; } .faint:focus { outline: 2px solid #ddd; } .edge { border: 1px solid #ddd; }
	.back { width: 500px; display: flex; flex-flow: row-reverse wrap-reverse; } .back button { width: 300px; }
	.under { position: relative; } .under::after { content: ""; position: absolute; inset: 0; }`

func TestBarriersAreFound(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) {
		o.Page = fstest.MapFS{"index.html": {Data: []byte(barrierPage)}, "app.css": {Data: []byte(barrierStyle)}}
	})
	w := browser(t, s)()
	found := strings.Join(w.barriers(looks), "\n")
	for _, want := range []string{
		"color-contrast at .pale", "(1280, 1280-dark, 360, 360-dark)", "heading-order at h3", "label at main > input",
		"target-size at .back > button", "smaller than 24 px: <button class=small> x", "<input class=edge>",
		"no outline when focused: <button class=bare>", "the outline is hard to see: <button class=faint>",
		"has a place of its own in the order: <button> First",
		"comes after <button> First, and stands before it: <button class=small>",
		"is seen before <button> One, and comes after it: <button> Two",
		"focused, and behind something or out of sight: <button> Under", "the page is 508 px wide, in 360",
		"the page is 508 px wide, in 320",
	} {
		if !strings.Contains(found, want) {
			t.Errorf("nobody says %q", want)
		}
	}
	if t.Failed() {
		t.Log(found)
	}
}

func TestComplaintsAreCollected(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := browser(t, s)()
	w.see("#login", "signin")
	if complaints := w.collect(); len(complaints) > 0 {
		t.Errorf("before anything is wrong: %q", complaints)
	}
	for script, want := range map[string]string{
		`setTimeout(() => { throw new Error("mine") })`:                                         "mine",
		`Promise.reject(new Error("nobody's"))`:                                                 "nobody's",
		`console.error("as written")`:                                                           "as written",
		`setTimeout(() => alert("hello"))`:                                                      "a dialog: hello",
		`document.body.append(Object.assign(new Image(), {src: "https://elsewhere.invalid/"}))`: "Content Security Policy",
		`fetch("/nowhere").catch(() => {})`:                                                     "404",
	} {
		w.script("%s;0", script)
		for {
			if all := strings.Join(w.collect(), "\n"); strings.Contains(all, want) {
				break
			} else if w.ctx.Err() != nil {
				t.Fatalf("%s: %s", script, all)
			}
		}
	}
}
