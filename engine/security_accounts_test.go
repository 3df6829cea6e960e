package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// accountsOf are the accounts of the user with the address.
func (s *site) accountsOf(address string) []engine.Account {
	s.t.Helper()
	u, err := s.store.inner.GetUserByEmail(context.Background(), address)
	if err != nil {
		s.t.Fatal(err)
	}
	accounts, err := s.store.inner.ListAccountsByUserID(context.Background(), u.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return accounts
}

func TestSecurity61_AddressOfAnExistingUserIsNotLinked(t *testing.T) {
	var answers, pages []string
	for _, strategy := range both {
		for _, existing := range []string{"password", "mail", "other provider"} {
			s := newSite(t, withStrategy(strategy))
			address := "carol@example.com"
			owner := s.browser()
			switch existing {
			case "password":
				address = "alice@example.com"
			case "mail":
				owner.followMail(address).wantTo(s.origin)
			case "other provider":
				s.idp.userinfo = `{"id":"carol","email":"carol@example.com"}`
				owner.oauth("oauth").wantTo(s.origin)
			}
			before := len(s.accountsOf(address))
			for _, spelled := range []string{address, strings.ToUpper(address)} {
				s.idp.user = map[string]any{"sub": "mallory", "name": "Mallory", "email": spelled, "email_verified": true}
				b := s.browser()
				location := b.leave("oidc")
				s.forget()
				r := b.back("oidc", location)
				s.refusesCallback(existing, b, r, engine.CodeOAuthAccountNotLinked)
				answers = append(answers, fmt.Sprint(r.status, r.location(), r.body))
				page := b.get(strings.TrimPrefix(r.location(), s.origin+base)).body
				pages = append(pages, regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(page, ""))
			}
			if got := len(s.accountsOf(address)); got != before {
				t.Errorf("%s: %d accounts, %d before", existing, got, before)
			}
		}
	}
	for i := range answers {
		if answers[i] != answers[0] || pages[i] != pages[0] {
			t.Errorf("the answers differ:\n%s\n%s", answers[i], answers[0])
		}
	}
	if strings.Contains(pages[0], "alice@") || strings.Contains(pages[0], "carol@") {
		t.Error("the page names the address")
	}
}

func TestSecurity63_LinkingByAddressNeedsItVerified(t *testing.T) {
	allowed := func(s *site, c *engine.Config) {
		c.Providers[0].(*engine.OIDC).AllowDangerousEmailAccountLinking = true
		c.Providers[1].(*engine.OAuth2).AllowDangerousEmailAccountLinking = true
	}
	verified := start.Add(-time.Hour)
	type missing struct{}
	for _, provider := range []string{"oidc", "oauth"} {
		for _, c := range []struct {
			says     any // email_verified
			verified bool
			links    bool
		}{
			{true, true, true}, {"true", true, true},
			{missing{}, true, false}, {false, true, false}, {"false", true, false}, {nil, true, false}, {"", true, false},
			{0, true, false}, {1, true, false}, {"1", true, false}, {"TRUE ", true, false}, {[]bool{true}, true, false}, {map[string]bool{"true": true}, true, false},
			{true, false, false}, {"true", false, false}, {missing{}, false, false},
		} {
			s := newSite(t, withStore, allowed)
			user := engine.User{ID: "carol-id", Email: new("carol@example.com"), Name: new("Carol")}
			if c.verified {
				user.EmailVerified = &verified
			}
			s.putUser(user)
			s.idp.user = map[string]any{"sub": "c", "id": "c", "name": "Somebody", "email": "Carol@Example.com", "email_verified": c.says}
			if _, ok := c.says.(missing); ok {
				delete(s.idp.user, "email_verified")
			}
			b := s.browser()
			location := b.leave(provider)
			s.forget()
			r := b.back(provider, location)
			what := fmt.Sprintf("%s says email_verified %v, our own is %v", provider, c.says, c.verified)
			if !c.links {
				s.refusesCallback(what, b, r, engine.CodeOAuthAccountNotLinked)
				if n := len(s.accountsOf("carol@example.com")); n != 0 {
					t.Errorf("%s: %d accounts", what, n)
				}
				continue
			}
			r.wantTo(s.origin)
			if n := len(s.accountsOf("carol@example.com")); n != 1 || b.user() != "carol@example.com" {
				t.Errorf("%s: %d accounts, the session is of %q", what, n, b.user())
			}
		}
	}
	// The claim speaks of the provider's own email claim, not of an address that
	// a profile callback takes from elsewhere; the callback may vouch itself.
	for _, c := range []struct {
		claims   map[string]any
		email    string
		vouches  bool
		verified bool
	}{
		{map[string]any{"sub": "c", "email": "evil@example.com", "email_verified": true, "upn": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c", "email_verified": true, "upn": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c", "email": "Carol@Example.com", "email_verified": true}, "carol@example.com", false, true},
		{map[string]any{"sub": "c", "email": "carol@example.com"}, "carol@example.com", false, false},
		{map[string]any{"sub": "c"}, "carol@example.com", true, true},
		{map[string]any{"sub": "c", "email": "evil@example.com", "email_verified": false}, "carol@example.com", true, true},
	} {
		profile := func(_ *site, cfg *engine.Config) {
			cfg.Providers[0].(*engine.OIDC).Profile = func(_ context.Context, p engine.Profile, _ *engine.Tokens) (engine.User, error) {
				u := engine.User{ID: p["sub"].(string), Email: &c.email}
				if c.vouches {
					u.EmailVerified = &verified
				}
				return u, nil
			}
		}
		s := newSite(t, withStore, profile)
		s.idp.user = c.claims
		s.browser().oauth("oidc").wantTo(s.origin)
		u, err := s.store.inner.GetUserByAccount(t.Context(), "oidc", "c")
		if err != nil || *u.Email != "carol@example.com" || (u.EmailVerified != nil) != c.verified {
			t.Errorf("%v, vouched for %v: stored is %+v, %v", c.claims, c.vouches, u, err)
		}
		// The same decides about linking.
		s = newSite(t, withStore, allowed, profile)
		s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com"), EmailVerified: &verified})
		s.idp.user = c.claims
		b := s.browser()
		if linked := b.oauth("oidc").location() == s.origin; linked != c.verified || (b.user() != "") != linked {
			t.Errorf("%v, vouched for %v: linked %v", c.claims, c.vouches, linked)
		}
	}
	// The switch does what Auth.js does.
	s := newSite(t, withStore, allowed, func(_ *site, c *engine.Config) { c.Parity.DangerousUnverifiedEmail = true })
	s.putUser(engine.User{ID: "carol-id", Email: new("carol@example.com")})
	s.idp.user = map[string]any{"sub": "c", "email": "carol@example.com"}
	s.browser().oauth("oidc").wantTo(s.origin)
	if n := len(s.accountsOf("carol@example.com")); n != 1 {
		t.Errorf("with DangerousUnverifiedEmail: %d accounts", n)
	}
}

// wantVerification checks that a mail link was refused.
func (s *site) wantVerification(what string, b *browser, r *reply) {
	t := s.t
	t.Helper()
	if want := s.origin + base + "/error?error=Verification"; r.status != http.StatusFound || r.location() != want {
		t.Errorf("%s: %d %q, want 302 to %q", what, r.status, r.location(), want)
	}
	for _, c := range r.set {
		if c.MaxAge >= 0 {
			t.Errorf("%s: the cookie %s is set", what, c.Name)
		}
	}
	entry := s.problem(t)
	if entry.attrs["code"] != "Verification" || entry.attrs["hint"] == "" {
		t.Errorf("%s: the log line is %v", what, entry)
	}
	b.signedOut()
	s.forget()
}

func TestSecurity65_MagicLinks(t *testing.T) {
	const address = "carol@example.com"
	follow := func(b *browser, link url.Values) *reply {
		return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"), "callbackUrl", link.Get("callbackUrl"))
	}
	for _, strategy := range both {
		s := newSite(t, withStrategy(strategy))

		// Looking at a link, however often and by whatever, does not follow it.
		asker := s.browser()
		link := asker.askMail(address)
		s.forget()
		for _, header := range []string{"", "Purpose: prefetch", "Sec-Purpose: prefetch;prerender", "X-Moz: prefetch", "X-Purpose: preview", "User-Agent: Mail scanner", "Sec-Fetch-Mode: navigate", "X-Auth-Return-Redirect: 1"} {
			for _, method := range []string{"GET", "HEAD"} {
				b := s.browser()
				r := b.request(method, base+"/callback/email?"+link.Encode(), nil)
				if name, value, ok := strings.Cut(header, ": "); ok {
					r.Header.Set(name, value)
				}
				out := b.do(r)
				if method == "GET" && (out.status != 200 || !strings.Contains(out.body, link.Get("token")) || !strings.Contains(out.body, "<form")) {
					t.Errorf("GET with %q: %d %.100q", header, out.status, out.body)
				}
				if method == "HEAD" && out.status != http.StatusBadRequest {
					t.Errorf("HEAD: %d", out.status)
				}
				b.signedOut()
			}
		}
		if calls := s.store.called(); len(calls) > 0 {
			t.Errorf("looking at a link asked the adapter: %v", calls)
		}

		// The button works once, in another browser as well.
		b := s.browser()
		b.get("/callback/email?" + link.Encode())
		follow(b, link).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("the session is of %q", got)
		}
		s.forget()
		again := s.browser()
		again.csrf()
		s.wantVerification("used twice", again, follow(again, link))

		// Another address, byte for byte.
		link = s.browser().askMail(address)
		s.forget()
		for _, other := range []string{"alice@example.com", "dora@example.com", "Carol@example.com", address + " ", "carol@example.com.", strings.Repeat("a", 5000)} {
			changed := url.Values{"token": {link.Get("token")}, "email": {other}}
			b := s.browser()
			b.csrf()
			s.forget()
			s.wantVerification("the address "+other[:min(30, len(other))], b, follow(b, changed))
		}
		// Another token.
		for _, other := range []string{strings.Repeat("0", 64), "x", strings.ToUpper(link.Get("token")), link.Get("token") + "0", strings.Repeat("a", 5000)} {
			changed := url.Values{"token": {other}, "email": {address}}
			b := s.browser()
			b.csrf()
			s.forget()
			s.wantVerification("the token "+other[:min(30, len(other))], b, follow(b, changed))
		}
		for _, changed := range []url.Values{{"email": {address}}, {"token": {link.Get("token")}}, {}} {
			b := s.browser()
			b.csrf()
			s.forget()
			follow(b, changed).wantTo(s.origin + base + "/error?error=Configuration")
			s.problem(t)
			s.forget()
			b.get("/callback/email?" + changed.Encode()).wantTo(s.origin + base + "/error?error=Configuration")
			s.problem(t)
		}
		// All that burned nothing.
		b = s.browser()
		follow(b, link).wantTo(s.origin)

		// Expired.
		link = s.browser().askMail(address)
		s.clock.add(24*time.Hour - time.Millisecond)
		last := s.browser().askMail(address)
		s.clock.add(time.Millisecond)
		b = s.browser()
		b.csrf()
		s.forget()
		s.wantVerification("expired", b, follow(b, link))
		s.wantVerification("expired and used", b, follow(b, link))
		follow(b, last).wantTo(s.origin)

		// At the same moment: one winner.
		link = s.browser().askMail(address)
		var wins atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			b := s.browser()
			body := form("csrfToken", b.csrf(), "token", link.Get("token"), "email", link.Get("email")).Encode()
			wg.Go(func() {
				r := httptest.NewRequest("POST", s.origin+base+"/callback/email", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Cookie", csrfCookie+"="+b.cookie(csrfCookie))
				w := httptest.NewRecorder()
				s.eng.ServeHTTP(w, r)
				if !strings.Contains(w.Header().Get("Location"), "error=") {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Errorf("%s: a link worked %d times", strategy, wins.Load())
		}

		// The switch does what Auth.js does, HEAD still does nothing.
		s = newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.Parity.DangerousMailLinkOnGET = true })
		link = s.browser().askMail(address)
		s.forget()
		b = s.browser()
		if r := b.do(b.request("HEAD", base+"/callback/email?"+link.Encode(), nil)); r.status != http.StatusBadRequest || len(s.store.called()) > 0 {
			t.Errorf("HEAD with the switch: %d %v", r.status, s.store.called())
		}
		b.get("/callback/email?" + link.Encode()).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("with the switch the session is of %q", got)
		}
	}
}

