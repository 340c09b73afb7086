//go:build unix

package bench

import (
	"math"
	"syscall"
)

// openFiles returns how many files this process may have open, as far as there is a limit.
func openFiles() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}
