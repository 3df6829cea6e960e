package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// keeper is a Method that seals and opens what the request says: "POST page" and
// "POST json" seal the member value under the member name, "POST open" opens it.
func keeper(id string) *toy {
	seal := func(result func(a *engine.Attempt) engine.Result) handle {
		return func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			if err := a.Seal(a.Value("name"), a.Value("value")); err != nil {
				return engine.Result{}, err
			}
			return result(a), nil
		}
	}
	asPage := func(a *engine.Attempt) engine.Result { return a.Page(engine.Form{Action: "open"}) }
	asJSON := func(a *engine.Attempt) engine.Result { return a.JSON(http.StatusOK, nil) }
	open := func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		got := map[string]string{}
		for name := range strings.SplitSeq(a.Value("names"), " ") {
			if v, ok := a.Open(name); ok {
				got[name] = v
			}
		}
		return a.JSON(http.StatusOK, got), nil
	}
	m := newToy(map[string]handle{"POST page": seal(asPage), "POST json": seal(asJSON), "GET json": seal(asJSON), "POST open": open, "GET open": open})
	m.info.ID, m.form.Action = id, "open"
	return m
}

func withKeeper(_ *site, c *engine.Config) {
	c.Providers = append(c.Providers, keeper("toy"), keeper("other"))
}

// opened opens values, and returns those that were there.
func (b *browser) opened(pairs ...string) map[string]string {
	b.s.t.Helper()
	return decodeOpened(b.s.t, b.post("/open/toy", pairs...))
}

func decodeOpened(t testing.TB, r *reply) (out map[string]string) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != http.StatusOK {
		t.Errorf("status %d %q %.200s", r.status, r.location(), r.body)
	}
	return out
}

func wantOpened(t testing.TB, what string, got map[string]string, pairs ...string) {
	t.Helper()
	want := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		want[pairs[i]] = pairs[i+1]
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: opened %q, want %q", what, got, want)
	}
}

// A sealed value comes back to the attempt, the browser and the method that
// sealed it, once, for 15 minutes.
func TestSealedValues(t *testing.T) {
	for _, c := range []struct {
		origin  string
		dialect engine.Dialect
		cookie  string
	}{
		{httpOrigin, engine.DialectV5, "authjs.v"}, {httpsOrigin, engine.DialectV5, "__Secure-authjs.v"},
		{httpOrigin, engine.DialectV4, "next-auth.v"}, {httpsOrigin, engine.DialectV4, "__Secure-next-auth.v"},
	} {
		s := newSite(t, withKeeper, func(_ *site, cfg *engine.Config) { cfg.URL, cfg.Dialect = c.origin, c.dialect })
		origin, cookie := c.origin, c.cookie
		const value = "the-value-that-is-sealed"
		// sealed is a browser with a value of an attempt with a page.
		sealed := func() (b *browser, attempt string) {
			t.Helper()
			b = s.browser()
			r := b.post("/page/toy", "name", "v", "value", value)
			if attempt = attemptOf(r); attempt == "" || r.status != http.StatusOK {
				t.Fatalf("status %d %q; the page is %s", r.status, r.location(), r.main())
			}
			if strings.Contains(r.header.Get("Set-Cookie"), value) || strings.Contains(r.body, value) {
				t.Error("the value can be read")
			}
			return b, attempt
		}
		name := func(b *browser) string {
			t.Helper()
			for _, n := range b.names() {
				if strings.HasPrefix(n, cookie) {
					return n
				}
			}
			t.Fatalf("no sealed value among %v", b.names())
			return ""
		}

		b, attempt := sealed()
		r := b.copy().post("/open/toy", "attempt", attempt, "names", "v")
		wantOpened(t, "at once", decodeOpened(t, r), "v", value)
		if !r.clears(name(b)) {
			t.Errorf("%s: after opening, the cookies are %q", origin, r.header["Set-Cookie"])
		}

		s.clock.add(15*time.Minute - time.Second)
		wantOpened(t, "after 14:59", b.copy().opened("attempt", attempt, "names", "v"), "v", value)
		r = b.post("/open/toy", "attempt", attempt, "names", "v")
		wantOpened(t, "once", decodeOpened(t, r), "v", value)
		wantOpened(t, "twice", b.opened("attempt", attempt, "names", "v"))
		b, attempt = sealed()
		s.clock.add(15*time.Minute + 16*time.Second) // clocks may differ by 15 seconds
		for _, c := range b.cookies {
			c.Expires, c.MaxAge = time.Time{}, 0 // the browser's clock is behind
		}
		wantOpened(t, "too late", b.opened("attempt", attempt, "names", "v"))

		b, _ = sealed()
		wantOpened(t, "without the attempt", b.copy().opened("names", "v"))
		wantOpened(t, "with an unknown attempt", b.copy().opened("names", "v", "attempt", "x"))
		wantOpened(t, "in another browser", s.browser().opened("names", "v", "attempt", attempt))
		wantOpened(t, "under another name", b.copy().opened("names", "w"))
		b, attempt = sealed()
		moved := b.copy()
		moved.set(strings.Replace(name(b), cookie, cookie[:len(cookie)-1]+"w", 1), b.cookie(name(b)))
		wantOpened(t, "as another value", moved.opened("names", "w", "attempt", attempt))
		other := b.copy()
		wantOpened(t, "by another method", decodeOpened(t, other.post("/open/other", "attempt", attempt, "names", "v")))

		for _, at := range []int{0, 10, 40, 80, len(b.cookie(name(b))) / 2, len(b.cookie(name(b))) - 1} {
			forged := b.copy()
			v := []byte(b.cookie(name(b)))
			if v[at] != 'A' {
				v[at] = 'A'
			} else {
				v[at] = 'B'
			}
			forged.set(name(b), string(v))
			if at == len(v)-1 && string(v[:at]) == b.cookie(name(b))[:at] {
				forged.set(name(b), string(v[:at])) // the last character has spare bits
			}
			wantOpened(t, fmt.Sprintf("with byte %d changed", at), forged.opened("names", "v", "attempt", attempt))
		}
		for what, v := range map[string]string{"nothing": "", "garbage": "garbage", "another cookie": b.cookies[0].Value} {
			forged := b.copy()
			forged.set(name(b), v)
			wantOpened(t, "with "+what, forged.opened("names", "v", "attempt", attempt))
		}
		s.quiet(t)
	}
}

