package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestNoticeReportsByTheProvider goes the whole way on a hub without passwords: from an app on the hub's host that has
// only dropped the notice in, as the page of devices is, over the provider, which asks anew, and back.
func TestNoticeReportsByTheProvider(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t, onlySSO)
	w := browser(t, s.site)()
	w.goTo(s, "/sign-in?return=/devices")
	w.toProvider()
	w.asProvider("alice")
	w.do(chromedp.WaitVisible("#devices"))
	s.openOn("alice", "Attic PC")
	w.says("You were signed out here")
	w.choose("It was not me")
	w.contains(w.says("Sign the other device out"), "sign in once more at Example ID", "Attic PC", "Continue with Example ID")
	w.accessible(looks[0], looks[3])
	w.pictures("notice-provider", looks[0])
	w.pictures("notice-provider", looks[2])

	// Somebody else there, and nobody at all: nothing is done, and it can be tried again.
	w.choose("Continue with Example ID")
	w.do(chromedp.WaitVisible("#user"))
	w.asProvider("mallory")
	w.until(`$("#problem")?.innerText.includes("as somebody else. Nothing has been done.")`)
	w.wantAddress(s, "/sign-in?return=%2Fdevices")
	w.pictures("notice-provider-again", looks[2])
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(1, "sessions")
	w.choose("Continue with Example ID")
	w.do(chromedp.WaitVisible("#no"), chromedp.Click("#no"))
	w.until(`$("#problem")?.innerText.includes("You have not signed in there")`)

	w.choose("Continue with Example ID")
	w.do(chromedp.WaitVisible("#user"))
	w.asProvider("alice")
	w.contains(w.says("It has been signed out"), "Attic PC", "Nothing else is signed in")
	w.picture("notice-provider-done")
	s.admin("GET", "/v1/admin/users/alice/sessions", "").length(0, "sessions")
	s.admin("GET", "/v1/admin/events?type=session.reported", "").length(1, "events")
	w.choose("Close")
	w.choose("Sign in again")
	w.toProvider()
	w.asProvider("alice")
	w.do(chromedp.WaitVisible("#devices"))
	w.wantAddress(s, "/devices")
}
