package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sessionhub/sessionhub/auth/oidctest"
)

// present presents an ID token to a hub.
func present(t *testing.T, base, token string) (int, map[string]any) {
	t.Helper()
	return call(t, http.DefaultClient, http.MethodPost, base+"/v1/login/oidc", map[string]any{"id_token": token})
}

// pageConfig returns the hub's configuration that stands on a page of the documentation, for another issuer.
func pageConfig(t *testing.T, issuer string) string {
	t.Helper()
	_, rest, found := strings.Cut(readPage(t, "single-sign-on.md"), "```yaml\n# hub.yaml")
	config, _, ended := strings.Cut(rest, "```")
	const shown = "https://login.example.com/realms/example"
	if !found || !ended || !strings.Contains(config, shown) {
		t.Fatal("the page shows no configuration")
	}
	return "# hub.yaml" + strings.Replace(config, shown, issuer, 1)
}

// TestServeWithTheConfigurationOfThePage runs what the documentation shows, with a provider that is away at first.
func TestServeWithTheConfigurationOfThePage(t *testing.T) {
	t.Parallel()
	provider := oidctest.Start(t)
	token := provider.IDToken(t, oidctest.Login{User: "alice", Session: "s-1"})
	logout := provider.LogoutToken(t, "alice", "s-1")
	provider.Leave()
	hub := startHub(t, "serve", "--config="+configure(t, pageConfig(t, provider.Issuer)), "--listen=127.0.0.1:0")
	base := "http://" + hub.address(t)
	awaitStatus(t, base+"/readyz", http.StatusOK)
	if status, answer := present(t, base, token); status != http.StatusServiceUnavailable {
		t.Fatalf("without the provider: %d %v", status, answer)
	}
	provider.Return(t)
	status, answer := present(t, base, token)
	if status != http.StatusCreated {
		t.Fatalf("with the provider: %d %v", status, answer)
	}
	if user := answer["session"].(map[string]any)["user"]; user != "alice@example.com" {
		t.Errorf("the user is %v", user)
	}
	socket, _ := connect(t, base, answer["token"].(string))
	if status := signOutAt(t, base, logout); status != http.StatusOK {
		t.Fatalf("sign-out at the provider: %d", status)
	}
	if notice := receive(t, socket); notice["type"] != "session.revoked" || notice["reason"] != "signed_out" {
		text, _ := json.Marshal(notice)
		t.Errorf("the device is told %s", text)
	}
	if code := closeCode(t, socket); code != 4003 {
		t.Errorf("close code %d, want 4003", code)
	}
	for _, secret := range []string{token, logout, answer["token"].(string)} {
		if strings.Contains(hub.output(), secret) {
			t.Error("the log shows a token")
		}
	}
}

// TestSingleSignOnOnACluster has the names of a provider stand elsewhere on it than the accounts.
func TestSingleSignOnOnACluster(t *testing.T) {
	t.Parallel()
	provider := oidctest.Start(t)
	_, base := serve(t, "--redis="+startCluster(t), "--limit=-1",
		"--oidc-issuer="+provider.Issuer, "--oidc-audience="+oidctest.ClientID)
	token := provider.IDToken(t, oidctest.Login{User: "alice", Session: "s-1"})
	status, answer := present(t, base, token)
	if status != http.StatusCreated {
		t.Fatalf("sign in: %d %v", status, answer)
	}
	if status, answer := present(t, base, token); status != http.StatusUnauthorized {
		t.Errorf("the same token again: %d %v", status, answer)
	}
	socket, _ := connect(t, base, answer["token"].(string))
	logout := provider.LogoutToken(t, "", "s-1")
	for _, want := range []int{http.StatusOK, http.StatusBadRequest} {
		if status := signOutAt(t, base, logout); status != want {
			t.Errorf("sign-out at the provider: %d, want %d", status, want)
		}
	}
	if notice := receive(t, socket); notice["reason"] != "signed_out" {
		t.Errorf("the device is told %v", notice)
	}
}

// TestSignOnOverTwoHubs begins a sign-in at one hub and finishes it at another, as behind a balancer, for a client with a
// secret, which the file has.
func TestSignOnOverTwoHubs(t *testing.T) {
	t.Parallel()
	provider := oidctest.Start(t)
	redis := "redis://" + startRedisServer(t, "--save", "").Options().Addr
	file := configure(t, "oidc-client-secret: "+oidctest.ClientSecret+"\noidc-issuer: "+provider.Issuer+
		"\noidc-audience: "+oidctest.ClientID+"\noidc-name: Example ID\npublic-url: http://127.0.0.1:1\n")
	var hubs []*process
	var bases []string
	for range 2 {
		hub, base := serve(t, "--config="+file, "--redis="+redis)
		hubs, bases = append(hubs, hub), append(bases, base)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	begun, err := client.Get(bases[0] + "/v1/login/oidc/start")
	if err != nil {
		t.Fatal(err)
	}
	begun.Body.Close()
	if begun.StatusCode != http.StatusSeeOther || len(begun.Cookies()) != 1 {
		t.Fatalf("begun with %d %v", begun.StatusCode, begun.Header)
	}
	back := provider.SignIn(t, begun.Header.Get("Location"), oidctest.Login{User: "alice"})
	if !strings.HasPrefix(back.String(), "http://127.0.0.1:1/sign-in?") {
		t.Fatalf("led back to %s", back)
	}
	code, cookie := back.Query().Get("code"), begun.Cookies()[0]
	if status := finishSignOn(t, bases[1], code, back.Query().Get("state"), cookie); status != http.StatusCreated {
		t.Fatalf("finished with %d", status)
	}
	secret, _, _ := strings.Cut(cookie.Value, ".")
	for _, hub := range hubs {
		for _, hidden := range []string{code, oidctest.ClientSecret, secret} {
			if strings.Contains(hub.output(), hidden) {
				t.Errorf("a log shows %s", hidden)
			}
		}
	}
}

// finishSignOn brings a hub the provider's answer, as the browser that has the cookie does, and returns the status.
func finishSignOn(t *testing.T, base, code, state string, cookie *http.Cookie) int {
	t.Helper()
	text, err := json.Marshal(map[string]any{"state": state, "code": code})
	if err != nil {
		t.Fatal(err)
	}
	finish := newRequest(t, http.MethodPost, base+"/v1/login/oidc/code", string(text))
	finish.Header.Set("Content-Type", "application/json")
	finish.AddCookie(cookie)
	done, _ := send(t, http.DefaultClient, finish)
	return done.StatusCode
}

// signOutAt sends a logout token to a hub, and returns the status.
func signOutAt(t *testing.T, base, token string) int {
	t.Helper()
	response, err := http.PostForm(base+"/v1/oidc/backchannel-logout", url.Values{"logout_token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
