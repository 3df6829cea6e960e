package engine

import (
	"net/http"
	"strings"

	"github.com/sesame-auth/sesame/internal/wire"
)

// exchange is one request and its answer, from the cookies received to those
// set. It is used by one goroutine.
type exchange struct {
	request
	setCookies

	origin  string // public scheme and host
	site    *siteKeys
	trusted bool // called by the application, which vouches for the request
	// tokenAsked reports whether the jwt callback was asked about the token of the
	// request, and tokenValid its answer.
	tokenAsked, tokenValid bool
	wrote                  bool   // whether the store may have new rows, after a sign-in or a mail
	began                  bool   // whether somebody has signed in: the session is a new one
	hidden                 *Error // a failure that the answer does not show

	csrfToken   string
	callbackURL string // where the browser goes after the flow
}

// exchange reads what every request needs: the clock, the public URL and the
// cookies. It returns an exchange even with an error.
func (c *core) exchange(r *http.Request) (*exchange, error) {
	x := &exchange{request: request{core: c, r: r, ctx: r.Context(), now: c.cfg.Now()}}
	origin, guessed, err := c.publicOrigin(r)
	if err != nil {
		return x, err
	}
	if guessed && c.once("no X-Forwarded-Proto") {
		c.cfg.Logger.WarnContext(x.ctx, "auth: the proxy in front sends X-Forwarded-Host but no X-Forwarded-Proto, as rewrites of Next.js do; "+
			"the public URL is assumed to be "+origin+", with the cookies of http",
			"code", "forwarded-proto-missing", "hint", "if browsers use https, set AUTH_URL to https"+strings.TrimPrefix(origin, "http"))
	}
	x.origin = origin
	secure := strings.HasPrefix(origin, "https:")
	if c.cfg.UseSecureCookies != nil {
		secure = *c.cfg.UseSecureCookies
	}
	x.site = c.sites[0]
	if secure {
		x.site = c.sites[1]
	}
	if headers := r.Header["Cookie"]; len(headers) > 0 {
		x.cookies = wire.ParseCookies(make([]wire.Cookie, 0, 8), headers)
	}
	return x, nil
}

// setCookies are the cookies of an answer, by when they are set.
type setCookies struct {
	always  []wire.SetCookie // regardless of the outcome
	ambient []wire.SetCookie // CSRF token and callback URL
	set     []wire.SetCookie // those of a flow, dropped when it fails
}

// observeRequest reports a request to the observer. The returned function must
// be called at its end.
func (x *exchange) observeRequest(endpoint string) func(error) {
	if x.cfg.Observe == nil {
		return func(error) {}
	}
	op := Operation{Kind: kindRequest, Name: endpoint}
	if x.codes[x.providerID] != nil { // not what anybody writes into a path
		op.Provider = x.providerID
	}
	var done func(error)
	x.ctx, done = observer(x.cfg.Observe).begin(x.ctx, op)
	return done
}
