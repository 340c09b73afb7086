package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sessionhub/sessionhub/notify/notifytest"
	"github.com/sessionhub/sessionhub/session"
)

// hookOf returns the webhook of a notifier that is configured like this.
func hookOf(t *testing.T, o Options) *webhook {
	t.Helper()
	n, err := New(o)
	must(t, err)
	t.Cleanup(n.client.CloseIdleConnections)
	return &n.webhooks[0].webhook
}

func TestWebhook(t *testing.T) {
	r := notifytest.StartReceiver(t, testSecret) // which verifies each signature
	w := hookOf(t, Options{Webhooks: []string{r.URL}, Secrets: []string{testSecret}, AllowPrivate: true, Version: "v1.2"})
	at := time.Date(2026, 11, 22, 2, 30, 5, 123e6, time.UTC)
	e := ended("alice <b>\r\nX-Evil: 1", at)
	e.Session.Attributes = map[string]string{"plan": "premium"}
	must(t, w.post(t.Context(), e))
	hook := r.Next(t)
	if got := hook.Header.Get("Content-Type") + " " + hook.Header.Get("User-Agent"); got != "application/json SessionHub/v1.2" {
		t.Errorf("headers: %s", got)
	}
	if hook.Header.Get("X-Evil") != "" || strings.ContainsAny(hook.Body, "<\r\n") {
		t.Errorf("a user has made the request %v %s", hook.Header, hook.Body)
	}
	s := e.Session
	want := map[string]any{
		"type": "session.ended", "timestamp": "2026-11-22T02:30:05.123Z",
		"data": map[string]any{
			"id": "7", "type": "session.ended", "at": "2026-11-22T02:30:05.123Z", "user": e.User, "reason": "superseded",
			"session": map[string]any{
				"id": s.ID.String(), "user": e.User, "ip": "192.0.2.7", "user_agent": "Firefox",
				"client": map[string]any{
					"browser": "Firefox", "browser_version": "", "system": "", "system_version": "", "type": "program",
				},
				"device":     map[string]any{"id": "a", "name": "Firefox on Linux", "kind": "web"},
				"created_at": "2026-11-22T01:30:05.123Z", "last_active_at": "2026-11-22T02:29:05.123Z",
				"idle_expires_at": "2026-11-22T03:29:05.123Z", "expires_at": nil, "attributes": map[string]any{"plan": "premium"},
			},
			"by": map[string]any{
				"session_id": s.Ended.By.SessionID.String(), "ip": "198.51.100.9", "user_agent": "Chrome",
				"device": map[string]any{"id": "b", "name": "Chrome on Windows", "kind": "web"},
			},
		},
	}
	text, err := json.Marshal(want)
	must(t, err)
	var got map[string]any
	must(t, json.Unmarshal([]byte(hook.Body), &got))
	if again, _ := json.Marshal(got); string(again) != string(text) {
		t.Errorf("the body is\n%s, want\n%s", again, text)
	}
}

// Events without a session, and with one that is live, have what there is of them.
func TestPayloads(t *testing.T) {
	live := ended("alice", time.Now())
	live.Type, live.Session.Ended = session.SessionCreated, nil
	failed := session.Event{ID: "9", Type: session.LoginFailed, User: "bob", By: &session.Actor{IP: "192.0.2.1"}}
	for _, test := range []struct {
		event       session.Event
		has, hasNot string
	}{
		{live, `"session":{`, `"reason"`},
		{failed, `"session":null,"by":{"ip":"192.0.2.1"}`, `"reason"`},
	} {
		text, err := json.Marshal(newPayload(test.event))
		must(t, err)
		if !strings.Contains(string(text), test.has) || strings.Contains(string(text), test.hasNot) ||
			strings.Contains(string(text), "digest") {
			t.Errorf("%s has not %s, or has %s", text, test.has, test.hasNot)
		}
	}
}

