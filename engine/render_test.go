package engine_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
)

// Redirects to pages of the application keep the query of the page.
func TestPagesOfTheApplicationReplaceTheBuiltInPages(t *testing.T) {
	for _, c := range []struct{ page, sep string }{{"/own", "?"}, {"/own?tenant=x", "&"}, {"/own?tenant=x&y", "&"}} {
		p := c.page + c.sep
		abs := httpOrigin + p
		s := newSite(t, withStrategy(engine.StrategyDatabase), func(_ *site, cfg *engine.Config) {
			cfg.Pages = engine.Pages{SignIn: c.page, SignOut: c.page, Error: c.page, VerifyRequest: c.page, NewUser: c.page, VerifyEmail: c.page}
		})
		b := s.browser()
		b.get("/signin").wantTo(p + "callbackUrl=http%3A%2F%2Flocalhost%3A3000")
		b.get("/signin?callbackUrl=/x&error=SessionRequired").wantTo(p + "callbackUrl=http%3A%2F%2Flocalhost%3A3000%2Fx&error=SessionRequired")
		b.get("/signout").wantTo(c.page)
		b.get("/error").wantTo(c.page)
		b.get("/error?error=Verification").wantTo(p + "error=Verification")
		b.get("/verify-request?provider=email&type=email").wantTo(p + "provider=email&type=email")
		b.post("/callback/credentials", "password", "x").wantTo(abs + "error=CredentialsSignin&code=credentials")
		b.send("/signout", nil).wantTo(abs + "error=MissingCSRF")
		b.post("/callback/email", "token", "x", "email", "a@b").wantTo(abs + "error=Verification")
		b.get("/callback/nope").wantTo(abs + "error=Configuration")
		if got := b.postAsClient("/callback/credentials", "password", "x"); got != abs+"error=CredentialsSignin&code=credentials" {
			t.Errorf("the client gets %s", got)
		}
		link := b.askMail("carol@example.com")
		r := b.get("/callback/email?" + link.Encode())
		if want := fmt.Sprintf("%scallbackUrl=%s&token=%s&email=carol%%40example.com", p, url.QueryEscape(httpOrigin+"/x"), link.Get("token")); r.location() != want {
			t.Errorf("the page of a mail link is %q, want %q", r.location(), want)
		}
		if strings.Contains(r.header.Get("Referrer-Policy"), "unsafe") || r.header.Get("Referrer-Policy") == "" {
			t.Errorf("Referrer-Policy is %q", r.header.Get("Referrer-Policy"))
		}
		newcomer := s.browser()
		newcomer.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(p + "callbackUrl=" + url.QueryEscape(httpOrigin))
		if got := newcomer.user(); got != "carol@example.com" {
			t.Errorf("signed in as %q", got)
		}
	}
	// The other pages stay built-in.
	s := newSite(t, func(_ *site, c *engine.Config) { c.Pages.SignIn = "https://login.example.com/start" })
	s.foreignHosts = append(s.foreignHosts, "login.example.com")
	b := s.browser()
	b.post("/callback/credentials", "password", "x").wantTo("https://login.example.com/start?error=CredentialsSignin&code=credentials")
	if page := b.get("/error?error=AccessDenied"); page.status != 403 || !strings.Contains(page.body, `href="https://login.example.com/start"`) {
		t.Errorf("the error page: %d", page.status)
	}
	// Statuses of the built-in error page.
	for code, want := range map[string]int{"Configuration": 500, "AccessDenied": 403, "Verification": 403, "": 200, "Nope": 200, "configuration": 200, "OAuthAccountNotLinked": 200, "constructor": 200} {
		if page := b.get("/error?error=" + code); page.status != want {
			t.Errorf("the error page of %q is %d, want %d", code, page.status, want)
		}
	}
}

func TestNewUserPageKeepsItsQuery(t *testing.T) {
	for page, want := range map[string]string{
		"/welcome":                 "/welcome?callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
		"/welcome?from=auth":       "/welcome?from=auth&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
		"/welcome?from=auth#top":   "/welcome?from=auth&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1") + "#top",
		httpOrigin + "/welcome?a=": httpOrigin + "/welcome?a=&callbackUrl=" + url.QueryEscape(httpOrigin+"/x?y=1"),
	} {
		s := newSite(t, withStore, func(_ *site, c *engine.Config) { c.Pages.NewUser = page })
		b := s.browser()
		b.finishOAuth("oidc", b.startOAuth("oidc", "callbackUrl", "/x?y=1")).wantTo(want)
		b.finishOAuth("oidc", b.startOAuth("oidc", "callbackUrl", "/x?y=1")).wantTo(s.origin + "/x?y=1")
		s = newSite(t, withStore, func(_ *site, c *engine.Config) { c.Pages.NewUser = page })
		b = s.browser()
		b.finishOAuth("oidc", b.startOAuth("oidc", "callbackUrl", "https://evil.example")).wantTo(
			strings.Replace(want, url.QueryEscape(httpOrigin+"/x?y=1"), url.QueryEscape(httpOrigin), 1))
	}
}
