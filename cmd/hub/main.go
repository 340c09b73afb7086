// Command hub runs Session Hub: it wires the packages together, and decides nothing itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// The exit codes of the program. A second signal during a shutdown exits with 128 and its number.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// program is the command line.
type program struct {
	Serve       serveCommand       `cmd:"" help:"Run a hub."`
	Demo        demoCommand        `cmd:"" help:"Try it out: a hub on this machine alone, with two accounts."`
	Passwd      passwdCommand      `cmd:"" help:"Add a user to an htpasswd file, or change the password."`
	Notify      notifyCommand      `cmd:"" help:"See to the notifications of a hub: webhooks, mail, chat."`
	Bench       benchCommand       `cmd:"" help:"Measure a hub under load, or two that it starts."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
	Healthcheck healthcheckCommand `cmd:"" hidden:"" help:"Ask a hub whether it is alive."`
}

// streams are the standard streams of a command.
type streams struct {
	in       *os.File
	out, err io.Writer
}

func main() { os.Exit(run(os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})) }

// run runs the command that the arguments ask for, and returns the exit code.
func run(args []string, std streams) int {
	var line program
	parser := newParser(&line, std)
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(std.err, "hub: %s\nTry `hub --help`, or `hub serve --help`.\n", err)
		return exitUsage
	}
	ctx, stop := untilSignal(context.Background())
	defer stop()
	command.Bind(std)
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run()
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		fmt.Fprintf(std.err, "hub: %s\n", err)
		return exitUsage
	default:
		fmt.Fprintf(std.err, "hub: %s\n", err)
		return exitFailed
	}
}

func newParser(line *program, std streams) *kong.Kong {
	return kong.Must(line, kong.Name("hub"), kong.Writers(std.out, std.err),
		kong.WithHyphenPrefixedParameters(true), // --limit -1
		kong.Help(printHelp),
		kong.Description("Session Hub: a user's new device takes the place of the old one, which is told at once."))
}

// usageError says that the hub was told to do what it cannot: nothing has been started.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

func badUsage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }
