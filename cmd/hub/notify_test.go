package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sessionhub/sessionhub/notify/notifytest"
	"github.com/sessionhub/sessionhub/pubsub/redistest"
)

// startTelling starts a hub that tells of events, and returns its address once it does.
func startTelling(t *testing.T, args ...string) (*process, string) {
	t.Helper()
	hub := startHub(t, append([]string{"serve", "--listen=127.0.0.1:0", "--api-key=" + testKey, "--drain=100ms",
		"--webhook-allow-private"}, args...)...)
	base := "http://" + hub.address(t)
	hub.await(t, "telling of events")
	return hub, base
}

// wantUsers wants that a receiver gets the event of each of these users, of some more than once if it may, and returns
// the requests.
func wantUsers(t *testing.T, r *notifytest.Receiver, once bool, users ...string) []notifytest.Hook {
	t.Helper()
	var hooks []notifytest.Hook
	left := make(map[string]bool)
	for _, user := range users {
		left[user] = true
	}
	for len(left) > 0 {
		hook := r.Next(t)
		user, _ := hook.Data["user"].(string)
		if hook.Type != "session.ended" || once && !left[user] {
			t.Errorf("a request for a %s of %q", hook.Type, user)
		}
		delete(left, user)
		hooks = append(hooks, hook)
	}
	return hooks
}

// supersedeAll lets a newer login end a session of each user, and returns the users.
func supersedeAll(t *testing.T, base, prefix string, n int) []string {
	t.Helper()
	var users []string
	for i := range n {
		user := fmt.Sprintf("%s %d", prefix, i)
		openSession(t, base, user)
		openSession(t, base, user)
		users = append(users, user)
	}
	return users
}

// TestKilledWhileTelling kills a hub while requests to a webhook are under way and others wait: none is lost, whether
// another hub goes on or the same one starts again. One that was answered does not come again.
func TestKilledWhileTelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args func(t *testing.T) []string
		two  bool // hubs, of which one is killed
	}{
		{"on a file", func(t *testing.T) []string {
			return []string{"--data=" + filepath.Join(t.TempDir(), "hub.db")}
		}, false},
		{"on Redis, alone", func(t *testing.T) []string { return []string{"--redis=" + redistest.Start(t).URL()} }, false},
		{"on Redis, with another", func(t *testing.T) []string { return []string{"--redis=" + redistest.Start(t).URL()} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := notifytest.StartReceiver(t, notifytest.NewSecret())
			args := append(c.args(t), "--webhook="+receiver.URL, "--webhook-secret="+receiver.Secret)
			doomed, base := startTelling(t, args...)
			done := supersedeAll(t, base, "done", 3)
			wantUsers(t, receiver, true, done...)

			// From here on nothing is answered until the hub is dead.
			dead := make(chan struct{})
			t.Cleanup(func() {
				select {
				case <-dead:
				default:
					close(dead)
				}
			})
			receiver.Answer(func(w http.ResponseWriter, _ *http.Request) { <-dead })
			users := supersedeAll(t, base, "user", 20)
			first := receiver.Next(t)
			if c.two {
				startTelling(t, args...)
			}
			kill(t, doomed)
			receiver.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
			close(dead)
			if !c.two {
				startTelling(t, args...)
			}
			hooks := wantUsers(t, receiver, false, users...)
			ids := make(map[string]string)
			for _, hook := range append(hooks, first) {
				user := hook.Data["user"].(string)
				if id, again := ids[user]; again && id != hook.ID {
					t.Errorf("the event of %s came as %s and as %s", user, id, hook.ID)
				}
				ids[user] = hook.ID
			}
			t.Logf("%d requests for %d events after the kill", len(hooks), len(users))
		})
	}
}

// TestHubsShareTheTelling runs two hubs on one Redis, which is killed and restarted meanwhile: each event comes.
func TestHubsShareTheTelling(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	receiver := notifytest.StartReceiver(t, notifytest.NewSecret())
	args := []string{"--redis=" + redis.URL(), "--webhook=" + receiver.URL, "--webhook-secret=" + receiver.Secret}
	_, here := startTelling(t, args...)
	_, there := startTelling(t, args...)
	wantUsers(t, receiver, true, append(supersedeAll(t, here, "here", 20), supersedeAll(t, there, "there", 20)...)...)
	if n := receiver.Count(); n != 0 {
		t.Errorf("%d events came twice", n)
	}

	redis.Kill(t)
	redis.Restart(t)
	awaitStatus(t, here+"/readyz", http.StatusOK)
	awaitStatus(t, there+"/readyz", http.StatusOK)
	wantUsers(t, receiver, false, supersedeAll(t, here, "after", 10)...)
}

// TestTellsOnACluster shows that the queues and the streams, which are in different slots, do not get into each other's way.
func TestTellsOnACluster(t *testing.T) {
	t.Parallel()
	receiver := notifytest.StartReceiver(t, notifytest.NewSecret())
	_, base := startTelling(t, "--redis="+startCluster(t), "--webhook="+receiver.URL, "--webhook-secret="+receiver.Secret)
	wantUsers(t, receiver, true, supersedeAll(t, base, "user", 40)...)
}

