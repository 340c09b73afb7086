package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// parseLine reads a command line as main would.
func parseLine(t *testing.T, args ...string) (program, error) {
	t.Helper()
	var line program
	_, err := newParser(&line, streams{out: io.Discard, err: io.Discard}).Parse(args)
	return line, err
}

// configure writes a configuration file and returns its path.
func configure(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hub.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagWinsOverEnvironmentOverFile(t *testing.T) {
	tests := []struct {
		name, file, env, flag string
		want                  int
	}{
		{"nothing", "", "", "", 1},
		{"file", "limit: 2", "", "", 2},
		{"environment", "", "3", "", 3},
		{"flag", "", "", "4", 4},
		{"environment over file", "limit: 2", "3", "", 3},
		{"flag over file", "limit: 2", "", "4", 4},
		{"flag over environment", "", "3", "4", 4},
		{"flag over both", "limit: 2", "3", "4", 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"serve"}
			if test.file != "" {
				args = append(args, "--config", configure(t, test.file))
			}
			if test.env != "" {
				t.Setenv("HUB_LIMIT", test.env)
			}
			if test.flag != "" {
				args = append(args, "--limit", test.flag)
			}
			line, err := parseLine(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			if line.Serve.Limit != test.want {
				t.Errorf("limit %d, want %d", line.Serve.Limit, test.want)
			}
		})
	}
}

