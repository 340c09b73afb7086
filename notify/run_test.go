package notify

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	hook  = "https://one.example/hook"
	other = "https://two.example/hook"
	mail  = "smtp://mail.example:25/?from=hub@example.com&to=ops@example.com"
)

func TestDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(outside).start(t, Options{Webhooks: []string{hook, other}})
		b.end(users(50)...)
		time.Sleep(5 * time.Second)
		for _, host := range []string{"one.example", "two.example"} {
			ids := make(map[string]bool)
			for _, r := range b.to(host) {
				ids[r.id] = true
			}
			if n := len(b.to(host)); n != 50 || len(ids) != 50 {
				t.Errorf("%d requests to %s of %d events, want 50", n, host, len(ids))
			}
		}
		for _, name := range b.n.Endpoints() {
			if n := b.waiting(name); n != 0 {
				t.Errorf("%d are waiting for %s", n, name)
			}
		}
	})
}

// A receiver that fails is asked again, less and less often, with the same event each time, until it takes it.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const failures = 12
		o := &outside{slowly: true, answer: func(_ context.Context, _ string, n int) (*http.Response, error) {
			if n <= failures {
				return response(http.StatusInternalServerError), nil
			}
			return response(http.StatusOK), nil
		}}
		b := o.start(t, Options{Webhooks: []string{hook}})
		b.end("alice")
		time.Sleep(20 * time.Hour)
		requests := b.to("one.example")
		if len(requests) != failures+1 {
			t.Fatalf("%d requests, want %d", len(requests), failures+1)
		}
		for i, r := range requests[1:] {
			wait, longest := r.at.Sub(requests[i].at), min(slowestRetry, firstRetry<<i)
			if wait < longest/2 || wait > longest+b.n.pulse {
				t.Errorf("attempt %d came after %s, want %s to %s", i+2, wait, longest/2, longest)
			}
			if r.id != requests[0].id {
				t.Errorf("attempt %d is of another event", i+2)
			}
		}
		name := b.n.Endpoints()[0]
		if n := b.waiting(name); n != 0 {
			t.Errorf("%d are waiting", n)
		}
		for what, want := range map[outcome]float64{delivered: 1, failed: failures, expired: 0} {
			if got := b.counted(name, what); got != want {
				t.Errorf("%v counted as %s, want %v", got, what, want)
			}
		}
		b.stop()
		if log := b.log.String(); strings.Count(log, "not delivered") != 1 || !strings.Contains(log, "delivered again") {
			t.Errorf("the log says\n%s", log)
		}
	})
}

// counted returns how many deliveries the metrics show with an outcome.
func (b *bench) counted(endpoint string, what outcome) float64 {
	b.Helper()
	registry := prometheus.NewRegistry()
	must(b, registry.Register(b.n))
	families, err := registry.Gather()
	must(b, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := m.GetLabel() // in the order of their names
			if family.GetName() == "hub_notify_deliveries_total" && labels[0].GetValue() == endpoint &&
				labels[1].GetValue() == string(what) {
				return m.GetCounter().GetValue()
			}
		}
	}
	b.Fatalf("%s shows none that are %s", endpoint, what)
	return 0
}

// After a day in the queue, which it enters within a pulse, a delivery is given up.
func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{slowly: true, answer: func(context.Context, string, int) (*http.Response, error) {
			return nil, errors.New("no route to host")
		}}
		b := o.start(t, Options{Webhooks: []string{hook}})
		start := time.Now()
		b.end("alice")
		time.Sleep(3 * giveUpAfter)
		requests := b.to("one.example")
		last := requests[len(requests)-1].at.Sub(start)
		if last > giveUpAfter+b.n.pulse || last < giveUpAfter-slowestRetry-5*time.Minute ||
			len(requests) < 20 || len(requests) > 70 {
			t.Errorf("%d requests, the last after %s", len(requests), last)
		}
		if n := b.waiting(b.n.Endpoints()[0]); n != 0 {
			t.Errorf("%d are waiting", n)
		}
		b.stop()
		if log := b.log.String(); !strings.Contains(log, "given up") {
			t.Errorf("the log says\n%s", log)
		}
	})
}

// Events that happened while nobody was there to tell of them for more than a day are not news.
func TestOldEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(outside).start(t, Options{Webhooks: []string{hook}})
		b.stop()
		b.end("old")
		time.Sleep(giveUpAfter + time.Minute)
		b.end("new")
		b.run(Options{Webhooks: []string{hook}})
		time.Sleep(5 * time.Second)
		if n := len(b.to("one.example")); n != 1 {
			t.Errorf("%d requests, want that of the new event", n)
		}
	})
}

// Who asks to be left alone is left alone, also with what comes meanwhile.
func TestRetryAfterIsHonoured(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			o := &outside{answer: func(_ context.Context, _ string, n int) (*http.Response, error) {
				if n == 1 {
					return response(status, "Retry-After", "600"), nil
				}
				return response(http.StatusAccepted), nil
			}}
			b := o.start(t, Options{Webhooks: []string{hook}})
			b.end("alice")
			time.Sleep(5 * time.Second)
			b.end("bob")
			time.Sleep(time.Hour)
			requests := b.to("one.example")
			if len(requests) != 3 {
				t.Fatalf("%d requests, want 3", len(requests))
			}
			for _, r := range requests[1:] {
				if wait := r.at.Sub(requests[0].at); wait < 10*time.Minute || wait > 10*time.Minute+2*pulse {
					t.Errorf("%d: asked again after %s, want ten minutes", status, wait)
				}
			}
		})
	}
}

