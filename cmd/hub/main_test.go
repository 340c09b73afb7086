package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asProgram makes the test binary behave as the hub itself, so that tests run real processes.
const asProgram = "SESSIONHUB_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// outcome is how long a test waits for another process: far longer than it takes.
const outcome = 2 * time.Minute

// process is a program under test.
type process struct {
	*exec.Cmd
	gone chan struct{} // closed once it has ended
	err  error         // how; to be read after gone

	mu      sync.Mutex
	said    bytes.Buffer // guarded by mu: both of its outputs
	waiting []wait       // guarded by mu
}

// wait is someone who waits for a line of the output.
type wait struct {
	word string
	line chan string
}

// startHub starts a hub with the given arguments, and without any settings from the environment.
func startHub(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...)}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "HUB_") {
			p.Env = append(p.Env, variable)
		}
	}
	p.Env = append(p.Env, asProgram+"=1")
	p.Dir = t.TempDir()
	p.start(t)
	return p
}

// start starts the program, which is killed with the test if it is still there.
func (p *process) start(t *testing.T) {
	t.Helper()
	p.gone = make(chan struct{})
	r, w := io.Pipe()
	p.Stdout, p.Stderr = w, w
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { p.listen(r) })
	go func() {
		p.err = p.Wait()
		w.Close()
		reading.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.Process.Kill()
		<-p.gone
		if t.Failed() {
			t.Logf("%s %s:\n%s", p.Args[0], strings.Join(p.Args[1:], " "), p.output())
		}
	})
}

// listen hands the lines of the output to those who wait for them.
func (p *process) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.mu.Lock()
		p.said.WriteString(lines.Text() + "\n")
		p.tellLocked(lines.Text())
		p.mu.Unlock()
	}
}

func (p *process) tellLocked(line string) {
	for i := range p.waiting {
		if w := p.waiting[i]; w.line != nil && strings.Contains(line, w.word) {
			w.line <- line
			p.waiting[i].line = nil
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// await returns the first line that holds a word, when there is one.
func (p *process) await(t *testing.T, word string) string {
	t.Helper()
	line := make(chan string, 1)
	p.mu.Lock()
	p.waiting = append(p.waiting, wait{word, line})
	for said := range strings.Lines(p.said.String()) {
		p.tellLocked(strings.TrimSuffix(said, "\n"))
	}
	p.mu.Unlock()
	select {
	case found := <-line:
		return found
	case <-p.gone:
		select {
		case found := <-line:
			return found
		default:
		}
		t.Fatalf("the program ended, and did not say %q: %v", word, p.err)
	case <-time.After(outcome):
		t.Fatalf("the program does not say %q", word)
	}
	return ""
}

// address returns the host and port that a hub says it serves.
func (p *process) address(t *testing.T) string {
	t.Helper()
	_, rest, _ := strings.Cut(p.await(t, "msg=serving"), "address=")
	address, _, _ := strings.Cut(rest, " ")
	return address
}

// exitCode returns the program's exit code, once it has ended.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(outcome):
		t.Fatal("the program does not end")
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	return p.ProcessState.ExitCode()
}

// within returns a context for what another process must do in time.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), outcome)
	t.Cleanup(cancel)
	return ctx
}
