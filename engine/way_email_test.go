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
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/memory"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

func TestMailLinkSignsIn(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))
		requester := s.browser()
		requester.post("/signin/email", "email", "Carol@Example.com", "callbackUrl", "/in?x=1").wantTo(s.origin + base + "/verify-request?provider=email&type=email")
		if page := requester.get("/verify-request?provider=email&type=email"); page.status != 200 || !strings.Contains(page.body, "localhost:3000") {
			t.Errorf("verify-request: %d", page.status)
		}
		requester.signedOut()
		mail := s.mails.last(t)
		link, _ := url.Parse(mail.URL)
		// In another browser.
		b := s.browser()
		page := b.get(strings.TrimPrefix(mail.URL, s.origin+base))
		for _, member := range []string{mail.Token, "carol@example.com", s.origin + "/in?x=1", b.csrf(), `action="` + base + `/callback/email"`} {
			if !strings.Contains(page.body, member) && !strings.Contains(page.body, strings.ReplaceAll(member, "+", "&#43;")) {
				t.Errorf("the confirm page lacks %q", member)
			}
		}
		b.signedOut()
		q := link.Query()
		b.post("/callback/email", "token", q.Get("token"), "email", q.Get("email"), "callbackUrl", q.Get("callbackUrl")).wantTo(s.origin + "/in?x=1")
		if got := b.user(); got != "carol@example.com" {
			t.Errorf("%s: signed in as %q", strategy, got)
		}
		u, err := s.store.inner.GetUserByEmail(t.Context(), "carol@example.com")
		if err != nil || u.EmailVerified == nil || !u.EmailVerified.Equal(startTime) {
			t.Errorf("%s: the stored user is %+v, %v", strategy, u, err)
		}
		if accounts := s.accountsOf("carol@example.com"); len(accounts) > 0 {
			t.Errorf("%s: accounts %v", strategy, accounts)
		}
		// A known address signs in its user, whose EmailVerified is updated.
		s.clock.add(time.Hour)
		c := s.browser()
		c.followMail("carol@example.com").wantTo(s.origin)
		again, err := s.store.inner.GetUserByEmail(t.Context(), "carol@example.com")
		if err != nil || again.ID != u.ID || !again.EmailVerified.Equal(startTime.Add(time.Hour)) {
			t.Errorf("%s: the stored user is %+v, %v", strategy, again, err)
		}
		s.quiet(t)
		if got := requester.postAsClient("/signin/email", "email", "carol@example.com"); got != s.origin+base+"/verify-request?provider=email&type=email" {
			t.Errorf("the request of the client redirects to %q", got)
		}
	}
}

func TestEmailOptionsAreUsed(t *testing.T) {
	s := newSite(t, withStore, func(s *site, c *engine.Config) {
		c.SessionStrategy = engine.StrategyJWT
		n := 0
		c.Providers[3] = &engine.Email{
			ID: "code", Name: "A code", SendVerificationRequest: s.mails.SendVerificationRequest, MaxAge: 10 * time.Minute,
			GenerateVerificationToken: func() (string, error) {
				n++
				if n > 2 {
					return "", errors.New("no more codes")
				}
				return "canary-code-1234567" + string(rune('0'+n)), nil
			},
			NormalizeIdentifier: func(a string) (string, error) {
				if a == "refuse" {
					return "", errors.New("not here")
				}
				return strings.ToUpper(a), nil
			},
		}
		c.Theme = engine.Theme{BrandColor: "#123456"}
	})
	s.canary("canary-code-12345671", "the code")
	s.canary("canary-code-12345672", "the code")
	b := s.browser()
	b.post("/signin/code", "email", "carol@example.com").wantTo(s.origin + base + "/verify-request?provider=code&type=email")
	mail := s.mails.last(t)
	if mail.Identifier != "CAROL@EXAMPLE.COM" || mail.Token != "canary-code-12345671" || !mail.Expires.Equal(startTime.Add(10*time.Minute)) || mail.Theme.BrandColor != "#123456" || mail.Provider != "code" {
		t.Errorf("the mail is %+v", mail)
	}
	b.post("/callback/code", "token", mail.Token, "email", mail.Identifier).wantTo(s.origin)
	if got := b.user(); got != "CAROL@EXAMPLE.COM" {
		t.Errorf("signed in as %q", got)
	}
	b.post("/signin/code", "email", "carol@example.com")
	s.clock.add(10 * time.Minute)
	s.resetLog()
	b.post("/callback/code", "token", "canary-code-12345672", "email", "CAROL@EXAMPLE.COM").wantTo(s.origin + base + "/error?error=Verification")
	s.problem(t)
	for _, address := range []string{"refuse", "no more", ""} {
		s.resetLog()
		b.post("/signin/code", "email", address).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
	}
}