func TestConfigFileHoldsEveryFlag(t *testing.T) {
	t.Setenv("HUB_CONFIG", configure(t, `---
# The whole of it.
listen: 127.0.0.1:9000
redis: redis://h:1
data: "/var/lib/hub.db"
limit: -1
limit-kind: {web: 2, mobile: 1}
policy: ask
idle-timeout: 45m
max-lifetime: 0
htpasswd: users
api-key:
  - 0123456789012345
  - with,comma,0123456789
oidc-issuer: https://login.example/realms/one
oidc-audience: hub
oidc-user-claim: email
oidc-client-secret: "a secret, with a comma"
oidc-name: Example
allow-origin: https://app.example
trusted-proxy: [10.0.0.0/8, "192.0.2.1", 2001:db8::/32]
public-url: https://hub.example
clear-site-data: true
max-connections: 15000
max-connections-per-session: 3
drain: 5s
webhook: [https://a.example/hook, "https://b.example/?x=1,2"]
webhook-secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz
webhook-allow-private: true
notify: smtp://mail.example/?from=a@example.com&to=b@example.com,c@example.com
notify-types: [session.created, "session.ended:idle"]
events-keep: 5000
events-age: 24h
log-format: json
log-level: debug
`))
	line, err := parseLine(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	got := line.Serve
	var proxies []string
	for _, p := range got.TrustedProxy {
		proxies = append(proxies, p.String())
	}
	if want := []string{"10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"}; !reflect.DeepEqual(proxies, want) {
		t.Errorf("trusted proxies %q, want %q", proxies, want)
	}
	got.Config, got.TrustedProxy = "", nil
	want := serveCommand{
		Listen: "127.0.0.1:9000", Redis: "redis://h:1", Data: "/var/lib/hub.db",
		Limit: -1, LimitKind: map[session.Kind]int{session.Web: 2, session.Mobile: 1}, Policy: session.Ask,
		IdleTimeout: 45 * time.Minute,
		Htpasswd:    "users", APIKey: []string{"0123456789012345 with,comma,0123456789"},
		OIDCIssuer: "https://login.example/realms/one", OIDCAudience: "hub", OIDCUserClaim: "email",
		OIDCSecret: "a secret, with a comma", OIDCName: "Example",
		AllowOrigin: []string{"https://app.example"}, PublicURL: "https://hub.example", ClearSiteData: true,
		MaxConnections: 15000, MaxConnectionsPerSession: 3, Drain: 5 * time.Second,
		notifyFlags: notifyFlags{
			Webhook:             []string{"https://a.example/hook https://b.example/?x=1,2"},
			WebhookSecret:       []string{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"},
			WebhookAllowPrivate: true,
			Notify:              []string{"smtp://mail.example/?from=a@example.com&to=b@example.com,c@example.com"},
			NotifyTypes:         []string{"session.created", "session.ended:idle"},
		},
		eventFlags: eventFlags{EventsKeep: 5000, EventsAge: 24 * time.Hour},
		logFlags:   logFlags{LogFormat: "json", LogLevel: logLevel{slog.LevelDebug}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestConfigFileIsRefused(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2"
	tests := []struct {
		name, file string
		want       []string
	}{
		{"unknown key", "limit: 1\nlimits: 2\n", []string{"hub.yaml:2", `"limits"`}},
		{"the first of two unknown keys", "a: 1\nb: 2\n", []string{"hub.yaml:1", `"a"`}},
		{"the file itself", "config: other.yaml", []string{"hub.yaml:1", `"config"`}},
		{"help", "help: true", []string{"hub.yaml:1", `"help"`}},
		{"a number that is none", "policy: evict\n\nlimit: two", []string{"hub.yaml:3", "--limit"}},
		{"a level that is none", "log-level: loud", []string{"hub.yaml:1: \"loud\": want debug"}},
		{"a duration without a unit", "drain: 20", []string{"hub.yaml:1", "--drain"}},
		{"a kind's limit that is none", "limit-kind:\n  web: x", []string{"hub.yaml:1", "--limit-kind"}},
		{"a network that is none", "trusted-proxy: [10.0.0.0/99]", []string{"hub.yaml:1", "10.0.0.0/99"}},
		{"a list for a single value", "redis: [" + secret + "]", []string{"hub.yaml:1", "list"}},
		{"a mapping for a single value", "redis: {a: " + secret + "}", []string{"hub.yaml:1", "mapping"}},
		{"a list of lists", "api-key: [[" + secret + "]]", []string{"hub.yaml:1", "plain"}},
		{"no value", "api-key:", []string{"hub.yaml:1", "no value"}},
		{"twice the same key", "limit: 1\nlimit: 2", []string{"hub.yaml", "limit"}},
		{"no mapping", "- " + secret, []string{"hub.yaml:1", "key: value"}},
		{"two documents", "limit: 1\n---\nlimit: 2", []string{"hub.yaml:3", "one document"}},
		{"broken", "redis: \"" + secret, []string{"hub.yaml"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseLine(t, "serve", "--config", configure(t, test.file))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q shows a secret", err)
			}
		})
	}
}

func TestConfigFileThatIsNotThere(t *testing.T) {
	_, err := parseLine(t, "serve", "--config", "no/such/file.yaml")
	if err == nil || !strings.Contains(err.Error(), "no/such/file.yaml") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestEmptyConfigFile(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n"} {
		if _, err := parseLine(t, "serve", "--config", configure(t, text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOtherCommandsIgnoreTheConfiguration(t *testing.T) {
	t.Setenv("HUB_CONFIG", "no/such/file.yaml")
	if _, err := parseLine(t, "version"); err != nil {
		t.Error(err)
	}
}

func TestLimitKindIsRepeatable(t *testing.T) {
	want := map[session.Kind]int{session.Web: 2, session.TV: 1}
	line, err := parseLine(t, "serve", "--limit-kind", "web=2", "--limit-kind", "tv=1")
	if err != nil || !reflect.DeepEqual(line.Serve.LimitKind, want) {
		t.Errorf("flags: got %v, %v", line.Serve.LimitKind, err)
	}
	t.Setenv("HUB_LIMIT_KIND", "web=2,tv=1")
	line, err = parseLine(t, "serve")
	if err != nil || !reflect.DeepEqual(line.Serve.LimitKind, want) {
		t.Errorf("environment: got %v, %v", line.Serve.LimitKind, err)
	}
}

func TestAPIKeys(t *testing.T) {
	const half, plain = "fedcba9876543210", "0123456789012345"
	const comma = half + "," + plain + "9"
	tests := []struct {
		name, file, env string
		flags           []string
		want            []string
	}{
		{name: "flag", flags: []string{"--api-key", comma}, want: []string{comma}},
		{name: "two flags", flags: []string{"--api-key=" + comma, "--api-key=" + plain}, want: []string{comma, plain}},
		{name: "environment", env: comma, want: []string{comma}},
		{name: "several in the environment", env: " " + comma + "\n" + plain + " ", want: []string{comma, plain}},
		{name: "file", file: "api-key: " + comma, want: []string{comma}},
		{name: "several in the file", file: "api-key: [\"" + comma + "\", \"" + plain + "\"]", want: []string{comma, plain}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"serve"}, test.flags...)
			if test.file != "" {
				args = append(args, "--config", configure(t, test.file))
			}
			if test.env != "" {
				t.Setenv("HUB_API_KEY", test.env)
			}
			line, err := parseLine(t, args...)
			if err != nil {
				t.Fatal(err)
			}
			o, err := line.Serve.options()
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range test.want {
				if !o.web.APIKeys.Valid(key) {
					t.Errorf("%q is no key", key)
				}
			}
			if o.web.APIKeys.Valid(half) {
				t.Errorf("half of %q is a key", comma)
			}
		})
	}
}

func TestNoLimit(t *testing.T) {
	for _, args := range [][]string{{"serve", "--limit", "-1"}, {"serve", "--limit=-1"}} {
		line, err := parseLine(t, args...)
		if err != nil || line.Serve.Limit != session.Unlimited {
			t.Errorf("%q: limit %d, error %v", args, line.Serve.Limit, err)
		}
	}
}

func TestEveryServeFlagHasItsVariable(t *testing.T) {
	var line program
	parser := newParser(&line, streams{out: io.Discard, err: io.Discard})
	for _, command := range parser.Model.Children {
		if command.Name != "serve" {
			continue
		}
		for _, flag := range command.Flags {
			want := "HUB_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			if !reflect.DeepEqual(flag.Envs, []string{want}) {
				t.Errorf("--%s is read from %q, want %s", flag.Name, flag.Envs, want)
			}
		}
		return
	}
	t.Error("there is no serve")
}

// TestFlagIsNamedOnce wants a fault of the file told in one piece: the flag, the line, and what it should be.
func TestFlagIsNamedOnce(t *testing.T) {
	_, err := parseLine(t, "notify", "test", "--config", configure(t, "webhook-allow-private: perhaps"))
	if err == nil || strings.Count(err.Error(), "--webhook-allow-private") != 1 {
		t.Errorf("got %v", err)
	}
	_, err = parseLine(t, "notify", "test", "--config", configure(t, "webhooks: https://a.example"))
	if err == nil || !strings.Contains(err.Error(), "`hub serve --help`") {
		t.Errorf("got %v, want where the keys are listed", err)
	}
}
