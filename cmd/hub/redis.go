package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// redisSchemes are the kinds of Redis that --redis can name; each has a variant with TLS.
var redisSchemes = map[string]struct{ tls, sentinel, cluster bool }{
	"redis":           {},
	"rediss":          {tls: true},
	"redis+sentinel":  {sentinel: true},
	"rediss+sentinel": {sentinel: true, tls: true},
	"redis+cluster":   {cluster: true},
	"rediss+cluster":  {cluster: true, tls: true},
}

// parseRedis reads the address of a Redis:
//
//	redis://[USER:PASSWORD@]HOST[:PORT][/DB]
//	redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/MASTER[/DB]
//	redis+cluster://[USER:PASSWORD@]HOST[:PORT],…
//
// With rediss in place of redis, the connections use TLS. Parameters: pool_size, and for Sentinel its own
// sentinel_username and sentinel_password. The errors never quote the address: it may hold a password.
func parseRedis(address string) (*redis.UniversalOptions, error) {
	scheme, rest, ok := strings.Cut(address, "://")
	kind, known := redisSchemes[scheme]
	if !ok || !known {
		return nil, errors.New("want redis://, rediss://, redis+sentinel:// or redis+cluster://")
	}
	// net/url reads one host: the hosts are taken out, and one stands in for them.
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	u, err := url.Parse(scheme + "://" + user + "host" + tail)
	if err != nil || u.Fragment != "" {
		return nil, errors.New("the address is malformed; special characters in a password are written as %XX")
	}

	o := redisDefaults()
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	o.IsClusterMode = kind.cluster
	port := "6379"
	if kind.sentinel {
		port = "26379"
	}
	if o.Addrs, err = redisHosts(hosts, port); err != nil {
		return nil, err
	}
	if len(o.Addrs) > 1 && !kind.sentinel && !kind.cluster {
		return nil, errors.New("several hosts need redis+sentinel:// or redis+cluster://")
	}
	if kind.tls {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if err := redisPath(o, u.Path, kind.sentinel); err != nil {
		return nil, err
	}
	return o, redisParameters(o, u.RawQuery, kind.sentinel)
}

// redisDefaults are the settings that the hub relies on. Decisions are bounded by contexts, and a command whose
// reply was lost is not sent again behind the store's back. Redis 7.0 does not know the client's newer
// courtesies and would answer each with an error.
func redisDefaults() *redis.UniversalOptions {
	return &redis.UniversalOptions{
		MaxRetries:               -1,
		ContextTimeoutEnabled:    true,
		DialTimeout:              time.Second,
		DialerRetries:            1,
		ReadTimeout:              time.Second,
		WriteTimeout:             time.Second,
		PoolTimeout:              time.Second,
		PoolSize:                 max(32, 10*runtime.GOMAXPROCS(0)),
		ReadBufferSize:           16 << 10,
		WriteBufferSize:          16 << 10,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// redisHosts reads HOST[:PORT],…
func redisHosts(list, defaultPort string) ([]string, error) {
	var addrs []string
	for item := range strings.SplitSeq(list, ",") {
		u, err := url.Parse("redis://" + item)
		bare := err == nil && strings.Contains(u.Hostname(), ":") && item[0] != '[' // IPv6 without brackets
		if err != nil || bare || u.Hostname() == "" || u.Host != item {
			return nil, errors.New("want HOST:PORT after ://")
		}
		port := u.Port()
		if port == "" {
			port = defaultPort
		}
		addrs = append(addrs, net.JoinHostPort(u.Hostname(), port))
	}
	return addrs, nil
}

// redisPath reads the database, and for Sentinel the name of the master before it.
func redisPath(o *redis.UniversalOptions, path string, sentinel bool) error {
	path = strings.Trim(path, "/")
	if sentinel {
		o.MasterName, path, _ = strings.Cut(path, "/")
		if o.MasterName == "" {
			return errors.New("redis+sentinel:// needs the master's name at the end: redis+sentinel://HOST:PORT/MASTER")
		}
	}
	if path == "" {
		return nil
	}
	if o.IsClusterMode {
		return errors.New("a cluster has no numbered databases")
	}
	db, err := strconv.ParseUint(path, 10, 16)
	if err != nil {
		return errors.New("want a database number after /")
	}
	o.DB = int(db)
	return nil
}

// redisParameters reads what follows the question mark.
func redisParameters(o *redis.UniversalOptions, query string, sentinel bool) error {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the parameters are malformed")
	}
	for name, values := range parameters {
		value := values[len(values)-1]
		switch {
		case name == "pool_size":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil || n == 0 {
				return errors.New("pool_size: want the most connections to keep open, 1 or more")
			}
			o.PoolSize = int(n)
		case name == "sentinel_username" && sentinel:
			o.SentinelUsername = value
		case name == "sentinel_password" && sentinel:
			o.SentinelPassword = value
		default:
			return fmt.Errorf("unknown parameter %q", name)
		}
	}
	return nil
}

// warnOfEviction tells the operator if the Redis may throw sessions away when its memory is full. Until the
// Redis answers there is nothing to tell, so it asks again, until ctx ends.
func warnOfEviction(ctx context.Context, client redis.UniversalClient, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		policies, err := evictionPolicies(ctx, client)
		if err == nil {
			for _, policy := range policies {
				log.Warn("this Redis forgets keys when its memory is full, and with them sessions; "+
					"set maxmemory-policy to noeviction", "maxmemory_policy", policy)
			}
			return
		}
		log.Debug("the eviction policy of the Redis is not known yet", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// evictionPolicies returns the policies in use that evict, over all masters. INFO is asked and not CONFIG,
// which hosted servers refuse.
func evictionPolicies(ctx context.Context, client redis.UniversalClient) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var mu sync.Mutex // ForEachMaster asks in parallel
	var policies []string
	ask := func(ctx context.Context, node *redis.Client) error {
		info, err := node.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		for line := range strings.Lines(info) {
			policy, ok := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:")
			if !ok || policy == "noeviction" {
				continue
			}
			mu.Lock()
			policies = append(policies, policy)
			mu.Unlock()
		}
		return nil
	}
	switch c := client.(type) {
	case *redis.Client:
		err := ask(ctx, c)
		return policies, err
	case *redis.ClusterClient:
		err := c.ForEachMaster(ctx, ask)
		slices.Sort(policies)
		return slices.Compact(policies), err
	}
	return nil, nil
}