func TestMailLinkWorksOnceForItsAddress(t *testing.T) {
	const address = "carol@example.com"
	follow := func(b *browser, link url.Values) *reply {
		return b.post("/callback/email", "token", link.Get("token"), "email", link.Get("email"), "callbackUrl", link.Get("callbackUrl"))
	}
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy))

		// Opening a link does not use it.
		requester := s.browser()
		link := requester.askMail(address)
		s.resetLog()
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
			t.Errorf("opening a link: adapter calls %v", calls)
		}

		// A confirmation succeeds once, in another browser, too.
		b := s.browser()
		b.get("/callback/email?" + link.Encode())
		follow(b, link).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("signed in as %q", got)
		}
		s.resetLog()
		again := s.browser()
		again.csrf()
		s.wantVerification("used twice", again, follow(again, link))

		// Another address.
		link = s.browser().askMail(address)
		s.resetLog()
		for _, other := range []string{"alice@example.com", "dora@example.com", "Carol@example.com", address + " ", "carol@example.com.", strings.Repeat("a", 5000)} {
			changed := url.Values{"token": {link.Get("token")}, "email": {other}}
			b := s.browser()
			b.csrf()
			s.resetLog()
			s.wantVerification("the address "+other[:min(30, len(other))], b, follow(b, changed))
		}
		// Another token.
		for _, other := range []string{strings.Repeat("0", 64), "x", strings.ToUpper(link.Get("token")), link.Get("token") + "0", strings.Repeat("a", 5000)} {
			changed := url.Values{"token": {other}, "email": {address}}
			b := s.browser()
			b.csrf()
			s.resetLog()
			s.wantVerification("the token "+other[:min(30, len(other))], b, follow(b, changed))
		}
		for _, changed := range []url.Values{{"email": {address}}, {"token": {link.Get("token")}}, {}} {
			b := s.browser()
			b.csrf()
			s.resetLog()
			follow(b, changed).wantTo(s.origin + base + "/error?error=Configuration")
			s.problem(t)
			s.resetLog()
			b.get("/callback/email?" + changed.Encode()).wantTo(s.origin + base + "/error?error=Configuration")
			s.problem(t)
		}
		// The refusals have not used up the link.
		b = s.browser()
		follow(b, link).wantTo(s.origin)

		// Expired.
		link = s.browser().askMail(address)
		s.clock.add(24*time.Hour - time.Millisecond)
		last := s.browser().askMail(address)
		s.clock.add(time.Millisecond)
		b = s.browser()
		b.csrf()
		s.resetLog()
		s.wantVerification("expired", b, follow(b, link))
		s.wantVerification("expired and used", b, follow(b, link))
		follow(b, last).wantTo(s.origin)

		// One of several confirmations at the same time succeeds.
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

		// With DangerousMailLinkOnGET a GET uses the link, as in Auth.js. HEAD does
		// not.
		s = newSite(t, withStrategy(strategy), func(_ *site, c *engine.Config) { c.Parity.DangerousMailLinkOnGET = true })
		link = s.browser().askMail(address)
		s.resetLog()
		b = s.browser()
		if r := b.do(b.request("HEAD", base+"/callback/email?"+link.Encode(), nil)); r.status != http.StatusBadRequest || len(s.store.called()) > 0 {
			t.Errorf("HEAD with DangerousMailLinkOnGET: %d %v", r.status, s.store.called())
		}
		b.get("/callback/email?" + link.Encode()).wantTo(s.origin)
		if got := b.user(); got != address {
			t.Errorf("with DangerousMailLinkOnGET, signed in as %q", got)
		}
	}
}

