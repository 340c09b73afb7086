package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// How the keys of a provider are fetched.
const (
	// fetchPause is between two fetches: however many forged tokens come, the provider is asked no more often.
	fetchPause = time.Second
	// fetchTimeout bounds a fetch. No login waits that long: what comes late is there for the next one.
	fetchTimeout = 5 * time.Second
	// keysFresh is how old keys get before they are fetched again, in the background.
	keysFresh = 5 * time.Minute
	// keysLast is for how long keys count that cannot be fetched again: one that the provider has withdrawn is
	// good no longer than that.
	keysLast = time.Hour
	// maxDocument is how many bytes what a provider says of itself may have.
	maxDocument = 1 << 20
)

// ErrProvider says that the OpenID provider cannot be asked: nothing is known, try again.
var ErrProvider = errors.New("the OpenID provider is not available")

// signingAlgorithms are those that a token may be signed with. All of them prove that the provider has signed: none
// proves nothing, and HS256 only that somebody has who knows a secret, for which a public key could be passed off.
var signingAlgorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// keyring is what a provider said of itself at one time.
type keyring struct {
	keys       []jose.JSONWebKey
	algorithms []jose.SignatureAlgorithm // those of signingAlgorithms that it signs with
	entrance   entrance
	asked      time.Time
}

// find returns the keys that a token may be signed with. Without a key ID any may be the one.
func (r *keyring) find(kid string, algorithm jose.SignatureAlgorithm) []jose.JSONWebKey {
	if !slices.Contains(r.algorithms, algorithm) {
		return nil
	}
	var found []jose.JSONWebKey
	for _, key := range r.keys {
		if (kid == "" || key.KeyID == kid) && (key.Algorithm == "" || key.Algorithm == string(algorithm)) {
			found = append(found, key)
		}
	}
	return found
}

// keySource knows the keys and addresses of a provider, and fetches them when they are needed: first when somebody signs
// in, then when a token names a key that is not known, and when they get old. It may be used concurrently.
type keySource struct {
	issuer string
	client *http.Client
	logger *slog.Logger
	ctx    context.Context // ends with close
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	ring   *keyring      // guarded by mu; nil until a fetch has succeeded
	flight chan struct{} // guarded by mu; nil, or closed when the fetch under way has ended
	begun  time.Time     // guarded by mu; when the last fetch was begun
	err    error         // guarded by mu; that of the last fetch
}

func newKeySource(issuer string, transport http.RoundTripper, logger *slog.Logger) *keySource {
	ctx, cancel := context.WithCancel(context.Background())
	return &keySource{
		issuer: issuer, logger: logger, ctx: ctx, cancel: cancel,
		client: &http.Client{
			Transport: bounded{transport},
			// A provider is at its issuer's address, by the standard; a redirect could leave TLS behind.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// close gives up what is under way. Nothing is fetched any more.
func (s *keySource) close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.tasks.Wait()
	s.client.CloseIdleConnections()
}

// find returns the keys that a token may be signed with; none says that the provider, asked since, has none such. It
// returns ErrProvider, wrapped, if the provider could not be asked before ctx ended.
func (s *keySource) find(ctx context.Context, kid string, algorithm jose.SignatureAlgorithm) ([]jose.JSONWebKey, error) {
	ring, err := s.ask(ctx, func(r *keyring) bool { return len(r.find(kid, algorithm)) > 0 })
	if err != nil {
		return nil, err
	}
	return ring.find(kid, algorithm), nil
}

// ask returns what the provider says of itself: what is known if that suffices, or else what it said since. It returns
// ErrProvider, wrapped, if the provider could not be asked before ctx ended.
func (s *keySource) ask(ctx context.Context, suffices func(*keyring) bool) (*keyring, error) {
	arrived := time.Now()
	for {
		ring, flight, err := s.look(suffices, arrived)
		if flight == nil {
			return ring, err
		}
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrProvider, ctx.Err())
		}
	}
}

// look returns what is known of the provider if that has to do, or the fetch to wait for.
func (s *keySource) look(suffices func(*keyring) bool, arrived time.Time) (
	ring *keyring, flight <-chan struct{}, err error,
) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, nil, fmt.Errorf("%w: the hub is leaving", ErrProvider)
	}
	if s.ring != nil && time.Since(s.ring.asked) < keysLast {
		if suffices(s.ring) {
			if time.Since(s.ring.asked) >= keysFresh {
				s.fetchLocked()
			}
			return s.ring, nil, nil
		}
		if !s.ring.asked.Before(arrived) {
			return s.ring, nil, nil
		}
	}
	if s.err != nil && s.flight == nil && !s.begun.Before(arrived) {
		return nil, nil, fmt.Errorf("%w: %w", ErrProvider, s.err)
	}
	return nil, s.fetchLocked(), nil
}

