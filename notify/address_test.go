package notify

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPublic(t *testing.T) {
	for address, want := range map[string]bool{
		"1.1.1.1": true, "8.8.8.8": true, "172.15.255.255": true, "172.32.0.1": true, "100.63.255.255": true,
		"100.128.0.0": true, "192.0.1.1": true, "198.17.255.255": true, "223.255.255.255": true,
		"2606:4700:4700::1111": true, "2a00::1": true, "2001:4860:4860::8888": true,
		"::ffff:8.8.8.8": true, "64:ff9b::808:808": true,

		"0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false, "127.0.0.1": false, "127.255.255.254": false,
		"100.64.0.1": false, "169.254.169.254": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.0.0.8": false, "192.0.2.1": false, "192.88.99.1": false, "192.168.1.1": false, "198.18.0.1": false,
		"198.19.255.255": false, "198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false,
		"255.255.255.255": false,
		"::":              false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "2606:4700:4700::1111%eth0": false,
		"fc00::1": false, "fd12:3456::1": false, "fec0::1": false, "ff02::1": false, "100::1": false, "5f00::1": false,
		"2001::1": false, "2001:10::1": false, "2001:20::1": false, "2001:db8::1": false, "2002:7f00:1::1": false,
		"2002:808:808::1": false, "3fff::1": false, "::7f00:1": false, "::ffff:0:7f00:1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::808:808": false,
	} {
		if got := public(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s is public: %v, want %v", address, got, want)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// An IPv4 address is as public in any form that stands for it.
func TestPublicInAnyForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		v4 := netip.AddrFrom4(b)
		mapped := netip.AddrFrom16(v4.As16())
		translated := nat64.Addr().As16()
		copy(translated[12:], b[:])
		want := public(v4)
		if public(mapped) != want || public(netip.AddrFrom16(translated)) != want {
			t.Errorf("%s is public: %v, but mapped %v and translated %v", v4, want, public(mapped),
				public(netip.AddrFrom16(translated)))
		}
		if (v4.IsPrivate() || v4.IsLoopback() || v4.IsMulticast() || v4.IsLinkLocalUnicast()) && want {
			t.Errorf("%s is public", v4)
		}
	})
}

// What counts is the address that is connected to, whatever name has led there.
func TestPrivateAddressesAreRefusedAtTheDial(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	must(t, err)
	for _, host := range []string{"localhost", "127.0.0.1", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0", "0x7f000001"} {
		for _, allow := range []bool{false, true} {
			w := webhook{url: "http://" + host + ":" + port, client: &http.Client{Transport: newTransport(allow)}}
			err := w.post(t.Context(), ended("alice", time.Now()))
			if refused := asked.Swap(0) == 0; refused == allow && (allow && host == "localhost" || !allow) {
				t.Errorf("%s, allowed %v: %v", host, allow, err)
			}
			w.client.CloseIdleConnections()
		}
	}
	err = (&webhook{url: "http://localhost:" + port, client: &http.Client{Transport: newTransport(false)}}).
		post(t.Context(), ended("alice", time.Now()))
	if err == nil || !strings.Contains(err.Error(), "--webhook-allow-private") {
		t.Errorf("%v, want it to say what to do", err)
	}
	for _, bad := range []struct{ network, address string }{
		{"udp4", "8.8.8.8:80"}, {"unix", "/run/x"}, {"tcp4", "localhost:80"}, {"tcp", "8.8.8.8:80"},
	} {
		if err := onlyPublic(bad.network, bad.address, nil); !errors.Is(err, errPrivate) {
			t.Errorf("%s by %s: %v", bad.address, bad.network, err)
		}
	}
	if err := onlyPublic("tcp6", "[2606:4700:4700::1111]:443", nil); err != nil {
		t.Error(err)
	}
}

// A proxy from the environment would connect to whatever it is asked for.
func TestNoProxyForWebhooks(t *testing.T) {
	if newTransport(false).Proxy != nil {
		t.Error("webhooks go by a proxy")
	}
	if _, err := newTransport(false).DialContext(context.Background(), "tcp", "169.254.169.254:80"); !errors.Is(err, errPrivate) {
		t.Errorf("the metadata service: %v", err)
	}
}