// A value that was sealed under an older secret is opened while that counts.
func TestSealedValuesAndOlderSecrets(t *testing.T) {
	const newer = "canary-newer-secret-0123456789-abcdefghij"
	secrets := func(list ...string) *site {
		return newSite(t, withKeeper, func(_ *site, c *engine.Config) { c.Secrets = list })
	}
	old := secrets(testSecret).browser()
	old.get("/json/toy?name=v&value=x")
	for what, c := range map[string]struct {
		s    *site
		want []string
	}{
		"rotated": {secrets(newer, testSecret), []string{"v", "x"}}, "removed": {secrets(newer), nil},
	} {
		b := c.s.browser()
		b.cookies = slices.Clone(old.cookies)
		wantOpened(t, what, decodeOpened(t, b.get("/open/toy?names=v")), c.want...)
	}
}

// Values of two attempts are never opened together: what a browser was told
// about one address goes with no other, however its cookies are renamed.
func TestSealedValuesOfTwoAttempts(t *testing.T) {
	strategies := func(page bool) handle {
		return func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			if err := errors.Join(a.Seal("address", a.Value("email")), a.Seal("code", "code of "+a.Value("email"))); err != nil {
				return engine.Result{}, err
			}
			if page {
				return a.Page(engine.Form{Action: "check"}), nil
			}
			return a.JSON(http.StatusOK, nil), nil
		}
	}
	s := newSite(t, withToy(map[string]handle{"POST callback": strategies(true), "POST json": strategies(false),
		"POST check": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			address, _ := a.Open("address")
			code, _ := a.Open("code")
			return a.JSON(http.StatusOK, map[string]string{"address": address, "code": code}), nil
		},
		"POST again": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			code, _ := a.Open("code")
			return a.JSON(http.StatusOK, nil), a.Seal("code", "again "+code)
		}}))
	address := func(b *browser) string {
		i := slices.IndexFunc(b.cookies, func(c *http.Cookie) bool { return strings.HasPrefix(c.Name, "authjs.address") })
		return b.cookies[i].Name
	}
	for _, start := range []string{"/callback/toy", "/json/toy"} {
		for _, attempt := range []string{"", "chosen"} { // by the attacker
			victim, own := s.browser(), s.browser()
			v := attemptOf(victim.post(start, "email", "victim@example.com", "attempt", attempt))
			o := attemptOf(own.post(start, "email", "attacker@example.com", "attempt", attempt))
			if v == "" {
				v, o = attempt, attempt // JSON names none
			}
			if got := decodeOpened(t, own.copy().post("/check/toy", "attempt", o)); got["address"] != "attacker@example.com" || got["code"] != "code of attacker@example.com" {
				t.Errorf("%s, attempt %q: own values are %v", start, attempt, got)
			}
			mixed := own.copy()
			mixed.set(address(own), victim.cookie(address(victim)))
			if got := decodeOpened(t, mixed.post("/check/toy", "attempt", o)); got["address"] == "victim@example.com" && got["code"] != "" {
				t.Errorf("%s, attempt %q: values of two attempts are opened together: %v", start, attempt, got)
			}
			if v != o {
				mixed := own.copy()
				for _, c := range victim.cookies {
					mixed.set(c.Name, c.Value)
				}
				mixed.set(address(own), victim.cookie(address(victim)))
				if got := decodeOpened(t, mixed.post("/check/toy", "attempt", o)); got["address"] == "victim@example.com" && got["code"] != "" {
					t.Errorf("%s: values of two attempts are opened together: %v", start, got)
				}
			}
			// What is sealed again goes on with the others.
			own.post("/again/toy", "attempt", o)
			if got := decodeOpened(t, own.post("/check/toy", "attempt", o)); got["address"] != "attacker@example.com" || got["code"] != "again code of attacker@example.com" {
				t.Errorf("%s, attempt %q: sealed again, the values are %v", start, attempt, got)
			}
		}
	}
}

