package session_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/sessionhub/sessionhub/session"
	"github.com/sessionhub/sessionhub/session/sqlitestore"
)

// A user may have one session. She signs in on her laptop, then on her phone, and the laptop's session is
// over.
func Example() {
	dir, err := os.MkdirTemp("", "session-example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	// No instance holds a socket here, so nobody is sent a notice.
	store, err := sqlitestore.Open(filepath.Join(dir, "hub.db"), func(string, []byte) {}, sqlitestore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	registry := session.NewRegistry(store)
	rule := session.Rule{Limit: 1, Policy: session.Evict}
	laptop := session.Device{ID: "device-1", Name: "Laptop", Kind: session.Web}
	phone := session.Device{ID: "device-2", Name: "Phone", Kind: session.Mobile}

	ctx := context.Background()
	var first session.Credential
	for i, device := range []session.Device{laptop, phone} {
		cred := newCredential("alice")
		if i == 0 {
			first = cred
		}
		req := session.Request{User: "alice", Credential: cred, Device: device}
		outcome, err := registry.Login(ctx, req, rule)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s signed in, %d ended\n", outcome.Session.Device.Name, len(outcome.Ended))
	}

	_, _, err = registry.Check(ctx, first)
	var gone *session.EndedError
	if errors.As(err, &gone) {
		fmt.Printf("%s: %s by %s\n", gone.Session.Device.Name, gone.Ending.Reason, gone.Ending.By.Device.Name)
	}
	// Output:
	// Laptop signed in, 0 ended
	// Phone signed in, 1 ended
	// Laptop: superseded by Phone
}

// A plan is cut from three devices to one: who has been away for longest has to go. The account before is as it was, so
// what a change would do can be looked at first.
func ExampleAccount_Restrict() {
	now := time.Date(2026, 5, 17, 9, 30, 0, 0, time.UTC)
	before := session.Account{User: "alice", Limits: session.Limits{Limit: 3}}
	for i, name := range []string{"TV", "Laptop", "Phone"} {
		before.Live = append(before.Live, session.Session{
			ID: uuid.New(), Device: session.Device{ID: name, Name: name, Kind: session.Other},
			LastActiveAt: now.Add(time.Duration(i-3) * time.Hour),
		})
	}

	standard := session.Rule{Limit: 2, Policy: session.Reject}
	why := session.Ending{Reason: session.EndedByAdmin, Message: "Your plan is for one device from today on."}
	after, _, ended := before.Restrict(session.Limits{Limit: 1}, standard, why, now)
	for _, s := range ended {
		fmt.Printf("%s: %s\n", s.Device.Name, s.Ended.Text())
	}
	fmt.Printf("%s stays, of %d before; the limit is %d, the policy %s\n",
		after.Live[0].Device.Name, len(before.Live), after.Rule(standard).Limit, after.Rule(standard).Policy)
	// Output:
	// TV: Your plan is for one device from today on.
	// Laptop: Your plan is for one device from today on.
	// Phone stays, of 3 before; the limit is 1, the policy reject
}

// newCredential stands for whatever hands out tokens: here, 32 random bytes.
func newCredential(user string) session.Credential {
	secret := make([]byte, 32)
	rand.Read(secret)
	return session.Credential{Key: session.KeyOf(user), ID: uuid.New(), Digest: sha256.Sum256(secret)}
}
