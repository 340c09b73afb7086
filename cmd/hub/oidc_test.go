package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
	page, err := os.ReadFile("../../docs/single-sign-on.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n# hub.yaml")
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
	file := filepath.Join(t.TempDir(), "hub.yaml")
	if err := os.WriteFile(file, []byte(pageConfig(t, provider.Issuer)), 0o600); err != nil {
		t.Fatal(err)
	}
	hub := startHub(t, "serve", "--config="+file, "--listen=127.0.0.1:0")
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
	response, err := http.PostForm(base+"/v1/oidc/backchannel-logout", url.Values{"logout_token": {logout}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("sign-out at the provider: %s", response.Status)
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