// Several tabs live side by side; the oldest makes room for the fourth.
func TestSealedValuesInSeveralTabs(t *testing.T) {
	s := newSite(t, withKeeper)
	b := s.browser()
	var attempts []string
	page := func(pairs ...string) string {
		t.Helper()
		return attemptOf(b.post("/page/toy", append([]string{"name", "v"}, pairs...)...))
	}
	for i := range 3 {
		attempts = append(attempts, page("value", fmt.Sprint(i)))
	}
	if n := count(b, "authjs.v."); n != 3 {
		t.Errorf("there are %d sealed values, want 3", n)
	}
	// The same tab again needs no room.
	if again := page("value", "2 again", "attempt", attempts[2]); again != attempts[2] {
		t.Errorf("the attempt of the page is another one")
	}
	if n := count(b, "authjs.v."); n != 3 {
		t.Errorf("a tab that seals again makes %d of 3 sealed values", n)
	}
	if again := page("value", "0 again", "attempt", attempts[0]); again != attempts[0] || count(b, "authjs.v.") != 3 {
		t.Errorf("the oldest tab that seals again makes %d of 3 sealed values", count(b, "authjs.v."))
	}
	for i, want := range []string{"0 again", "1", "2 again"} {
		wantOpened(t, fmt.Sprint("tab ", i), b.copy().opened("attempt", attempts[i], "names", "v"), "v", want)
	}
	attempts = append(attempts, page("value", "3"))
	if n := count(b, "authjs.v."); n != 3 {
		t.Errorf("there are %d sealed values after the fourth tab, want 3", n)
	}
	wantOpened(t, "the oldest tab", b.copy().opened("attempt", attempts[0], "names", "v"))
	for i, want := range map[int]string{1: "1", 2: "2 again", 3: "3"} {
		wantOpened(t, fmt.Sprint("tab ", i), b.opened("attempt", attempts[i], "names", "v"), "v", want)
	}
	if n := count(b, "authjs.v"); n != 0 {
		t.Errorf("%d sealed values are left: %v", n, b.names())
	}
	s.quiet(t)
}

