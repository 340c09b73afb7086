package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// MaxEndpoints is how many webhooks and channels there can be together.
const MaxEndpoints = 16

// Options say whom to tell, and of what. The zero value of each field is its default.
type Options struct {
	// Webhooks are addresses that get each event, as a signed request.
	Webhooks []string
	// Secrets sign the requests, each of them every request: whsec_ and 24 to 64 bytes in base64. With a webhook there
	// must be one.
	Secrets []string
	// AllowPrivate lets webhooks be on private, loopback and other special addresses, and without TLS.
	AllowPrivate bool
	// Channels are shoutrrr addresses: mail, Slack, Telegram and the like.
	Channels []string
	// Types are the events that are told: TYPE, or session.ended:REASON; the default is DefaultTypes.
	Types []string
	// Version is the hub's, which receivers see in User-Agent.
	Version string
	// Logger is told of endpoints that fail; the default is slog.Default.
	Logger *slog.Logger
}

// Notifier tells endpoints of events. It may be used concurrently.
type Notifier struct {
	log      *slog.Logger
	filter   filter
	webhooks []*webhookLane
	channels []*channelLane
	client   *http.Client
	metrics  *metrics
	pulse    time.Duration

	mu     sync.Mutex
	queues map[string]session.Queue // guarded by mu: as they were last seen
}

// endpoint is what webhooks and channels have in common. Its name shows no secret: the host or the service, and the
// beginning of a hash of the address, in which there may be long random words, and no password of a person's.
type endpoint struct {
	name   string
	wake   chan struct{} // has room for one: there may be something to do
	health health
}

func newEndpoint(shown, address string) endpoint {
	sum := sha256.Sum256([]byte(address))
	return endpoint{name: shown + "#" + hex.EncodeToString(sum[:4]), wake: make(chan struct{}, 1)}
}

func (e *endpoint) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// New checks the options. It asks nobody anything, and its errors show no secrets.
func New(o Options) (*Notifier, error) {
	types := o.Types
	if len(types) == 0 {
		types = DefaultTypes
	}
	chosen, err := parseFilter(types)
	if err != nil {
		return nil, fmt.Errorf("--notify-types: %w", err)
	}
	n := &Notifier{
		log: o.Logger, pulse: pulse, filter: chosen, metrics: newMetrics(), queues: make(map[string]session.Queue),
		client: &http.Client{
			Transport:     newTransport(o.AllowPrivate),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if n.log == nil {
		n.log = slog.Default()
	}
	if len(o.Webhooks)+len(o.Channels) > MaxEndpoints {
		return nil, fmt.Errorf("--webhook and --notify: want %d of them together at the most", MaxEndpoints)
	}
	if err := n.addWebhooks(o); err != nil {
		return nil, err
	}
	if err := n.addChannels(o); err != nil {
		return nil, err
	}
	names := slices.Sorted(slices.Values(n.Endpoints()))
	if len(slices.Compact(names)) < len(o.Webhooks)+len(o.Channels) {
		return nil, errors.New("--webhook and --notify: an address is given twice")
	}
	for _, name := range names {
		for _, what := range []outcome{delivered, failed, expired} {
			n.metrics.count(name, what, 0)
		}
	}
	return n, nil
}

func (n *Notifier) addWebhooks(o Options) error {
	keys, err := parseSecrets(o.Secrets)
	if err != nil {
		return fmt.Errorf("--webhook-secret: %w", err)
	}
	if len(o.Webhooks) > 0 && len(keys) == 0 {
		return errors.New("--webhook needs a secret to sign with: set HUB_WEBHOOK_SECRET to whsec_ and 24 to 64 bytes in " +
			"base64; `echo whsec_$(openssl rand -base64 32)` makes one")
	}
	for i, text := range o.Webhooks {
		u, err := parseWebhook(text, o.AllowPrivate)
		if err != nil {
			return fmt.Errorf("--webhook, number %d: %w", i+1, err)
		}
		n.webhooks = append(n.webhooks, &webhookLane{
			endpoint: newEndpoint(u.Host, text), n: n,
			webhook: webhook{url: text, keys: keys, client: n.client, agent: "SessionHub/" + cmp.Or(o.Version, "(devel)")},
		})
	}
	return nil
}

func (n *Notifier) addChannels(o Options) error {
	client := newChannelClient()
	for i, address := range o.Channels {
		c, err := parseChannel(address, client)
		if err != nil {
			return fmt.Errorf("--notify, number %d: %w", i+1, err)
		}
		n.channels = append(n.channels, &channelLane{endpoint: newEndpoint(c.scheme, c.identity()), n: n, channel: c})
	}
	return nil
}

// Endpoints returns the names of all endpoints, by which the log and the metrics know them.
func (n *Notifier) Endpoints() []string {
	var names []string
	for _, e := range n.endpoints() {
		names = append(names, e.name)
	}
	return names
}

func (n *Notifier) endpoints() []*endpoint {
	var all []*endpoint
	for _, w := range n.webhooks {
		all = append(all, &w.endpoint)
	}
	for _, c := range n.channels {
		all = append(all, &c.endpoint)
	}
	return all
}

// Result is what became of a test.
type Result struct {
	// Endpoint is the name of the endpoint.
	Endpoint string
	// Err says why the test was not delivered, and what was answered; nil if it was. It shows no secret.
	Err error
}

// Test sends a notification to every endpoint at once, and returns what became of each. An endpoint that was disabled
// is tried too. It takes no longer than the slowest of them may.
func (n *Notifier) Test(ctx context.Context) []Result {
	now := time.Now().UTC().Truncate(time.Millisecond)
	test := session.Event{ID: "test", Type: "notification.test", At: now}
	results := make([]Result, 0, len(n.webhooks)+len(n.channels))
	var sending sync.WaitGroup
	try := func(name string, send func() error) {
		results = append(results, Result{Endpoint: name})
		result := &results[len(results)-1]
		sending.Go(func() { result.Err = withExcerpt(send()) })
	}
	for _, w := range n.webhooks {
		try(w.name, func() error { return w.webhook.post(ctx, test) })
	}
	for _, c := range n.channels {
		try(c.name, func() error { return c.channel.send(ctx, testMessage(test)) })
	}
	sending.Wait()
	n.client.CloseIdleConnections()
	return results
}

// withExcerpt adds to a failure what the receiver said.
func withExcerpt(err error) error {
	var f *failure
	if errors.As(err, &f) && f.excerpt != "" {
		return fmt.Errorf("%w: %s", err, f.excerpt)
	}
	return err
}
