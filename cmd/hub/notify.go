package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessionhub/sessionhub/notify"
)

// notifyFlags say whom a hub tells of what happens.
type notifyFlags struct {
	Webhook             []string `sep:"none" placeholder:"URL" env:"HUB_WEBHOOK" help:"Webhook to send events to, signed as Standard Webhooks has it. Repeatable; in the environment, with spaces between."`
	WebhookSecret       []string `sep:"none" placeholder:"SECRET" env:"HUB_WEBHOOK_SECRET" help:"What requests to webhooks are signed with: whsec_ and 24 to 64 bytes in base64. Repeatable, to change from one to the next. Others on the machine can see flags: better in the environment or the file."`
	WebhookAllowPrivate bool     `env:"HUB_WEBHOOK_ALLOW_PRIVATE" help:"Let webhooks be on private, loopback and other special addresses, and without TLS."`
	Notify              []string `sep:"none" placeholder:"URL" env:"HUB_NOTIFY" help:"Where people are told, by a shoutrrr address: smtp://, slack://, telegram:// and others. Repeatable; in the environment, with spaces between. It holds secrets: better in the environment or the file."`
	NotifyTypes         []string `placeholder:"TYPE" env:"HUB_NOTIFY_TYPES" help:"Which events are told: an event's type, or session.ended:REASON. Repeatable. By default session.reported, and those of sessions that somebody else ended: superseded, replaced, ended_by_user and ended_by_admin."`
}

// notify checks the flags.
func (f *notifyFlags) notify() (notify.Options, error) {
	// No address and no secret has a space in it, and a variable may hold several.
	words := func(list []string) []string { return strings.Fields(strings.Join(list, " ")) }
	o := notify.Options{
		Webhooks: words(f.Webhook), Secrets: words(f.WebhookSecret), AllowPrivate: f.WebhookAllowPrivate,
		Channels: words(f.Notify), Types: f.NotifyTypes, Version: currentVersion(),
	}
	if _, err := notify.New(o); err != nil {
		return o, badUsage("%s", err)
	}
	if len(o.Webhooks) == 0 && len(o.Secrets) > 0 {
		return o, badUsage("--webhook-secret signs what goes to webhooks: give --webhook URL with it")
	}
	if len(o.Webhooks)+len(o.Channels) == 0 && len(o.Types) > 0 {
		return o, badUsage("--notify-types says what is told, and nobody is: give --webhook URL or --notify URL with it")
	}
	return o, nil
}

// newNotifier makes the part of a node that tells the world outside.
func newNotifier(o nodeOptions, metrics prometheus.Registerer) (*notify.Notifier, error) {
	o.notify.Logger = o.log
	n, err := notify.New(o.notify)
	if err != nil {
		return nil, err
	}
	return n, metrics.Register(n)
}

// notifyCommand is `hub notify`.
type notifyCommand struct {
	Test   notifyTestCommand   `cmd:"" help:"Send one test notification to every webhook and channel of the hub's configuration."`
	Enable notifyEnableCommand `cmd:"" help:"Enable an endpoint again that has answered 410 Gone."`
}

// notifyTestCommand is `hub notify test`. It takes all the flags of serve, and so its file and its environment.
type notifyTestCommand struct {
	serveCommand
}

// Run sends the test, and fails if any endpoint has not taken it.
func (c *notifyTestCommand) Run(ctx context.Context, std streams) error {
	n, err := c.endpoints(std.err)
	if err != nil {
		return err
	}
	bad := 0
	results := n.Test(ctx)
	for _, r := range results {
		outcome := "delivered"
		if r.Err != nil {
			bad++
			outcome = "not delivered: " + r.Err.Error()
		}
		if _, err := fmt.Fprintf(std.out, "%s: %s\n", r.Endpoint, outcome); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d tests were not delivered", bad, len(results))
	}
	return nil
}

// Help says what the list of flags leaves out.
func (c *notifyTestCommand) Help() string { return withServeFlags }

// Help says what the list of flags leaves out.
func (c *notifyEnableCommand) Help() string { return withServeFlags }

const withServeFlags = "The other flags of hub serve may be given too, so that its --config and environment serve here."

// printHelp prints the help of a command: for those of notify, with the flags alone that matter to them.
func printHelp(o kong.HelpOptions, ctx *kong.Context) error {
	if command := ctx.Selected(); command != nil && command.Parent.Name == "notify" {
		for _, flag := range command.Flags {
			store := command.Name == "enable" && (flag.Name == "redis" || flag.Name == "data")
			shown := store || slices.Contains([]string{"help", "config", "webhook", "webhook-secret",
				"webhook-allow-private", "notify", "log-format", "log-level"}, flag.Name)
			flag.Hidden = !shown
		}
	}
	return kong.DefaultHelpPrinter(o, ctx)
}

// endpoints returns the notifier that serve would have, which must not be without endpoints.
func (c *serveCommand) endpoints(w io.Writer) (*notify.Notifier, error) {
	o, err := c.notify()
	if err != nil {
		return nil, err
	}
	o.Logger = c.logger(w)
	n, err := notify.New(o)
	if err != nil {
		return nil, err
	}
	if len(n.Endpoints()) == 0 {
		return nil, badUsage("nobody is to be told: give --webhook URL or --notify URL, or the --config file of the hub")
	}
	return n, nil
}

// notifyEnableCommand is `hub notify enable`.
type notifyEnableCommand struct {
	Endpoint string `arg:"" help:"The endpoint's name, as the hub's log and metrics have it."`
	serveCommand
}

// Run enables an endpoint in the store. On the embedded one, the hub must be stopped.
func (c *notifyEnableCommand) Run(ctx context.Context, std streams) (err error) {
	n, err := c.endpoints(std.err)
	if err != nil {
		return err
	}
	known := false
	for _, name := range n.Endpoints() {
		known = known || name == c.Endpoint
	}
	if !known {
		return badUsage("no endpoint %q: the endpoints are %s", c.Endpoint, strings.Join(n.Endpoints(), ", "))
	}
	o := nodeOptions{data: c.Data, log: slog.New(slog.DiscardHandler)}
	if err := c.addresses(&o); err != nil {
		return err
	}
	back, err := openBackend(o, "notify")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, back.close()) }()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	was, err := back.outbox.Enable(ctx, c.Endpoint)
	if err != nil {
		return err
	}
	state := "is enabled again"
	if !was {
		state = "was not disabled"
	}
	_, err = fmt.Fprintf(std.out, "%s %s.\n", c.Endpoint, state)
	return err
}
