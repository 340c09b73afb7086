// Package notifytest has what is notified in tests: a mail server, and a receiver of webhooks. Both are real servers on
// loopback, which end with the test.
package notifytest

import (
	"errors"
	"io"
	"net"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Patience is how long a test waits for what must come: far longer than it takes.
const Patience = 2 * time.Minute

// Mailbox is an SMTP server that keeps what it gets.
type Mailbox struct {
	addr  string
	mails chan Mail
}

// Mail is a mail as it came.
type Mail struct {
	From string
	To   []string
	// Header has the headers, and Body what comes after them, with the line ends of SMTP.
	Header mail.Header
	Body   string
}

// MailUser and MailPassword are what a Mailbox lets in. Others are refused, and so is mail without them.
const (
	MailUser     = "hub"
	MailPassword = "correct-horse-battery"
)

// StartMailbox starts a mail server.
func StartMailbox(tb testing.TB) *Mailbox {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	m := &Mailbox{addr: l.Addr().String(), mails: make(chan Mail, 100)}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &letter{box: m}, nil }))
	server.Domain, server.AllowInsecureAuth = "mail.example", true
	server.ReadTimeout, server.WriteTimeout = Patience, Patience
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			tb.Error(err)
		}
	}()
	tb.Cleanup(func() {
		server.Close()
		<-done
	})
	return m
}

// URL returns the address of a channel that mails here with the given password.
func (m *Mailbox) URL(password string) string {
	u := url.URL{
		Scheme: "smtp", User: url.UserPassword(MailUser, password), Host: m.addr, Path: "/",
		RawQuery: url.Values{"from": {"hub@example.com"}, "to": {"ops@example.com"}}.Encode(),
	}
	return u.String()
}

// Next returns the next mail.
func (m *Mailbox) Next(tb testing.TB) Mail {
	tb.Helper()
	select {
	case got := <-m.mails:
		return got
	case <-time.After(Patience):
		tb.Fatal("no mail came")
		return Mail{}
	}
}

// Count returns how many mails have come that Next has not returned yet.
func (m *Mailbox) Count() int { return len(m.mails) }

// letter is one SMTP session.
type letter struct {
	box  *Mailbox
	in   bool // the password was right
	mail Mail
}

func (l *letter) AuthMechanisms() []string { return []string{sasl.Plain} }

func (l *letter) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if l.in = user == MailUser && password == MailPassword; !l.in {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (l *letter) Mail(from string, _ *smtp.MailOptions) error {
	if !l.in {
		return smtp.ErrAuthRequired
	}
	l.mail = Mail{From: from}
	return nil
}

func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error {
	l.mail.To = append(l.mail.To, to)
	return nil
}

func (l *letter) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	parsed, err := mail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(parsed.Body)
	if err != nil {
		return err
	}
	l.mail.Header, l.mail.Body = parsed.Header, string(body)
	l.box.mails <- l.mail
	return nil
}

func (l *letter) Reset() { l.mail = Mail{} }

func (l *letter) Logout() error { return nil }