func count(b *browser, prefix string) (n int) {
	for _, name := range b.names() {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// A script's value has the plain name, and a GET may seal and open as well.
func TestSealedValuesOfAScript(t *testing.T) {
	s := newSite(t, withKeeper)
	b := s.browser()
	r := b.get("/json/toy?name=challenge&value=x1")
	if c := r.sets("authjs.challenge"); c == nil || c.MaxAge != 900 {
		t.Fatalf("the cookies are %q", r.header["Set-Cookie"])
	}
	b.get("/json/toy?name=challenge&value=x2")
	wantOpened(t, "by GET", decodeOpened(t, b.copy().get("/open/toy?names=challenge")), "challenge", "x2")
	wantOpened(t, "by POST", b.opened("names", "challenge"), "challenge", "x2")
	wantOpened(t, "again", b.opened("names", "challenge"))
}

// The cookie of a sealed value has the attributes of the engine's own.
func TestSealedCookies(t *testing.T) {
	for _, c := range []struct {
		change func(*engine.Config)
		name   string
		want   string
	}{
		{func(*engine.Config) {}, "authjs.v", "Max-Age=900; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; SameSite=Lax"},
		{func(c *engine.Config) { c.URL = httpsOrigin }, "__Secure-authjs.v", "Max-Age=900; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; Secure; SameSite=Lax"},
		{func(c *engine.Config) { c.URL, c.Dialect = httpsOrigin, engine.DialectV4 }, "__Secure-next-auth.v", "Max-Age=900; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; Secure; SameSite=Lax"},
		{func(c *engine.Config) {
			c.URL = httpsOrigin
			c.Cookies.State = engine.CookieOptions{Name: "__Secure-s", Domain: "example.com", SameSite: http.SameSiteNoneMode, Partitioned: true}
			c.Cookies.CSRFToken = engine.CookieOptions{Name: "__Secure-c"}
		}, "__Secure-authjs.v", "Max-Age=900; Domain=example.com; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; Secure; Partitioned; SameSite=None"},
		// The name says that it is secure when it is, whatever the session's is.
		{func(c *engine.Config) { c.URL, c.Cookies.SessionToken.Name = httpsOrigin, "sid" }, "__Secure-authjs.v", "Max-Age=900; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; Secure; SameSite=Lax"},
		{func(c *engine.Config) { c.Cookies.SessionToken.Name = "__sid" }, "authjs.v", "Max-Age=900; Path=/; Expires=Fri, 02 Jan 2026 03:19:05 GMT; HttpOnly; SameSite=Lax"},
	} {
		s := newSite(t, withKeeper, func(_ *site, cfg *engine.Config) { c.change(cfg) })
		b := s.browser()
		r := b.get("/json/toy?name=v&value=x")
		_, attributes, _ := strings.Cut(r.raw(c.name), "; ")
		if attributes != c.want {
			t.Errorf("the cookie is %q, want %s with %s", r.header["Set-Cookie"], c.name, c.want)
		}
		if strings.Contains(c.want, "Domain") {
			continue // an answer that clears it clears one of this host as well
		}
		open := b.get("/open/toy?names=v")
		wantOpened(t, c.name, decodeOpened(t, open), "v", "x")
		if !open.clears(c.name) {
			t.Errorf("%s is not cleared: %q", c.name, open.header["Set-Cookie"])
		}
	}
}

// Names and sizes that do not fit are an error of Seal; what fits comes back as
// it was, in a cookie that browsers take.
func TestSealedNamesAndSizes(t *testing.T) {
	var values [][2]string
	var failed []error
	s := newSite(t, withToy(map[string]handle{
		"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			failed = nil
			for _, v := range values {
				failed = append(failed, a.Seal(v[0], v[1]))
			}
			return a.Page(engine.Form{Action: "open"}), nil
		},
		"POST open": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			got := map[string][]byte{}
			for _, v := range values {
				if text, ok := a.Open(v[0]); ok {
					got[v[0]] = []byte(text)
				}
			}
			return a.JSON(http.StatusOK, got), nil
		},
	}), func(_ *site, c *engine.Config) { c.URL = httpsOrigin })
	long := strings.Repeat("n", 32)
	for _, v := range [][2]string{
		{"v", "x"}, {long, "x"}, {"v", strings.Repeat("x", 2048)}, {long, strings.Repeat("x", 2048)}, {"a-1", "ü€😀\"\\\n\x00<>&"}, {"v", `{"a":"b"}`}, {"0", " "},
		{long, strings.Repeat("ü", 1024)}, {long, strings.Repeat("😀", 512)},
		{long, `{"ID":"` + strings.Repeat(`","`, 200) + `"}`}, {long, strings.Repeat(`"`, 1279)},
	} {
		values = [][2]string{v}
		b := s.browser()
		r := b.post("/callback/toy")
		if failed[0] != nil {
			t.Errorf("Seal(%q, %.20q… of %d bytes): %v", v[0], v[1], len(v[1]), failed[0])
			continue
		}
		for _, c := range r.set {
			if n := len(c.Name) + 1 + len(c.Value); n > 4096 {
				t.Errorf("Seal(%q, %.20q… of %d bytes) sets a cookie of %d bytes, which no browser keeps", v[0], v[1], len(v[1]), n)
			}
		}
		var got map[string][]byte
		if err := json.Unmarshal([]byte(b.post("/open/toy", "attempt", attemptOf(r)).body), &got); err != nil || string(got[v[0]]) != v[1] {
			t.Errorf("Seal(%q, %.20q… of %d bytes) is opened as %.20q, %v", v[0], v[1], len(v[1]), got[v[0]], err)
		}
	}
	for _, v := range [][2]string{
		{"", "x"}, {"v", ""}, {"V", "x"}, {"a_b", "x"}, {"a.b", "x"}, {"a b", "x"}, {"ü", "x"}, {"a;b", "x"}, {strings.Repeat("n", 33), "x"}, {"v", strings.Repeat("x", 2049)},
		{"state", "x"}, {"nonce", "x"}, {"session-token", "x"}, {"callback-url", "x"}, {"csrf-token", "x"}, {"pending", "x"},
		{"v", strings.Repeat("\x00", 2048)}, {"v", strings.Repeat(`"`, 1280)}, {"v", "\xff"}, // no cookie holds them as they are
	} {
		values = [][2]string{v}
		r := s.browser().post("/callback/toy")
		if failed[0] == nil {
			t.Errorf("Seal(%q, %.20q… of %d bytes) is no error", v[0], v[1], len(v[1]))
		} else if strings.Contains(failed[0].Error(), strings.Repeat("x", 100)) {
			t.Errorf("the error shows the value: %v", failed[0])
		}
		if r.status != http.StatusOK || count2(r) > 0 {
			t.Errorf("Seal(%q, …) that fails sets %q", v[0], r.header["Set-Cookie"])
		}
	}
}