// wantVerification checks that a mail link was refused with the code Verification.
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
		t.Errorf("%s: log line %v", what, entry)
	}
	b.signedOut()
	s.resetLog()
}

// A link of one e-mail provider is invalid at another. New demands different
// secrets.
func TestMailLinkOfAnotherProviderIsRefused(t *testing.T) {
	two := func(s *site, secret1, secret2 string) []engine.Provider {
		return []engine.Provider{&engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest, Secret: secret1}, &engine.Email{ID: "email2", SendVerificationRequest: s.mails.SendVerificationRequest, Secret: secret2}}
	}
	for _, same := range []string{"", "canary-secret-of-both"} {
		_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: func(string) string { return "" }, Adapter: memory.New(nil), Providers: two(&site{mails: &mailbox{}}, same, same)})
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
		s.resetLog()
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

// The engine compares the identifier itself, in case an adapter ignores it
// (CVE-2022-39263).
func TestMailLinkOfAnotherAddressIsRefused(t *testing.T) {
	s := newSite(t, withStore, func(s *site, c *engine.Config) { c.Adapter = carelessAdapter{c.Adapter, s} })
	link := s.browser().askMail("mallory@example.com")
	b := s.browser()
	b.csrf()
	s.resetLog()
	r := b.post("/callback/email", "token", link.Get("token"), "email", "victim@example.com")
	s.wantVerification("the token of another address", b, r)
}

// carelessAdapter ignores the identifier of a verification token.
type carelessAdapter struct {
	engine.Adapter
	s *site
}

func (a carelessAdapter) UseVerificationToken(ctx context.Context, _, token string) (store.VerificationToken, error) {
	return a.Adapter.UseVerificationToken(ctx, "mallory@example.com", token)
}

func TestMailTokenIsStoredHashed(t *testing.T) {
	for _, own := range []string{"", "canary-secret-of-the-provider"} {
		var stored []store.VerificationToken
		s := newSite(t, withHTTPS, withStore, func(s *site, c *engine.Config) {
			c.Providers[3].(*engine.Email).Secret = own
			c.Adapter = tokenSpy{c.Adapter, &stored}
		})
		b := s.browser()
		b.csrf()
		b.origin = "http://evil.example"
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
		if !mail.Expires.Equal(startTime.Add(24 * time.Hour)) {
			t.Errorf("the mail has the expiry %v", mail.Expires)
		}
		secret := testSecret
		if own != "" {
			secret = own
		}
		sum := sha256.Sum256([]byte(mail.Token + secret))
		if len(stored) != 1 {
			t.Fatalf("stored %v", stored)
		}
		want := store.VerificationToken{Identifier: "carol@example.com", Token: hex.EncodeToString(sum[:]), Expires: startTime.Add(24 * time.Hour)}
		if got := stored[0]; got.Identifier != want.Identifier || got.Token != want.Token || !got.Expires.Equal(want.Expires) {
			t.Errorf("stored %+v, want %+v", got, want)
		}
		// The stored hash is not a token that signs in.
		c := s.browser()
		c.csrf()
		s.resetLog()
		s.wantVerification("the stored hash as a token", c, c.post("/callback/email", "token", stored[0].Token, "email", "carol@example.com"))
		if _, err := s.store.inner.UseVerificationToken(context.Background(), "carol@example.com", mail.Token); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the raw token is stored: %v", err)
		}
	}
}

// tokenSpy records the verification tokens that are stored.
type tokenSpy struct {
	engine.Adapter
	stored *[]store.VerificationToken
}

func (s tokenSpy) CreateVerificationToken(ctx context.Context, v store.VerificationToken) (store.VerificationToken, error) {
	*s.stored = append(*s.stored, v)
	return s.Adapter.CreateVerificationToken(ctx, v)
}

