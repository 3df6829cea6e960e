package engine_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

func TestApplicationSignsIn(t *testing.T) {
	for _, strategy := range strategies {
		var seen map[string]string
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			inner := c.Providers[2].(*engine.Credentials).Authorize
			c.Providers[2].(*engine.Credentials).Authorize = func(ctx context.Context, v map[string]string, r *http.Request) (*engine.User, error) {
				seen = v
				return inner(ctx, v, r)
			}
		})
		var provider string
		var o engine.SignInOptions
		var to string
		var signInErr error
		handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before, _ := s.eng.Session(w, r)
			to, signInErr = s.eng.SignIn(w, r, provider, o)
			after, err := s.eng.Session(w, r)
			if signInErr == nil && provider == "credentials" && (after == nil || after.User.ID != "alice-id" || err != nil) {
				t.Errorf("%s: after SignIn the same request has the session %+v, %v", strategy, after, err)
			}
			if signInErr != nil && !reflect.DeepEqual(after, before) {
				t.Errorf("%s: after a failed SignIn the request has another session", strategy)
			}
		})
		call := func(b *browser, p string, options engine.SignInOptions) *reply {
			provider, o = p, options
			return b.get("./enter")
		}
		b := s.browser().serve(handler)
		r := call(b, "credentials", engine.SignInOptions{RedirectTo: "/in", Credentials: map[string]string{"username": "alice", "password": password}})
		if signInErr != nil || to != s.origin+"/in" || r.sets(sessionCookie) == nil {
			t.Fatalf("%s: SignIn returned %q, %v, cookies %q", strategy, to, signInErr, r.header["Set-Cookie"])
		}
		if want := map[string]string{"username": "alice", "password": password}; !maps.Equal(seen, want) {
			t.Errorf("%s: Authorize got %v", strategy, seen)
		}
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		s.quiet(t)

		b = s.browser().serve(handler)
		call(b, "oidc", engine.SignInOptions{RedirectTo: "/in", Params: map[string]string{"prompt": "login", "client_id": "evil", "redirect_uri": "https://evil.example"}})
		u, err := url.Parse(to)
		if signInErr != nil || err != nil || u.Host != "idp.example" || u.Query().Get("prompt") != "login" || u.Query().Get("client_id") != clientID || strings.Contains(to, "evil") {
			t.Errorf("%s: SignIn returned %q, %v", strategy, to, signInErr)
		}
		b.finishOAuth("oidc", to).wantTo(s.origin + "/in")
		if got := b.user(); got != "bob@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}

		call(s.browser().serve(handler), "email", engine.SignInOptions{Email: "carol@example.com", RedirectTo: "/in"})
		if want := s.origin + base + "/verify-request?provider=email&type=email"; signInErr != nil || to != want {
			t.Errorf("%s: SignIn returned %q, %v, want %q", strategy, to, signInErr, want)
		}
		if mail := s.mails.last(t); !strings.Contains(mail.URL, url.QueryEscape(s.origin+"/in")) || mail.Identifier != "carol@example.com" {
			t.Errorf("%s: the mail is %+v", strategy, mail)
		}
		s.canary(s.mails.last(t).Token, "the token of a mail link")

		for _, c := range []struct {
			provider string
			o        engine.SignInOptions
			code     string
		}{
			{"credentials", engine.SignInOptions{Credentials: map[string]string{"password": "x"}}, "CredentialsSignin"},
			{"nope", engine.SignInOptions{}, "Configuration"},
			{"", engine.SignInOptions{}, "Configuration"},
			{"email", engine.SignInOptions{}, "Configuration"},
			{"oidc", engine.SignInOptions{RedirectTo: "javascript:alert(1)"}, "Configuration"},
		} {
			b := s.browser().serve(handler)
			s.resetLog()
			r := call(b, c.provider, c.o)
			var known *engine.Error
			if !errors.As(signInErr, &known) || known.Code != c.code || to != "" || len(r.set) > 0 {
				t.Errorf("%s: SignIn(%q, %+v) returned %q, %v, cookies %q", strategy, c.provider, c.o, to, signInErr, r.header["Set-Cookie"])
			}
			b.signedOut()
		}
		// Credentials cannot set options of the sign-in.
		call(s.browser().serve(handler), "credentials", engine.SignInOptions{RedirectTo: "/in", Credentials: map[string]string{"password": password, "callbackUrl": "/elsewhere", "csrfToken": "x"}})
		if signInErr != nil || to != s.origin+"/in" {
			t.Errorf("%s: SignIn with a callbackUrl among the credentials returned %q, %v", strategy, to, signInErr)
		}
		for _, out := range []string{"https://evil.example", "//evil.example"} {
			call(s.browser().serve(handler), "credentials", engine.SignInOptions{RedirectTo: out, Credentials: map[string]string{"password": password}})
			if signInErr != nil || to != s.origin {
				t.Errorf("%s: SignIn with RedirectTo %s returned %q, %v", strategy, out, to, signInErr)
			}
		}
	}
}