// count2 is how many cookies of sealed values an answer sets.
func count2(r *reply) (n int) {
	for _, c := range r.set {
		if !strings.HasSuffix(c.Name, "csrf-token") && !strings.HasSuffix(c.Name, "callback-url") {
			n++
		}
	}
	return n
}

// An application may name its cookies as it likes: a sealed value does not take
// the place of one of them.
func TestSealedNameOfAnotherCookie(t *testing.T) {
	for _, strategy := range strategies {
		s := newSite(t, withStrategy(strategy), withKeeper, func(_ *site, c *engine.Config) {
			c.Cookies.SessionToken.Name, c.Cookies.CSRFToken.Name = "authjs.token", "authjs.csrf"
		})
		b := s.browser()
		for _, name := range []string{"token", "csrf"} {
			if r := b.get("/json/toy?name=" + name + "&value=x"); r.sets("authjs."+name) != nil && r.sets("authjs."+name).MaxAge == 900 {
				t.Errorf("%s: a sealed value takes the place of the cookie authjs.%s", strategy, name)
			}
		}
	}
}

// What was opened is cleared, whatever the answer is; what is sealed by an action
// that fails is not kept.
func TestOpenedIsClearedOnAnyOutcome(t *testing.T) {
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		var end handle
		s := newSite(t, withStore, withKeeper, func(_ *site, c *engine.Config) {
			c.Dialect = dialect
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				if p.Account != nil && p.Account.ProviderAccountID == "refused" {
					return engine.Deny(), nil
				}
				return engine.Allow(), nil
			}
			m := keeper("ends")
			m.form.Action = "open"
			m.actions = append(m.actions, engine.SignInAction{Name: "end", Method: http.MethodPost, Handle: func(ctx context.Context, a *engine.Attempt) (engine.Result, error) {
				if _, ok := a.Open("v"); !ok {
					t.Error("the value is not there")
				}
				return end(ctx, a)
			}})
			c.Providers = append(c.Providers, m)
		})
		prefix := map[engine.Dialect]string{engine.DialectV5: "authjs.", engine.DialectV4: "next-auth."}[dialect]
		for what, c := range map[string]struct {
			end   handle
			again bool // a new value is kept
		}{
			"JSON":       {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.JSON(200, nil), nil }},
			"a page":     {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.Page(engine.Form{}), nil }},
			"a redirect": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.Redirect("/x"), nil }},
			"a sign-in": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(newUserOf("new")), nil
			}},
			"a refusal": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(newUserOf("refused")), nil
			}},
			"the zero Result": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return engine.Result{}, nil }},
			"credentials": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return engine.Result{}, &engine.CredentialsError{}
			}},
			"an error": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return engine.Result{}, errors.New("down")
			}},
			"a panic":          {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { panic("boom") }},
			"JSON that is not": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) { return a.JSON(200, func() {}), nil }},
			"sealed again": {again: true, end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.JSON(200, nil), a.Seal("v", "again")
			}},
			"sealed again, and an error": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.JSON(200, nil), errors.Join(a.Seal("v", "again"), errors.New("down"))
			}},
			"sealed again, and a panic": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				a.Seal("v", "again")
				panic("boom")
			}},
			"sealed again, and JSON that is not": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.JSON(200, func() {}), a.Seal("v", "again")
			}},
			"sealed again, and a refusal": {end: func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.SignIn(newUserOf("refused")), a.Seal("v", "again")
			}},
		} {
			end = c.end
			b := s.browser()
			token := b.csrf()
			r := b.send("/page/ends", form("csrfToken", token, "name", "v", "value", "x"))
			attempt := attemptOf(r)
			if n := count(b, prefix+"v."); n != 1 {
				t.Fatalf("%v, %s: %d values are sealed: %v", dialect, what, n, b.names())
			}
			b.send("/end/ends", form("csrfToken", token, "attempt", attempt))
			if n := count(b, prefix+"v."); n != map[bool]int{true: 1}[c.again] {
				t.Errorf("%v, after %s: %d sealed values are left: %v", dialect, what, n, b.names())
			}
		}
	}
}

