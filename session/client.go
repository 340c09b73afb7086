package session

import (
	"regexp"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/mileusna/useragent"
)

// Client is what a user agent says of the program that signed in, in words for people: "Firefox", "140", on "Android",
// "14". What it does not say, or is known not to say truthfully, is empty: browsers call every Windows since the tenth
// "NT 10.0", every macOS since 2019 "10_15_7", and an iPad, in its own browser, a Mac.
type Client struct {
	Browser        string     `json:"browser" doc:"The browser or app; empty where unknown, as the others are"`
	BrowserVersion string     `json:"browser_version" doc:"As people say it: 140, or 18.1"`
	System         string     `json:"system" doc:"The operating system"`
	SystemVersion  string     `json:"system_version"`
	Type           ClientType `json:"type" doc:"What it runs on, or what it is where that is no device of a person"`
}

// ClientType is what a client runs on or, where a user agent names no device, what sort of program it is.
type ClientType string

// The types of client. The empty one is unknown.
const (
	Computer ClientType = "computer"
	Phone    ClientType = "phone"
	Tablet   ClientType = "tablet"
	TVSet    ClientType = "tv"      // and what is plugged into one
	Program  ClientType = "program" // curl, or the HTTP library of an app
	Bot      ClientType = "bot"
)

// ClientTypes lists every type of client that is known.
var ClientTypes = []ClientType{Computer, Phone, Tablet, TVSet, Program, Bot}

const (
	// maxAgent is how many bytes of a user agent are looked at.
	maxAgent = 512
	// maxClients is how many user agents are remembered.
	maxClients = 1024
)

// clients are the user agents that were read lately: those of the sessions in a list are few, and read again and again.
var clients = must(lru.New[string, Client](maxClients))

// ReadClient reads a user agent. It may be called concurrently, with text from anybody.
func ReadClient(userAgent string) Client {
	userAgent = userAgent[:min(len(userAgent), maxAgent)]
	if c, known := clients.Get(userAgent); known {
		return c
	}
	c := readClient(userAgent)
	clients.Add(strings.Clone(userAgent), c)
	return c
}

// readClient mends what the library makes of a user agent where that misleads people.
func readClient(text string) Client {
	ua := useragent.Parse(text)
	c := Client{Browser: word(ua.Name), BrowserVersion: shortVersion(ua.Version), System: ua.OS}
	c.SystemVersion = shortVersion(ua.OSVersion)
	c.nameBrowser(text)
	c.nameSystem(text, &ua)
	c.nameType(text, &ua)
	if c.Browser == "" {
		c.BrowserVersion = ""
	}
	if c.System == "" {
		c.SystemVersion = ""
	}
	return c
}

// A mark is a piece of a user agent that says more than the rest of it.
type mark struct {
	text string
	name string
}

// browserMarks are the names of those that the library takes for what they are built on, or calls otherwise than people
// do. The version, if there is one, follows the text.
var browserMarks = []mark{
	{"Trident/7.0; rv:", "Internet Explorer"}, {"GSA/", "Google app"}, {"DuckDuckGo/", "DuckDuckGo"},
	{"Ddg/", "DuckDuckGo"},
	{"YaBrowser/", "Yandex Browser"}, {"SamsungBrowser/", "Samsung Internet"}, {"MicroMessenger/", "WeChat"},
	{"OPX/", "Opera GX"}, {"Whale/", "Naver Whale"}, {"FBAV/", "Facebook app"}, {"UCBrowser/", "UC Browser"},
	{"MiuiBrowser/", "Mi Browser"}, {"HuaweiBrowser/", "Huawei Browser"}, {"Teams/", "Teams"}, {"Silk/", "Silk"},
	{"Instagram ", "Instagram"}, {"CrKey/", "Chromecast"},
}

// nameBrowser puts right which browser it is.
func (c *Client) nameBrowser(text string) {
	for _, m := range browserMarks {
		if _, after, ok := strings.Cut(text, m.text); ok {
			c.Browser, c.BrowserVersion = m.name, shortVersion(after)
			return
		}
	}
	switch {
	case !strings.HasPrefix(text, "Mozilla/"):
	case strings.Contains(text, "; wv)"):
		c.Browser = "WebView" // of an app that does not say which
	case strings.Contains(text, "AppleWebKit/") && strings.Contains(text, " Mobile/") &&
		!strings.Contains(text, "Safari/") && (c.Browser == "iPhone" || c.Browser == "iPad" || c.Browser == "Macintosh"):
		c.Browser, c.BrowserVersion = "WebView", ""
	case c.Browser == "TV Safari":
		c.Browser, c.BrowserVersion = "TV browser", ""
	case strings.Contains(text, "Epiphany/"):
		c.Browser, c.BrowserVersion = "GNOME Web", "" // both numbers are of Safari's making
	}
}

