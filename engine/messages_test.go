package engine_test

import (
	"context"
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

// marked are texts that name their keys: "⟦de signin.with {name}⟧".
func marked(locale string) map[string]string {
	out := engine.Messages()
	for key, english := range out {
		out[key] = "⟦" + locale + " " + key + " " + strings.Join(placeholder.FindAllString(english, -1), " ") + "⟧"
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`\{[a-z]+\}`)
	mark        = regexp.MustCompile(`⟦(\S+) (\S+)`)
)

// words is a form of every kind for the pages to show.
func words(s *site, c *engine.Config) {
	c.Schema = &engine.Schema{User: []schema.Field{{Name: "nick", Client: schema.Write, Max: 10}}}
	withStore(s, c)
	c.SessionStrategy = engine.StrategyJWT
	c.Messages = map[string]map[string]string{"de": marked("de"), "pt-BR": {"signin.title": "Entrar"}, "ar": {"signin.title": "تسجيل الدخول"}}
	c.Providers = append(c.Providers, newToy(map[string]handle{"POST callback": func(_ context.Context, a *engine.Attempt) (engine.Result, error) {
		if a.Value("limited") != "" {
			return engine.Result{}, a.Limit("limited")
		}
		return a.Page(engine.Form{Title: "Toy"}), nil
	}}))
	c.Limit = func(_ context.Context, l engine.LimitParams) (time.Duration, error) {
		if l.Subject == "limited" {
			return time.Minute, nil
		}
		return 0, nil
	}
}

// Every text that a browser is shown comes from the catalogue: on all pages, and
// in JSON.
func TestMessagesEverywhere(t *testing.T) {
	seen := map[string]bool{}
	for _, dialect := range []engine.Dialect{engine.DialectV5, engine.DialectV4} {
		s := newSite(t, words, func(_ *site, c *engine.Config) { c.Dialect = dialect })
		empty := newSite(t, words, func(_ *site, c *engine.Config) { c.Dialect, c.Providers = dialect, nil })
		b := s.browser()
		b.header.Set("Accept-Language", "de")
		show := func(what string, r *reply) {
			t.Helper()
			text := r.body
			if strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
				if !strings.Contains(text, `<html lang="de">`) {
					t.Errorf("%v, %s: the page has another language: %.60s", dialect, what, text)
				}
				text = html.UnescapeString(text)
			}
			found := mark.FindAllStringSubmatch(text, -1)
			if len(found) == 0 {
				t.Errorf("%v, %s: no text is of the catalogue: %d %q %s", dialect, what, r.status, r.location(), r.main()+text[:min(len(text), 200)])
			}
			for _, m := range found {
				if m[1] != "de" {
					t.Errorf("%v, %s: the text %s is of another language", dialect, what, m[0])
				}
				seen[m[2]] = true
			}
			for key, english := range engine.Messages() {
				if len(english) > 12 && strings.Contains(text, english) {
					t.Errorf("%v, %s: the text of %s is English", dialect, what, key)
				}
			}
		}
		show("signing in", b.get("/signin"))
		none := empty.browser()
		none.header = b.header
		show("no way in", none.get("/signin"))
		show("signing out", b.get("/signout"))
		show("check your mail", b.get("/verify-request"))
		show("a mail link", b.get("/callback/email?token=x&email=a@example.com"))
		show("a form", b.post("/callback/toy"))
		show("too many", b.post("/callback/toy", "limited", "1"))
		show("an error", b.get("/error"))
		show("an error with a number", b.get("/error?error=Configuration&requestId=0123456789abcdef"))
		for key := range engine.Messages() {
			if code, ok := strings.CutSuffix(strings.TrimPrefix(key, "error."), ".sentence"); ok && strings.HasPrefix(key, "error.") {
				if r := b.get("/error?error=" + code); r.status != http.StatusFound { // v4 passes some on
					show("the error "+code, r)
				}
				show("signing in after "+code, b.get("/signin?error="+code))
			}
		}
		show("an unknown error", b.get("/error?error=Nothing"))
		large := b.request("POST", base+"/session", strings.NewReader(strings.Repeat("x", 70<<10)))
		large.Header.Set("Content-Type", "application/json")
		show("a large body", b.do(large))
		show("a callback URL that is none", b.get("/providers?callbackUrl=javascript:x"))
		show("a callback URL that is none, on a page", b.get("/signin?callbackUrl=javascript:x"))
		at := b.copy()
		at.origin = "http://evil.example"
		show("another host", at.get("/session"))
		show("another host, on a page", at.get("/signin"))
		in := s.browser()
		in.signIn()
		in.header = b.header
		for what, data := range map[string]any{"no object": 1, "an unknown field": map[string]any{"role": "admin"}, "a long field": map[string]any{"nick": strings.Repeat("x", 11)}} {
			r := in.update(data)
			if what == "no object" && r.status == http.StatusOK {
				continue
			}
			show("update with "+what, r)
		}
		app := b.copy().serve(s.eng.Require(http.NotFoundHandler()))
		show("an API", app.get("./api"))
		denied := newSite(t, words, func(_ *site, c *engine.Config) {
			c.Dialect = dialect
			c.Callbacks.Authorized = func(context.Context, *engine.AuthorizedParams) (engine.Decision, error) { return engine.Deny(), nil }
		})
		in = denied.browser()
		in.signIn()
		in.header = b.header
		show("an API that is denied", in.serve(denied.eng.Require(http.NotFoundHandler())).get("./api"))
	}
	var unseen []string
	for key := range engine.Messages() {
		if !seen[key] {
			unseen = append(unseen, key)
		}
	}
	slices.Sort(unseen)
	// Those of pages without a host, which no page of the engine is, and one that
	// is for a package above it.
	want := []string{"json.too-many", "verify-email.sentence", "verify-request.back", "verify-request.sentence"}
	if !slices.Equal(unseen, want) {
		t.Errorf("no page and no JSON shows %q, want %q", unseen, want)
	}
}