// A GET that signs in needs a value that this browser has sealed by a POST: two
// links of a stranger do not sign anybody in.
func TestMethodSignsInByGET(t *testing.T) {
	for _, strategy := range strategies {
		seal := func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			return a.Redirect("https://next.example/?x"), a.Seal("v", "x")
		}
		s := newSite(t, withStrategy(strategy), withToy(map[string]handle{
			"POST signin": seal, "GET start": seal, "POST callback": seal,
			"GET callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				if a.Value("open") != "" {
					a.Open(a.Value("open"))
				}
				return a.SignIn(engine.Identity{User: *alice()}), nil
			},
			"GET again": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				a.Open("v")
				return a.JSON(http.StatusOK, nil), a.Seal("v", "again")
			},
		}), func(s *site, _ *engine.Config) { s.foreignHosts = append(s.foreignHosts, "next.example") })
		refused := func(what string, b *browser, path string) {
			t.Helper()
			s.resetLog()
			b.get(path).wantTo(s.origin + base + "/error?error=Configuration")
			if line := s.problem(t); !strings.Contains(line.attrs["cause"], "GET") {
				t.Errorf("%s, %s: the log says %v", strategy, what, line)
			}
			if len(s.store.called()) > 0 {
				t.Errorf("%s, %s: the adapter was asked %v", strategy, what, s.store.called())
			}
			b.signedOut()
		}
		refused("nothing sealed", s.browser(), "/callback/toy")
		refused("nothing there to open", s.browser(), "/callback/toy?open=v")
		b := s.browser()
		b.post("/signin/toy")
		refused("sealed and not opened", b.copy(), "/callback/toy")
		refused("another one opened", b.copy(), "/callback/toy?open=w")
		linked := s.browser()
		linked.get("/start/toy")
		refused("sealed by a link", linked.copy(), "/callback/toy?open=v")
		linked.get("/again/toy")
		refused("sealed by two links", linked, "/callback/toy?open=v")
		late := b.copy()
		s.clock.add(16 * time.Minute)
		refused("too late", late, "/callback/toy?open=v")
		b = s.browser()
		b.post("/signin/toy")
		again := b.copy()
		again.get("/again/toy") // began with a POST
		for _, b := range []*browser{b, again} {
			b.get("/callback/toy?open=v").wantTo(s.origin)
			if got := b.user(); got != "alice@example.com" {
				t.Errorf("%s: the session is of %q", strategy, got)
			}
		}
	}
}

