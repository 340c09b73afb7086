// Package sessiontest checks that a [session.Store] keeps its contract, sentence by sentence. Every store
// must pass it, against its real database.
package sessiontest

import (
	"testing"

	"github.com/sessionhub/sessionhub/session"
)

// Harness is a store under test, empty, and what the suite must see and do beside it.
type Harness struct {
	Store session.Store

	// Inbox returns what is sent to an instance from now on, in order: the raw messages. The channel must
	// have room for a hundred.
	Inbox func(t *testing.T, instance string) <-chan []byte

	// Lapse lets the lease of an instance run out, and nothing else.
	Lapse func(t *testing.T, instance string)

	// Trim makes the store forget all notices of a shard that it keeps for Missed, but not how many there
	// were.
	Trim func(t *testing.T, shard int)

	// Outdate lets all events that there are become older than the store keeps them. It forgets none itself.
	Outdate func(t *testing.T)
}

// Run runs the suite. It calls open for each of its tests; what open must clean up it leaves to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"Load", loadCases},
		{"Commit", commitCases},
		{"Attach", attachCases},
		{"Detach", detachCases},
		{"Notices", noticeCases},
		{"Deliveries", deliveryCases},
		{"Touch", touchCases},
		{"Push", pushCases},
		{"Due", dueCases},
		{"Limits", limitCases},
		{"Reports", reportCases},
		{"Events", eventCases},
		{"Log", logCases},
		{"Latest", latestCases},
		{"Leases", leaseCases},
		{"Races", raceCases},
		{"Ledger", ledgerCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) { c.run(newKit(t, open(t))) })
			}
		})
	}
}

// testCase is one sentence of the contract.
type testCase struct {
	name string
	run  func(k *kit)
}
