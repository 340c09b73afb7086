package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sessionhub/sessionhub/auth"
)

// passwdCommand is `hub passwd`.
type passwdCommand struct {
	File string `arg:"" help:"The htpasswd file. It is made if it is not there."`
	User string `arg:"" help:"The user."`
}

// Run asks for a password and puts the user's line into the file. A hub that uses the file sees the change.
func (c *passwdCommand) Run(ctx context.Context, std streams) error {
	password, err := readPassword(ctx, std, c.User)
	if err != nil {
		return err
	}
	if err := auth.AddHtpasswd(c.File, c.User, password); err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "The password of %q is now in %s.\n", c.User, c.File)
	return err
}

// readPassword asks twice on a terminal, without echo, and reads one line of anything else.
func readPassword(ctx context.Context, std streams, user string) (string, error) {
	fd := int(std.in.Fd())
	if !term.IsTerminal(fd) {
		return readLine(std.in)
	}
	// Nothing interrupts a read from a terminal, and whoever leaves in the middle must get the echo back.
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		term.Restore(fd, state)
		fmt.Fprintln(std.err)
		os.Exit(exitFailed)
	})()

	ask := func(prompt string) (string, error) {
		fmt.Fprint(std.err, prompt)
		password, err := term.ReadPassword(fd)
		fmt.Fprintln(std.err)
		return string(password), err
	}
	first, err := ask(fmt.Sprintf("New password of %q: ", user))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	second, err := ask("Once more: ")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if first != second {
		return "", errors.New("the two passwords are not the same; nothing was changed")
	}
	return first, nil
}

// readLine reads the first line, which need not end with a newline.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", errors.New("no password: give it as the first line of the standard input")
	}
	return line, nil
}