// ---- one more step

func withStep(id func() engine.Identity, change ...func(*toy)) func(*site, *engine.Config) {
	return func(_ *site, c *engine.Config) {
		m := newToy(map[string]handle{
			"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				return a.OneMoreStep(id(), engine.Form{Title: "Step", Action: "step", Inputs: []engine.Input{{Name: "code"}}}), nil
			},
			"POST step": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
				who, ok := a.Pending()
				switch {
				case !ok:
					return engine.Result{}, &engine.CredentialsError{Code: "nobody"}
				case a.Value("code") != "1":
					return a.OneMoreStep(who, engine.Form{Title: "Step", Error: "wrong", Action: "step"}), nil
				}
				return a.SignIn(who), nil
			},
		})
		for _, f := range change {
			f(m)
		}
		other := newToy(map[string]handle{"POST step": m.actions[1].Handle})
		other.info.ID, other.form.Action = "other", "step"
		c.Providers = append(c.Providers, m, other)
	}
}

// Nobody is signed in before the last step, and the identity of the steps before
// it is that of this browser, this attempt and this method.
func TestOneMoreStep(t *testing.T) {
	for _, strategy := range strategies {
		var asked []string
		s := newSite(t, withStrategy(strategy), withStep(func() engine.Identity { return engine.Identity{User: *alice()} }), func(_ *site, c *engine.Config) {
			c.Callbacks.SignIn = func(_ context.Context, p *engine.SignInParams) (engine.Decision, error) {
				asked = append(asked, p.User.ID)
				return engine.Allow(), nil
			}
		})
		b := s.browser()
		r := b.post("/callback/toy", "callbackUrl", "/deep")
		attempt := attemptOf(r)
		if r.status != http.StatusOK || attempt == "" || len(asked) > 0 || len(s.store.called()) > 0 || b.has(sessionCookie) || strings.Contains(r.body, "alice") {
			t.Fatalf("%s: status %d, asked %v, adapter %v, cookies %v; %s", strategy, r.status, asked, s.store.called(), b.names(), r.main())
		}
		b.signedOut()
		nobody := s.origin + base + "/signin?error=CredentialsSignin&code=nobody"
		s.browser().post("/step/toy", "attempt", attempt, "code", "1").wantTo(nobody)
		b.copy().post("/step/toy", "code", "1").wantTo(nobody)
		b.copy().post("/step/toy", "code", "1", "attempt", "x").wantTo(nobody)
		b.copy().post("/step/other", "code", "1", "attempt", attempt).wantTo(nobody)
		if r := b.copy().get("/step/toy?code=1&attempt=" + attempt); r.status == http.StatusOK || r.sets(sessionCookie) != nil {
			t.Errorf("%s: by GET: %d %q", strategy, r.status, r.location())
		}
		late := b.copy()
		pending := slices.IndexFunc(b.cookies, func(c *http.Cookie) bool { return strings.HasPrefix(c.Name, "authjs.pending") })
		forged := b.copy()
		forged.set(b.cookies[pending].Name, strings.Replace(b.cookies[pending].Value, "A", "B", 1))
		forged.post("/step/toy", "code", "1", "attempt", attempt).wantTo(nobody)

		r = b.post("/step/toy", "code", "2", "attempt", attempt)
		if again := attemptOf(r); again != attempt || !strings.Contains(r.body, "wrong") || b.has(sessionCookie) {
			t.Errorf("%s: after a wrong code the page is of %q; %s", strategy, again, r.main())
		}
		s.clock.add(14 * time.Minute) // the second page is as good as the first
		s.resetLog()
		b.post("/step/toy", "code", "1", "attempt", attempt, "callbackUrl", "/deep").wantTo(s.origin + "/deep")
		if got := b.user(); got != "alice@example.com" {
			t.Errorf("%s: the session is of %q", strategy, got)
		}
		if !slices.Equal(asked, []string{"alice-id"}) {
			t.Errorf("%s: the signIn callback was asked about %q", strategy, asked)
		}
		s.quiet(t)
		b.post("/step/toy", "code", "1", "attempt", attempt).wantTo(nobody)
		s.clock.add(2 * time.Minute)
		late.post("/step/toy", "code", "1", "attempt", attempt).wantTo(nobody)
	}
}

