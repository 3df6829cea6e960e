package engine

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// place is where browsers find this server: what New made of the fields of
// Config, and of the environment.
type place struct {
	origin    string         // public scheme and host; "": from the request
	hosts     []allowedHost  // that a request may come for; nil: see trustHost
	proxies   []netip.Prefix // whose forwarded headers count; nil: see trustHost
	trustHost bool

	base string // where the engine is mounted: the path of the requests that come in
	path string // the same as browsers see it; longer behind a proxy that takes the beginning off
}

// allowedHost is an element of Config.AllowedHosts.
type allowedHost struct {
	scheme string // "": any
	host   string // with its port; without the * of a wildcard
	below  bool   // names that end with host
}

func (a allowedHost) match(host string) bool {
	if a.below {
		return len(host) > len(a.host) && strings.HasSuffix(host, a.host)
	}
	return host == a.host
}

func (a allowedHost) String() string {
	s := a.host
	if a.below {
		s = "*" + s
	}
	if a.scheme != "" {
		s = a.scheme + "://" + s
	}
	return s
}

// publicOrigin is the scheme and host under which browsers see this server
// (WIRE.md section 10). silent: the proxy in front says a host and no scheme,
// so that http is a guess.
func (p *place) publicOrigin(r *http.Request) (origin string, silent bool, err error) {
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
	case proxied && p.hosts == nil && slices.ContainsFunc(r.Header["X-Forwarded-Host"], func(v string) bool { return namesAnother(v, forwarded) }):
		// Proxies that add to the header (Apache, Envoy) leave what a browser
		// sends in front.
		return "", false, untrustedHost(errors.New("X-Forwarded-Host names several hosts, and any of them may be a stranger's"),
			"set AUTH_URL to the public URL of the site, or AllowedHosts to its hosts")
	case proxied:
		host = or(forwarded, host)
		switch proto := firstOfList(r.Header.Get("X-Forwarded-Proto")); proto {
		case "":
			silent = r.TLS == nil && forwarded != "" && !isLoopback(forwarded)
		case "http", "https":
			scheme = proto
		default:
			return "", false, untrustedHost(fmt.Errorf("X-Forwarded-Proto is %q", cut(proto)), "the proxy in front must send http or https")
		}
	case p.trustHost || p.hosts != nil:
	case isLoopback(host) && throughProxy(r.Header):
		return "", false, untrustedHost(errors.New("the request came through a proxy, but the host it was sent on to is this machine's"), p.setURL(r, forwarded))
	case !isLoopback(host):
		return "", false, untrustedHost(fmt.Errorf("the host %q is not trusted", cut(host)), p.setURL(r, or(forwarded, host)))
	case isLoopback(forwarded):
		host = forwarded // a development server that passes requests on
	}
	if !validHost(host) {
		return "", false, untrustedHost(fmt.Errorf("the host %q is not a host name", cut(host)), "")
	}
	if p.hosts != nil {
		a, ok := p.allowed(scheme, host)
		switch {
		case !ok && forwarded != "" && !proxied:
			return "", false, untrustedHost(fmt.Errorf("the host %q is not one of AllowedHosts", cut(host)),
				fmt.Sprintf("if %s is a proxy that sets X-Forwarded-Host, add it to TrustedProxies; else add the host to AllowedHosts", cut(r.RemoteAddr)))
		case !ok:
			return "", false, untrustedHost(fmt.Errorf("the host %q is not one of AllowedHosts", cut(host)), "if it is one of this site, add it to AllowedHosts")
		case a.scheme != "":
			scheme, silent = a.scheme, false
		}
	}
	return scheme + "://" + plainHost(scheme, host), silent, nil
}

// fromProxy reports whether the forwarded headers of the request count.
func (p *place) fromProxy(r *http.Request) bool {
	if p.proxies == nil {
		return p.trustHost
	}
	addr, _ := netip.ParseAddrPort(r.RemoteAddr) // no network contains what is no address
	return slices.ContainsFunc(p.proxies, func(n netip.Prefix) bool { return n.Contains(addr.Addr().Unmap()) })
}

// allowed is the element of AllowedHosts for a host.
func (p *place) allowed(scheme, host string) (allowedHost, bool) {
	for _, a := range p.hosts {
		if a.match(plainHost(or(a.scheme, scheme), host)) {
			return a, true
		}
	}
	return allowedHost{}, false
}

