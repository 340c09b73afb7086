package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

var pushScript = script("push")

// pushTimeout is how old a Push may become on its way before it is no longer sent.
const pushTimeout = 2 * time.Second

// Push implements session.Store.
func (s *Store) Push(ctx context.Context, key session.Key, push session.Push) (session.Snapshot, error) {
	only := ""
	if push.Session != (session.ID{}) {
		only = sessionName(push.Session)
	}
	seen, alive := s.lastLook()
	k, name := &s.shards[key.Shard()], key.String()
	reply, err := s.pipes[key.Shard()].run(ctx, pushScript, []string{k.account + name, k.live + name},
		session.PushHead(key, push.ID), push.Data, InboxPrefix, only, s.in(pushTimeout), seen, alive)
	if err != nil {
		return session.Snapshot{}, err
	}
	if reply == int64(2) {
		return session.Snapshot{}, fmt.Errorf("%w: redis: the message came too late", session.ErrUnavailable)
	}
	return s.snapshot(key, reply)
}