// The identity comes back as it was.
func TestPendingIsWhole(t *testing.T) {
	seen := startTime.Truncate(time.Millisecond)
	id := engine.Identity{
		Account: &engine.Account{Type: "toy", Provider: "toy", ProviderAccountID: "12345678901234567890", AccessToken: new("at"), ExpiresAt: new(int64(1767323045)), Scope: new("a b")},
		Email:   "a@example.com",
		User: engine.User{ID: "u", Name: new("Ünï \"quoted\" <b>"), Email: new("a@example.com"), EmailVerified: &seen, Image: new(""),
			Extra: map[string]any{"text": "ü", "on": true, "big": int64(1) << 53, "share": 0.1, "at": seen, "list": []any{"a", "b"}, "none": nil}},
		CreateUser: true,
		Profile:    engine.Profile{"id": json.Number("12345678901234567890"), "nested": map[string]any{"n": json.Number("1.50")}, "name": "x"},
		Tokens:     &engine.Tokens{AccessToken: "at", TokenType: "bearer", ExpiresAt: seen, Raw: map[string]any{"expires_in": json.Number("3600")}},
	}
	fields := &engine.Schema{User: []schema.Field{
		{Name: "text"}, {Name: "on", Type: schema.Type{Kind: schema.Bool}}, {Name: "big", Type: schema.Type{Kind: schema.Int}}, {Name: "share", Type: schema.Type{Kind: schema.Float}},
		{Name: "at", Type: schema.Type{Kind: schema.Time}}, {Name: "list", Type: schema.Type{List: true}}, {Name: "none", Type: schema.Type{Kind: schema.Time, Nullable: true}},
	}}
	var got engine.Identity
	var stored *engine.User
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = fields
		c.Events.CreateUser = func(_ context.Context, u *engine.User) error { stored = u; return nil }
	}, withStrategy(engine.StrategyDatabase), withStep(func() engine.Identity { return id }, func(m *toy) {
		m.actions[1].Handle = func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
			var ok bool
			if got, ok = a.Pending(); !ok {
				t.Error("nobody is pending")
			}
			return a.SignIn(got), nil
		}
	}))
	b := s.browser()
	attempt := attemptOf(b.post("/callback/toy"))
	b.post("/step/toy", "attempt", attempt).wantTo(s.origin)
	extra := got.User.Extra
	got.User.Extra = id.User.Extra // JSON; canonical again when it is stored
	if !reflect.DeepEqual(got, id) {
		t.Errorf("Pending gives\n%+v\n%+v\nwant\n%+v\n%+v", got, got.Profile, id, id.Profile)
	}
	if stored == nil {
		t.Fatalf("no user was created; Extra is %#v", extra)
	}
	if !reflect.DeepEqual(stored.Extra, id.User.Extra) {
		t.Errorf("the extra fields are %#v, want %#v", stored.Extra, id.User.Extra)
	}
}

// An identity that no cookie holds is an error that says what to leave out.
func TestPendingThatIsTooLarge(t *testing.T) {
	for what, id := range map[string]engine.Identity{
		"large":         {User: engine.User{ID: "u", Name: new(strings.Repeat("x", 2048))}},
		"full of marks": {User: engine.User{ID: "u", Name: new(strings.Repeat("\x01", 400))}},
		"no JSON":       {User: engine.User{ID: "u", Extra: map[string]any{"f": func() {}}}},
	} {
		s := newSite(t, withStore, withStep(func() engine.Identity { return id }))
		b := s.browser()
		b.post("/callback/toy").wantTo(s.origin + base + "/error?error=Configuration")
		if line := s.problem(t); !strings.Contains(line.attrs["hint"], "omit Profile and Tokens") || strings.Contains(line.String(), "xxxxxxxx") {
			t.Errorf("%s: the log says %v", what, line)
		}
		if count(b, "authjs.pending") > 0 {
			t.Errorf("%s: the cookies are %v", what, b.names())
		}
	}
}
