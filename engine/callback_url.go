package engine

import (
	"fmt"
	"net/url"
	"strings"
)

// readCallbackURL determines where the browser goes after the flow: the body's
// callbackUrl, else the query's, else the cookie's, through the redirect
// callback. It stores the result in the cookie, replacing an invalid one.
func (x *exchange) readCallbackURL() error {
	cookie := x.cookieValue(x.site.cookies.callbackURL.Name)
	wanted := ""
	if v, ok := x.form["callbackUrl"]; ok && v != "" {
		s, ok := v.(string)
		if !ok || !validCallbackURL(s) {
			return refuse(codeConfiguration, "InvalidCallbackUrl", errCallbackURL, "")
		}
		wanted = s
	}
	if wanted == "" {
		if wanted = x.queryValue("callbackUrl"); wanted != "" && !validCallbackURL(wanted) {
			return errCallbackURL
		}
	}
	if wanted == "" && cookie != "" && validCallbackURL(cookie) {
		wanted = cookie
	}
	x.callbackURL = x.origin
	if wanted != "" {
		u, err := x.redirectTarget(wanted)
		if err != nil {
			return err
		}
		x.callbackURL = u
	}
	if x.callbackURL != cookie {
		c := x.site.cookies.callbackURL
		c.Value = x.callbackURL
		x.ambient = append(x.ambient, c)
	}
	return nil
}

// redirectTarget runs a URL through the redirect callback. The result is safe in
// Location.
func (x *exchange) redirectTarget(u string) (string, error) {
	if x.cfg.Callbacks.Redirect == nil {
		return x.ownURL(u), nil
	}
	out, err := x.cfg.Callbacks.Redirect(x.ctx, RedirectParams{URL: u, BaseURL: x.origin})
	if err != nil {
		return "", fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("redirect callback: %w", err), "")
	}
	if strings.HasPrefix(out, "/") {
		return x.ownURL(out), nil
	}
	if !validCallbackURL(out) {
		return "", fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("the redirect callback returned %q", truncate(out)),
			"it must return a path or an http(s) URL")
	}
	return out, nil
}

// ownURL returns u if it is an absolute URL of this site, the absolute URL of a
// path, and the URL of the site for everything else.
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

// endpointURL returns the absolute URL of one of the engine's endpoints.
func (x *exchange) endpointURL(path string) string { return x.origin + x.path + path }

// pageURL returns the absolute URL of the application's own page, or of the
// built-in one.
func (x *exchange) pageURL(own, builtin string) string {
	switch {
	case own == "":
		return x.endpointURL(builtin)
	case strings.HasPrefix(own, "/"):
		return x.origin + own
	}
	return own
}

// requestedURL returns the public URL of the request, regardless of changes that
// a router has made to r.URL. A URL too long for a callbackUrl loses its query.
func (x *exchange) requestedURL() string {
	path := x.r.RequestURI
	if !strings.HasPrefix(path, "/") {
		path = x.r.URL.RequestURI()
	}
	// Restore the prefix that a proxy has stripped, unless a local handler did.
	before := strings.TrimSuffix(x.path, x.base)
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
