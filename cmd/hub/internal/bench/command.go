package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// spareFiles is how many files are open beside the sockets and the HTTP connections.
	spareFiles = 200
	// settling is how long the hubs have to come to rest before they are measured at rest; less where that is
	// measured for less.
	settling = 10 * time.Second
	// garbage is the growth of the heap in percent that the load allows itself before it collects: it shares
	// the processors with what it measures.
	garbage = 400
)

// Command is the command line of `hub bench`. Its tags are those of kong; the zero value of a field is not its
// default.
type Command struct {
	URL    []string `name:"url" placeholder:"URL" sep:"none" help:"Hub to measure. Given twice: logins go to the first, sockets to the second. Without it, hubs are started for the time of the run."`
	APIKey string   `name:"api-key" placeholder:"KEY" env:"HUB_API_KEY" help:"API key of the hubs at --url."`
	PID    []int    `name:"pid" placeholder:"PID" help:"Process of the hub at each --url, if it is on this machine: to measure memory and CPU."`
	Redis  string   `placeholder:"URL" help:"Redis to start two hubs on (one to try things with, not one in use: what is written stays for a week); with --url, the one that the hubs use, to measure its round trips."`

	Connections int           `default:"15000" help:"How many sockets to hold."`
	Users       int           `default:"0" help:"How many users they are of; 0 is one for each socket."`
	Logins      int           `default:"10000" help:"How many logins that evict, one at a time, and as many in parallel."`
	Rounds      int           `default:"10" help:"How many turns to make them in. In each, what the parts cost alone is measured too."`
	Parallel    int           `default:"32" help:"How many logins are under way at a time, where they are parallel."`
	Procs       int           `default:"1" help:"How many processors each hub that is started may use at a time; 0 is all. They share the machine with Redis and with the load."`
	Idle        time.Duration `default:"60s" help:"How long to measure the hubs at rest; 0 leaves it out."`

	JSON       bool `name:"json" help:"Print the figures as JSON."`
	NoProgress bool `name:"no-progress" help:"Do not show progress."`

	// executable is the program whose serve command is started as a hub; empty is this program.
	executable string
}

// Run makes the measurement and prints it to stdout; progress goes to stderr. It ends early with ctx, and then
// too leaves no process behind.
func (c *Command) Run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	hubs, err := c.hubs(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, hubs.stop()) }()

	report, err := c.measure(ctx, hubs, newProgress(stderr, c.NoProgress))
	if err != nil {
		return stopped(ctx, hubs.explain(err))
	}
	if c.JSON {
		return report.writeJSON(stdout)
	}
	return report.writeTable(stdout)
}

// stopped puts the end of ctx in the place of the errors it has led to.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the measurement was stopped: %w", context.Cause(ctx))
	}
	return err
}

// validate reports what of the command line cannot be.
func (c *Command) validate() error {
	users := c.users()
	switch {
	case c.Connections < 1 || c.Logins < 1 || c.Rounds < 1 || c.Parallel < 1:
		return errors.New("--connections, --logins, --rounds and --parallel must be 1 or more")
	case c.Procs < 0:
		return errors.New("--procs cannot be negative")
	case c.Users < 0 || c.Users > c.Connections:
		return fmt.Errorf("--users %d: want at most one for each of the %d connections", c.Users, c.Connections)
	case c.limit() > 1000:
		return fmt.Errorf("--users %d: each would have %d sessions, and a hub allows 1000", c.Users, c.limit())
	case c.Idle < 0:
		return errors.New("--idle cannot be negative")
	case c.perRound() > users:
		return fmt.Errorf("--logins %d in --rounds %d are %d at a time, more than there are users (%d): "+
			"ask for more rounds, or fewer logins", c.Logins, c.Rounds, c.perRound(), users)
	case len(c.URL) > 2:
		return fmt.Errorf("--url is given %d times: want one hub, or two", len(c.URL))
	case len(c.URL) > 0 && c.APIKey == "":
		return errors.New("--url needs the --api-key of the hub")
	case len(c.PID) > 0 && len(c.PID) != len(c.URL):
		return errors.New("--pid: want one for each --url")
	}
	if need, may := c.Connections+3*c.Parallel+spareFiles, openFiles(); need > may {
		return fmt.Errorf("%d connections need %d open files, and this process may have %d: "+
			"raise the limit (ulimit -n), or ask for fewer --connections", c.Connections, need, may)
	}
	return nil
}

func (c *Command) users() int {
	if c.Users == 0 {
		return c.Connections
	}
	return c.Users
}

// limit is how many sessions each user has.
func (c *Command) limit() int { return (c.Connections + c.users() - 1) / c.users() }

// perRound is how many logins a slice has.
func (c *Command) perRound() int { return (c.Logins + c.Rounds - 1) / c.Rounds }

// hubs returns the hubs to measure: those at --url, or new ones.
func (c *Command) hubs(ctx context.Context) (*hubs, error) {
	if len(c.URL) == 0 {
		return startHubs(ctx, c.executable, c.Procs, c.Redis)
	}
	h := &hubs{key: c.APIKey, pids: c.PID}
	for _, text := range c.URL {
		u, err := url.Parse(strings.TrimSuffix(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("--url %q: want http:// or https:// with a host", text)
		}
		if err := ready(ctx, u); err != nil {
			return nil, err
		}
		h.urls = append(h.urls, u)
	}
	return h, nil
}

// redisClient returns a client of the Redis whose round trips are to be measured, or nil.
func (c *Command) redisClient() (*redis.Client, error) {
	if c.Redis == "" {
		return nil, nil
	}
	o, err := redis.ParseURL(c.Redis)
	if err != nil {
		return nil, fmt.Errorf("--redis: want redis:// or rediss:// (round trips are measured to a single server): %w", err)
	}
	o.PoolSize, o.MaxRetries, o.DisableIdentity = c.Parallel, -1, true
	return redis.NewClient(o), nil
}

// measure opens the connections, lets them rest, and then makes the rounds of logins.
func (c *Command) measure(ctx context.Context, hubs *hubs, show *progress) (_ *Report, err error) {
	client, err := c.redisClient()
	if err != nil {
		return nil, err
	}
	if client != nil {
		defer client.Close()
	}
	report := c.newReport(hubs)
	crowd := newCrowd(hubs, c.users(), c.limit(), c.Parallel)
	defer func() { err = errors.Join(err, crowd.close()) }()
	if report.Opening, err = crowd.openAll(ctx, c.Connections, c.Parallel, show); err != nil {
		return nil, err
	}
	if c.Idle > 0 && len(hubs.pids) > 0 {
		if report.Rest, err = rest(ctx, hubs, c.Connections, c.Idle, show); err != nil {
			return nil, err
		}
	}
	rounds, err := (&meter{crowd: crowd, redis: client, logins: c.perRound(), parallel: c.Parallel}).
		rounds(ctx, c.Rounds, show)
	if err != nil {
		return nil, err
	}
	report.add(rounds)
	return report, nil
}
