package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/sessionhub/sessionhub/auth"
	"github.com/sessionhub/sessionhub/session"
)

func ExampleMint() {
	token, cred := auth.Mint("alice") // the token goes to the client, the credential into the session
	read, err := auth.Parse(token)
	fmt.Println(read == cred, read.Key == session.KeyOf("alice"), err)

	_, err = auth.Parse(token + "=")
	fmt.Println(errors.Is(err, auth.ErrToken))
	// Output:
	// true true <nil>
	// true
}

func ExampleHtpasswd() {
	dir, err := os.MkdirTemp("", "hub-*")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "htpasswd")
	const line = "alice:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" // as AddHtpasswd writes it
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		panic(err)
	}
	passwords, err := auth.OpenHtpasswd(path, nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	fmt.Println(passwords.Verify(ctx, "alice", "U*U"))
	fmt.Println(passwords.Verify(ctx, "alice", "wrong"))
	fmt.Println(passwords.Verify(ctx, "bob", "wrong"))
	// Output:
	// <nil>
	// the user name or the password is wrong
	// the user name or the password is wrong
}

// A login: only a wrong password counts.
func ExampleThrottle() {
	passwords, err := auth.NewAccounts(map[string]string{"alice": "demo"})
	if err != nil {
		panic(err)
	}
	throttle := auth.NewThrottle(auth.Limits{PerPair: 3}, nil)
	login := func(address netip.Addr, user, password string) error {
		attempt, err := throttle.Begin(context.Background(), address, user)
		if err != nil {
			return err
		}
		err = passwords.Verify(context.Background(), user, password)
		attempt.End(err)
		return err
	}
	thief, home := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("192.0.2.1")
	for _, guess := range []string{"alice", "secret", "demo1", "demo2"} {
		_, throttled := errors.AsType[*auth.ThrottledError](login(thief, "alice", guess))
		fmt.Println(guess, throttled)
	}
	fmt.Println(login(home, "alice", "demo"))
	// Output:
	// alice false
	// secret false
	// demo1 false
	// demo2 true
	// <nil>
}

func ExampleAPIKeys() {
	keys, err := auth.NewAPIKeys("3a1f62a5e8d94c7b")
	fmt.Println(keys.Valid("3a1f62a5e8d94c7b"), keys.Valid("3a1f62a5e8d94c7c"), err)

	_, err = auth.NewAPIKeys("short")
	fmt.Println(err)
	// Output:
	// true false <nil>
	// API key 1 has 5 characters: use at least 16 random ones, as from `openssl rand -hex 16`
}