// A link of one e-mail provider is no link of another: each has a secret of its
// own, or there is no engine.
func TestSecurity65_MagicLinkOfAnotherProvider(t *testing.T) {
	two := func(s *site, first, second string) []engine.Provider {
		return []engine.Provider{&engine.Email{Sender: s.mails, Secret: first}, &engine.Email{ID: "email2", Sender: s.mails, Secret: second}}
	}
	for _, same := range []string{"", "canary-secret-of-both"} {
		_, err := engine.New(engine.Config{Secret: testSecret, Getenv: func(string) string { return "" }, Adapter: memory.New(nil), Providers: two(&site{mails: &mailbox{}}, same, same)})
		if err == nil || !strings.Contains(err.Error(), `"email"`) || !strings.Contains(err.Error(), `"email2"`) || strings.Contains(err.Error(), "canary") {
			t.Errorf("two e-mail providers with the secret %q: %v", same, err)
		}
	}
	for _, secrets := range [][2]string{{"canary-secret-of-the-first", ""}, {"", "canary-secret-of-the-second"}, {"canary-secret-of-the-first", "canary-secret-of-the-second"}} {
		s := newSite(t, withStore, func(s *site, c *engine.Config) {
			c.Providers = append(c.Providers[:3], two(s, secrets[0], secrets[1])...)
		})
		link := s.browser().askMail("carol@example.com")
		b := s.browser()
		b.csrf()
		s.forget()
		s.wantVerification(fmt.Sprintf("at another provider, secrets %q", secrets), b, b.post("/callback/email2", "token", link.Get("token"), "email", link.Get("email")))
		b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email")).wantTo(s.origin)
		for _, other := range []string{"oidc", "oauth", "credentials"} {
			link := s.browser().askMail("carol@example.com")
			b := s.browser()
			b.post("/callback/"+other, "token", link.Get("token"), "email", link.Get("email"))
			b.signedOut()
		}
	}
}