// systemMarks are systems that the library does not know, or takes for others. Behind those that end like a field is
// the version, if there is one.
var systemMarks = []mark{
	{"Tizen ", "Tizen"}, {"Web0S", "webOS"}, {"webOS", "webOS"}, {"AppleTV", "tvOS"}, {"Apple TV; U; CPU OS ", "tvOS"},
	{"Roku/DVP-", "Roku OS"}, {"PlayStation", "PlayStation"}, {"Xbox", "Xbox"}, {"Nintendo Switch", "Nintendo Switch"},
	{"KAIOS/", "KaiOS"}, {"OpenHarmony ", "HarmonyOS"}, {"Windows Phone ", "Windows Phone"}, {"CrOS ", "ChromeOS"},
	{"FreeBSD ", "FreeBSD"}, {"OpenBSD ", "OpenBSD"}, {"NetBSD ", "NetBSD"},
}

// windows are the versions of Windows by those of its kernel. All later ones say 10.0.
var windows = map[string]string{"6.1": "7", "6.2": "8", "6.3": "8.1"}

// nameSystem puts right which system it is, and takes away versions that are the same for everybody.
func (c *Client) nameSystem(text string, ua *useragent.UserAgent) {
	for _, m := range systemMarks {
		if _, after, ok := strings.Cut(text, m.text); ok {
			c.System, c.SystemVersion = m.name, ""
			if strings.ContainsAny(m.text[len(m.text)-1:], " /-") {
				c.SystemVersion = shortVersion(after)
			}
			return
		}
	}
	switch ua.OS {
	case useragent.Windows:
		c.SystemVersion = windows[ua.OSVersion]
	case useragent.MacOS:
		if saysIPad(text) {
			c.System, c.SystemVersion = "iPadOS", ""
		} else if strings.HasPrefix(ua.OSVersion, "10.15") {
			c.SystemVersion = ""
		}
	case useragent.IOS:
		if ua.Tablet {
			c.System = "iPadOS"
		}
		_, safari, ok := strings.Cut(text, "Version/")
		if ok && strings.HasPrefix(ua.OSVersion, "18.") && !strings.HasPrefix(safari, "18.") {
			c.SystemVersion = "" // Safari 26 and later say 18 on every system
		}
	case useragent.Android:
		if strings.Contains(text, "Android 10; K)") {
			c.SystemVersion = "" // Chrome says so on every Android
		}
	case useragent.Linux:
		c.SystemVersion = "" // it is the processor
	case "":
		if _, after, ok := strings.Cut(text, "; iOS "); ok {
			c.System, c.SystemVersion = useragent.IOS, shortVersion(after)
		}
	}
}

// saysIPad reports whether what poses as a Mac gives away that it has a touch screen. Safari itself does not.
func saysIPad(text string) bool {
	for _, sign := range []string{"CriOS/", "FxiOS/", "EdgiOS/", "OPiOS/", "GSA/", " Mobile/"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// tvSigns are in the user agents of televisions, of what is plugged into them, and of consoles. They are in lower case.
var tvSigns = []string{"smart-tv", "smarttv", "smart tv", "appletv", "apple tv", "googletv", "google tv", "android tv",
	"web0s", "hbbtv", "bravia", "crkey", "roku/", "; aft", "netcast", "playstation", "xbox", "tizen 2.4; tv"}

// nameType says what it is that a client runs on.
func (c *Client) nameType(text string, ua *useragent.UserAgent) {
	lower := strings.ToLower(text)
	for _, sign := range tvSigns {
		if strings.Contains(lower, sign) {
			c.Type = TVSet
			return
		}
	}
	isBrowser := strings.HasPrefix(text, "Mozilla/") || strings.HasPrefix(text, "Opera/")
	switch {
	case ua.Bot && ua.Name != useragent.HeadlessChrome || strings.Contains(lower, "bot/"):
		c.Type = Bot
	case ua.Tablet, c.System == "iPadOS":
		c.Type = Tablet
	case c.System == useragent.Android && isBrowser &&
		!strings.Contains(text, "Mobile") && !strings.Contains(text, "Mini"):
		c.Type = Tablet // that is how browsers on Android tell the two apart
	case ua.Mobile, c.System == useragent.Android, c.System == useragent.IOS, c.System == "KaiOS":
		c.Type = Phone
	case c.System != "" && (isBrowser || strings.Contains(text, "Electron/")):
		c.Type = Computer
	case c.Browser != "":
		c.Type = Program
	}
}

// nameShape is what names of browsers look like. All else, markup for one, is no name.
var nameShape = regexp.MustCompile(`^[\pL\pN][\pL\pN\pM ._+&'-]{0,39}$`)

// word returns a name if it is one.
func word(name string) string {
	if !nameShape.MatchString(name) {
		return ""
	}
	return name
}

// versionShape is the beginning of a version that people would say.
var versionShape = regexp.MustCompile(`^[0-9]{1,6}(?:[._][0-9]{1,4}\b)?`)

// shortVersion returns the beginning of a version, without zeros that say nothing.
func shortVersion(text string) string {
	version := strings.ReplaceAll(versionShape.FindString(text), "_", ".")
	return strings.TrimSuffix(strings.TrimSuffix(version, ".00"), ".0")
}