// The locale is the one of Config.Locale, else that of Accept-Language; one that
// is not there is English.
func TestLocaleOfARequest(t *testing.T) {
	for _, c := range []struct {
		accept []string
		choose func(*http.Request) string
		lang   string
		title  string
	}{
		{nil, nil, "en", "Sign in"},
		{[]string{""}, nil, "en", "Sign in"},
		{[]string{"de"}, nil, "de", "⟦de signin.title ⟧"},
		{[]string{"de-AT, en;q=0.5"}, nil, "de", "⟦de signin.title ⟧"},
		{[]string{"fr, de;q=0.7, en;q=0.3"}, nil, "de", "⟦de signin.title ⟧"},
		{[]string{"en-GB, de;q=0.7"}, nil, "en", "Sign in"},
		{[]string{"de;q=0.2, en;q=0.9"}, nil, "en", "Sign in"},
		{[]string{"pt-BR"}, nil, "pt-BR", "Entrar"},
		{[]string{"pt"}, nil, "pt-BR", "Entrar"},
		{[]string{"ar"}, nil, "ar\" dir=\"rtl", "تسجيل الدخول"},
		{[]string{"fr"}, nil, "en", "Sign in"},
		{[]string{"xx-nothing"}, nil, "en", "Sign in"},
		{[]string{"garbage\x00, ;;;q=x"}, nil, "en", "Sign in"},
		{[]string{strings.Repeat("fr,", 10000) + "de"}, nil, "en", "Sign in"},
		{[]string{"de\"><script>"}, nil, "en", "Sign in"},
		{[]string{"fr", "de"}, nil, "de", "⟦de signin.title ⟧"},
		{[]string{"en"}, func(r *http.Request) string { return r.URL.Query().Get("lang") }, "de", "⟦de signin.title ⟧"},
		{[]string{"de"}, func(*http.Request) string { return "" }, "en", "Sign in"},
		{[]string{"de"}, func(*http.Request) string { return "fr" }, "en", "Sign in"},
		{[]string{"de"}, func(*http.Request) string { return "<script>" }, "en", "Sign in"},
		{[]string{"en"}, func(*http.Request) string { return "de-CH" }, "de", "⟦de signin.title ⟧"},
	} {
		s := newSite(t, words, func(_ *site, cfg *engine.Config) { cfg.Locale = c.choose })
		b := s.browser()
		r := b.request("GET", base+"/signin?lang=de", nil)
		r.Header["Accept-Language"] = c.accept
		body := b.do(r).body
		if !strings.Contains(body, `<html lang="`+c.lang+`">`) || !strings.Contains(body, "<h1>"+c.title+"</h1>") {
			t.Errorf("Accept-Language %.40q, Locale %v: %.60s", c.accept, c.choose != nil, body)
		}
		s.quiet(t)
	}
}

