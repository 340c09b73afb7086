package main

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

func TestParseRedis(t *testing.T) {
	tests := []struct {
		address string
		want    func(*redis.UniversalOptions) // what differs from one plain server on r:6379
	}{
		{"redis://r", func(o *redis.UniversalOptions) {}},
		{"redis://r/", func(o *redis.UniversalOptions) {}},
		{"redis://r:7000/3", func(o *redis.UniversalOptions) { o.Addrs, o.DB = []string{"r:7000"}, 3 }},
		{"redis://:p%40ss@r", func(o *redis.UniversalOptions) { o.Password = "p@ss" }},
		{"redis://u:p@r", func(o *redis.UniversalOptions) { o.Username, o.Password = "u", "p" }},
		{"redis://[::1]:7000", func(o *redis.UniversalOptions) { o.Addrs = []string{"[::1]:7000"} }},
		{"redis://[::1]", func(o *redis.UniversalOptions) { o.Addrs = []string{"[::1]:6379"} }},
		{"redis://r?pool_size=7", func(o *redis.UniversalOptions) { o.PoolSize = 7 }},
		{"redis+sentinel://a:1,b/main", func(o *redis.UniversalOptions) {
			o.Addrs, o.MasterName = []string{"a:1", "b:26379"}, "main"
		}},
		{"redis+sentinel://u:p@a/main/2?sentinel_username=su&sentinel_password=sp", func(o *redis.UniversalOptions) {
			o.Addrs, o.MasterName, o.DB, o.Username, o.Password = []string{"a:26379"}, "main", 2, "u", "p"
			o.SentinelUsername, o.SentinelPassword = "su", "sp"
		}},
		{"redis+cluster://a,b:7001,[::1]:7002", func(o *redis.UniversalOptions) {
			o.Addrs, o.IsClusterMode = []string{"a:6379", "b:7001", "[::1]:7002"}, true
		}},
		{"redis+cluster://a", func(o *redis.UniversalOptions) { o.Addrs, o.IsClusterMode = []string{"a:6379"}, true }},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			got, err := parseRedis(test.address)
			if err != nil {
				t.Fatal(err)
			}
			want := redisDefaults()
			want.Addrs = []string{"r:6379"}
			test.want(want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestParseRedisWithTLS(t *testing.T) {
	for _, address := range []string{"rediss://r", "rediss+sentinel://a,b/main", "rediss+cluster://a,b"} {
		o, err := parseRedis(address)
		if err != nil || o.TLSConfig == nil {
			t.Errorf("%s: TLS %v, error %v", address, o.TLSConfig, err)
		}
	}
}

func TestParseRedisKeepsTheHubsBounds(t *testing.T) {
	o, err := parseRedis("redis://r")
	if err != nil {
		t.Fatal(err)
	}
	if o.MaxRetries != -1 || !o.ContextTimeoutEnabled || !o.DisableIdentity {
		t.Errorf("retries %d, contexts %t, identity off %t", o.MaxRetries, o.ContextTimeoutEnabled, o.DisableIdentity)
	}
	for _, d := range []time.Duration{o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout} {
		if d != time.Second {
			t.Errorf("a timeout of %s, want 1s", d)
		}
	}
}

func TestParseRedisRefuses(t *testing.T) {
	const secret = "hunter2"
	tests := []struct{ address, want string }{
		{"", "want redis://"},
		{"localhost:6379", "want redis://"},
		{"http://u:" + secret + "@r", "want redis://"},
		{"redis://", "HOST:PORT"},
		{"redis://:6379", "HOST:PORT"},
		{"redis://:" + secret + "@", "HOST:PORT"},
		{"redis://u:" + secret + "@r:port", "HOST:PORT"},
		{"redis://a:1:2", "HOST:PORT"},
		{"redis://a,b", "several hosts"},
		{"redis://u:%zz" + secret + "@r", "malformed"},
		{"redis://r/x", "database number"},
		{"redis://r/-1", "database number"},
		{"redis://r#" + secret, "malformed"},
		{"redis://r?max_retries=3", `"max_retries"`},
		{"redis://r?pool_size=0", "pool_size"},
		{"redis://r?sentinel_password=" + secret, `"sentinel_password"`},
		{"redis+sentinel://a,b", "master"},
		{"redis+sentinel://a,,b/main", "HOST:PORT"},
		{"redis+cluster://a,b/1", "no numbered databases"},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			_, err := parseRedis(test.address)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q does not say %q", err, test.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%q shows the password", err)
			}
		})
	}
}

func TestWarnsOfEviction(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client(t)
	warnings := func() string {
		var log strings.Builder
		warnOfEviction(t.Context(), client, time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	if got := warnings(); got != "" {
		t.Errorf("of noeviction: %s", got)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory-policy", "volatile-lru").Err(); err != nil {
		t.Fatal(err)
	}
	if got := warnings(); !strings.Contains(got, "maxmemory_policy=volatile-lru") || !strings.Contains(got, "WARN") {
		t.Errorf("of volatile-lru: %q", got)
	}
}
