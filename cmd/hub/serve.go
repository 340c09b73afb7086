package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/hub"
	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/web"
)

// serveCommand is `hub serve`. Its flags are the keys of the configuration file too.
type serveCommand struct {
	Config configFlag `placeholder:"FILE" env:"HUB_CONFIG" help:"YAML file with values for these flags."`
	Listen string     `default:":8080" env:"HUB_LISTEN" help:"Where to serve HTTP."`
	Redis  string     `placeholder:"URL" env:"HUB_REDIS" help:"Keep the sessions on Redis, for several hubs together: redis://, rediss://, redis+sentinel://HOST:PORT,…/MASTER or redis+cluster://HOST:PORT,…"`
	Data   string     `default:"hub.db" env:"HUB_DATA" help:"Without --redis: the file the sessions are kept in, for one hub alone."`

	Limit       int                  `default:"1" env:"HUB_LIMIT" help:"How many live sessions a user may have, or -1."`
	LimitKind   map[session.Kind]int `mapsep:"," placeholder:"KIND=N" env:"HUB_LIMIT_KIND" help:"The same for one kind of device: web, mobile, desktop, tv or other. Repeatable."`
	Policy      session.Policy       `default:"evict" env:"HUB_POLICY" help:"What a login does at the limit: evict, reject or ask."`
	IdleTimeout time.Duration        `default:"30m" env:"HUB_IDLE_TIMEOUT" help:"How long a session lives without activity; 0 is for ever."`
	MaxLifetime time.Duration        `default:"0" env:"HUB_MAX_LIFETIME" help:"How long a session lives whatever happens; 0 is for ever."`

	Htpasswd      string   `placeholder:"FILE" env:"HUB_HTPASSWD" help:"Users who may sign in by password; see hub passwd."`
	APIKey        []string `name:"api-key" sep:"none" placeholder:"KEY" env:"HUB_API_KEY" help:"Key for apps and operators, 16 characters or more. Repeatable; in the environment, with spaces between. Others on the machine can see flags: better in the environment or the file."`
	OIDCIssuer    string   `name:"oidc-issuer" placeholder:"URL" env:"HUB_OIDC_ISSUER" help:"OpenID provider whose ID tokens sign users in, exactly as it names itself; see docs/single-sign-on.md."`
	OIDCAudience  string   `name:"oidc-audience" placeholder:"ID" env:"HUB_OIDC_AUDIENCE" help:"The client ID by which the provider knows the app that users sign in to."`
	OIDCUserClaim string   `name:"oidc-user-claim" default:"sub" env:"HUB_OIDC_USER_CLAIM" help:"The claim of an ID token that is the user; an email must be verified."`
	OIDCSecret    string   `name:"oidc-client-secret" placeholder:"SECRET" env:"HUB_OIDC_CLIENT_SECRET" help:"The client's secret, for providers that want one beside PKCE. Others on the machine can see flags: better in the environment or the file."`
	OIDCName      string   `name:"oidc-name" placeholder:"NAME" env:"HUB_OIDC_NAME" help:"What the sign-in page calls the provider; by default its host."`
	AllowOrigin   []string `placeholder:"ORIGIN" env:"HUB_ALLOW_ORIGIN" help:"Origin of a web app whose pages may call the client API. The cookie reaches the hub from pages of its own site only (https://app.example.com for hub.example.com); those of other sites send a Bearer token, which needs this for fetch, and not for the WebSocket. Repeatable."`
	TrustedProxy  []cidr   `placeholder:"CIDR" env:"HUB_TRUSTED_PROXY" help:"Proxy whose X-Forwarded-For is believed. Repeatable."`
	PublicURL     string   `name:"public-url" placeholder:"URL" env:"HUB_PUBLIC_URL" help:"The address that browsers know the hub by. With https, cookies are secure ones."`
	ClearSiteData bool     `env:"HUB_CLEAR_SITE_DATA" help:"Have browsers forget all they keep of this site when a user signs out."`

	MaxConnections           int           `default:"0" env:"HUB_MAX_CONNECTIONS" help:"How many sockets this hub holds; 0 is no limit."`
	MaxConnectionsPerSession int           `default:"20" env:"HUB_MAX_CONNECTIONS_PER_SESSION" help:"How many of them one session may have."`
	Drain                    time.Duration `default:"20s" env:"HUB_DRAIN" help:"How long connections are asked to leave at shutdown, spread evenly."`

	notifyFlags
	eventFlags
	logFlags
}

// Run runs a hub until ctx ends, and then drains it.
func (c *serveCommand) Run(ctx context.Context, std streams) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	o.log = c.logger(std.err)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: stop what listens there, or give another address with --listen", err)
	}
	if err != nil {
		return err
	}
	n, err := newNode(o)
	if err != nil {
		listener.Close()
		return err
	}
	return n.run(ctx, listener)
}

