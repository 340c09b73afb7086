package web

import (
	"cmp"
	"strings"

	"github.com/google/uuid"

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
	client := session.ReadClient(userAgent)
	name = clip(client.Browser, maxDeviceName/2)
	switch {
	case name != "" && client.System != "":
		name += " on " + client.System
	case name == "":
		name = cmp.Or(client.System, "Unknown device")
	}
	switch client.Type {
	case session.TVSet:
		kind = session.TV
	case session.Phone, session.Tablet:
		kind = session.Mobile
	case session.Computer:
		kind = session.Web
		if strings.Contains(userAgent, "Electron/") {
			kind = session.Desktop
		}
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
