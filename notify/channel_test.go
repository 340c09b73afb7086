package notify

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessionhub/sessionhub/notify/notifytest"
	"github.com/sessionhub/sessionhub/session"
)

func TestMail(t *testing.T) {
	box := notifytest.StartMailbox(t)
	c, err := parseChannel(box.URL(notifytest.MailPassword), newChannelClient())
	must(t, err)
	events := []session.Event{
		ended("Zoë", time.Now()),
		ended("eve\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>", time.Now()),
		ended("mallory\n.\r\nMAIL FROM:<x@example.com>", time.Now()),
	}
	events[1].Session.Device.Name = "\r\nSubject: You have won"
	must(t, c.send(t.Context(), compose(events)))
	mail := box.Next(t)
	if mail.From != "hub@example.com" || len(mail.To) != 1 || mail.To[0] != "ops@example.com" {
		t.Errorf("from %s to %q", mail.From, mail.To)
	}
	for name, want := range map[string]string{
		"Subject": "Session Hub: sessions ended (3): a newer login took their place", "To": "ops@example.com", "Bcc": "",
	} {
		if got := mail.Header[name]; len(got) > 1 || mail.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	kind, params, err := mime.ParseMediaType(mail.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" || !strings.EqualFold(params["charset"], "utf-8") {
		t.Errorf("content type %s %v, %v", kind, params, err)
	}
	if _, err := mail.Header.Date(); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSuffix(mail.Body, "\r\n"), "\r\n")
	if len(lines) != 5 || !strings.Contains(mail.Body, "“Zoë”") || strings.Contains(mail.Body, "<") {
		t.Errorf("a body of %d lines, want 5:\n%s", len(lines), mail.Body)
	}
	if n := box.Count(); n != 0 {
		t.Errorf("%d more mails", n)
	}

	// An operator's own subject stays.
	c, err = parseChannel(box.URL(notifytest.MailPassword)+"&subject=Alarm", newChannelClient())
	must(t, err)
	must(t, c.send(t.Context(), compose(events[:1])))
	if subject := box.Next(t).Header.Get("Subject"); subject != "Alarm" {
		t.Errorf("the subject is %q", subject)
	}
}

func TestMailIsRefused(t *testing.T) {
	const secret = "hunter2-hunter2"
	box := notifytest.StartMailbox(t)
	c, err := parseChannel(box.URL(secret), newChannelClient())
	must(t, err)
	err = c.send(t.Context(), compose([]session.Event{ended("alice", time.Now())}))
	if err == nil || !strings.Contains(err.Error(), "535") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v, want the server's refusal, and no password", err)
	}
	if n := box.Count(); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// hangs is a connection to a service that never answers.
func hangs(t *testing.T, hub func(address string)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	taken := make(chan net.Conn, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			taken <- conn
		}
	}()
	hub(l.Addr().String())
	l.Close()
	<-done
	close(taken)
	for conn := range taken {
		conn.Close()
	}
}

// A mail server that takes connections and says nothing holds up a few sends, and then no more are begun. When it lets
// go of them, all is as before.
func TestMailServerHangs(t *testing.T) {
	var c *channel
	hangs(t, func(address string) {
		var err error
		c, err = parseChannel("smtp://"+address+"/?from=a@example.com&to=b@example.com", newChannelClient())
		must(t, err)
		for range maxHanging {
			// Given up early here, as the hub gives up after channelTimeout.
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := c.send(ctx, message{text: "x"}); err == nil {
				t.Error("delivered")
			}
		}
		if n := c.hanging.Load(); n != maxHanging {
			t.Fatalf("%d sends hang, want %d", n, maxHanging)
		}
		if err := c.send(t.Context(), message{text: "x"}); err == nil || !strings.Contains(err.Error(), "hang") {
			t.Errorf("%v, want it to say that the service hangs", err)
		}
	})
	for c.hanging.Load() > 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("they hang still")
		case <-time.After(time.Millisecond):
		}
	}
	if err := c.send(t.Context(), message{text: "x"}); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v, want a connection refused", err)
	}
}

// roundTrip is what a test answers requests with.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestChannelTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			select { // a service that has put no bound on the request
			case <-r.Context().Done():
			case <-time.After(time.Hour):
			}
			return nil, errors.New("too late")
		})}
		c, err := parseChannel("generic+https://a.example/hunter2", client)
		must(t, err)
		start := time.Now()
		err = c.send(t.Context(), message{text: "x"})
		if took := time.Since(start); err == nil || took > channelTimeout {
			t.Errorf("%v after %s", err, took)
		}
		time.Sleep(2 * time.Hour)
	})
}

