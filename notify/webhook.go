package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sessionhub/sessionhub/session"
)

// The bounds of a request to a webhook.
const (
	// webhookTimeout is how long a receiver may take for its answer.
	webhookTimeout = 15 * time.Second
	// maxAnswer is how many bytes of an answer are read, to keep the connection, and maxAnswerHead of its headers.
	maxAnswer     = 16 << 10
	maxAnswerHead = 16 << 10
	// maxExcerpt is how much of it a test shows.
	maxExcerpt = 200
)

// webhook is a receiver of signed requests (Standard Webhooks 1.0). It is static after construction.
type webhook struct {
	url    string
	keys   []*standardwebhooks.Webhook
	client *http.Client
	agent  string
}

// failure says why a delivery did not succeed. Its text is for logs and holds no secret.
type failure struct {
	text    string
	excerpt string        // of the answer's body, made harmless
	pause   time.Duration // for how long the receiver asks to be left alone
	gone    bool          // the receiver wants nothing any more
}

func (f *failure) Error() string { return f.text }

// parseSecrets reads secrets of the form whsec_BASE64. Its errors do not quote them.
func parseSecrets(secrets []string) ([]*standardwebhooks.Webhook, error) {
	var keys []*standardwebhooks.Webhook
	for i, secret := range secrets {
		text, ok := strings.CutPrefix(secret, "whsec_")
		raw, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(raw) < 24 || len(raw) > 64 {
			return nil, fmt.Errorf("secret %d: want whsec_ and 24 to 64 bytes in base64; "+
				"`echo whsec_$(openssl rand -base64 32)` makes one", i+1)
		}
		key, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, fmt.Errorf("secret %d cannot be used", i+1)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// parseWebhook checks the address of a webhook. Its errors do not quote it: there may be a secret in its path.
func parseWebhook(text string, allowPrivate bool) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || len(text) > 2048:
		return nil, errors.New("want an address such as https://example.com/hook")
	case u.Scheme == "http" && !allowPrivate:
		return nil, errors.New("want https://; http:// is for receivers of one's own, with --webhook-allow-private")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("want https://")
	case u.User != nil:
		return nil, errors.New("want no user and password in it: requests are signed, which is how the receiver knows them")
	case u.Fragment != "":
		return nil, errors.New("want nothing after #: it would not be sent")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil && !allowPrivate && !public(addr) {
		return nil, errPrivate
	}
	return u, nil
}

// newTransport returns what all webhooks are reached by: directly, as a proxy would hide which address is asked.
func newTransport(allowPrivate bool) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !allowPrivate {
		dialer.Control = onlyPublic
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    5 * time.Second,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerHead,
		MaxIdleConnsPerHost:    perWebhook,
		IdleConnTimeout:        30 * time.Second,
	}
}

// post sends one event and returns nil if the receiver has taken it, or else a *failure.
func (w *webhook) post(ctx context.Context, e session.Event) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	req, err := w.request(ctx, e, time.Now())
	if err != nil {
		return &failure{text: "the request cannot be made"}
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return &failure{text: explain(err)}
	}
	defer resp.Body.Close()
	// What is left unread closes the connection; an error in the middle of it changes nothing.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	return refusal(resp, body)
}

// refusal describes an answer that is none of 2xx.
func refusal(resp *http.Response, body []byte) *failure {
	f := &failure{
		text:    "the receiver answered " + strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode),
		excerpt: plain(string(body), maxExcerpt),
		pause:   retryAfter(resp.Header, time.Now()),
		gone:    resp.StatusCode == http.StatusGone,
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		f.text += ", and redirects are not followed"
	}
	return f
}

// request returns the signed request that tells an event. It has one signature of each secret, so that a receiver may
// change from one to the next in its own time.
func (w *webhook) request(ctx context.Context, e session.Event, now time.Time) (*http.Request, error) {
	body, err := json.Marshal(newPayload(e))
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	id := messageID(e)
	signatures := make([]string, len(w.keys))
	for i, key := range w.keys {
		if signatures[i], err = key.Sign(id, now, body); err != nil {
			return nil, err
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", w.agent)
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return req, nil
}

// messageID names an event to receivers: the same at each attempt. The log's own ID would not do, as a store that was
// made anew counts from the beginning.
func messageID(e session.Event) string {
	var about session.ID
	if e.Session != nil {
		about = e.Session.ID
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s\n%s", e.ID, e.At.UnixMilli(), e.Type, about, e.User))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// explain describes why there was no answer, without the address that was asked.
func explain(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var asked *url.Error
	switch {
	case errors.Is(err, errPrivate):
		return errPrivate.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + webhookTimeout.String()
	case errors.Is(err, context.Canceled):
		return "given up, as the hub is leaving"
	case errors.As(err, &dns):
		return "the name of the host cannot be resolved"
	case errors.As(err, &op):
		return op.Op + ": " + op.Err.Error()
	case errors.As(err, &asked):
		return asked.Err.Error()
	}
	return "no answer"
}
