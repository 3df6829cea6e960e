package engine_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestFailureOfTheProviderIsClean(t *testing.T) {
	refused := &url.Error{Op: "Get", URL: issuer, Err: syscall.ECONNREFUSED}
	big := strings.Repeat("x", 2<<20)
	broken := func(path string, status int, kind, body string) func(*idp) {
		return func(p *idp) {
			p.raw = func(r *http.Request) (int, string, string) {
				if r.URL.Path != path {
					return 0, "", ""
				}
				return status, kind, body
			}
		}
	}
	down := func(path string, err error) func(*idp) {
		return func(p *idp) {
			p.down = func(r *http.Request) error {
				if path == "" || r.URL.Path == path {
					return err
				}
				return nil
			}
		}
	}
	const discovery, token, jwks, userinfo = "/.well-known/openid-configuration", "/token", "/jwks", "/userinfo"
	for _, c := range []struct {
		what     string
		provider string
		early    bool // the fault precedes the sign-in
		fault    func(*idp)
	}{
		{"refused", "oidc", true, down("", refused)},
		{"timeout", "oidc", true, down("", context.DeadlineExceeded)},
		{"discovery 500", "oidc", true, broken(discovery, 500, "text/plain", "oops")},
		{"discovery 404", "oidc", true, broken(discovery, 404, "text/html", "<h1>404</h1>")},
		{"discovery HTML", "oidc", true, broken(discovery, 200, "text/html", "<html>")},
		{"discovery empty", "oidc", true, broken(discovery, 200, "application/json", "")},
		{"discovery null", "oidc", true, broken(discovery, 200, "application/json", "null")},
		{"discovery 2 MB", "oidc", true, broken(discovery, 200, "application/json", `{"issuer":"`+big+`"}`)},
		{"token refused", "oidc", false, down(token, refused)},
		{"token refused", "oauth", false, down(token, refused)},
		{"token timeout", "oauth", false, down(token, context.DeadlineExceeded)},
		{"token 500", "oidc", false, broken(token, 500, "text/plain", "oops")},
		{"token 400 HTML", "oauth", false, broken(token, 400, "text/html", "<html>")},
		{"token HTML", "oidc", false, broken(token, 200, "text/html", "<html>")},
		{"token empty", "oauth", false, broken(token, 200, "application/json", "")},
		{"token 200 with error", "oidc", false, broken(token, 200, "application/json", `{"error":"invalid_grant"}`)},
		{"token 200 with error", "oauth", false, broken(token, 200, "application/json", `{"error":"invalid_grant","access_token":"x","token_type":"bearer"}`)},
		{"token without access token", "oauth", false, broken(token, 200, "application/json", `{"token_type":"bearer"}`)},
		{"token 2 MB", "oidc", false, broken(token, 200, "application/json", `{"access_token":"`+big+`","token_type":"bearer"}`)},
		{"token 2 MB", "oauth", false, broken(token, 200, "application/json", `{"access_token":"`+big+`","token_type":"bearer"}`)},
		{"token list", "oauth", false, broken(token, 200, "application/json", `[]`)},
		{"token redirect", "oauth", false, broken(token, 302, "text/html", ``)},
		{"keys refused", "oidc", false, down(jwks, refused)},
		{"keys 500", "oidc", false, broken(jwks, 500, "text/plain", "oops")},
		{"keys empty", "oidc", false, broken(jwks, 200, "application/json", `{"keys":[]}`)},
		{"keys garbage", "oidc", false, broken(jwks, 200, "application/json", `{"keys":[{"kty":"EC"}]}`)},
		{"userinfo refused", "oauth", false, down(userinfo, refused)},
		{"userinfo 401", "oauth", false, broken(userinfo, 401, "application/json", `{"error":"invalid_token"}`)},
		{"userinfo 500", "oauth", false, broken(userinfo, 500, "text/plain", "oops")},
		{"userinfo HTML", "oauth", false, broken(userinfo, 200, "text/html", "<html>")},
		{"userinfo 2 MB", "oauth", false, broken(userinfo, 200, "application/json", `{"id":"`+big+`"}`)},
	} {
		s := newSite(t, withStore)
		s.idp.user["id"] = "bob-id"
		b := s.browser()
		b.csrf()
		what := c.provider + " " + c.what
		var r *reply
		if c.early {
			c.fault(s.idp)
			s.resetLog()
			r = b.post("/signin/" + c.provider)
		} else {
			location := b.startOAuth(c.provider)
			c.fault(s.idp)
			s.resetLog()
			r = b.finishOAuth(c.provider, location)
		}
		entry := s.refusesCallback(what, b, r, "Configuration")
		if entry.level != slog.LevelError || entry.attrs["hint"] == "" || len(entry.attrs["cause"]) > 2000 {
			t.Errorf("%s: log line %.3000v", what, entry)
		}
		// Sign-ins succeed once the provider has recovered.
		s.idp.down, s.idp.raw = nil, nil
		b.oauth(c.provider).wantTo(s.origin)
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: afterwards, signed in as %q", what, got)
		}
		// Other ways to sign in do not depend on it.
		c.fault(s.idp)
		b.followMail("carol@example.com").wantTo(s.origin)
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: by mail, signed in as %q", what, got)
		}
	}
}
