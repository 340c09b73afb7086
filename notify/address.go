package notify

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// errPrivate refuses a connection to an address that is not on the public Internet.
var errPrivate = errors.New("the address is not a public one: private, loopback and other special addresses " +
	"are refused unless --webhook-allow-private is given")

// special are the networks inside the unicast space that no host on the public Internet has, from the IANA registries of
// special-purpose addresses (RFC 6890). IPv6 outside of 2000::/3 is not public at all.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

var (
	publicIPv6 = netip.MustParsePrefix("2000::/3")
	// nat64 is where a network without IPv4 reaches it: the last 32 bits are the address (RFC 6052).
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public reports whether an address can be that of a host on the public Internet, whatever form it is written in.
func public(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if addr.Is6() && !publicIPv6.Contains(addr) {
		return false
	}
	return addr.IsValid() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// onlyPublic is called with each address that is about to be connected to, after names have been resolved: a name that
// leads to another address the second time it is looked up gains nothing.
func onlyPublic(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("connect by %s: %w", network, errPrivate)
	}
	if !public(at.Addr()) {
		return errPrivate
	}
	return nil
}
