package checktest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/checktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workload is thousands of operations on few users with every limit and policy.
func workload(seed uint64) checktest.Workload {
	return checktest.Workload{
		Seed: seed, Users: 6, Operations: 4000, Parallel: 24,
		Limits:   []int{1, 2, 5},
		Policies: []session.Policy{session.Evict, session.Reject, session.Ask},
	}
}

// three is one store for three instances.
func three(store session.Store) []session.Store { return []session.Store{store, store, store} }

func TestSoundStorePasses(t *testing.T) {
	t.Parallel()
	checktest.Check(t, workload(1), three(newMemory(false))...)
}

func TestEachPolicyPasses(t *testing.T) {
	t.Parallel()
	for i, policy := range []session.Policy{session.Evict, session.Reject, session.Ask} {
		t.Run(string(policy), func(t *testing.T) {
			w := workload(10 + uint64(i))
			w.Policies = []session.Policy{policy}
			checktest.Check(t, w, three(newMemory(false))...)
		})
	}
}

func TestLostAnswersPass(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		store := checktest.Lossy(newMemory(false), 50, seed)
		checktest.Check(t, workload(20+seed), three(store)...)
	}
}

func TestFreshSeedPasses(t *testing.T) {
	t.Parallel()
	checktest.Check(t, workload(rand.Uint64()), three(newMemory(false))...)
}

// TestBrokenStoreIsCaught shows that the checker can fail: it must, for a store that checks and then acts.
func TestBrokenStoreIsCaught(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{1, 2, 5} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			w := workload(30 + uint64(limit))
			w.Limits = []int{limit}
			report, err := checktest.Run(t.Context(), w, three(newMemory(true))...)
			if err != nil {
				t.Fatal(err)
			}
			if !report.Violation {
				t.Errorf("a store that checks and then acts has passed: %s", report)
			}
		})
	}
}