// A text that a locale lacks is the English one; texts of "en" replace it.
func TestMessagesThatAreLacking(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Messages = map[string]map[string]string{"de": {"signin.title": "Anmelden", "signin.or": ""}, "en": {"signin.title": "Log in"}, "de-CH": {"signin.or": "oder"}}
	})
	for accept, want := range map[string][]string{
		"de": {"<h1>Anmelden</h1>", ">Sign in with The IdP<", ">or<"}, "en": {"<h1>Log in</h1>", ">or<"}, "de-CH": {"<h1>Anmelden</h1>", ">oder<"}, "fr": {"<h1>Log in</h1>"},
	} {
		b := s.browser()
		b.header.Set("Accept-Language", accept)
		body := b.get("/signin").body
		for _, text := range want {
			if !strings.Contains(body, text) {
				t.Errorf("in %s there is no %s:\n%s", accept, text, (&reply{body: body}).main())
			}
		}
	}
}

// Texts and values of a page are text, whatever the catalogue says.
func TestMessagesAreText(t *testing.T) {
	s := newSite(t, withStore, func(_ *site, c *engine.Config) {
		c.Messages = map[string]map[string]string{"en": {
			"signin.title": "<script>alert(1)</script>", "signin.with": "<b>{name}</b>", "verify-email.sentence-host": "<i>{host}</i>", "json.signed-out": "</script>\" <b>",
		}}
	})
	b := s.browser()
	for _, path := range []string{"/signin", "/callback/email?token=x&email=a@example.com"} {
		if r := b.get(path); strings.Contains(r.body, "<script>alert") || strings.Contains(r.body, "<b>") || strings.Contains(r.body, "<i>") {
			t.Errorf("GET %s: a text is HTML:\n%s", path, r.main())
		}
	}
	var body struct{ Message string }
	if r := b.serve(s.eng.Require(noop)).get("./api"); json.Unmarshal([]byte(r.body), &body) != nil || body.Message != "</script>\" <b>" {
		t.Errorf("the JSON is %s", r.body)
	}
}

// What is wrong with Messages is a problem of New.
func TestMessagesThatNewRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		messages map[string]map[string]string
		says     string
	}{
		"no tag":                 {map[string]map[string]string{"deutsch!": {}}, `"deutsch!"`},
		"an empty tag":           {map[string]map[string]string{"": {"signin.title": "x"}}, `""`},
		"und":                    {map[string]map[string]string{"und": {}}, `"und"`},
		"a tag twice":            {map[string]map[string]string{"de-at": {}, "de-AT": {}}, "same language"},
		"an unknown key":         {map[string]map[string]string{"de": {"signin.titel": "Anmelden"}}, `"signin.titel"`},
		"a lacking value":        {map[string]map[string]string{"de": {"signin.with": "Anmelden"}}, "signin.with"},
		"another value":          {map[string]map[string]string{"de": {"signin.with": "Mit {nam} anmelden"}}, `"{nam}"`},
		"bytes that are no text": {map[string]map[string]string{"de": {"signin.title": "\xff"}}, "UTF-8"},
	} {
		_, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: env(), Messages: c.messages, BasePath: "x"})
		if err == nil || !strings.Contains(err.Error(), c.says) && !strings.Contains(err.Error(), strings.Trim(c.says, `"{}`)) || !strings.Contains(err.Error(), "BasePath") {
			t.Errorf("%s: New gives %v, want an error with %s and the other problems", what, err, c.says)
		}
	}
	texts := engine.Messages()
	if again := engine.Messages(); !maps.Equal(texts, again) || len(texts) < 50 {
		t.Errorf("Messages gives %d texts", len(texts))
	}
	texts["signin.title"] = "changed"
	if engine.Messages()["signin.title"] == "changed" {
		t.Error("Messages hands out its own map")
	}
	if _, err := engine.New(engine.Config{Secrets: []string{testSecret}, Getenv: env(), Messages: map[string]map[string]string{"fr": engine.Messages()}}); err != nil {
		t.Errorf("the English texts are refused: %v", err)
	}
}

// A Locale function that panics is an error of the server, and takes nothing
// down.
func TestLocaleThatPanics(t *testing.T) {
	s := newSite(t, words, func(_ *site, c *engine.Config) { c.Locale = func(*http.Request) string { panic("boom") } })
	for _, path := range []string{"/signin", "/error", "/callback/nobody", "/providers?callbackUrl=javascript:x", "/signin?callbackUrl=javascript:x"} {
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("GET %s: panic %v", path, v)
				}
			}()
			if r := s.browser().get(path); r.status != http.StatusFound && !strings.Contains(r.body, `<html lang="en">`) && !strings.Contains(r.body, "callbackUrl is not") {
				t.Errorf("GET %s: %d %.100s", path, r.status, r.body)
			}
		}()
	}
	if lines := s.logs.problems(); !slices.ContainsFunc(lines, func(l logLine) bool { return strings.Contains(l.attrs["cause"], "boom") }) {
		t.Errorf("the log is %v", lines)
	}
}