func TestFailureOfTheMailSenderIsClean(t *testing.T) {
	for _, fault := range []error{errors.New("550 no such mailbox"), syscall.ECONNREFUSED, context.DeadlineExceeded} {
		s := newSite(t, withStrategy(engine.StrategyDatabase))
		b := s.browser()
		b.csrf()
		s.mails.fail = fault
		s.resetLog()
		r := b.post("/signin/email", "email", "carol@example.com")
		r.wantTo(s.origin + base + "/error?error=Configuration")
		if len(r.set) > 0 {
			t.Errorf("cookies %q", r.header["Set-Cookie"])
		}
		entry := s.problem(t)
		if !strings.Contains(entry.attrs["cause"], fault.Error()) || entry.attrs["hint"] == "" || entry.attrs["provider"] != "email" {
			t.Errorf("log line %v", entry)
		}
		for _, method := range []string{"CreateUser", "UpdateUser", "CreateSession"} {
			if s.store.count(method) > 0 {
				t.Errorf("the adapter was called: %s", method)
			}
		}
		s.mails.fail = nil
		b.followMail("carol@example.com").wantTo(s.origin)
	}
}

// Invalid addresses are refused before anything is stored or sent, and valid ones
// are normalized.
func TestMailAddressIsCheckedAndNormalized(t *testing.T) {
	s := newSite(t, withStore)
	for _, address := range []string{
		"", " ", "x", "@", "a@", "@b", "a@b@c", "a@b,c@d", "a,b@c", "a b@c", "\"a\"@b", "a@b\r\nBcc: x@y", "a@b;c@d", "<a@b>", "a＠b@c", "a@b＠c", "a(b)@c", "a@[1.2.3.4]",
		strings.Repeat("a", 300) + "@b", "a@b\x00", "a@b>", "undefined", "a\\b@c", "a:b@c",
	} {
		b := s.browser()
		b.csrf()
		s.resetLog()
		b.post("/signin/email", "email", address).wantTo(s.origin + base + "/error?error=Configuration")
		s.problem(t)
		if len(s.store.called()) > 0 || len(s.mails.sent) > 0 {
			t.Errorf("the address %q: adapter %v, mails %v", address, s.store.called(), s.mails.sent)
		}
	}
	for address, want := range map[string]string{" Carol@Example.COM ": "carol@example.com", "ｃarol@example.com": "carol@example.com", "Ünï@exämple.com": "ünï@exämple.com", "a+b@c.d": "a+b@c.d", "a＠b.example": "a@b.example"} {
		s.browser().post("/signin/email", "email", address).wantTo(s.origin + base + "/verify-request?provider=email&type=email")
		if got := s.mails.last(t).Identifier; got != want {
			t.Errorf("the address %q is mailed as %q, want %q", address, got, want)
		}
	}
}

// NormalizeIdentifier decides which addresses are valid. Without one DialectV4
// demands a dot in the domain.
func TestMailAddressNeedsADotInV4(t *testing.T) {
	own := func(a string) (string, error) { return a, nil }
	for _, c := range []struct {
		wire      engine.Dialect
		normalize func(string) (string, error)
		address   string
		valid     bool
	}{
		{engine.DialectV4, nil, "carol@example.com", true}, {engine.DialectV4, nil, "carol@localhost", false}, {engine.DialectV5, nil, "carol@localhost", true},
		{engine.DialectV4, own, "carol@localhost", true}, {engine.DialectV4, own, "carol", true},
	} {
		s := newSite(t, withStore, func(s *site, cfg *engine.Config) {
			cfg.Dialect = c.wire
			cfg.Providers[3] = &engine.Email{SendVerificationRequest: s.mails.SendVerificationRequest, NormalizeIdentifier: c.normalize}
		})
		if to := s.browser().post("/signin/email", "email", c.address).location(); strings.Contains(to, "/verify-request") != c.valid {
			t.Errorf("%s, NormalizeIdentifier %v, %s: %q", c.wire, c.normalize != nil, c.address, to)
		}
	}
}
