package web

import (
	"strings"

	"github.com/google/uuid"
	"github.com/mileusna/useragent"

	"github.com/sessionhub/sessionhub/session"
)

// deviceInput is what a client says of its device. What it leaves out is made up from its user agent.
type deviceInput struct {
	ID   *string      `json:"id,omitzero" minLength:"1" maxLength:"128" doc:"Chosen by the client and kept; absent is a device of its own"`
	Name string       `json:"name,omitempty" maxLength:"128"`
	Kind session.Kind `json:"kind,omitempty" enum:"web,mobile,desktop,tv,other"`
}

// device returns the device that d describes, or nil does not. Without an ID it is a new one each time.
func (d *deviceInput) device(userAgent string) session.Device {
	var out session.Device
	if d != nil {
		out.Name, out.Kind = d.Name, d.Kind
	}
	if d != nil && d.ID != nil {
		out.ID = *d.ID
	} else {
		out.ID = uuid.NewString()
	}
	if out.Name == "" || out.Kind == "" {
		name, kind := guessDevice(userAgent)
		if out.Name == "" {
			out.Name = name
		}
		if out.Kind == "" {
			out.Kind = kind
		}
	}
	return out
}

// guessDevice tells a device's name and kind from its user agent: "Firefox on Linux", a web browser.
func guessDevice(userAgent string) (name string, kind session.Kind) {
	if userAgent == "" {
		return "Unknown device", session.Other
	}
	ua := useragent.Parse(userAgent)
	name = clip(ua.Name, maxDeviceName/2)
	if os := clip(ua.OS, maxDeviceName/4); os != "" && name != "" {
		name += " on " + os
	} else if name == "" {
		name = "Unknown device"
	}
	switch lower := strings.ToLower(userAgent); {
	case strings.Contains(lower, "smarttv"), strings.Contains(lower, "smart-tv"), strings.Contains(lower, "appletv"),
		strings.Contains(lower, "googletv"), strings.Contains(lower, "android tv"), strings.Contains(lower, "web0s"):
		kind = session.TV
	case ua.Mobile, ua.Tablet:
		kind = session.Mobile
	case strings.Contains(lower, "electron/"):
		kind = session.Desktop
	case strings.HasPrefix(userAgent, "Mozilla/") && !ua.Bot:
		kind = session.Web
	default:
		kind = session.Other
	}
	return name, kind
}

// clip returns text as valid UTF-8 of at most so many bytes, cut between characters.
func clip(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}
