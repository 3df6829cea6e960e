package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/internal/wire"
)

// attemptChecks are the values that bind an answer of a provider to this browser
// and this attempt.
type attemptChecks struct {
	use    checkUse
	id     string // of the provider
	state  string
	nonce  string
	pkce   string // the code verifier
	suffix string // of the names of the cookies
}

// checkUse are the checks that a provider uses.
type checkUse struct{ state, pkce, nonce bool }

const checkSeconds = int(wire.CheckMaxAge / time.Second)

const (
	// maxAttempts is how many sign-ins a browser may have in progress. Each takes
	// about 1.6 KB of cookies, and common proxies accept 8 KB in total.
	maxAttempts = 3
	// maxAttemptURL is the longest callback URL that an attempt stores itself, in
	// bytes of the cookie.
	maxAttemptURL = 1024
)

// newChecks makes the checks of a new attempt and seals them into cookies. The
// first attempt uses the names of Auth.js. Further ones, while it is in
// progress, get a suffix that comes from the state, so that the callback finds
// them.
func newChecks(x *exchange, id string, use checkUse) (c attemptChecks, err error) {
	c.use, c.id = use, id
	s, single := x.site, x.cfg.Parity.SingleCheckCookies
	if use.state {
		if single && x.dialect.sealedState {
			c.state, err = s.encoded.SealState("", x.now, x.cfg.Rand)
		} else {
			c.state, err = wire.RandomBase64(x.cfg.Rand) // half the size of the cookie
		}
		if err != nil {
			return c, err
		}
		if !single {
			if c.attemptInProgress(x) {
				c.suffix = attemptSuffix(c.state)
			}
			dropOldAttempts(x)
			// Another tab may change the callback-url cookie meanwhile. A long URL
			// would take too much space.
			if escapedLen(x.callbackURL) <= maxAttemptURL {
				u := s.cookies.callbackURL
				u.Name += attemptSuffix(c.state)
				u.Value, u.MaxAge, u.Expires = x.callbackURL, checkSeconds, x.now.Add(wire.CheckMaxAge)
				x.set = append(x.set, u)
			}
		}
	}
	if use.pkce {
		if c.pkce, err = wire.RandomBase64(x.cfg.Rand); err != nil {
			return c, err
		}
	}
	if use.nonce {
		if c.nonce, err = wire.RandomBase64(x.cfg.Rand); err != nil {
			return c, err
		}
	}
	return c, c.sealChecks(x)
}

// sealChecks puts the values into cookies.
func (c *attemptChecks) sealChecks(x *exchange) error {
	s := x.site
	for _, check := range []struct {
		keys   *wire.Keys
		cookie wire.SetCookie
		value  string
		maxAge int
	}{
		{s.state, s.cookies.state, c.state, checkSeconds},
		{s.pkce, s.cookies.pkce, c.pkce, checkSeconds},
		{s.nonce, s.cookies.nonce, c.nonce, 0},
	} {
		if check.value == "" {
			continue
		}
		sealed, err := check.keys.SealCheck(check.value, c.id, x.now, x.cfg.Rand)
		if err != nil {
			return err
		}
		cookie := check.cookie
		cookie.Name += c.suffix
		cookie.Value, cookie.MaxAge, cookie.Expires = sealed, check.maxAge, x.now.Add(wire.CheckMaxAge)
		x.set = append(x.set, cookie)
	}
	return nil
}

// readChecks reads the values of the attempt with the state from its cookies,
// and arranges for the cookies to be cleared regardless of the outcome.
func readChecks(x *exchange, id string, use checkUse, state string) attemptChecks {
	c := attemptChecks{use: use, id: id}
	s := x.site
	if use.state && state != "" && !x.cfg.Parity.SingleCheckCookies {
		suffix := attemptSuffix(state)
		if x.hasCookie(s.cookies.state.Name + suffix) {
			c.suffix = suffix
		}
		readAttemptURL(x, suffix)
	}
	c.state = c.openCheck(x, use.state, s.state, s.cookies.state.Name)
	c.pkce = c.openCheck(x, use.pkce, s.pkce, s.cookies.pkce.Name)
	c.nonce = c.openCheck(x, use.nonce, s.nonce, s.cookies.nonce.Name)
	if !x.cfg.Parity.DangerousKeepChecks {
		x.always = append(x.always, clearedChecks(x, c.suffix)...)
	}
	return c
}

