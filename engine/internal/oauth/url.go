package oauth

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkURL checks the URL of an endpoint. The error does not contain the URL,
// which could include a password.
func checkURL(raw string, insecure bool) error {
	if raw == "" {
		return errors.New("is empty")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return errors.New("is not an absolute http or https URL")
	case u.User != nil:
		return errors.New("contains a user name or password")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return errors.New("has a fragment")
	}
	if _, err := pairs(u.RawQuery); err != nil {
		return errors.New("has a malformed query")
	}
	return checkScheme(u, insecure)
}

// checkScheme allows http on loopback hosts only.
func checkScheme(u *url.URL, insecure bool) error {
	if u.Scheme == "https" || u.Scheme == "http" && (insecure || isLoopback(u.Hostname())) {
		return nil
	}
	return errors.New("is http on a host other than localhost, 127.0.0.1 and ::1, so that the network could read and change the requests;" +
		" use https, or set AllowInsecureHTTP")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// query is a query string in order. With the order kept, servers that use only
// the first of several parameters of a name see the right one, and the URL stays
// readable.
type query []param

type param struct{ name, value string }

// pairs parses a raw query. Empty parts are dropped.
func pairs(raw string) (q query, err error) {
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name, err = url.QueryUnescape(name); err != nil {
			return nil, err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, err
		}
		q = append(q, param{name, value})
	}
	return q, nil
}

func (q query) has(name string) bool {
	return slices.ContainsFunc(q, func(p param) bool { return p.name == name })
}

// set replaces the first parameter of that name and removes any others, or
// appends a new parameter.
func (q *query) set(name, value string) {
	i := slices.IndexFunc(*q, func(p param) bool { return p.name == name })
	if i < 0 {
		*q = append(*q, param{name, value})
		return
	}
	(*q)[i].value = value
	rest := slices.DeleteFunc((*q)[i+1:], func(p param) bool { return p.name == name })
	*q = (*q)[:i+1+len(rest)]
}

func (q query) encode() string {
	var b strings.Builder
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name))
		b.WriteByte('=')
		b.WriteString(url.QueryEscape(p.value))
	}
	return b.String()
}
