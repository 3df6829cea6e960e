package engine

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// publicURL is the URL under which browsers reach this server, derived from
// Config and the environment.
type publicURL struct {
	origin    string         // public scheme and host; "" to take them from the request
	hosts     []allowedHost  // Config.AllowedHosts; if nil, see trustHost
	proxies   []netip.Prefix // Config.TrustedProxies; if nil, see trustHost
	trustHost bool

	base string // the path at which the engine is mounted
	path string // the same as browsers see it; longer behind a proxy that strips the prefix
}

// allowedHost is an element of Config.AllowedHosts.
type allowedHost struct {
	scheme   string // "" for any
	host     string // with its port; without the * of a wildcard
	wildcard bool   // matches the names that end with host
}

func (a allowedHost) match(host string) bool {
	if a.wildcard {
		return len(host) > len(a.host) && strings.HasSuffix(host, a.host)
	}
	return host == a.host
}

func (a allowedHost) String() string {
	s := a.host
	if a.wildcard {
		s = "*" + s
	}
	if a.scheme != "" {
		s = a.scheme + "://" + s
	}
	return s
}

// publicOrigin returns the scheme and host under which browsers reach this server
// (WIRE.md section 10). guessed means that the proxy in front reports a host but
// no scheme, so that http is a guess.
func (p *publicURL) publicOrigin(r *http.Request) (origin string, guessed bool, err error) {
	if p.origin != "" {
		return p.origin, false, nil
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	host := r.Host
	forwarded := firstOfList(r.Header.Get("X-Forwarded-Host"))
	proxied := p.fromProxy(r)
	switch {
	case proxied && p.hosts == nil && slices.ContainsFunc(r.Header["X-Forwarded-Host"], func(v string) bool { return hasOther(v, forwarded) }):
		// Proxies that append to the header (Apache, Envoy) keep the browser's
		// value in front.
		return "", false, untrustedHost(errors.New("X-Forwarded-Host has several hosts, any of which may be forged"),
			"set AUTH_URL to the public URL of the site, or AllowedHosts to its hosts")
	case proxied:
		host = cmp.Or(forwarded, host)
		switch proto := firstOfList(r.Header.Get("X-Forwarded-Proto")); proto {
		case "":
			guessed = r.TLS == nil && forwarded != "" && !isLoopback(forwarded)
		case "http", "https":
			scheme = proto
		default:
			return "", false, untrustedHost(fmt.Errorf("X-Forwarded-Proto is %q", truncate(proto)), "the proxy in front must send http or https")
		}
	case p.trustHost || p.hosts != nil:
	case isLoopback(host) && throughProxy(r.Header):
		return "", false, untrustedHost(errors.New("the request came through a proxy, but its Host is this machine"), p.setURL(r, forwarded))
	case !isLoopback(host):
		return "", false, untrustedHost(fmt.Errorf("the host %q is not trusted", truncate(host)), p.setURL(r, cmp.Or(forwarded, host)))
	case isLoopback(forwarded):
		host = forwarded // a development server that forwards requests
	}
	if !validHost(host) {
		return "", false, untrustedHost(fmt.Errorf("the host %q is not a host name", truncate(host)), "")
	}
	if p.hosts != nil {
		a, ok := p.allowed(scheme, host)
		switch {
		case !ok && forwarded != "" && !proxied:
			return "", false, untrustedHost(fmt.Errorf("the host %q is not one of AllowedHosts", truncate(host)),
				fmt.Sprintf("if %s is a proxy that sets X-Forwarded-Host, add it to TrustedProxies; else add the host to AllowedHosts", truncate(r.RemoteAddr)))
		case !ok:
			return "", false, untrustedHost(fmt.Errorf("the host %q is not one of AllowedHosts", truncate(host)), "if it is one of this site, add it to AllowedHosts")
		case a.scheme != "":
			scheme, guessed = a.scheme, false
		}
	}
	return scheme + "://" + plainHost(scheme, host), guessed, nil
}

// fromProxy reports whether the forwarded headers of the request are trusted.
func (p *publicURL) fromProxy(r *http.Request) bool {
	if p.proxies == nil {
		return p.trustHost
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr) // no network contains the zero Addr
	return p.isProxy(plainAddr(peer.Addr()))
}

// plainAddr returns an address in the form that is compared: without a zone, and
// IPv4 as such.
func plainAddr(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

// clientAddr returns the address of the browser as far as it is known: the peer
// of the connection, or the address that TrustedProxies report in
// X-Forwarded-For. Each proxy appends the address of its own peer, so the list is
// read from its end, up to the first address that is not a proxy's. TrustHost is
// not sufficient: anybody may send the header. A RemoteAddr without a
// port was set by a middleware, to the address of the browser.
func (p *publicURL) clientAddr(r *http.Request) netip.Addr {
	if addr, err := netip.ParseAddr(r.RemoteAddr); err == nil {
		return plainAddr(addr)
	}
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	client := plainAddr(peer.Addr())
	list := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(list) - 1; i >= 0 && p.isProxy(client); i-- {
		text := strings.TrimSpace(list[i])
		addr, err := netip.ParseAddr(text)
		if err != nil {
			with, err := netip.ParseAddrPort(text)
			if err != nil {
				break
			}
			addr = with.Addr()
		}
		client = plainAddr(addr)
	}
	return client
}

func (p *publicURL) isProxy(addr netip.Addr) bool {
	return slices.ContainsFunc(p.proxies, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// allowed returns the element of AllowedHosts that matches a host.
func (p *publicURL) allowed(scheme, host string) (allowedHost, bool) {
	for _, a := range p.hosts {
		if a.match(plainHost(cmp.Or(a.scheme, scheme), host)) {
			return a, true
		}
	}
	return allowedHost{}, false
}

// setURL returns a hint with the settings that would admit requests for the host.
func (p *publicURL) setURL(r *http.Request, host string) string {
	example := ""
	if host != "" && validHost(host) && !isLoopback(host) {
		example = " (https://" + truncate(host) + "?)"
	}
	if p.proxies != nil {
		return fmt.Sprintf("set AUTH_URL to the public URL of the site%s; or, if %s is a proxy that sets X-Forwarded-Host and X-Forwarded-Proto, add it to TrustedProxies", example, truncate(r.RemoteAddr))
	}
	return "set AUTH_URL to the public URL of the site" + example + "; or, behind a proxy that sets X-Forwarded-Host and X-Forwarded-Proto, AUTH_TRUST_HOST=true"
}

// plainHost returns a host as browsers write it: in lower case, without the
// default port.
func plainHost(scheme, host string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"https": ":443", "http": ":80"}[scheme])
}

// throughProxy reports whether the headers show a proxy for remote browsers.
// To them the loopback host of the request means another machine, so every link
// would be wrong. The proxy of a development server reports a loopback host
// itself.
func throughProxy(h http.Header) bool {
	if host := firstOfList(h.Get("X-Forwarded-Host")); host != "" && !isLoopback(host) {
		return true
	}
	if strings.EqualFold(firstOfList(h.Get("X-Forwarded-Proto")), "https") {
		return true
	}
	client := net.ParseIP(firstOfList(h.Get("X-Forwarded-For")))
	return client != nil && !client.IsLoopback()
}

func untrustedHost(err error, hint string) *Error {
	return refuse(codeConfiguration, "UntrustedHost", err, hint) // anybody can send a Host
}

// firstOfList returns the first element of a comma-separated header, written by
// the outermost proxy.
func firstOfList(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return strings.TrimSpace(s)
}

// hasOther reports whether a comma-separated header has an element other than
// the given one.
func hasOther(list, element string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if !strings.EqualFold(strings.TrimSpace(v), element) {
			return true
		}
	}
	return false
}