// TestStormIsOneMail ends a thousand sessions, a hundred of each user: people get one mail.
func TestStormIsOneMail(t *testing.T) {
	t.Parallel()
	box := notifytest.StartMailbox(t)
	redis := redistest.Start(t)
	args := []string{"--redis=" + redis.URL(), "--notify=" + box.URL(notifytest.MailPassword)}
	hub, base := startTelling(t, args...)
	startTelling(t, args...)
	const users, sessions = 10, 100
	everybody := func(act func(user string)) {
		var all sync.WaitGroup
		for i := range users {
			all.Go(func() { act(fmt.Sprint("storm-", i)) })
		}
		all.Wait()
	}
	everybody(func(user string) {
		for range sessions {
			status, answer := call(t, http.DefaultClient, http.MethodPost, base+"/v1/admin/sessions",
				map[string]any{"user": user, "limit": -1})
			if status != http.StatusCreated {
				t.Errorf("open a session: %d %v", status, answer)
			}
		}
	})
	everybody(func(user string) {
		status, answer := call(t, http.DefaultClient, http.MethodDelete, base+"/v1/admin/users/"+user+"/sessions", nil)
		if ended, _ := answer["ended"].([]any); status != http.StatusOK || len(ended) != sessions {
			t.Errorf("%d sessions of %s ended: %d", len(ended), user, status)
		}
	})
	mail := box.Next(t)
	if subject := mail.Header.Get("Subject"); !strings.Contains(subject, "1,000") ||
		!strings.Contains(mail.Body, "and 995 more") || !strings.Contains(mail.Body, "“storm-") {
		t.Errorf("a mail about %q:\n%s", subject, mail.Body)
	}
	awaitMetric(t, base, `hub_notify_waiting{endpoint="smtp#`, " 0")
	if n := box.Count(); n != 0 {
		t.Errorf("%d more mails", n)
	}
	if strings.Contains(hub.output(), notifytest.MailPassword) {
		t.Error("the log shows the password")
	}
}

// TestGoneAndEnabledAgain has a receiver answer 410, and enables it again as the log says.
func TestGoneAndEnabledAgain(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	receiver := notifytest.StartReceiver(t, notifytest.NewSecret())
	asked := new(atomic.Int32)
	receiver.Answer(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusGone)
	})
	other := notifytest.StartReceiver(t, receiver.Secret)
	settings := []string{"--redis=" + redis.URL(), "--webhook=" + receiver.URL, "--webhook=" + other.URL,
		"--webhook-secret=" + receiver.Secret, "--webhook-allow-private"}
	hub, base := startTelling(t, settings[:4]...)
	first := supersedeAll(t, base, "first", 1)
	wantUsers(t, receiver, true, first...)
	wantUsers(t, other, true, first...)
	_, name, _ := strings.Cut(hub.await(t, "hub notify enable "), "hub notify enable ")
	name, _, _ = strings.Cut(name, `"`)
	awaitMetric(t, base, `hub_notify_disabled{endpoint="`+name, " 1")
	wantUsers(t, other, true, supersedeAll(t, base, "while disabled", 3)...)

	receiver.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	enable := func(name string) (int, string) {
		return runRefused(t, append([]string{"notify", "enable", name}, settings...)...)
	}
	if code, said := enable("nobody#1"); code != exitUsage || !strings.Contains(said, name) {
		t.Errorf("of no endpoint: exit code %d: %s", code, said)
	}
	if code, said := enable(name); code != exitOK || !strings.Contains(said, "enabled again") {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if code, said := enable(name); code != exitOK || !strings.Contains(said, "was not disabled") {
		t.Errorf("again: exit code %d: %s", code, said)
	}
	wantUsers(t, receiver, true, supersedeAll(t, base, "afterwards", 2)...)
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times after it had gone", n-1)
	}
}

// awaitMetric waits until the hub shows a metric with the given beginning and value.
func awaitMetric(t *testing.T, base, begin, value string) {
	t.Helper()
	ctx := within(t)
	for ctx.Err() == nil {
		for line := range strings.Lines(body(t, base+"/metrics")) {
			if strings.HasPrefix(line, begin) && strings.HasSuffix(strings.TrimSpace(line), value) {
				return
			}
		}
	}
	t.Fatalf("no metric %s…%s", begin, value)
}

// TestNotifyTest sends a test to endpoints that take it and to some that do not.
func TestNotifyTest(t *testing.T) {
	t.Parallel()
	secret := notifytest.NewSecret()
	good, bad := notifytest.StartReceiver(t, secret), notifytest.StartReceiver(t, secret)
	bad.Answer(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no such <tenant>", http.StatusForbidden)
	})
	box := notifytest.StartMailbox(t)
	base := []string{"notify", "test", "--webhook-allow-private", "--webhook-secret=" + secret}

	code, said := runRefused(t, append(base, "--webhook="+good.URL, "--notify="+box.URL(notifytest.MailPassword))...)
	if code != exitOK || strings.Count(said, ": delivered\n") != 2 {
		t.Errorf("exit code %d: %s", code, said)
	}
	if hook := good.Next(t); hook.Type != "notification.test" {
		t.Errorf("a request of type %q", hook.Type)
	}
	if mail := box.Next(t); mail.Header.Get("Subject") != "Session Hub: a test" || len(mail.To) != 1 {
		t.Errorf("a mail with the headers %v", mail.Header)
	}

	const wrong = "hunter2-hunter2"
	code, said = runRefused(t, append(base, "--webhook="+good.URL, "--webhook="+bad.URL,
		"--notify="+box.URL(wrong), "--notify=smtp://127.0.0.1:1/?from=a@example.com&to=b@example.com")...)
	for _, want := range []string{"403 Forbidden", "no such ‹tenant›", "535", "refused", "3 of 4"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if code != exitFailed || strings.Contains(said, wrong) || strings.Contains(said, secret) {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// TestNotifyHelp wants the help of each command to show the flags that matter to it, and no others.
func TestNotifyHelp(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"test": "--webhook=URL", "enable": "--redis=URL"} {
		code, said := runRefused(t, "notify", command, "--help")
		if code != exitOK || !strings.Contains(said, want) || !strings.Contains(said, "--config") ||
			strings.Contains(said, "--idle-timeout") {
			t.Errorf("hub notify %s --help: exit code %d:\n%s", command, code, said)
		}
	}
}
