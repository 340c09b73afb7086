package hub

import (
	"errors"
	"math"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/prometheus/procfs"

	"github.com/sessionhub/sessionhub/session"
)

// Why an instance is not ready.
var (
	errSilent = errors.New("the store does not answer")
	errInbox  = errors.New("notices from other instances do not arrive")
)

// load is what the process takes of its machine. It is owned by keepLease.
type load struct {
	at  time.Duration // when it was last looked at, since the hub's start
	cpu float64       // seconds of a core until then, of the process
}

// health returns how this instance is doing, for a beat. Whoever reads it knows that the store answers.
func (h *Hub) health() session.Health {
	health := session.Health{Goroutines: runtime.NumGoroutine(), MaxConnections: h.max}
	health.State, health.Detail = stateOf(h.awake())
	health.CPU, health.Memory = h.load.look(h.wheel.now())
	return health
}

// stateOf returns the state of an instance that is not ready for the given reason; nil is ready.
func stateOf(why error) (session.State, string) {
	switch {
	case why == nil:
		return session.Ready, ""
	case errors.Is(why, ErrDraining):
		return session.Draining, ""
	default:
		return session.NotReady, why.Error()
	}
}

// look returns what share of a core the process has taken since the last look, which is that of the beat before, and
// how many bytes it has in memory.
func (l *load) look(now time.Duration) (cpu float64, memory uint64) {
	before := *l
	l.at = now
	spent, memory, err := usage()
	if err != nil {
		return 0, heldByGo()
	}
	l.cpu = spent
	if now > before.at {
		cpu = math.Round(1000*max(0, spent-before.cpu)/(now-before.at).Seconds()) / 1000
	}
	return cpu, memory
}

// usage returns how many seconds of a core this process has taken, to 10 ms, and what is resident of its memory, in
// bytes, where the system has a /proc.
func usage() (cpu float64, memory uint64, err error) {
	self, err := procfs.Self()
	if err != nil {
		return 0, 0, err
	}
	stat, err := self.Stat()
	if err != nil {
		return 0, 0, err
	}
	return stat.CPUTime(), uint64(max(0, stat.ResidentMemory())), nil
}

// heldByGo returns how many bytes the Go runtime holds, without those that it has given back to the system.
func heldByGo() uint64 {
	held := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(held)
	return held[0].Value.Uint64() - held[1].Value.Uint64()
}
