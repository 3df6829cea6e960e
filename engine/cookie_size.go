package engine

import (
	"encoding/json"
	"fmt"
)

const (
	// largeCookie is the size of a session cookie, in bytes over all chunks, from
	// which it is logged.
	largeCookie = 4096
	// maxSessionCookie is the largest session cookie that is written, in bytes.
	// Browsers send it with every request; Node.js, on which Next.js runs, refuses
	// requests with more than 16 KiB of headers, and common proxies 8 KiB.
	maxSessionCookie = 15 << 10
	// largeCookieEvery is the interval between log lines, in seconds.
	largeCookieEvery = 3600
)

// checkSize refuses a session cookie that would lock its browser out, and logs
// the largest claim of one that is getting large.
func checkSize(x *exchange, t *Token, value string) error {
	if len(value) <= largeCookie {
		return nil
	}
	claim, size := largestClaim(t)
	if len(value) > maxSessionCookie {
		return fmt.Errorf("the session cookie would have %d bytes, more than the %d that servers and proxies accept; the claim %q alone has %d",
			len(value), maxSessionCookie, truncate(claim), size)
	}
	now, last := x.now.Unix(), x.largeLogged.Load()
	if (last == 0 || now-last >= largeCookieEvery) && x.largeLogged.CompareAndSwap(last, now) {
		x.cfg.Logger.WarnContext(x.ctx, "auth: a session cookie is large", "request_id", x.requestID(), "code", "session-cookie-large",
			"cause", fmt.Sprintf("it has %d bytes; the claim %q alone has %d", len(value), truncate(claim), size),
			"hint", fmt.Sprintf("it is sent with every request, common proxies refuse 8 KB of cookies, and above %d bytes it is not written: keep less in the token", maxSessionCookie))
	}
	return nil
}

// largestClaim returns the largest claim of a token, and its size in bytes of
// JSON.
func largestClaim(t *Token) (name string, size int) {
	consider := func(claim string, n int) {
		if n > size || n == size && claim < name {
			name, size = claim, n
		}
	}
	for claim, s := range map[string]*string{"name": t.Name, "email": t.Email, "picture": t.Picture, "sub": &t.Subject} {
		if s != nil {
			consider(claim, len(*s))
		}
	}
	for claim, v := range t.Extra {
		if text, err := json.Marshal(v); err == nil {
			consider(claim, len(text))
		}
	}
	return name, size
}
