package session_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/sessionhub/sessionhub/session"
)

// start is when the accounts of the tests live.
var start = time.Date(2026, 5, 17, 9, 30, 0, 0, time.UTC)

// Devices are few, so that the same one signs in again; there is one more of each kind than limits go up to.
var devices = func() []session.Device {
	var all []session.Device
	for _, kind := range session.Kinds[:3] {
		for i := range 5 {
			all = append(all, session.Device{ID: fmt.Sprintf("%s %d", kind, i), Name: "Device", Kind: kind})
		}
	}
	return all
}()

var (
	ids      = rapid.Custom(func(t *rapid.T) session.ID { return session.ID(bytesOf(t, 16, "id")) })
	digests  = rapid.Custom(func(t *rapid.T) session.Digest { return session.Digest(bytesOf(t, 32, "digest")) })
	limits   = rapid.SampledFrom([]int{1, 1, 2, 3, 4, session.Unlimited})
	policies = rapid.SampledFrom([]session.Policy{session.Evict, session.Reject, session.Ask})
	timeouts = rapid.SampledFrom([]time.Duration{0, time.Minute, 30 * time.Minute})
)

func bytesOf(t *rapid.T, n int, label string) []byte {
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, label)
}

var rules = rapid.Custom(func(t *rapid.T) session.Rule {
	return session.Rule{
		Limit:       limits.Draw(t, "limit"),
		LimitByKind: rapid.MapOfN(rapid.SampledFrom(session.Kinds[:3]), limits, 0, 2).Draw(t, "limit by kind"),
		Policy:      policies.Draw(t, "policy"),
		IdleTimeout: timeouts.Draw(t, "idle timeout"),
		MaxLifetime: timeouts.Draw(t, "lifetime"),
	}
})

// ownLimits are what a user or a login says itself, which is most often nothing.
var ownLimits = rapid.Custom(func(t *rapid.T) session.Limits {
	var own session.Limits
	if rapid.IntRange(0, 2).Draw(t, "says a limit") == 0 {
		own.Limit = limits.Draw(t, "limit")
	}
	if rapid.IntRange(0, 3).Draw(t, "says limits by kind") == 0 {
		own.LimitByKind = rapid.MapOfN(rapid.SampledFrom(session.Kinds[:3]), limits, 0, 2).Draw(t, "limit by kind")
	}
	if rapid.IntRange(0, 3).Draw(t, "says a policy") == 0 {
		own.Policy = policies.Draw(t, "policy")
	}
	return own
})

var requests = rapid.Custom(func(t *rapid.T) session.Request {
	return session.Request{
		User:       "alice",
		Credential: session.Credential{ID: ids.Draw(t, "id"), Digest: digests.Draw(t, "digest")},
		Device:     rapid.SampledFrom(devices).Draw(t, "device"),
		IP:         rapid.SampledFrom([]string{"", "192.0.2.1"}).Draw(t, "ip"),
		UserAgent:  rapid.StringN(0, 5, -1).Draw(t, "user agent"),
		Attributes: rapid.MapOfN(rapid.StringN(0, 3, -1), rapid.String(), 0, 1).Draw(t, "attributes"),
		Limits:     ownLimits.Draw(t, "limits"),
		Force:      rapid.Bool().Draw(t, "force"),
		Ticket:     digests.Draw(t, "ticket"),
	}
})

// sessionOn returns a live session on a device, near start: some are past their deadline.
func sessionOn(t *rapid.T, device session.Device) session.Session {
	created := start.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "minutes old")) * time.Minute)
	age := int(start.Sub(created) / time.Minute)
	active := created.Add(time.Duration(rapid.IntRange(0, age).Draw(t, "active")) * time.Minute)
	s := session.Session{
		ID:           ids.Draw(t, "id"),
		Device:       device,
		Digest:       digests.Draw(t, "digest"),
		CreatedAt:    created,
		LastActiveAt: active,
		IdleTimeout:  timeouts.Draw(t, "idle timeout"),
	}
	if lifetime := timeouts.Draw(t, "lifetime"); lifetime > 0 {
		s.ExpiresAt = created.Add(lifetime)
	}
	return s
}

// accounts are any that the rules can lead to: up to one live session on each device, more than most limits
// allow, some of them due; tombstones and tickets, some past their time.
var accounts = rapid.Custom(func(t *rapid.T) session.Account {
	a := session.Account{User: "alice", Limits: ownLimits.Draw(t, "own limits")}
	mixed := rapid.Permutation(devices).Draw(t, "devices")
	for _, device := range mixed[:rapid.IntRange(0, 9).Draw(t, "live")] {
		a.Live = append(a.Live, sessionOn(t, device))
	}
	for range rapid.IntRange(0, session.KeepEnded).Draw(t, "ended") {
		s := sessionOn(t, rapid.SampledFrom(devices).Draw(t, "device"))
		ago := time.Duration(rapid.IntRange(0, 8*24).Draw(t, "hours ago")) * time.Hour
		reason := rapid.SampledFrom([]session.Reason{session.Superseded, session.EndedByUser}).Draw(t, "reason")
		s.Ended = &session.Ending{Reason: reason, At: start.Add(-ago), By: s.Actor()}
		if rapid.IntRange(0, 3).Draw(t, "reported") == 0 {
			s.Ended.ReportedAt, s.Ended.ByReport = s.Ended.At, rapid.Bool().Draw(t, "ended by it")
		}
		a.Ended = append(a.Ended, s)
	}
	for range rapid.IntRange(0, 3).Draw(t, "tickets") {
		a.Tickets = append(a.Tickets, session.Ticket{
			Digest:    digests.Draw(t, "digest"),
			ExpiresAt: start.Add(time.Duration(rapid.IntRange(-1, 2).Draw(t, "minutes left")) * time.Minute),
			Request:   requests.Draw(t, "request"),
			Rule:      rules.Draw(t, "rule"),
		})
	}
	a.Live, a.Ended, a.Tickets = spare(a.Live), spare(a.Ended), spare(a.Tickets)
	return a
})

// spare returns the list with room for more, which an append that forgets to copy writes to.
func spare[T any](list []T) []T {
	if list == nil {
		return nil
	}
	return slices.Grow(list, 4)
}

// memory returns all that an account holds, the spare room too.
func memory(a session.Account) string {
	a.Live, a.Ended, a.Tickets = a.Live[:cap(a.Live)], a.Ended[:cap(a.Ended)], a.Tickets[:cap(a.Tickets)]
	return asJSON(a)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// unchanged returns a check that an account is what it was, in all its memory.
func unchanged(t *rapid.T, a session.Account) func() {
	before := memory(a)
	return func() {
		if after := memory(a); after != before {
			t.Fatalf("the account was changed:\n was %s\n  is %s", before, after)
		}
	}
}

// idsOf returns the IDs of sessions.
func idsOf(list []session.Session) []session.ID {
	out := make([]session.ID, len(list))
	for i, s := range list {
		out[i] = s.ID
	}
	return out
}

// newID returns an ID for tests that need no more than a name.
func newID() session.ID { return uuid.New() }

// sorted joins words in order.
func sorted(words []string) string { return strings.Join(slices.Sorted(slices.Values(words)), " ") }