// When the signIn callback redirects, nobody is signed in and the previous session
// stays.
func TestRedirectOfTheSignInCallbackKeepsTheSession(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		sends := newSite(t, withStrategy(strategy), func(own *site, c *engine.Config) {
			own.store, c.Adapter = s.store, s.store.adapter()
			c.Callbacks.SignIn = func(context.Context, *engine.SignInParams) (engine.Decision, error) {
				return engine.RedirectTo("/terms"), nil
			}
		})
		b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			to, err := sends.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}})
			if to != s.origin+"/terms" || err != nil {
				t.Errorf("%s: SignIn returned %q, %v", strategy, to, err)
			}
			if session, err := sends.eng.Session(w, r); err != nil || session == nil || session.User.ID != "alice-id" {
				t.Errorf("%s: then the session is %+v, %v", strategy, session, err)
			}
		}))
		if r := b.get("./enter"); r.sets(sessionCookie) != nil {
			t.Errorf("%s: cookies %q", strategy, r.header["Set-Cookie"])
		}
	}
}

func TestApplicationSignsOut(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.Session(w, r); err != nil {
				t.Error(err)
			}
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
			if after, err := s.eng.Session(w, r); after != nil || err != nil {
				t.Errorf("%s: after SignOut the request has the session %+v, %v", strategy, after, err)
			}
		}))
		b.signIn()
		token := b.csrf()
		s.clock.add(25 * time.Hour) // the session is extended before it ends
		b.get("./bye")
		if b.has(sessionCookie) {
			t.Errorf("%s: the cookie was not cleared", strategy)
		}
		b.signedOut()
		if b.csrf() == token {
			t.Errorf("%s: the CSRF token is the same", strategy)
		}
		b.get("./bye") // already signed out
		s.quiet(t)
	}
}

// SignOut clears session cookies that the same request has set before.
func TestSignOutClearsCookiesSetBefore(t *testing.T) {
	for _, strategy := range strategies {
		pad := 0
		s := newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) {
			c.Callbacks.JWT = func(_ context.Context, p *engine.JWTParams) error {
				p.Token.Extra = map[string]any{"pad": strings.Repeat("x", pad)}
				return nil
			}
		})
		// In and out in one request.
		b := s.browser().serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.eng.SignIn(w, r, "credentials", engine.SignInOptions{Credentials: map[string]string{"password": password}}); err != nil {
				t.Fatal(err)
			}
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
		}))
		b.get("./in-and-out")
		b.signedOut()
		b.signIn()
		b.get("./in-and-out")
		b.signedOut()
		// A session that has been extended into chunks.
		b = s.browser().serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := s.eng.SignOut(w, r); err != nil {
				t.Error(err)
			}
		})))
		b.signIn()
		pad = 4000
		b.get("./bye")
		b.signedOut()
		for _, name := range b.names() {
			if strings.HasPrefix(name, sessionCookie) {
				t.Errorf("%s: the cookie %s was not cleared", strategy, name)
			}
		}
	}
}

// Asking for a mail link signs nobody in or out: the session that a middleware
// has read stays.
func TestMailLinkKeepsTheSessionOfTheRequest(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		b := s.browser()
		b.signIn()
		b.serve(s.eng.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			before, _ := engine.SessionFrom(r.Context())
			if _, err := s.eng.SignIn(w, r, "email", engine.SignInOptions{Email: "carol@example.com"}); err != nil {
				t.Fatal(err)
			}
			s.canary(s.mails.last(t).Token, "the token of a mail link")
			s.resetLog()
			if after, ok := engine.SessionFrom(r.Context()); !ok || after != before {
				t.Errorf("%s: after SignIn(email) SessionFrom gives %+v, %v, before it %+v", strategy, after, ok, before)
			}
			if after, err := s.eng.Session(w, r); after != before || err != nil || len(s.store.called()) > 0 {
				t.Errorf("%s: after SignIn(email) Session gives %+v, %v; the adapter was asked %v", strategy, after, err, s.store.called())
			}
		})))
		b.get("./page")
	}
}
