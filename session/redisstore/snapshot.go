package redisstore

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/sessionhub/sessionhub/session"
)

// snapshot reads the reply of load, attach, and a commit that lost.
func (s *Store) snapshot(key session.Key, reply any) (session.Snapshot, error) {
	parts, ok := reply.([]any)
	if !ok || len(parts) != 3 {
		return session.Snapshot{}, fmt.Errorf("redis: snapshot of %T", reply)
	}
	now, _ := parts[2].(int64)
	snap := session.Snapshot{Now: time.UnixMilli(now).UTC()}
	record, ok := parts[0].(string)
	if !ok || record == "" {
		return snap, nil
	}
	if err := readRecord(&snap, []byte(record)); err != nil {
		return snap, fmt.Errorf("redis: account %s: %w", key, err)
	}
	for field, value := range fieldsOf(parts[1]) {
		s.apply(&snap, key, field, value)
	}
	return snap, nil
}

// readRecord reads an account and its version into a snapshot.
func readRecord(snap *session.Snapshot, record []byte) (err error) {
	if len(record) < len(snap.Version) {
		return fmt.Errorf("a record of %d bytes", len(record))
	}
	copy(snap.Version[:], record)
	if record = record[len(snap.Version):]; len(record) > 0 { // else there is nothing in it any more
		snap.Account, err = session.DecodeAccount(record)
	}
	return err
}

// fieldsOf returns the fields and values of a hash, as a script has returned them.
func fieldsOf(reply any) iter.Seq2[string, string] {
	return func(yield func(field, value string) bool) {
		fields, _ := reply.([]any)
		for i := 0; i+1 < len(fields); i += 2 {
			field, _ := fields[i].(string)
			value, _ := fields[i+1].(string)
			if !yield(field, value) {
				return
			}
		}
	}
}

// sentTo reads the sessions whose notices a commit has sent.
func sentTo(reply any) (sent []session.ID) {
	fields, _ := reply.([]any)
	for _, field := range fields {
		field, _ := field.(string)
		if _, id, _, ok := parseField(field); ok {
			sent = append(sent, id)
		}
	}
	return sent
}

// parseField reads the name of a field of the live hash.
func parseField(field string) (sort string, id session.ID, instance string, ok bool) {
	sort, rest, _ := strings.Cut(field, ":")
	name, instance, _ := strings.Cut(rest, ":")
	if hex.DecodedLen(len(name)) != len(id) {
		return "", id, "", false
	}
	_, err := hex.Decode(id[:], []byte(name))
	return sort, id, instance, err == nil
}

// parseRoute reads a route, and since when it is there in ms.
func parseRoute(key session.Key, id session.ID, instance, value string) (route session.Route, since int64, ok bool) {
	route = session.Route{Key: key, Session: id, Instance: instance}
	_, err := fmt.Sscan(value, &route.Epoch, &route.Connections, &since)
	return route, since, err == nil
}

// delivered notes in a snapshot, which nobody else has, that sessions were sent their notice when they ended.
func delivered(snap *session.Snapshot, sent ...session.ID) {
	for _, id := range sent {
		if i := session.Index(snap.Account.Ended, id); i >= 0 {
			snap.Account.Ended[i].Ended.Delivery = session.NoticeSent
		}
	}
}

// apply adds a field of the live hash to a snapshot.
func (s *Store) apply(snap *session.Snapshot, key session.Key, field, value string) {
	sort, id, instance, ok := parseField(field)
	if !ok {
		return
	}
	live := session.Index(snap.Account.Live, id)
	switch {
	case sort == "a" && live >= 0:
		if at := parseMillis(value); at.After(snap.Account.Live[live].LastActiveAt) {
			snap.Account.Live[live].LastActiveAt = at
		}
	case sort == "k":
		snap.Account = snap.Account.Acknowledge(id, parseMillis(value))
	case sort == "t":
		delivered(snap, id)
	case sort == "m" && live >= 0:
		if snap.Missed == nil {
			snap.Missed = make(map[session.ID]time.Time)
		}
		snap.Missed[id] = parseMillis(value)
	case sort == "r" && live >= 0:
		if route, since, ok := parseRoute(key, id, instance, value); ok && s.lives(instance, since) {
			snap.Routes = append(snap.Routes, route)
		}
	}
}