// options checks what the flags say. It starts nothing.
func (c *serveCommand) options() (o nodeOptions, err error) {
	o = nodeOptions{
		data:   c.Data,
		drain:  c.Drain,
		events: c.eventFlags,
		hub: hub.Options{
			MaxConnections: c.MaxConnections, MaxConnectionsPerSession: c.MaxConnectionsPerSession,
		},
		web: web.Options{
			Rule: session.Rule{
				Limit: c.Limit, LimitByKind: maps.Clone(c.LimitKind), Policy: c.Policy,
				IdleTimeout: c.IdleTimeout, MaxLifetime: c.MaxLifetime,
			},
			AllowOrigins:  c.AllowOrigin,
			PublicURL:     strings.TrimSuffix(c.PublicURL, "/"),
			ClearSiteData: c.ClearSiteData,
		},
	}
	if err := c.eventFlags.check(); err != nil {
		return o, err
	}
	if err := o.web.Rule.Validate(); err != nil {
		return o, badUsage("%s", err)
	}
	if c.MaxConnections < 0 || c.MaxConnectionsPerSession < 1 || c.Drain < 0 {
		return o, badUsage("--max-connections and --drain cannot be negative, nor --max-connections-per-session under 1")
	}
	if err := c.addresses(&o); err != nil {
		return o, err
	}
	if o.notify, err = c.notify(); err != nil {
		return o, err
	}
	return o, c.signIn(&o)
}

// addresses checks the flags that hold addresses.
func (c *serveCommand) addresses(o *nodeOptions) (err error) {
	if c.Redis != "" {
		if o.redis, err = parseRedis(c.Redis); err != nil {
			return badUsage("--redis: %s", err)
		}
	}
	if o.web.PublicURL != "" && !isOrigin(o.web.PublicURL, "http", "https") {
		return badUsage("--public-url %q: want http:// or https:// with a host, and no path", c.PublicURL)
	}
	for _, origin := range c.AllowOrigin {
		if !isOrigin(origin) {
			return badUsage("--allow-origin %q: want an origin such as https://app.example, and nothing after it", origin)
		}
	}
	for _, proxy := range c.TrustedProxy {
		o.web.TrustedProxies = append(o.web.TrustedProxies, proxy.Prefix)
	}
	return nil
}

// signIn sees to it that there is a way to sign in.
func (c *serveCommand) signIn(o *nodeOptions) (err error) {
	// No key has a space in it, and a variable may hold several.
	keys := strings.Fields(strings.Join(c.APIKey, " "))
	if c.Htpasswd == "" && len(keys) == 0 && c.OIDCIssuer == "" && c.OIDCAudience == "" {
		return badUsage("no way to sign in: give --htpasswd FILE (made by `hub passwd FILE USER`), --api-key KEY, " +
			"--oidc-issuer URL with --oidc-audience ID, or several of them")
	}
	if err := c.singleSignOn(o); err != nil {
		return err
	}
	o.htpasswd = c.Htpasswd
	if o.web.APIKeys, err = auth.NewAPIKeys(keys...); err != nil {
		return badUsage("--api-key: %s", err)
	}
	return nil
}

// singleSignOn checks what is said of the OpenID provider.
func (c *serveCommand) singleSignOn(o *nodeOptions) error {
	if c.OIDCIssuer == "" && c.OIDCAudience == "" {
		const needs = "%s needs a provider: give --oidc-issuer and --oidc-audience with it"
		switch {
		case c.OIDCUserClaim != "" && c.OIDCUserClaim != "sub":
			return badUsage(needs, "--oidc-user-claim")
		case c.OIDCSecret != "":
			return badUsage(needs, "--oidc-client-secret")
		case c.OIDCName != "":
			return badUsage(needs, "--oidc-name")
		}
		return nil
	}
	if c.OIDCIssuer == "" || c.OIDCAudience == "" {
		return badUsage("--oidc-issuer and --oidc-audience go together: give both, or neither")
	}
	o.oidc = auth.OIDCOptions{
		Issuer: c.OIDCIssuer, Audience: c.OIDCAudience, ClientSecret: c.OIDCSecret, Name: c.OIDCName,
		UserClaim: c.OIDCUserClaim,
	}
	if err := o.oidc.Validate(); err != nil {
		return badUsage("--oidc-issuer, --oidc-name: %s", err)
	}
	return nil
}

// isOrigin reports whether text is a scheme and a host, as browsers write the origin of a page. The scheme must be
// one of those given, if any are: the pages inside mobile apps have schemes of their own.
func isOrigin(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == text &&
		(len(schemes) == 0 || slices.Contains(schemes, u.Scheme))
}

// cidr is a network of addresses, or a single one.
type cidr struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8, or 10.0.0.1 for that one.
func (c *cidr) UnmarshalText(text []byte) error {
	if addr, err := netip.ParseAddr(string(text)); err == nil && addr.Zone() == "" {
		c.Prefix = netip.PrefixFrom(addr, addr.BitLen())
		return nil
	}
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		return badUsage("%q: want a network such as 10.0.0.0/8, or an address", text)
	}
	c.Prefix = prefix.Masked()
	return nil
}
