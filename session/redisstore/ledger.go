package redisstore

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sessionhub/sessionhub/session"
)

var (
	postScript  = script("post")
	factsScript = script("facts")
)

// ask is one run of a script in a row of several.
type ask struct {
	script *redis.Script
	key    string
	args   []any
}

// Post implements session.Ledger. It is one round trip; on a cluster, where the names are on several servers that
// would not wait for each other, it enters the facts in one and reads in another.
func (s *Store) Post(ctx context.Context, entries []session.Entry, names ...session.Digest) ([][]session.Fact, error) {
	var asks []ask
	for _, e := range entries {
		sole := "0"
		if e.Sole {
			sole = "1"
		}
		asks = append(asks, ask{postScript, ledgerKey(e.Name), []any{e.Fact[:], e.Keep.Milliseconds(), sole}})
	}
	for _, name := range names {
		asks = append(asks, ask{factsScript, ledgerKey(name), nil})
	}
	if _, cluster := s.client.(*redis.ClusterClient); cluster && len(entries) > 0 {
		if _, err := s.inOrder(ctx, asks[:len(entries)]); err != nil {
			return nil, err
		}
		asks = asks[len(entries):]
	}
	replies, err := s.inOrder(ctx, asks)
	if err != nil {
		return nil, err
	}
	all := make([][]session.Fact, len(names))
	for i, reply := range replies[len(replies)-len(names):] {
		if all[i], err = readFacts(reply); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ledgerKey is a name's key, which is a sorted set of its facts by the ms until which each is kept. A cluster may put
// each name elsewhere.
func ledgerKey(name session.Digest) string { return "hub:fact:" + hex.EncodeToString(name[:]) }

func readFacts(reply any) ([]session.Fact, error) {
	list, _ := reply.([]any)
	var facts []session.Fact
	for _, item := range list {
		text, _ := item.(string)
		if len(text) != len(session.Fact{}) {
			return nil, fmt.Errorf("redis: a fact of %d bytes", len(text))
		}
		facts = append(facts, session.Fact([]byte(text)))
	}
	return facts, nil
}

// inOrder runs scripts one after the other, in one round trip as a rule. From the first that fails on, as when Redis
// has forgotten the script, each is run again by itself: all of them may be repeated.
func (s *Store) inOrder(ctx context.Context, asks []ask) ([]any, error) {
	replies := make([]any, len(asks))
	pipeline := s.client.Pipeline()
	cmds := make([]*redis.Cmd, len(asks))
	for i, a := range asks {
		cmds[i] = evalsha(ctx, a.script, []string{a.key}, a.args)
		pipeline.Process(ctx, cmds[i])
	}
	pipeline.Exec(ctx) // each command keeps its own error
	failed := false
	for i, a := range asks {
		var err error
		if replies[i], err = cmds[i].Result(); err == nil && !failed {
			continue
		}
		failed = true
		if replies[i], err = s.beats.run(ctx, a.script, []string{a.key}, a.args...); err != nil {
			return nil, err
		}
	}
	return replies, nil
}