// Each secret signs, so that a receiver that knows either of them is satisfied, and one that knows neither is not.
func TestSecretsAreRotated(t *testing.T) {
	w := hookOf(t, Options{Webhooks: []string{hook}, Secrets: []string{testSecret, otherSecret}})
	now := time.Now()
	req, err := w.request(t.Context(), ended("alice", now), now)
	must(t, err)
	body, err := io.ReadAll(req.Body)
	must(t, err)
	for secret, good := range map[string]bool{testSecret: true, otherSecret: true, notifytest.NewSecret(): false} {
		receiver, err := standardwebhooks.NewWebhook(secret)
		must(t, err)
		if err := receiver.Verify(body, req.Header); (err == nil) != good {
			t.Errorf("verified: %v, want %v", err, good)
		}
	}
	if n := len(strings.Fields(req.Header.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures, want 2", n)
	}
	receiver, err := standardwebhooks.NewWebhook(testSecret)
	must(t, err)
	if receiver.Verify(append(body, ' '), req.Header) == nil {
		t.Error("another body has the same signature")
	}
}

func TestMessageID(t *testing.T) {
	e := ended("alice", time.Now())
	id := messageID(e)
	if messageID(e) != id || len(id) != 36 || strings.Contains(id, ".") {
		t.Errorf("an event is %s and then %s", id, messageID(e))
	}
	others := []session.Event{e, e, e, ended("alice", e.At), e}
	others[0].ID = "8"
	others[1].At = e.At.Add(time.Millisecond)
	others[2].User = "bob"
	others[4].Type = session.SessionCreated
	for i, other := range others {
		if messageID(other) == id {
			t.Errorf("event %d is the same as another", i)
		}
	}
}

func TestAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer trap.Close()
	r := notifytest.StartReceiver(t, testSecret)
	w := hookOf(t, Options{Webhooks: []string{r.URL}, Secrets: []string{testSecret}, AllowPrivate: true})
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string // "" is delivered
		pause  time.Duration
		gone   bool
	}{
		{"200", status(200), "", 0, false},
		{"204", status(204), "", 0, false},
		{"299", status(299), "", 0, false},
		{"a large body", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, strings.Repeat("x", 10*maxAnswer))
		}, "", 0, false},
		{"301", status(301, "Location", trap.URL), "301 Moved Permanently, and redirects are not followed", 0, false},
		{"307", status(307, "Location", trap.URL), "307 Temporary Redirect, and redirects are not followed", 0, false},
		{"304", status(304), "304 Not Modified", 0, false},
		{"400", status(400), "400 Bad Request", 0, false},
		{"410", status(410), "410 Gone", 0, true},
		{"429", status(429, "Retry-After", "7"), "429 Too Many Requests", 7 * time.Second, false},
		{"500", status(500), "500 Internal Server Error", 0, false},
		{"503", status(503, "Retry-After", "never"), "503 Service Unavailable", 0, false},
		{"huge headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 4*maxAnswerHead))
		}, "server response headers exceeded", 0, false},
		{"a connection that breaks", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", 0, false},
	}
	for _, test := range tests {
		r.Answer(test.answer)
		err := w.post(t.Context(), ended("alice", time.Now()))
		r.Next(t)
		var f *failure
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want == "":
		case !errors.As(err, &f) || !strings.Contains(f.text, test.want) || f.pause != test.pause || f.gone != test.gone:
			t.Errorf("%s: %+v, want %q, pause %s, gone %v", test.name, err, test.want, test.pause, test.gone)
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// status answers with a status and headers.
func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

func TestWebhookTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{answer: func(ctx context.Context, _ string, _ int) (*http.Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		w := hookOf(t, Options{Webhooks: []string{hook}, Secrets: []string{testSecret}})
		w.client.Transport = o
		start := time.Now()
		err := w.post(t.Context(), ended("alice", start))
		if took := time.Since(start); took != webhookTimeout || err == nil || err.Error() != "no answer within 15s" {
			t.Errorf("%v after %s", err, took)
		}
	})
}

