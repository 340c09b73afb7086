package session

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// MaxSSOLifetime is the longest that a session lives whose user an OpenID provider has vouched for, whatever the
// rule says. It bounds for how long the hub must be able to find it by the provider's names for it.
const MaxSSOLifetime = 30 * 24 * time.Hour

// signOutKept is for how long a sign-out at the provider keeps out logins that were vouched for before: longer than
// any token is taken, and then a login waits for an answer (AskingLifetime).
const signOutKept = 30 * time.Minute

// How a Registry refuses what a provider's tokens ask for.
var (
	// ErrTokenUsed says that a token has been used before: each is good for one login, or one sign-out.
	ErrTokenUsed = errors.New("the token has been used before")
	// ErrProviderSession says that the user has signed out at the provider since it vouched for the login.
	ErrProviderSession = errors.New("the user has signed out at the provider")
)

// SSO is how an OpenID provider knows the login of a session: its iss, sub, sid and iat.
type SSO struct {
	Issuer  string `json:"iss" cbor:"1,keyasint"`
	Subject string `json:"sub" cbor:"2,keyasint"`
	// ID is that of the provider's own session; empty if it named none.
	ID string `json:"sid,omitempty" cbor:"3,keyasint,omitempty"`
	// VouchedAt is when the provider vouched for the user, by its own clock.
	VouchedAt time.Time `json:"iat" cbor:"4,keyasint"`
}

// Voucher is the token by which a provider vouches for a login. It is good once.
type Voucher struct {
	// Digest tells it from all others.
	Digest Digest
	// Keep is for how long it could be used again, if nobody remembered it.
	Keep time.Duration
}

// SignOut is what a provider says has ended: one session of its own, or, without an ID, all those of a subject.
type SignOut struct {
	Issuer, Subject, ID string
	// At is when the provider said so, by its own clock.
	At time.Time
	// Token is what it said so with. It is good once.
	Token Voucher
}

// LoginSSO is Login for a user whom a provider has vouched for, as the request's SSO says. It returns ErrTokenUsed if
// the voucher has been used, whatever came of that login, and ErrProviderSession if the user has signed out at the
// provider since. The session lives for MaxSSOLifetime at most. Where the account can be found is written before the
// login is decided: a crash between the two leaves a trace that leads to no session, and is forgotten.
func (r *Registry) LoginSSO(ctx context.Context, req Request, rule Rule, voucher Voucher) (Outcome, error) {
	if rule.MaxLifetime == 0 || rule.MaxLifetime > MaxSSOLifetime {
		rule.MaxLifetime = MaxSSOLifetime
	}
	var entries []Entry
	for _, name := range req.SSO.accountNames() {
		entries = append(entries, Entry{
			Name: name, Fact: Fact(KeyOf(req.User)), Keep: rule.MaxLifetime + signOutKept,
		})
	}
	if err := r.spend(ctx, req.SSO, voucher, Fact(req.Credential.ID), entries...); err != nil {
		return Outcome{}, err
	}
	return r.Login(ctx, req, rule)
}

// ReportSSO is Report for a user whom a provider has vouched for, as sso says. The voucher is good for this session's
// report, as often as that is said, and for no login. Its errors are those of LoginSSO and of Report.
func (r *Registry) ReportSSO(ctx context.Context, cred Credential, sso SSO, voucher Voucher) (Reported, error) {
	mine := ledgerName("report", string(cred.ID[:])) // a login's is its session
	if err := r.spend(ctx, &sso, voucher, Fact(mine[:len(Fact{})])); err != nil {
		return Reported{}, err
	}
	return r.Report(ctx, cred)
}

// spend uses a voucher up for what is mine, and enters more with it. It returns ErrTokenUsed if it has been used for
// something else, and ErrProviderSession if the user has signed out at the provider since.
func (r *Registry) spend(ctx context.Context, sso *SSO, voucher Voucher, mine Fact, more ...Entry) error {
	used := ledgerName("used", string(voucher.Digest[:]))
	entries := append([]Entry{{Name: used, Fact: mine, Keep: voucher.Keep, Sole: true}}, more...)
	facts, err := r.post(ctx, entries, append(sso.signOutNames(), used)...)
	if err != nil {
		return err
	}
	last := len(facts) - 1
	if !slices.Equal(facts[last], []Fact{mine}) {
		return ErrTokenUsed
	}
	if sso.signedOut(facts[:last]) {
		return ErrProviderSession
	}
	return nil
}