// A receiver that answers 410 is not asked any more, also not after a restart, until it is enabled again.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{answer: func(_ context.Context, host string, n int) (*http.Response, error) {
			if host == "one.example" && n == 1 {
				return response(http.StatusGone), nil
			}
			return response(http.StatusOK), nil
		}}
		options := Options{Webhooks: []string{hook, other}}
		b := o.start(t, options)
		b.end("alice")
		time.Sleep(time.Minute)
		b.end("bob")
		time.Sleep(time.Minute)
		b.stop()
		b.run(options)
		b.end("carol")
		time.Sleep(time.Minute)
		if one, two := len(b.to("one.example")), len(b.to("two.example")); one != 1 || two != 3 {
			t.Errorf("%d requests to the one that is gone, and %d to the other; want 1 and 3", one, two)
		}
		name := b.n.Endpoints()[0]
		if _, err := b.store.Enable(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		b.end("dave")
		time.Sleep(time.Minute)
		if n := len(b.to("one.example")); n != 2 {
			t.Errorf("%d requests to the one that was enabled again, want 2", n)
		}
		b.stop()
		if log := b.log.String(); !strings.Contains(log, "hub notify enable "+name) {
			t.Errorf("the log does not say how to enable it again:\n%s", log)
		}
	})
}

// A receiver that stalls takes its own slots, and nothing from others.
func TestStalledReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{answer: func(ctx context.Context, host string, _ int) (*http.Response, error) {
			if host == "one.example" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return response(http.StatusOK), nil
		}}
		b := o.start(t, Options{Webhooks: []string{hook, other}})
		start := time.Now()
		b.end(users(100)...)
		time.Sleep(webhookTimeout - 3*time.Second)
		if n := len(b.to("one.example")); n != perWebhook {
			t.Errorf("%d requests to the one that stalls, want %d", n, perWebhook)
		}
		if n := len(b.to("two.example")); n != 100 {
			t.Errorf("%d requests to the other, want 100", n)
		}
		for _, r := range b.to("two.example") {
			if took := r.at.Sub(start); took > 3*pulse {
				t.Errorf("a request to the other came after %s", took)
			}
		}
		time.Sleep(5 * time.Second)
		if n := len(b.to("one.example")); n != 2*perWebhook {
			t.Errorf("%d requests after the first have timed out, want %d", n, 2*perWebhook)
		}
	})
}

// A hub that leaves lets what is under way come to its end, and leaves the rest to the next.
func TestLeaves(t *testing.T) {
	for _, c := range []struct {
		name     string
		takes    time.Duration
		leaves   time.Duration
		requests int
	}{
		{"in time", time.Second, 5 * time.Second, 1},
		{"too late", 10 * time.Second, grace + 5*time.Second, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outside{answer: func(ctx context.Context, _ string, n int) (*http.Response, error) {
					if n > 1 {
						return response(http.StatusOK), nil
					}
					select {
					case <-ctx.Done():
						return nil, ctx.Err()
					case <-time.After(c.takes):
						return response(http.StatusOK), nil
					}
				}}
				options := Options{Webhooks: []string{hook}}
				b := o.start(t, options)
				b.end("alice")
				time.Sleep(2 * pulse)
				for len(b.to("one.example")) == 0 {
					time.Sleep(pulse / 4)
				}
				start := time.Now()
				b.stop()
				if took := time.Since(start); took > c.leaves {
					t.Errorf("it left after %s, want %s at most", took, c.leaves)
				}
				b.run(options)
				time.Sleep(10 * time.Second)
				if n := len(b.to("one.example")); n != c.requests {
					t.Errorf("%d requests, want %d", n, c.requests)
				}
			})
		})
	}
}

// However much happens at once, people get one message; and a lone event is told soon.
func TestStormIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(outside).start(t, Options{Channels: []string{mail}})
		start := time.Now()
		for range 10 { // over five seconds
			b.end(users(100)...)
			time.Sleep(500 * time.Millisecond)
		}
		for len(b.told()) == 0 {
			time.Sleep(pulse)
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("the message came after %s", took)
		}
		time.Sleep(5 * time.Minute)
		told := b.told()
		if len(told) != 1 || !strings.Contains(told[0].headline, "1,000") {
			t.Fatalf("%d messages, the first %q; want one of 1,000", len(told), told[0].headline)
		}

		start = time.Now()
		b.end("alice")
		for len(b.told()) == 1 {
			time.Sleep(pulse)
		}
		if took := time.Since(start); took > quiet+3*pulse {
			t.Errorf("a lone event was told after %s", took)
		}
	})
}

// A storm that does not end is told of twice a minute.
func TestEndlessStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(outside).start(t, Options{Channels: []string{mail}})
		for range 300 { // five minutes
			b.end("alice")
			time.Sleep(time.Second)
		}
		if n := len(b.told()); n < 8 || n > 11 {
			t.Errorf("%d messages in five minutes, want ten", n)
		}
	})
}

// What could not be told is told together with what has come since.
func TestChannelRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &outside{take: func(n int) error {
			if n <= 5 {
				return &failure{text: "connection refused"}
			}
			return nil
		}}
		b := o.start(t, Options{Channels: []string{mail}})
		b.end("alice")
		time.Sleep(time.Minute)
		b.end("bob")
		time.Sleep(time.Hour)
		told := b.told()
		if len(told) != 6 || !strings.Contains(told[5].text, "alice") || !strings.Contains(told[5].text, "bob") {
			t.Errorf("%d messages, want the sixth to tell of both: %+v", len(told), told)
		}
	})
}