// setURL says what to set so that a request is answered that seems to be for
// the host.
func (p *place) setURL(r *http.Request, host string) string {
	example := ""
	if host != "" && validHost(host) && !isLoopback(host) {
		example = " (https://" + cut(host) + "?)"
	}
	if p.proxies != nil {
		return fmt.Sprintf("set AUTH_URL to the public URL of the site%s; or, if %s is a proxy that sets X-Forwarded-Host and X-Forwarded-Proto, add it to TrustedProxies", example, cut(r.RemoteAddr))
	}
	return "set AUTH_URL to the public URL of the site" + example + "; or, behind a proxy that sets X-Forwarded-Host and X-Forwarded-Proto, AUTH_TRUST_HOST=true"
}

// plainHost is a host as browsers write it: in lower case, without the port
// that goes without saying.
func plainHost(scheme, host string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"https": ":443", "http": ":80"}[scheme])
}

// throughProxy reports whether a proxy has left a trace that leads off this
// machine: then the loopback host of the request is not what browsers see, and
// taking it for a developer's would make every link wrong. The proxy of a
// development server names a loopback host itself.
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
	return refuse(CodeConfiguration, "UntrustedHost", err, hint) // anybody can send a Host
}

// firstOfList is the first element of a comma-separated header: the one the
// outermost proxy wrote.
func firstOfList(s string) string {
	s, _, _ = strings.Cut(s, ",")
	return strings.TrimSpace(s)
}

// namesAnother reports whether a comma-separated header has an element beside
// one.
func namesAnother(list, one string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if !strings.EqualFold(strings.TrimSpace(v), one) {
			return true
		}
	}
	return false
}

// ---- what New makes of the configuration

func (s *settings) applyURL() {
	c := &s.cfg
	path := s.applyPublicURL()
	switch {
	case c.BasePath != "":
		s.base = strings.TrimRight(c.BasePath, "/")
		if !plainPath(s.base) {
			s.problem(aboutBasePath, "it must begin with / and be a plain path such as /api/auth", "BasePath is %q", c.BasePath)
		}
		switch s.path = s.base; {
		case path == "" || path == s.base:
		case strings.HasSuffix(path, s.base): // a proxy takes the beginning off
			s.path = path
		default:
			s.warn("env-url-basepath-mismatch", aboutBasePath, "let one of them be as the other, or leave the path out of the URL",
				"the path %q of %s differs from BasePath %q, which wins", path, s.urlFrom, s.base)
		}
	case path != "":
		s.base, s.path = path, path
	default:
		s.base, s.path = "/api/auth", "/api/auth"
	}
	s.applyTrust()
	s.applyHosts()
	s.adviseURL()
}

// adviseURL looks for public URLs that are hardly meant.
func (s *settings) adviseURL() {
	c := &s.cfg
	at := host(s.origin)
	switch secure := c.UseSecureCookies; {
	case s.origin != "" && secure != nil && *secure && strings.HasPrefix(s.origin, "http:") && !isLoopback(at):
		s.advise(aboutCookies, "set "+s.urlFrom+" to the https URL", "UseSecureCookies is true, but the public URL is %s: browsers take no secure cookie from there", s.origin)
	case s.origin != "" && secure != nil && !*secure && strings.HasPrefix(s.origin, "https:"):
		s.advise(aboutCookies, "leave UseSecureCookies out", "UseSecureCookies is false, although the public URL is %s: whoever can read the network of a browser can read its session", s.origin)
	case strings.HasPrefix(s.origin, "http:") && !isLoopback(at):
		s.advise(aboutURL, "if browsers use https, set "+s.urlFrom+" to https"+strings.TrimPrefix(s.origin, "http")+"; if not, put TLS in front",
			"%s is http: cookies have the names of http and are not secure, and providers are given http redirect URIs", s.urlFrom)
	}
	if s.urlFrom == "AUTH_URL" {
		if other := c.Getenv("NEXTAUTH_URL"); other != "" && strings.TrimRight(other, "/") != strings.TrimRight(c.Getenv("AUTH_URL"), "/") {
			s.advise(aboutURL, "unset NEXTAUTH_URL", "NEXTAUTH_URL is another URL than AUTH_URL, and is not looked at")
		}
	}
	if c.Getenv("AUTH_REDIRECT_PROXY_URL") != "" {
		s.advise(aboutURL, "unset it, and register the redirect URIs of each deployment", "AUTH_REDIRECT_PROXY_URL is set, and there is no redirect proxy yet")
	}
	switch {
	case s.origin != "" || len(s.problems) > 0:
	case len(s.hosts) == 0 && !s.trustHost && len(s.proxies) == 0:
		on := ""
		if c.Getenv("VERCEL") != "" || c.Getenv("CF_PAGES") != "" {
			on = "; Auth.js trusts the host on Vercel and Cloudflare, this server does not"
		}
		s.advise(aboutURL, "set AUTH_URL before others are to reach it", "no public URL: only requests to localhost are answered%s", on)
	case len(s.hosts) == 0 && s.trustHost && len(s.proxies) == 0:
		s.advise(aboutURL, "set AUTH_URL, or AllowedHosts and TrustedProxies",
			"every Host and X-Forwarded-Host is trusted (%s): who reaches this server past its proxy chooses where mail links lead", s.trustFrom)
	}
}