// An adapter that looks at the token only hands out that of another address
// (CVE-2022-39263).
func TestSecurity65_AdapterThatIgnoresTheIdentifier(t *testing.T) {
	s := newSite(t, withStore, func(s *site, c *engine.Config) { c.Adapter = careless{c.Adapter, s} })
	link := s.browser().askMail("mallory@example.com")
	b := s.browser()
	b.csrf()
	s.forget()
	r := b.post("/callback/email", "token", link.Get("token"), "email", "victim@example.com")
	s.wantVerification("the token of another address", b, r)
}

type careless struct {
	engine.Adapter
	s *site
}

func (a careless) UseVerificationToken(ctx context.Context, _, token string) (store.VerificationToken, error) {
	return a.Adapter.UseVerificationToken(ctx, "mallory@example.com", token)
}

func TestSecurity66_MailTokenIsStoredHashed(t *testing.T) {
	for _, own := range []string{"", "canary-secret-of-the-provider"} {
		var stored []store.VerificationToken
		s := newSite(t, withHTTPS, withStore, func(s *site, c *engine.Config) {
			c.Providers[3].(*engine.Email).Secret = own
			c.Adapter = tokenSpy{c.Adapter, &stored}
		})
		b := s.browser()
		b.csrf()
		b.at = "http://evil.example"
		for name, value := range map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "Forwarded": "host=evil.example;proto=http", "Referer": "https://evil.example/"} {
			b.header.Set(name, value)
		}
		b.post("/signin/email", "email", " Carol@EXAMPLE.com ", "callbackUrl", "/x")
		mail := s.mails.last(t)
		s.canary(mail.Token, "the token of a mail link")
		u, err := url.Parse(mail.URL)
		if err != nil || !strings.HasPrefix(mail.URL, httpsOrigin+base+"/callback/email?callbackUrl=https%3A%2F%2Fapp.example.com%2Fx&token=") || strings.Contains(mail.URL, "evil") {
			t.Errorf("the link is %q, %v", mail.URL, err)
		}
		if len(mail.Token) != 64 || u.Query().Get("token") != mail.Token || u.Query().Get("email") != "carol@example.com" || mail.Identifier != "carol@example.com" || mail.Provider != "email" {
			t.Errorf("the mail is %+v", mail)
		}
		if !mail.Expires.Equal(start.Add(24 * time.Hour)) {
			t.Errorf("the mail says the link expires %v", mail.Expires)
		}
		secret := testSecret
		if own != "" {
			secret = own
		}
		sum := sha256.Sum256([]byte(mail.Token + secret))
		if len(stored) != 1 {
			t.Fatalf("stored are %v", stored)
		}
		want := store.VerificationToken{Identifier: "carol@example.com", Token: hex.EncodeToString(sum[:]), Expires: start.Add(24 * time.Hour)}
		if got := stored[0]; got.Identifier != want.Identifier || got.Token != want.Token || !got.Expires.Equal(want.Expires) {
			t.Errorf("stored is %+v, want %+v", got, want)
		}
		// What is stored is no token: whoever reads the table cannot sign in.
		c := s.browser()
		c.csrf()
		s.forget()
		s.wantVerification("the stored hash as a token", c, c.post("/callback/email", "token", stored[0].Token, "email", "carol@example.com"))
		if _, err := s.store.inner.UseVerificationToken(context.Background(), "carol@example.com", mail.Token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the raw token is stored: %v", err)
		}
	}
}

// tokenSpy keeps the verification tokens that are stored.
type tokenSpy struct {
	engine.Adapter
	stored *[]store.VerificationToken
}

func (s tokenSpy) CreateVerificationToken(ctx context.Context, v store.VerificationToken) (store.VerificationToken, error) {
	*s.stored = append(*s.stored, v)
	return s.Adapter.CreateVerificationToken(ctx, v)
}