// Slack, and others, get the text without anything that they would take for markup.
func TestChatGetsPlainText(t *testing.T) {
	var sent string
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		sent = string(body)
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("ok")), Header: http.Header{}, Request: r}, err
	})}
	c, err := parseChannel("slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook", client)
	must(t, err)
	must(t, c.send(t.Context(), compose([]session.Event{ended("<!channel> <@U1|x> &lt;", time.Now())})))
	if sent == "" || strings.ContainsAny(sent, "<>&") || strings.Contains(sent, `\u003c`) || strings.Contains(sent, `\u0026`) {
		t.Errorf("sent %s", sent)
	}
}

// What a service reports as sent, and was not, is not sent; what it has sent at the second try is.
func TestWitness(t *testing.T) {
	const telegram = "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=1,2"
	for _, test := range []struct {
		name   string
		fails  func(n int) bool
		failed bool
	}{
		{"all", func(int) bool { return true }, true},
		{"none", func(int) bool { return false }, false},
	} {
		n := 0
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if n++; test.fails(n) {
				return nil, errors.New("no route")
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"ok":true,"result":{}}`))}, nil
		})}
		c, err := parseChannel(telegram, client)
		must(t, err)
		if err := c.send(t.Context(), message{text: "x"}); (err != nil) != test.failed || n != 2 {
			t.Errorf("%s fail: %v after %d requests", test.name, err, n)
		}
	}
	w := &witness{failed: make(map[string]error)}
	statuses := []int{500, 429, 200}
	w.next = roundTrip(func(r *http.Request) (*http.Response, error) {
		next := statuses[0]
		statuses = statuses[1:]
		return &http.Response{StatusCode: next}, nil
	})
	for _, bad := range []bool{true, true, false} {
		req, err := http.NewRequest(http.MethodPost, "https://a.example/", nil)
		must(t, err)
		if _, err := w.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		if (w.err() != nil) != bad {
			t.Errorf("with %v to come: %v", statuses, w.err())
		}
	}
}

// A redirect would be followed without the message, and answered with 200.
func TestChannelsAreNotRedirected(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked []string
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.Method+" "+r.URL.Host)
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader("{}"))}
			if r.URL.Host == "a.example" {
				resp.StatusCode = status
				resp.Header.Set("Location", "https://b.example/")
			}
			return resp, nil
		})}
		c, err := parseChannel("generic+https://a.example/hunter2", client)
		must(t, err)
		err = c.send(t.Context(), message{text: "x"})
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(status)) || len(asked) != 1 {
			t.Errorf("%d: %v, after %q", status, err, asked)
		}
	}
}

// The services put the addresses they call into their errors, with the tokens in them.
func TestErrorsOfServicesHideSecrets(t *testing.T) {
	tests := map[string][]string{ // the secrets of each
		"slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook": {
			"WNA3PBYV6", "F20DUQND3RQ", "Webc4MAvoacrpPakR8phF0zi"},
		"telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@secretroom": {
			"110201543", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"},
		"discord://dGhpcyBpcyBzZWNyZXQ@123456789012345678":                               {"dGhpcyBpcyBzZWNyZXQ", "123456789012345678"},
		"gotify://gotify.example/AzyoeNS.D4iJLVa":                                        {"AzyoeNS", "D4iJLVa"},
		"ntfy://user:hunter2hunter2@ntfy.example/secrettopic":                            {"hunter2hunter2", "secrettopic"},
		"mattermost://bot@chat.example/geheimnis1234567890":                              {"geheimnis1234567890"},
		"pushover://shoutrrr:hunter2hunter2@hunter3hunter3/":                             {"hunter2hunter2", "hunter3hunter3"},
		"matrix://user:hunter2hunter2@127.0.0.1:1/?rooms=!a:b":                           {"hunter2hunter2"},
		"generic+https://a.example/hunter2hunter2?x=hunter3hunter3":                      {"hunter2hunter2", "hunter3hunter3"},
		"smtp://hunter1:hunter2%2Fx%40@127.0.0.1:1/?from=a@example.com&to=b@example.com": {"hunter1", "hunter2/x@"},
	}
	answers := map[string]roundTrip{
		"no route": func(r *http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route to " + r.URL.String())}
		},
		"an answer that repeats the address": func(r *http.Request) (*http.Response, error) {
			told := "not found: " + r.URL.String() + " " + r.URL.Path + " " + url.QueryEscape(r.URL.String())
			return &http.Response{StatusCode: 404, Status: "404 " + told, Header: http.Header{}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"ok":false,"error":"` + told + `","description":"` + told + `"}`))}, nil
		},
	}
	for address, secrets := range tests {
		for name, answer := range answers {
			c, err := parseChannel(address, &http.Client{Transport: answer})
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			err = c.send(t.Context(), message{headline: "x", text: "x"})
			if err == nil {
				t.Errorf("%s: delivered in spite of %s", c.scheme, name)
				continue
			}
			for _, secret := range secrets {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s, %s: %v shows %s", c.scheme, name, err, secret)
				}
			}
		}
	}
}