func (s *settings) applyTrust() {
	c := &s.cfg
	if c.TrustHost != nil {
		s.trustHost, s.trustFrom = *c.TrustHost, "Config.TrustHost"
		return
	}
	s.trustFrom = "AUTH_TRUST_HOST"
	switch v := strings.ToLower(c.Getenv("AUTH_TRUST_HOST")); v {
	case "":
		s.trustFrom = ""
	case "false", "0":
	case "true", "1":
		s.trustHost = true
	default:
		s.problem(aboutURL, "it must be true or false", "AUTH_TRUST_HOST is %q", v)
	}
}

func (s *settings) applyHosts() {
	for i, text := range s.cfg.AllowedHosts {
		a := allowedHost{host: strings.ToLower(text)}
		if scheme, host, ok := strings.Cut(a.host, "://"); ok {
			a.scheme, a.host = scheme, host
		}
		if rest, ok := strings.CutPrefix(a.host, "*."); ok {
			a.host, a.below = "."+rest, true
		}
		a.host = plainHost(a.scheme, a.host)
		name := strings.TrimPrefix(a.host, ".")
		if a.scheme != "" && a.scheme != "https" && a.scheme != "http" || !validHost(name) || a.below && !strings.Contains(name, ".") && !isLoopback(name) {
			s.problem(aboutURL, "it must be a host such as app.example.com, localhost:3000 or *.example.com, with https:// before it where every page is https",
				"AllowedHosts[%d] is %q", i, text)
			continue
		}
		s.hosts = append(s.hosts, a)
	}
	for i, text := range s.cfg.TrustedProxies {
		n, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil {
			n, err = netip.PrefixFrom(addr.WithZone(""), addr.BitLen()), nil
		}
		if err != nil {
			s.problem(aboutURL, "it must be a network such as 10.0.0.0/8 or an address such as 127.0.0.1", "TrustedProxies[%d] is %q", i, text)
			continue
		}
		s.proxies = append(s.proxies, n.Masked())
	}
	if s.origin != "" && (len(s.hosts) > 0 || len(s.proxies) > 0) {
		s.warn("hosts-not-used", aboutURL, "leave out "+s.urlFrom+", or AllowedHosts and TrustedProxies",
			"%s says what the public URL is, so AllowedHosts and TrustedProxies are not looked at", s.urlFrom)
	}
}

// applyPublicURL sets the origin from the public URL and returns its path.
func (s *settings) applyPublicURL() string {
	raw := s.cfg.URL
	s.urlFrom = "Config.URL"
	for _, env := range []string{"AUTH_URL", "NEXTAUTH_URL"} {
		if raw == "" {
			s.urlFrom, raw = env, s.cfg.Getenv(env)
		}
	}
	if raw == "" {
		s.urlFrom = ""
		return ""
	}
	const fix = "it must be the http or https URL of a site such as https://app.example.com"
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.User != nil: // not repeated: it may hold a password
		s.problem(aboutURL, fix, "%s is not a URL of a site", s.urlFrom)
		return ""
	case (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		s.problem(aboutURL, fix, "%s is %q", s.urlFrom, raw)
		return ""
	}
	host := plainHost(u.Scheme, u.Host)
	if !validHost(host) {
		s.problem(aboutURL, "write an international name in its ASCII form (xn--…)", "%s has the host %q", s.urlFrom, u.Host)
		return ""
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path != "" && !plainPath(path) {
		s.problem(aboutURL, "its path must be a plain one such as /api/auth", "%s is %q", s.urlFrom, raw)
		return ""
	}
	s.origin = u.Scheme + "://" + host
	return path
}

// plainPath reports whether p may be where the endpoints are.
func plainPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "?#%\\ ") && !strings.Contains(p, "//")
}

// ---- hosts and URLs