// What goes wrong is told without the address, in whose path there may be a secret.
func TestWebhookErrorsHideTheAddress(t *testing.T) {
	for _, url := range []string{
		"http://127.0.0.1:1/hunter2?token=hunter2", "https://nowhere.invalid/hunter2", "http://127.0.0.1:99999/hunter2",
	} {
		w := hookOf(t, Options{Webhooks: []string{url}, Secrets: []string{testSecret}, AllowPrivate: true})
		err := w.post(t.Context(), ended("alice", time.Now()))
		if err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), testSecret[6:]) {
			t.Errorf("%v", err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := []string{testSecret}
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"no secret", Options{Webhooks: []string{hook}}, "HUB_WEBHOOK_SECRET"},
		{"a secret without its beginning", Options{Secrets: []string{testSecret[6:]}}, "secret 1: want whsec_"},
		{"a short secret", Options{Secrets: []string{testSecret, "whsec_aHVudGVyMg=="}}, "secret 2: want whsec_"},
		{"a long secret", Options{Secrets: []string{"whsec_" + strings.Repeat("aHVu", 30)}}, "24 to 64 bytes"},
		{"a secret that is no base64", Options{Secrets: []string{"whsec_hunter2!"}}, "base64"},
		{"http", Options{Webhooks: []string{"http://a.example/hunter2"}, Secrets: good}, "want https://"},
		{"ftp", Options{Webhooks: []string{"ftp://a.example/hunter2"}, Secrets: good, AllowPrivate: true}, "want https://"},
		{"no host", Options{Webhooks: []string{"https:///hunter2"}, Secrets: good}, "such as https://"},
		{"no address", Options{Webhooks: []string{hook, "%zz hunter2"}, Secrets: good}, "number 2: want an address"},
		{"a password", Options{Webhooks: []string{"https://u:hunter2@a.example/"}, Secrets: good}, "no user and password"},
		{"a fragment", Options{Webhooks: []string{"https://a.example/#hunter2"}, Secrets: good}, "after #"},
		{"a long address", Options{Webhooks: []string{"https://a.example/" + strings.Repeat("x", 2048)}, Secrets: good},
			"want an address"},
		{"loopback", Options{Webhooks: []string{"https://127.0.0.1/hunter2"}, Secrets: good}, "--webhook-allow-private"},
		{"metadata", Options{Webhooks: []string{"https://[::ffff:169.254.169.254]/"}, Secrets: good}, "not a public one"},
		{"twice", Options{Webhooks: []string{hook, hook}, Secrets: good}, "given twice"},
		{"too many", Options{Webhooks: make([]string, 10), Channels: make([]string, 7), Secrets: good}, "16"},
		{"an unknown service", Options{Channels: []string{"pigeon://hunter2"}}, "the services are bark, discord"},
		{"the logger", Options{Channels: []string{"logger://"}}, "the services are"},
		{"no service", Options{Channels: []string{"hunter2"}}, "such as smtp://"},
		{"a broken address", Options{Channels: []string{"smtp://u:%zzhunter2@h/"}}, "malformed"},
		{"a token that is none", Options{Channels: []string{"telegram://hunter2hunter2@telegram?chats=1"}}, "nvalid"},
		{"a mail to nobody", Options{Channels: []string{"smtp://u:hunter2@h/?from=a@example.com"}}, "toAddress"},
		{"an unknown parameter", Options{Channels: []string{mail + "&hunter2=hunter2"}}, "number 1"},
		{"an unknown event", Options{Types: []string{"x"}}, "--notify-types"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v, want an error that says %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), testSecret[6:]) {
				t.Errorf("%v shows a secret", err)
			}
		})
	}
}

func TestEndpointsShowNoSecrets(t *testing.T) {
	n, err := New(Options{
		Webhooks: []string{"https://a.example:8443/hunter2", "https://a.example:8443/hunter3"}, Secrets: []string{testSecret},
		Channels: []string{"smtp://u:hunter2@h/?from=a@example.com&to=b@example.com"},
	})
	must(t, err)
	names := n.Endpoints()
	if len(names) != 3 || !strings.HasPrefix(names[0], "a.example:8443#") || !strings.HasPrefix(names[2], "smtp#") ||
		names[0] == names[1] || strings.Contains(strings.Join(names, " "), "hunter") {
		t.Errorf("endpoints %q", names)
	}
	// Names are in the metrics: whoever reads them must not be able to try passwords.
	other, err := New(Options{Channels: []string{"smtp://u:hunter3@h/?from=a@example.com&to=b@example.com"}})
	must(t, err)
	if name := other.Endpoints()[0]; name != names[2] {
		t.Errorf("with another password it is %s, not %s", name, names[2])
	}
	other, err = New(Options{Channels: []string{"smtp://v:hunter2@h/?from=a@example.com&to=b@example.com"}})
	must(t, err)
	if name := other.Endpoints()[0]; name == names[2] {
		t.Errorf("with another user it is still %s", name)
	}
}
