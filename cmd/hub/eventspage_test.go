package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// TestEventsPage runs the commands of docs/events.md in turn, as they stand there, and holds each answer to what the
// page says it is: on a file, with the flags that the page shows, and on Redis.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	blocks := blocksOf(readPage(t, "events.md"))
	_, flags, ok := strings.Cut(blocks[0].text, "bin/hub serve ")
	if !ok || len(blocks) < 10 {
		t.Fatalf("the page has %d blocks, and first %q", len(blocks), blocks[0].text)
	}
	for name, store := range map[string]string{"file": "", "redis": redistest.Start(t).URL()} {
		t.Run(name, func(t *testing.T) {
			_, base := serve(t, append(strings.Fields(flags), "--redis="+store)...)
			p := &eventsPage{T: t, base: base, script: blocks[1].text}
			for i, b := range blocks[2:] {
				switch next := blocks[min(i+3, len(blocks)-1)]; {
				case b.language != "sh":
				case next.language == "json":
					p.answers(b.text, next.text)
				case next.language == "text":
					p.streams(b.text, next.text)
				default:
					p.answers(b.text, "")
				}
			}
		})
	}
}

// eventsPage is a reader who follows the page.
type eventsPage struct {
	*testing.T
	base   string
	script string // goes before each command
	next   string // of the last answer that said that there is more
	from   string // of the last answer that said that there is something earlier
}

func (p *eventsPage) command(text string) *exec.Cmd {
	cmd := exec.CommandContext(within(p.T), "sh", "-euc", p.script+text)
	cmd.Env = append(os.Environ(), "HUB="+p.base, "HUB_API_KEY="+testKey, "NEXT="+p.next, "FROM="+p.from)
	cmd.Stderr = os.Stderr
	return cmd
}

// answers runs a command, and compares what comes with the JSON on the page.
func (p *eventsPage) answers(command, shown string) {
	p.Helper()
	text, err := p.command(command).Output()
	if err != nil {
		p.Fatalf("%s\n%v: %s", command, err, text)
	}
	if shown == "" {
		return
	}
	got := wantAnswer(p.T, command, text, shown)
	if got["more"] == true {
		p.next = got["next"].(string)
	}
	if got["earlier"] == true {
		p.from = got["from"].(string)
	}
}

// streams runs a command that does not end, compares the lines that come with those on the page, and ends it.
func (p *eventsPage) streams(command, shown string) {
	p.Helper()
	cmd := p.command(command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // of the shell and what it has started
	out, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for want := range strings.Lines(shown) {
		if !lines.Scan() || !reads(lines.Text(), strings.TrimSuffix(want, "\n")) {
			p.Errorf("%s\n%q, want %q", command, lines.Text(), want)
		}
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		p.Error(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		p.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		p.Errorf("%s\nit ended by itself", command)
	}
}