func (c *attemptChecks) openCheck(x *exchange, use bool, keys *wire.Keys, name string) string {
	if !use {
		return ""
	}
	value, err := keys.OpenCheck(x.cookieValue(name+c.suffix), c.id, x.now)
	if err != nil {
		return ""
	}
	return value
}

// passed clears the cookies of the checks that have passed, as Auth.js does: in
// the order of use, and with v5 only when nothing fails afterwards.
func (c *attemptChecks) passed(x *exchange) {
	if !x.cfg.Parity.DangerousKeepChecks {
		return // readChecks has done so
	}
	used := [3]bool{c.use.state, c.use.pkce, c.use.nonce}
	for i, like := range x.site.cookies.checkCookies() {
		if !used[i] {
			continue
		}
		cookie := *like
		cookie.Clear = true
		if x.dialect.errorCookies {
			x.always = append(x.always, cookie)
		} else {
			x.set = append(x.set, cookie)
		}
	}
}

// attemptInProgress reports whether the browser has an attempt under the names
// of Auth.js.
func (c *attemptChecks) attemptInProgress(x *exchange) bool {
	return slices.ContainsFunc(x.site.cookies.checkCookies(), func(like *wire.SetCookie) bool { return x.cookieValue(like.Name) != "" })
}

// attemptSuffix returns the suffix of the cookie names of a parallel attempt. It
// needs no secrecy: the values are sealed.
func attemptSuffix(state string) string {
	return "." + wire.HashVerificationToken(state, "")[:16]
}

// dropOldAttempts makes room for one more attempt by clearing the oldest.
// Browsers send older cookies first (RFC 6265 section 5.4). One attempt uses the
// plain names; only its callback URL has a suffix.
func dropOldAttempts(x *exchange) {
	n := &x.site.cookies
	attempts, urls := attemptSuffixes(x, n.state.Name), attemptSuffixes(x, n.callbackURL.Name)
	for len(attempts) > maxAttempts-2 {
		x.always = append(x.always, clearedChecks(x, attempts[0])...)
		dropAttemptURL(x, attempts[0])
		urls = slices.DeleteFunc(urls, func(suffix string) bool { return suffix == attempts[0] })
		attempts = attempts[1:]
	}
	for i := 0; len(urls)-i >= maxAttempts; i++ {
		if !slices.Contains(attempts, urls[i]) {
			dropAttemptURL(x, urls[i])
		}
	}
}

// attemptSuffixes lists the attempts that have a cookie of the name, oldest
// first.
func attemptSuffixes(x *exchange, name string) (out []string) {
	for _, c := range x.cookies {
		suffix, ok := strings.CutPrefix(c.Name, name)
		if ok && len(suffix) == len(attemptSuffix("")) && suffix[0] == '.' && !slices.Contains(out, suffix) {
			out = append(out, suffix)
		}
	}
	return out
}

// dropAttemptURL clears the callback URL of an attempt, if the request has one.
func dropAttemptURL(x *exchange, suffix string) {
	u := x.site.cookies.callbackURL
	u.Name += suffix
	u.Clear = true
	cleared := func(c wire.SetCookie) bool { return c.Name == u.Name }
	if x.hasCookie(u.Name) && !slices.ContainsFunc(x.always, cleared) {
		x.always = append(x.always, u)
	}
}

// readAttemptURL reads the callback URL from the cookie of an attempt, under the
// same rules as from the callback-url cookie.
func readAttemptURL(x *exchange, suffix string) {
	name := x.site.cookies.callbackURL.Name + suffix
	if !x.hasCookie(name) {
		return
	}
	u := x.cookieValue(name)
	dropAttemptURL(x, suffix)
	if !validCallbackURL(u) {
		return
	}
	if u, err := x.redirectTarget(u); err == nil {
		x.callbackURL = u
	}
}

// clearedChecks returns the cookies that clear those check cookies with the
// suffix that the request has.
func clearedChecks(x *exchange, suffix string) (out []wire.SetCookie) {
	for _, like := range x.site.cookies.checkCookies() {
		c := *like
		c.Name += suffix
		if c.Clear = true; x.hasCookie(c.Name) {
			out = append(out, c)
		}
	}
	return out
}
