package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of CPU time in /proc: Linux shows hundredths of a second to every program.
const tick = 10 * time.Millisecond

// usage is what a process uses of the machine.
type usage struct {
	// rss is the memory that is resident, pss the same with shared pages shared out; in bytes.
	rss, pss int64
	cpu      time.Duration // since the process started
}

// usageOf reads the usage of a process. It needs Linux.
func usageOf(pid int) (usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return usage{}, fmt.Errorf("memory and CPU of process %d: %w", pid, err)
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return usage{}, fmt.Errorf("CPU of process %d: %w", pid, err)
	}
	var u usage
	if u.rss, err = kilobytes(status, "VmRSS:"); err != nil {
		return usage{}, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	// Another user's smaps_rollup cannot be read; then the shared part stays unknown.
	if rollup, err := os.ReadFile(filepath.Join(dir, "smaps_rollup")); err == nil {
		u.pss, _ = kilobytes(rollup, "Pss:")
	}
	if u.cpu, err = cpuTime(stat); err != nil {
		return usage{}, fmt.Errorf("CPU of process %d: %w", pid, err)
	}
	return u, nil
}

// kilobytes returns the bytes in the line of a file of /proc that begins with label.
func kilobytes(file []byte, label string) (int64, error) {
	for line := range bytes.Lines(file) {
		words := bytes.Fields(line)
		if len(words) != 3 || string(words[0]) != label || string(words[2]) != "kB" {
			continue
		}
		n, err := strconv.ParseInt(string(words[1]), 10, 64)
		return n << 10, err
	}
	return 0, fmt.Errorf("no %s in it", label)
}

// cpuTime returns utime and stime of /proc/PID/stat: the 12th and 13th words after the program's name, which
// stands in parentheses and may hold anything.
func cpuTime(stat []byte) (time.Duration, error) {
	words := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(words) < 13 {
		return 0, fmt.Errorf("only %d words in stat", len(words))
	}
	var ticks int64
	for _, word := range words[11:13] {
		n, err := strconv.ParseInt(string(word), 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}
