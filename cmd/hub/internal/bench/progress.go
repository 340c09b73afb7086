package bench

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far the work is: a bar on a terminal, else a line for each phase.
type progress struct {
	out  io.Writer // nil shows nothing
	bars bool
}

func newProgress(out io.Writer, silent bool) *progress {
	if silent {
		return &progress{}
	}
	file, ok := out.(*os.File)
	return &progress{out: out, bars: ok && term.IsTerminal(int(file.Fd()))}
}

// phase begins a phase of so many steps.
func (p *progress) phase(name string, steps int) *bar {
	switch {
	case p.out == nil:
		return nil
	case !p.bars:
		fmt.Fprintf(p.out, "%s…\n", name)
		return nil
	}
	return &bar{progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetDescription(fmt.Sprintf("%-18s", name)),
		progressbar.OptionSetWidth(40),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

// bar is a phase under way. A nil bar shows nothing. It may be used concurrently.
type bar struct{ drawn *progressbar.ProgressBar }

func (b *bar) add(steps int) {
	if b != nil {
		b.drawn.Add(steps)
	}
}

func (b *bar) done() {
	if b != nil {
		b.drawn.Finish()
	}
}