// fetchLocked begins a fetch, after a pause since the last one, unless one is under way.
func (s *keySource) fetchLocked() <-chan struct{} {
	if s.flight != nil {
		return s.flight
	}
	flight := make(chan struct{})
	s.flight = flight
	var pause time.Duration
	if !s.begun.IsZero() {
		pause = fetchPause - time.Since(s.begun)
	}
	s.tasks.Go(func() {
		defer close(flight)
		wait := time.NewTimer(pause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-s.ctx.Done():
		}
		s.mu.Lock()
		s.begun = time.Now()
		begun := s.begun
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(s.ctx, fetchTimeout)
		defer cancel()
		ring, err := s.fetch(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.noteLocked(ring, err, begun)
	})
	return flight
}

// noteLocked keeps what came of a fetch, and logs when that changes.
func (s *keySource) noteLocked(ring *keyring, err error, begun time.Time) {
	switch {
	case err != nil && s.err == nil && s.ctx.Err() == nil:
		s.logger.Warn("the OpenID provider cannot be asked for its keys", "issuer", s.issuer, "error", clipped(err))
	case err == nil && s.err != nil:
		s.logger.Info("the OpenID provider answers again", "issuer", s.issuer)
	}
	if err == nil {
		ring.asked = begun
		s.ring = ring
	}
	s.err, s.flight = err, nil
}

// fetch asks the provider who it is (OpenID Connect Discovery 1.0) and for its keys (RFC 7517).
func (s *keySource) fetch(ctx context.Context) (*keyring, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, s.client), s.issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	var about struct {
		Keys       string                    `json:"jwks_uri"`
		Algorithms []jose.SignatureAlgorithm `json:"id_token_signing_alg_values_supported"`
		entrance
	}
	if err := provider.Claims(&about); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	if err := checkEndpoint(about.Keys); err != nil {
		return nil, fmt.Errorf("discovery: jwks_uri: %w", err)
	}
	if len(about.Algorithms) == 0 {
		about.Algorithms = []jose.SignatureAlgorithm{jose.RS256} // which all of them have
	}
	unfit := func(a jose.SignatureAlgorithm) bool { return !slices.Contains(signingAlgorithms, a) }
	ring := &keyring{algorithms: slices.DeleteFunc(about.Algorithms, unfit), entrance: about.entrance}
	if len(ring.algorithms) == 0 {
		return nil, fmt.Errorf("discovery: the provider signs ID tokens with none of %v", signingAlgorithms)
	}
	if ring.keys, err = s.fetchKeys(ctx, about.Keys); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return ring, nil
}

func (s *keySource) fetchKeys(ctx context.Context, from string) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, text := range set.Keys {
		// A key of a kind that is not known is passed over, as RFC 7517 says in section 5.
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && key.Use != "enc" && isPublic(key.Key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("there is none that can verify a signature")
	}
	return keys, nil
}

// isPublic reports whether a key is one that anybody may verify a signature with.
func isPublic(key any) bool {
	switch key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	default:
		return false
	}
}

// checkProviderURL wants https, as the standard does, and lets a provider on this very machine do without.
func checkProviderURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want an address such as https://login.example.com/realms/example")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return errors.New("want https: whoever can change what a provider says of its keys can sign in as anybody")
	}
	return nil
}

// checkEndpoint is checkProviderURL for what a provider names itself. Where the issuer's address has no query, those of
// its keys and pages may: some providers name the policy or the app there.
func checkEndpoint(address string) error {
	path, _, _ := strings.Cut(address, "?")
	return checkProviderURL(path)
}

// bounded is a transport whose answers have a most of bytes.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{http.MaxBytesReader(nil, response.Body, maxDocument), response.Body}
	}
	return response, err
}

// CloseIdleConnections closes those of the transport inside.
func (b bounded) CloseIdleConnections() {
	if t, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// clipped is an error in few words: some quote the whole of an answer.
func clipped(err error) string {
	const most = 300
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
