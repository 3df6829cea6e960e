package engine

import (
	"net/netip"
	"net/url"
	"strings"
)

func (s *settings) applyURL() {
	c := &s.cfg
	path := s.applyPublicURL()
	switch {
	case c.BasePath != "":
		s.base = strings.TrimRight(c.BasePath, "/")
		if !plainPath(s.base) {
			s.problem(aboutBasePath, "use a plain path that begins with /, such as /api/auth", "BasePath is %q", c.BasePath)
		}
		switch s.path = s.base; {
		case path == "" || path == s.base:
		case strings.HasSuffix(path, s.base): // a proxy strips the prefix
			s.path = path
		default:
			s.warn("env-url-basepath-mismatch", aboutBasePath, "make them equal, or remove the path from the URL",
				"the path %q of %s differs from BasePath %q, which takes precedence", path, s.urlFrom, s.base)
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

// adviseURL warns about questionable public URLs.
func (s *settings) adviseURL() {
	c := &s.cfg
	at := hostOf(s.origin)
	switch secure := c.UseSecureCookies; {
	case s.origin != "" && secure != nil && *secure && strings.HasPrefix(s.origin, "http:") && !isLoopback(at):
		s.advise(aboutCookies, "set "+s.urlFrom+" to the https URL", "UseSecureCookies is true, but the public URL is %s: browsers refuse its secure cookies", s.origin)
	case s.origin != "" && secure != nil && !*secure && strings.HasPrefix(s.origin, "https:"):
		s.advise(aboutCookies, "omit UseSecureCookies", "UseSecureCookies is false, although the public URL is %s: anybody on the browser's network can read its session", s.origin)
	case strings.HasPrefix(s.origin, "http:") && !isLoopback(at):
		s.advise(aboutURL, "if browsers use https, set "+s.urlFrom+" to https"+strings.TrimPrefix(s.origin, "http")+"; if not, put TLS in front",
			"%s is http: cookies are not secure and have the names of http, and providers get http redirect URIs", s.urlFrom)
	}
	if s.urlFrom == "AUTH_URL" {
		if other := c.Getenv("NEXTAUTH_URL"); other != "" && strings.TrimRight(other, "/") != strings.TrimRight(c.Getenv("AUTH_URL"), "/") {
			s.advise(aboutURL, "unset NEXTAUTH_URL", "NEXTAUTH_URL differs from AUTH_URL, and is ignored")
		}
	}
	if c.Getenv("AUTH_REDIRECT_PROXY_URL") != "" {
		s.advise(aboutURL, "unset it, and register the redirect URIs of each deployment", "AUTH_REDIRECT_PROXY_URL is set, but redirect proxies are not supported yet")
	}
	switch {
	case s.origin != "" || len(s.problems) > 0:
	case len(s.hosts) == 0 && !s.trustHost && len(s.proxies) == 0:
		platform := ""
		if c.Getenv("VERCEL") != "" || c.Getenv("CF_PAGES") != "" {
			platform = "; Auth.js trusts the host on Vercel and Cloudflare, this server does not"
		}
		s.advise(aboutURL, "set AUTH_URL for access from other machines", "no public URL: only requests to localhost are answered%s", platform)
	case len(s.hosts) == 0 && s.trustHost && len(s.proxies) == 0:
		s.advise(aboutURL, "set AUTH_URL, or AllowedHosts and TrustedProxies",
			"every Host and X-Forwarded-Host is trusted (%s): anybody who bypasses the proxy can choose the target of mail links", s.trustFrom)
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
		s.problem(aboutURL, "use true or false", "AUTH_TRUST_HOST is %q", v)
	}
}

func (s *settings) applyHosts() {
	for i, text := range s.cfg.AllowedHosts {
		a := allowedHost{host: strings.ToLower(text)}
		if scheme, host, ok := strings.Cut(a.host, "://"); ok {
			a.scheme, a.host = scheme, host
		}
		if rest, ok := strings.CutPrefix(a.host, "*."); ok {
			a.host, a.wildcard = "."+rest, true
		}
		a.host = plainHost(a.scheme, a.host)
		name := strings.TrimPrefix(a.host, ".")
		if a.scheme != "" && a.scheme != "https" && a.scheme != "http" || !validHost(name) || a.wildcard && !strings.Contains(name, ".") && !isLoopback(name) {
			s.problem(aboutURL, "use a host such as app.example.com, localhost:3000 or *.example.com, with https:// in front if it is always https",
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
			s.problem(aboutURL, "use a network such as 10.0.0.0/8 or an address such as 127.0.0.1", "TrustedProxies[%d] is %q", i, text)
			continue
		}
		if n.Addr().Is4In6() && n.Bits() >= 96 {
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		s.proxies = append(s.proxies, n.Masked())
	}
	unused := "AllowedHosts and TrustedProxies"
	if s.cfg.Limit != nil { // it gets the address that they report
		unused = "AllowedHosts"
	}
	if s.origin != "" && (len(s.hosts) > 0 || len(s.proxies) > 0 && s.cfg.Limit == nil) {
		s.warn("hosts-not-used", aboutURL, "remove "+s.urlFrom+", or "+unused,
			"%s sets the public URL, so %s are ignored", s.urlFrom, unused)
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
	const fix = "use the http or https URL of a site, such as https://app.example.com"
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.User != nil: // not repeated: it may hold a password
		s.problem(aboutURL, fix, "%s is not the URL of a site", s.urlFrom)
		return ""
	case (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		s.problem(aboutURL, fix, "%s is %q", s.urlFrom, raw)
		return ""
	}
	host := plainHost(u.Scheme, u.Host)
	if !validHost(host) {
		s.problem(aboutURL, "write international names in their ASCII form (xn--…)", "%s has the host %q", s.urlFrom, u.Host)
		return ""
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if path != "" && !plainPath(path) {
		s.problem(aboutURL, "use a plain path such as /api/auth", "%s is %q", s.urlFrom, raw)
		return ""
	}
	s.origin = u.Scheme + "://" + host
	return path
}

// plainPath reports whether p is valid as a base path.
func plainPath(p string) bool {
	return strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "?#%\\ ") && !strings.Contains(p, "//")
}
