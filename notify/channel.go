package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

const (
	// channelTimeout is how long a message may take. The services heed no context: what takes longer is left behind.
	channelTimeout = 20 * time.Second
	// maxHanging is how many sends may be left behind before no more are begun.
	maxHanging = 3
)

// titled are the services that show a title apart from the text.
var titled = []string{"smtp", "gotify", "pushbullet", "pushover", "ntfy", "bark"}

// channel is a service that a person reads, at a shoutrrr address.
type channel struct {
	scheme, address string
	redact          redactor
	client          *http.Client
	hanging         atomic.Int32 // sends that have not returned
}

// newChannelClient returns what the services that speak HTTP are reached by.
func newChannelClient() *http.Client {
	return &http.Client{Timeout: channelTimeout, Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}}
}

// parseChannel checks the address of a channel. Its errors do not show what may be secret in it.
func parseChannel(address string, client *http.Client) (*channel, error) {
	services := newServices(client)
	scheme, _, ok := strings.Cut(address, "://")
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	known := services.ListServices()
	slices.Sort(known)
	known = slices.DeleteFunc(known, func(s string) bool { return s == "logger" }) // which tells nobody
	if !ok || !slices.Contains(known, name) || len(address) > 4096 {
		return nil, fmt.Errorf("want the address of a service, such as smtp://USER:PASSWORD@HOST:PORT/?from=A&to=B; "+
			"the services are %s", strings.Join(known, ", "))
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%s: the address is malformed; special characters in a password are written as %%XX", name)
	}
	c := &channel{scheme: name, address: address, redact: newRedactor(address), client: client}
	if name == "matrix" && u.User.Username() != "" {
		return c, nil // to look at it closer would be to sign in
	}
	if _, err := services.Locate(address); err != nil {
		return nil, errors.New(c.redact.clean(err.Error()))
	}
	return c, nil
}

// withPassword are the services whose address may have a password that a person has chosen.
var withPassword = []string{"smtp", "matrix", "ntfy", "mqtt", "mqtts"}

// identity returns what tells the channel from others: its address, without a password that could be guessed, and be
// known to be right by a hash of it.
func (c *channel) identity() string {
	u, err := url.Parse(c.address)
	if err != nil || u.User == nil || !slices.Contains(withPassword, c.scheme) {
		return c.address
	}
	u.User = url.User(u.User.Username())
	return u.String()
}

// newServices returns all services, which speak HTTP by the given client.
func newServices(client *http.Client) *router.ServiceRouter {
	services, err := router.NewWithOptions(nil, types.SenderOptions{HTTPClient: client})
	if err != nil {
		panic(err) // only addresses can be wrong, and there are none yet
	}
	return services
}

// send sends a message and returns nil if the service has taken it, or else a *failure.
func (c *channel) send(ctx context.Context, m message) error {
	if c.hanging.Load() >= maxHanging {
		return &failure{text: "earlier messages hang: the service takes connections, and does not answer"}
	}
	done := make(chan error, 1)
	c.hanging.Add(1)
	go func() {
		defer c.hanging.Add(-1)
		done <- c.try(m)
	}()
	timer := time.NewTimer(channelTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			return &failure{text: c.redact.clean(err.Error())}
		}
		return nil
	case <-timer.C:
		return &failure{text: "no answer within " + channelTimeout.String()}
	case <-ctx.Done():
		return &failure{text: "given up, as the hub is leaving"}
	}
}

// try sends a message by a service of its own, as a service keeps what it was last told.
func (c *channel) try(m message) error {
	w := &witness{next: c.client.Transport, failed: make(map[string]error)}
	client := &http.Client{
		Timeout: c.client.Timeout, Transport: w,
		// A redirect would turn the message into a question, which is answered with 200, or take its secrets elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	service, err := newServices(client).Locate(c.address)
	if err != nil {
		return err
	}
	if err := service.Send(m.text, c.params(m)); err != nil {
		return err
	}
	return w.err()
}

// witness sees what becomes of the requests of a service. Some report success although nothing was answered: of
// Telegram's, that of shoutrrr 0.17.0 does.
type witness struct {
	next http.RoundTripper

	mu     sync.Mutex
	failed map[string]error // guarded by mu: by address, why the last request to it has failed
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	failure := err
	if err == nil && resp.StatusCode >= 300 {
		failure = fmt.Errorf("the service answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if address := r.URL.String(); failure != nil {
		w.failed[address] = failure
	} else {
		delete(w.failed, address)
	}
	return resp, err
}

// err returns why a request has failed and was not repeated with success.
func (w *witness) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, err := range w.failed {
		return err
	}
	return nil
}

// params gives the title to the services that have one, unless the operator has chosen another.
func (c *channel) params(m message) *types.Params {
	u, err := url.Parse(c.address)
	if err != nil || !slices.Contains(titled, c.scheme) || u.Query().Has("title") || u.Query().Has("subject") {
		return &types.Params{}
	}
	return &types.Params{types.TitleKey: m.headline}
}
