package engine_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// The address that limits count: that of the peer, or what trusted proxies have
// seen. Nobody chooses it for themselves.
func TestClientAddress(t *testing.T) {
	private := []string{"10.0.0.0/8", "fd00::/8", "127.0.0.1"}
	for _, c := range []struct {
		proxies   []string
		peer      string
		forwarded []string
		want      string // "" is the zero address
	}{
		// No proxy is trusted: the peer.
		{nil, "203.0.113.5:1234", nil, "203.0.113.5"},
		{nil, "203.0.113.5:1234", []string{"198.51.100.1"}, "203.0.113.5"},
		{nil, "127.0.0.1:1234", []string{"198.51.100.1"}, "127.0.0.1"},
		{nil, "[2001:db8::5]:1234", nil, "2001:db8::5"},
		{nil, "[::ffff:203.0.113.5]:1234", nil, "203.0.113.5"},
		{private, "203.0.113.5:1234", []string{"198.51.100.1"}, "203.0.113.5"},
		{private, "[2001:db8::5]:1234", []string{"198.51.100.1"}, "2001:db8::5"},
		{[]string{}, "10.0.0.1:1234", []string{"198.51.100.1"}, "10.0.0.1"},

		// One proxy.
		{private, "10.0.0.1:1234", nil, "10.0.0.1"},
		{private, "10.0.0.1:1234", []string{""}, "10.0.0.1"},
		{private, "10.0.0.1:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{" 203.0.113.5\t"}, "203.0.113.5"},
		{private, "127.0.0.1:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		{private, "127.0.0.2:1234", []string{"203.0.113.5"}, "127.0.0.2"},
		{private, "[::ffff:10.0.0.1]:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		{private, "[fd00::1]:1234", []string{"2001:db8::5"}, "2001:db8::5"},
		{private, "10.0.0.1:1234", []string{"2001:DB8:0:0:0:0:0:5"}, "2001:db8::5"},
		{private, "10.0.0.1:1234", []string{"[2001:db8::5]:4711"}, "2001:db8::5"},
		{private, "10.0.0.1:1234", []string{"203.0.113.5:4711"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"::ffff:203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"fe80::1%eth0"}, "fe80::1"},
		{[]string{"::/0", "0.0.0.0/0"}, "203.0.113.5:1234", []string{"198.51.100.1"}, "198.51.100.1"},
		{[]string{"::ffff:10.0.0.0/104"}, "10.0.0.1:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		{[]string{"::ffff:10.0.0.1"}, "10.0.0.1:1234", []string{"203.0.113.5"}, "203.0.113.5"},
		{[]string{"fe80::/10"}, "[fe80::1%eth0]:1234", []string{"203.0.113.5"}, "203.0.113.5"},

		// What the browser has sent stands before it.
		{private, "10.0.0.1:1234", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"198.51.100.1,198.51.100.2,203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"198.51.100.1", "203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"198.51.100.1", "198.51.100.2, 203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"10.0.0.7, 203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"garbage, 203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"\"203.0.113.9\", 203.0.113.5"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{", , 203.0.113.5"}, "203.0.113.5"},

		// Several proxies.
		{private, "10.0.0.1:1234", []string{"203.0.113.5, 10.0.0.2"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"198.51.100.1, 203.0.113.5, 10.0.0.3, 10.0.0.2"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"198.51.100.1, 203.0.113.5", "fd00::3", "10.0.0.2:80"}, "203.0.113.5"},
		{private, "10.0.0.1:1234", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},

		// A proxy that writes no address: what is known is that proxy.
		{private, "10.0.0.1:1234", []string{"203.0.113.5, unknown"}, "10.0.0.1"},
		{private, "10.0.0.1:1234", []string{"203.0.113.5, _hidden, 10.0.0.2"}, "10.0.0.2"},
		{private, "10.0.0.1:1234", []string{"203.0.113.5,"}, "10.0.0.1"},
		{private, "10.0.0.1:1234", []string{"203.0.113.500"}, "10.0.0.1"},
		{private, "10.0.0.1:1234", []string{"203.0.113.5:port"}, "10.0.0.1"},

		// The peer is no address, or one without a port, as some middlewares set
		// it.
		{nil, "@", nil, ""},
		{nil, "", nil, ""},
		{private, "@", []string{"203.0.113.5"}, ""},
		{nil, "203.0.113.5", nil, "203.0.113.5"},
		{nil, "2001:db8::5", nil, "2001:db8::5"},
		{private, "10.0.0.1", []string{"203.0.113.5"}, "10.0.0.1"},
		{nil, "[fe80::1%eth0]:1234", nil, "fe80::1"},
	} {
		for _, trust := range []bool{false, true} { // TrustHost does not count
			for _, url := range []string{"", httpOrigin} { // nor does URL
				l := &limiter{}
				s := newSite(t, withStore, withLimiter(l), func(_ *site, cfg *engine.Config) {
					cfg.TrustedProxies, cfg.URL = c.proxies, url
					cfg.TrustHost = &trust
				})
				b := s.browser()
				r := b.request("GET", base+"/look/toy", nil)
				r.RemoteAddr = c.peer
				for _, v := range c.forwarded {
					r.Header.Add("X-Forwarded-For", v)
				}
				for _, name := range []string{"X-Real-Ip", "Forwarded", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"} {
					r.Header.Set(name, "192.0.2.66")
				}
				what := fmt.Sprintf("proxies %q, peer %s, X-Forwarded-For %q, TrustHost %v, URL %q", c.proxies, c.peer, c.forwarded, trust, url)
				if out := b.do(r); len(l.asked) != 1 {
					if url == "" && out.status == 500 || url == "" && out.status == 302 {
						continue // not trusted: TestPublicURL
					}
					t.Errorf("%s: the limiter is asked %+v; %d %s", what, l.asked, out.status, out.body)
					continue
				}
				var want netip.Addr
				if c.want != "" {
					want = netip.MustParseAddr(c.want)
				}
				if got := l.asked[0].Client; got != want {
					t.Errorf("%s: the client is %v, want %v", what, got, want)
				}
			}
		}
	}
}

// With a URL the proxies are of use to a limiter, and New does not advise to leave
// them out.
func TestProxiesWithURL(t *testing.T) {
	for _, c := range []struct {
		limited bool
		hosts   []string
		says    string
	}{
		{true, nil, ""}, {false, nil, "AllowedHosts and TrustedProxies are ignored"},
		{true, []string{"app.example.com"}, "AllowedHosts are ignored"}, {false, []string{"app.example.com"}, "AllowedHosts and TrustedProxies are ignored"},
	} {
		s := newSite(t, withStore, func(_ *site, cfg *engine.Config) {
			cfg.URL, cfg.TrustedProxies, cfg.AllowedHosts = httpsOrigin, []string{"10.0.0.0/8"}, c.hosts
			if c.limited {
				cfg.Limit = (&limiter{}).Limit
			}
		})
		lines := s.logs.problems()
		if c.says == "" && len(lines) > 0 || c.says != "" && (len(lines) != 1 || !strings.Contains(lines[0].msg, c.says)) {
			t.Errorf("limited %v, hosts %q: the log is %v, want %q", c.limited, c.hosts, lines, c.says)
		}
	}
}
