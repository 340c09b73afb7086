package web_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// ready waits until the hub has made its first beat, which it does on its own time.
func (s *site) ready() {
	s.Helper()
	await(s, "the hub is ready", func() bool { return s.hub.Ready() == nil })
}

func TestStatsAndInstances(t *testing.T) {
	s := newSite(t)
	s.ready()
	s.do("GET", "/readyz", "").want(http.StatusOK).has("ok", "status")
	s.admin("GET", "/v1/admin/stats", "").want(http.StatusOK).has(1.0, "instances").has(0.0, "connections")
	s.admin("GET", "/v1/admin/instances", "").want(http.StatusOK).length(1, "instances").
		has("here", "instances", 0, "id").has("test", "instances", 0, "version").has(0.0, "instances", 0, "connections").
		has("ready", "instances", 0, "state").has(nil, "instances", 0, "detail").has(0.0, "instances", 0, "max_connections").
		length(12, "instances", 0, "notice_ms", "le")
	history := s.admin("GET", "/v1/admin/stats/history", "").want(http.StatusOK).has(3000.0, "every_ms").
		has(1.0, "points", 0, "instances").has(false, "points", 0, "continues").has(0.0, "points", 0, "forced")
	for _, until := range []string{"told", "acked"} {
		history.length(13, "points", 0, "notice_ms", until)
		s.admin("GET", "/v1/admin/stats", "").length(13, "notice_ms", until)
	}
}

func TestMetrics(t *testing.T) {
	s := newSite(t)
	token, _ := s.open("alice")
	s.do("POST", "/v1/login", `{"username":"alice","password":"wrong"}`)
	c := s.connect([]string{hub.Subprotocol}, "Authorization", "Bearer "+token)
	c.next("welcome")
	s.open("alice")
	c.next("session.revoked")
	text := s.do("GET", "/metrics", "").text
	for _, line := range []string{
		`hub_logins_total{outcome="admitted"} 2`, `hub_logins_total{outcome="credentials"} 1`,
		`hub_logins_total{outcome="rejected"} 0`, `hub_sessions_admitted_total 2`,
		`hub_sessions_ended_total{reason="superseded"} 1`, `hub_notice_gaps_found_total 0`, `hub_notices_late_total 0`,
		`hub_notice_seconds_count{until="told"} `, `hub_notice_seconds_bucket{until="told",le="0.001"} `,
		`hub_notice_seconds_bucket{until="acked",le="+Inf"} 0`, `hub_notice_seconds_sum{until="acked"} 0`,
		"go_goroutines ", "hub_connections ", "hub_notices_sent_total ", "hub_notices_acked_total ", "hub_ready ",
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %q in the metrics", line)
		}
	}
}

func TestStoreIsMeasured(t *testing.T) {
	reg := prometheus.NewRegistry()
	store, err := web.InstrumentStore(newMemory(), reg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), session.KeyOf("alice")); err != nil {
		t.Error(err)
	}
	if _, err := store.Commit(t.Context(), session.KeyOf("alice"), session.Change{From: session.Version{1}}); err == nil {
		t.Error("no conflict")
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	calls := make(map[string]uint64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "hub_store_seconds" {
				calls[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			} else if n := m.GetCounter().GetValue(); n != 0 {
				t.Errorf("%s: %v failures", family.GetName(), n)
			}
		}
	}
	if len(calls) != 16 || calls["load"] != 1 || calls["commit"] != 1 || calls["attach"] != 0 {
		t.Errorf("calls: %v", calls)
	}
	if _, err := web.InstrumentStore(store, reg); err == nil {
		t.Error("measured twice in one registry")
	}
}

func TestPage(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.DemoUsers = []string{"alice", "<b>ob"} })
	r := s.do("GET", "/", "").want(http.StatusOK)
	if !strings.Contains(r.text, `data-user="alice"`) || strings.Contains(r.text, "<b>ob") {
		t.Errorf("the demo's users: %s", r.text)
	}
	if strings.Contains(r.text, "style=") || strings.Contains(r.text, "onclick=") {
		t.Error("the page has what its own policy forbids")
	}
	for path, kind := range map[string]string{
		"/": "text/html", "/sign-in": "text/html", "/ui/signin/signin.js": "text/javascript", "/ui/lib/base.css": "text/css",
		"/ui/lib/icon.svg": "image/svg+xml", "/sdk/words.js": "text/javascript",
	} {
		r := s.do("GET", path, "").want(http.StatusOK)
		if got := r.header.Get("Content-Type"); !strings.HasPrefix(got, kind) {
			t.Errorf("%s is %s", path, got)
		}
		again := s.do("GET", path, "", "If-None-Match", r.header.Get("ETag"))
		if again.status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, again.status)
		}
		if strings.Contains(r.text, "https://") {
			t.Errorf("%s refers to somebody else", path)
		}
	}
	s.do("GET", "/index.html", "").want(http.StatusNotFound)
	without := newSite(t, func(o *web.Options) { o.Passwords = nil }).do("GET", "/", "")
	if strings.Contains(without.text, "<form") {
		t.Error("a form without passwords")
	}
	own := newSite(t, func(o *web.Options) { o.Page = fstest.MapFS{"index.html": {Data: []byte("Ours.")}} })
	if got := own.do("GET", "/", "").text; got != "Ours." {
		t.Errorf("our own page: %q", got)
	}
}
