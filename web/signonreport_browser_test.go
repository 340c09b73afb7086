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

// TestReportGoesOnWhereTheSessionLives has another tab sign in while its user is at the provider: there is nothing to
// report any more, and the page shows that, and the way to where the notice was.
func TestReportGoesOnWhereTheSessionLives(t *testing.T) {
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
	w.choose("Continue with Example ID")
	w.do(chromedp.WaitVisible("#user"))

	other := w.tab(s.server.URL + "/sign-in#again")
	other.toProvider()
	other.asProvider("alice")
	other.do(chromedp.WaitVisible(live))
	w.asProvider("alice")
	w.shows("#onward", "/devices") // it was there a moment ago
	w.wantAddress(s, "/sign-in?return=%2Fdevices")
	if kept := w.keepsSignOns(); len(kept) != 0 {
		t.Errorf("the browser keeps %d sign-ins", len(kept))
	}
	s.admin("GET", "/v1/admin/events?type=session.reported", "").length(0, "events")
}

// TestReportWaitsForTheHub comes back from the provider while the store is away: the page says so, and then reports.
func TestReportWaitsForTheHub(t *testing.T) {
	t.Parallel()
	s := newSSOSite(t, onlySSO)
	w := browser(t, s.site)()
	w.goTo(s, "/sign-in")
	w.toProvider()
	w.asProvider("alice")
	w.do(chromedp.WaitVisible(live))
	s.openOn("alice", "Attic PC")
	w.says("You were signed out here")
	s.faults.gone.Store(true)
	w.choose("It was not me")
	w.contains(w.says("Sign the other device out"), "does not answer")
	w.picture("notice-unsaid")
	s.faults.gone.Store(false)
	w.choose("It was not me")
	w.choose("Continue with Example ID")
	w.do(chromedp.WaitVisible("#user"))
	s.faults.gone.Store(true)
	w.asProvider("alice")
	w.shows("#away", "No answer from the hub")
	s.faults.gone.Store(false)
	w.do(chromedp.Click("#away-now"))
	w.contains(w.says("It has been signed out"), "Attic PC")
}
