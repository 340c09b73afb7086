package web

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
)

// What the examples of the document are made of: Alice signed in on a laptop, and then on a phone.
const (
	exampleUser     = "alice"
	exampleInstance = "4f1d2c9a7b30"
	exampleAddress  = "192.0.2.7"
	exampleAgent    = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	exampleMobile   = "Mozilla/5.0 (Android 16; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
)

var (
	exampleID      = uuid.MustParse("6e0d8a53-7c1f-4f0e-9d0a-1f5b2c3d4e5f")
	exampleOtherID = uuid.MustParse("c2a9e1b4-52d7-4a86-8f3e-0b7d6c5a4932")
	exampleNow     = time.Date(2026, time.March, 9, 8, 30, 0, 0, time.UTC)

	exampleLaptop = session.Device{ID: "laptop-7", Name: "Firefox on Linux", Kind: session.Web}
	examplePhone  = session.Device{ID: "phone-2", Name: "Firefox on Android", Kind: session.Mobile}

	exampleOld = session.Session{
		ID: exampleOtherID, Device: exampleLaptop, IP: exampleAddress, UserAgent: exampleAgent,
		CreatedAt: exampleNow.Add(-time.Hour), LastActiveAt: exampleNow.Add(-10 * time.Minute), IdleTimeout: 30 * time.Minute,
	}
	exampleNew = session.Session{
		ID: exampleID, Device: examplePhone, IP: "198.51.100.20", UserAgent: exampleMobile,
		CreatedAt: exampleNow, LastActiveAt: exampleNow, IdleTimeout: 30 * time.Minute,
	}
	exampleEnding = session.Ending{Reason: session.Superseded, At: exampleNow, By: exampleNew.Actor()}

	exampleOldView = exampleOld.View(exampleUser, true, false)
	exampleView    = exampleNew.View(exampleUser, true, true)

	// Neither is worth anything.
	exampleToken  = "sh_" + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("only an example "), 4))
	exampleTicket = "st_" + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("only an example "), 3))

	exampleDevice = &deviceInput{ID: &exampleLaptop.ID, Name: exampleLaptop.Name, Kind: exampleLaptop.Kind}
	exampleOpened = loginAnswer{Session: exampleView, Token: exampleToken, Ended: []session.View{exampleOldView}}
)

// examplePointer returns a pointer to a value.
func examplePointer[T any](v T) *T { return &v }
