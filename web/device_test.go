package web

import (
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

func TestGuessDevice(t *testing.T) {
	for _, tt := range []struct {
		userAgent, name string
		kind            session.Kind
	}{
		{"", "Unknown device", session.Other},
		{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux", session.Web},
		{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 " +
			"Edg/142.0.0.0", "Edge on Windows", session.Web},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
			"Safari on macOS", session.Web},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 " +
			"Mobile/15E148 Safari/604.1", "Safari on iOS", session.Mobile},
		{"Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
			"Chrome on Android", session.Mobile},
		{"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.40 Chrome/130.0 Electron/33.0 Safari/537.36",
			"Slack on Linux", session.Desktop},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Version/8.0 TV Safari/537.36",
			"TV browser on Tizen", session.TV},
		{"curl/8.5.0", "curl", session.Other},
	} {
		name, kind := guessDevice(tt.userAgent)
		if name != tt.name || kind != tt.kind {
			t.Errorf("%s: %q, %s; want %q, %s", tt.userAgent, name, kind, tt.name, tt.kind)
		}
	}
}

func TestDevicesAreAlwaysInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		userAgent := clip(string(rapid.SliceOfN(rapid.Byte(), 0, 600).Draw(t, "user agent")), maxUserAgent)
		d := (*deviceInput)(nil).device(userAgent)
		var f fields
		f.device("device", &deviceInput{ID: &d.ID, Name: d.Name, Kind: d.Kind})
		f.text("user agent", userAgent, 0, maxUserAgent)
		if err := f.err(); err != nil || d.Name == "" || d.Kind == "" {
			t.Fatalf("%+v: %v", d, err)
		}
	})
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		most := rapid.IntRange(0, 40).Draw(t, "most")
		got := clip(text, most)
		if len(got) > most || !utf8.ValidString(got) || len(text) <= most && got != text {
			t.Fatalf("%q", got)
		}
	})
}