func isLoopback(host string) bool {
	if host == "" {
		return false
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// validHost reports whether host is a name or an address with an optional
// port, and nothing else that could stand in a URL.
func validHost(host string) bool {
	if len(host) > 255 {
		return false
	}
	name := host
	if at := strings.LastIndexByte(host, ':'); at > strings.IndexByte(host, ']') {
		if _, err := strconv.ParseUint(host[at+1:], 10, 16); err != nil {
			return false
		}
		name = host[:at]
	}
	if v6, ok := strings.CutPrefix(name, "["); ok {
		v6, closed := strings.CutSuffix(v6, "]")
		addr, err := netip.ParseAddr(v6)
		return closed && err == nil && addr.Is6() && addr.Zone() == ""
	}
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			continue
		}
		if strings.IndexByte("-._", c) < 0 {
			return false
		}
	}
	return name != ""
}

// maxCallbackURL is the longest callback URL, in bytes; escaped in its cookie
// it has at most maxEscapedURL, because browsers drop cookies above 4096.
const (
	maxCallbackURL = 2048
	maxEscapedURL  = 3800
)

// escapedLen is how long a value is in its cookie.
func escapedLen(s string) int {
	n := len(s)
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!~*'()", c) >= 0) {
			n += 2
		}
	}
	return n
}

var errCallbackURL = errors.New("callbackUrl is not a path or an http(s) URL of at most 2048 bytes")

// validCallbackURL reports whether u may be asked for at all: a path, or an
// http or https URL. Where it may lead is for the redirect callback.
func validCallbackURL(u string) bool {
	if len(u) > maxCallbackURL || escapedLen(u) > maxEscapedURL {
		return false
	}
	for i := range len(u) {
		if u[i] < ' ' || u[i] == 0x7f {
			return false
		}
	}
	parsed, err := url.Parse(u)
	if err != nil {
		return false
	}
	return strings.HasPrefix(u, "/") || (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

// ownURL is u when it is an absolute URL of this site, the site's URL of a
// path, and the site itself for everything else.
func (x *exchange) ownURL(u string) string {
	if rest, ok := strings.CutPrefix(u, x.origin); ok && (rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#') {
		if safePath(rest) {
			return u
		}
		return x.origin
	}
	if strings.HasPrefix(u, "/") {
		if safePath(u) {
			return x.origin + u
		}
		return x.origin
	}
	if parsed, err := url.Parse(u); err == nil && strings.EqualFold(parsed.Scheme+"://"+parsed.Host, x.origin) && parsed.User == nil && safePath(parsed.Path) {
		return u
	}
	return x.origin
}

// safePath refuses what a browser may read as another host when the origin is
// cut off: //host and /\host.
func safePath(p string) bool {
	return len(p) < 2 || p[0] != '/' || (p[1] != '/' && p[1] != '\\')
}

// at is the absolute URL of one of the engine's endpoints.
func (x *exchange) at(path string) string { return x.origin + x.e.path + path }

// page is the absolute URL of a page of the application, or of the built-in
// one when there is none.
func (x *exchange) page(own, builtin string) string {
	switch {
	case own == "":
		return x.at(builtin)
	case strings.HasPrefix(own, "/"):
		return x.origin + own
	}
	return own
}

// withQuery adds parameters to a URL that may have some.
func withQuery(u string, pairs ...string) string {
	u, fragment, hasFragment := strings.Cut(u, "#")
	var b strings.Builder
	b.WriteString(u)
	sep := byte('?')
	if strings.Contains(u, "?") {
		sep = '&'
	}
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(sep)
		b.WriteString(pairs[i])
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(pairs[i+1]))
		sep = '&'
	}
	if hasFragment {
		b.WriteByte('#')
		b.WriteString(fragment)
	}
	return b.String()
}

// requestedURL is the public URL of the request, whatever a router has done to
// r.URL since. One that is too long to come back to loses its query.
func (x *exchange) requestedURL() string {
	path := x.r.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = x.r.URL.RequestURI()
	}
	// What a proxy has taken off comes back, unless it was taken off in here.
	before := strings.TrimSuffix(x.e.path, x.e.base)
	if root, _, _ := strings.Cut(path, "?"); !strings.HasPrefix(path, before+"/") && (root != before || x.r.URL.Path == before) {
		path = before + path
	}
	if u := x.origin + path; validCallbackURL(u) {
		return u
	}
	path, _, _ = strings.Cut(path, "?")
	if u := x.origin + path; validCallbackURL(u) {
		return u
	}
	return x.origin
}