// SignOut ends the live sessions that a provider's sign-out means: those of its session, or all of its subject. It
// returns ErrTokenUsed if that has been done before. Its token counts as used only once all is done, so that after
// any other error the provider can send it again.
func (r *Registry) SignOut(ctx context.Context, out SignOut, why Ending) ([]Ended, error) {
	if out.ID == "" && out.Subject == "" {
		return nil, errors.New("a sign-out at the provider of nobody")
	}
	done := ledgerName("used", string(out.Token.Digest[:]))
	about := SSO{Issuer: out.Issuer, Subject: out.Subject, ID: out.ID}
	if out.ID != "" {
		about.Subject = ""
	}
	// The sign-out is posted before the accounts are looked up, and a login looks for it after its commit: whichever
	// of the two the store runs first, the session ends.
	mark := Entry{Name: about.signOutNames()[0], Fact: momentFact(out.At), Keep: signOutKept}
	facts, err := r.post(ctx, []Entry{mark}, done, about.accountNames()[0])
	if err != nil {
		return nil, err
	}
	if len(facts[0]) > 0 {
		return nil, ErrTokenUsed
	}
	var ended []Ended
	for _, account := range facts[1] {
		gone, err := r.End(ctx, Key(account), out.means, why)
		ended = append(ended, gone...)
		if err != nil {
			return ended, err
		}
	}
	_, err = r.post(ctx, []Entry{{Name: done, Keep: out.Token.Keep}})
	return ended, err
}

// means reports whether a session is among those that the provider says have ended.
func (out SignOut) means(s Session) bool {
	if s.SSO == nil || s.SSO.Issuer != out.Issuer {
		return false
	}
	if out.ID != "" {
		return s.SSO.ID == out.ID
	}
	return s.SSO.Subject == out.Subject
}

// confirm ends a session that has just been opened if its user has signed out at the provider meanwhile. Those that
// no provider has vouched for it leaves alone, and asks nobody.
func (r *Registry) confirm(ctx context.Context, out Outcome) error {
	if out.Verdict != Admitted || out.Session.SSO == nil {
		return nil
	}
	facts, err := r.post(ctx, nil, out.Session.SSO.signOutNames()...)
	if err != nil || !out.Session.SSO.signedOut(facts) {
		return err
	}
	own := func(s Session) bool { return s.ID == out.Session.ID }
	if _, err := r.End(ctx, KeyOf(out.User), own, Ending{Reason: SignedOut}); err != nil {
		return err
	}
	return ErrProviderSession
}

func (r *Registry) post(ctx context.Context, entries []Entry, names ...Digest) ([][]Fact, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.store.Post(ctx, entries, names...)
}

// accountNames are those under which the accounts stand that have such a session: by its ID, then by its subject, as
// far as there are.
func (s *SSO) accountNames() []Digest { return s.names("account") }

// signOutNames are those under which sign-outs stand that mean such a session, in the same order.
func (s *SSO) signOutNames() []Digest { return s.names("signed out") }

func (s *SSO) names(kind string) []Digest {
	var names []Digest
	if s.ID != "" {
		names = append(names, ledgerName(kind, "session", s.Issuer, s.ID))
	}
	if s.Subject != "" {
		names = append(names, ledgerName(kind, "subject", s.Issuer, s.Subject))
	}
	return names
}

// signedOut reports whether one of the sign-outs, which stood under the signOutNames, means the login: any of its
// provider's session, and of its subject one that is no older than the login.
func (s *SSO) signedOut(facts [][]Fact) bool {
	if s.ID != "" {
		if len(facts[0]) > 0 {
			return true
		}
		facts = facts[1:]
	}
	vouched := momentFact(s.VouchedAt)
	return len(facts) > 0 && slices.ContainsFunc(facts[0], func(out Fact) bool {
		return slices.Compare(out[:], vouched[:]) >= 0
	})
}

// momentFact is a moment, in whole seconds as tokens have them, that compares as its bytes do.
func momentFact(at time.Time) (f Fact) {
	binary.BigEndian.PutUint64(f[:], uint64(max(0, at.Unix())))
	return f
}

// ledgerName is the name of a fact that is about all of the parts, in this order.
func ledgerName(parts ...string) Digest {
	hash := sha256.New()
	for _, part := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		hash.Write(length[:])
		hash.Write([]byte(part))
	}
	return Digest(hash.Sum(nil))
}
