package messages_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/internal/messages"
)

func catalogue(t testing.TB, custom map[string]map[string]string) *messages.Catalogue {
	t.Helper()
	c, err := messages.New(custom)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEnglishKeys(t *testing.T) {
	// Keys contain the codes of Auth.js unchanged.
	key := regexp.MustCompile(`^([a-z0-9-]+\.)+[a-z0-9-]+$|^error\.[A-Za-z0-9]+\.(title|sentence|advice|link)$`)
	keys := slices.Sorted(maps.Keys(messages.English()))
	for i, k := range keys {
		if !key.MatchString(k) {
			t.Errorf("the key %q does not consist of lower-case words and dots", k)
		}
		if i > 0 && strings.HasPrefix(k, keys[i-1]+".") {
			t.Errorf("%q begins with the key %q", k, keys[i-1])
		}
		if rest, ok := strings.CutPrefix(k, "error."); ok {
			code, _, _ := strings.Cut(rest, ".")
			if messages.English()["error."+code+".sentence"] == "" {
				t.Errorf("the code %s has no sentence", code)
			}
		}
	}
	if keys := messages.English(); keys["signin.title"] != "Sign in" {
		t.Errorf("signin.title is %q", keys["signin.title"])
	}
	messages.English()["signin.title"] = "changed"
	if got := (*messages.Locale)(nil).Text("signin.title"); got != "Sign in" {
		t.Errorf("after a change of the copy: %q", got)
	}
}

// The texts are those of Auth.js.
func TestMisconfiguredAsInAuthJS(t *testing.T) {
	var l *messages.Locale
	for key, want := range map[string]string{
		"json.misconfigured.v4": "There is a problem with the server configuration. Check the server logs for more information.",
		"json.misconfigured.v5": "There was a problem with the server configuration. Check the server logs for more information.",
	} {
		if got := l.Text(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestNewErrors(t *testing.T) {
	_, err := messages.New(map[string]map[string]string{
		"de":     {"signin.title": "Anmelden", "signin.heading": "Anmelden", "signin.with": "Anmelden mit {Name}"},
		"DE":     {"signin.title": "Anmelden"},
		"":       nil,
		"und":    nil,
		"de_!":   nil,
		"xx-qqq": nil,
		"fr":     {"signin.title": "Connexion {name}", "signin.or": "\xff", "signin.with": ""},
	})
	if err == nil {
		t.Fatal("no error")
	}
	want := []string{
		`messages: "" is not a BCP 47 language tag`,
		`messages: "DE" and "de" are the same language`,
		`messages: "de_!" is not a BCP 47 language tag`,
		`messages: fr: signin.or is not valid UTF-8`,
		`messages: fr: signin.title has the placeholders ["name"], the English text has []`,
		`messages: "und" is not a BCP 47 language tag`,
		`messages: "xx-qqq" is not a BCP 47 language tag`,
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	_, err = messages.New(map[string]map[string]string{
		"de": {"signin.title": "Anmelden", "signin.heading": "Anmelden", "signin.with": "Anmelden mit {Name}"},
	})
	want = []string{
		`messages: de: unknown key "signin.heading"`,
		`messages: de: signin.with has the placeholders [], the English text has ["name"]`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestFallback(t *testing.T) {
	c := catalogue(t, map[string]map[string]string{
		"en":    {"signout.title": "Log out"},
		"de":    {"signin.title": "Anmelden", "signin.or": "oder"},
		"de-AT": {"signin.or": "oda", "signin.title": ""},
		"en-GB": {"signin.title": "Sign in, please"},
	})
	for _, test := range []struct{ tag, key, want string }{
		{"de-AT", "signin.or", "oda"},
		{"de-AT", "signin.title", "Anmelden"},
		{"de-AT", "signin.none", "There is no way to sign in yet."},
		{"de", "signin.or", "oder"},
		{"en", "signout.title", "Log out"},
		{"en-GB", "signout.title", "Log out"},
		{"en-GB", "signin.title", "Sign in, please"},
		{"de", "signout.title", "Sign out"}, // the built-in text
		{"de", "no.such-key", "no.such-key"},
	} {
		l := c.Match(test.tag)
		if l.Tag() != test.tag {
			t.Errorf("Match(%q) is %s", test.tag, l.Tag())
		}
		if got := l.Text(test.key); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.tag, test.key, got, test.want)
		}
	}
}

func TestMatch(t *testing.T) {
	c := catalogue(t, map[string]map[string]string{"de": nil, "fr": nil, "pt-BR": nil, "zh-Hant": nil, "he": nil})
	for _, test := range []struct {
		preferred []string
		want      string
	}{
		{nil, "en"},
		{[]string{""}, "en"},
		{[]string{"de"}, "de"},
		{[]string{"de-CH"}, "de"},
		{[]string{"DE-ch"}, "de"},
		{[]string{"en-US,en;q=0.9,de;q=0.8"}, "en"},
		{[]string{"de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"}, "de"},
		{[]string{"en;q=0.5, fr;q=0.9"}, "fr"},
		{[]string{"ja,fr;q=0.5"}, "fr"},
		{[]string{"fr;q=0, de"}, "de"},
		{[]string{"ja"}, "en"},
		{[]string{"*"}, "en"},
		{[]string{"pt"}, "pt-BR"},
		{[]string{"zh-TW"}, "zh-Hant"},
		{[]string{"iw"}, "he"},
		{[]string{"fr", "de"}, "fr"},
		{[]string{"", "de"}, "de"},
		{[]string{"ja", "de"}, "de"},
		{[]string{";;;=,,q", "de"}, "de"},
		{[]string{"\x00\xff", "fr"}, "fr"},
		{[]string{strings.Repeat("a-", 3000), "fr"}, "fr"},
		{[]string{"fr, " + strings.Repeat("en;q=0.1, ", 3000)}, "fr"},
		{[]string{strings.Repeat("x", 5000) + ",fr"}, "en"},
	} {
		if got := c.Match(test.preferred...).Tag(); got != test.want {
			t.Errorf("Match(%.60q) is %s, want %s", test.preferred, got, test.want)
		}
	}
}

func TestMatchEnglishOnly(t *testing.T) {
	for name, c := range map[string]*messages.Catalogue{"nil": nil, "New(nil)": catalogue(t, nil)} {
		l := c.Match("de", "fr")
		if l.Tag() != "en" || l.Dir() != "ltr" || l.Text("signin.or") != "or" {
			t.Errorf("%s: Match is %s, %s, %q", name, l.Tag(), l.Dir(), l.Text("signin.or"))
		}
		if n := testing.AllocsPerRun(100, func() { c.Match("de;q=0.5,fr").Text("signin.or") }); n != 0 {
			t.Errorf("%s: Match and Text make %v allocations, want 0", name, n)
		}
	}
}

func TestDir(t *testing.T) {
	for tag, want := range map[string]string{
		"ar": "rtl", "fa": "rtl", "he": "rtl", "ur": "rtl", "ckb": "rtl", "dv": "rtl", "yi": "rtl", "az-Arab": "rtl",
		"de": "ltr", "az": "ltr", "ja": "ltr", "uz-Latn": "ltr", "ar-Latn": "ltr",
	} {
		if got := catalogue(t, map[string]map[string]string{tag: nil}).Match(tag).Dir(); got != want {
			t.Errorf("%s is %s, want %s", tag, got, want)
		}
	}
}

func TestText(t *testing.T) {
	c := catalogue(t, map[string]map[string]string{
		"de": {"signin.with": "Mit {name} anmelden, {name}"},
		"fr": {"signin.with": "{ name } {{name}} {NAME} {} {name", "signin.title": "}{ {A} {a"},
	})
	for _, test := range []struct {
		tag  string
		key  string
		args []string
		want string
	}{
		{"en", "signin.with", []string{"name", "GitHub"}, "Sign in with GitHub"},
		{"en", "signin.with", []string{"name", "{name}"}, "Sign in with {name}"},
		{"en", "signin.with", []string{"name", ""}, "Sign in with "},
		{"en", "signin.with", []string{"other", "x"}, "Sign in with {name}"},
		{"en", "signin.with", []string{"name"}, "Sign in with {name}"},
		{"en", "signin.with", nil, "Sign in with {name}"},
		{"de", "signin.with", []string{"name", "A"}, "Mit A anmelden, A"},
		{"fr", "signin.with", []string{"name", "A"}, "{ name } {A} {NAME} {} {name"},
		{"fr", "signin.title", []string{"name", "A", "a", "B"}, "}{ {A} {a"},
	} {
		if got := c.Match(test.tag).Text(test.key, test.args...); got != test.want {
			t.Errorf("%s: %s%q is %q, want %q", test.tag, test.key, test.args, got, test.want)
		}
	}
}

func TestParts(t *testing.T) {
	var l *messages.Locale
	want := []messages.Part{{Text: "Sign in to "}, {Text: "<b>", Value: true}, {Text: " as"}}
	if diff := cmp.Diff(want, l.Parts("verify-email.sentence-host", "host", "<b>")); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestError(t *testing.T) {
	l := catalogue(t, map[string]map[string]string{"de": {"error.AccessDenied.title": "Kein Zutritt", "error-page.link": "Noch einmal"}}).Match("de")
	for code, want := range map[string]messages.ErrorText{
		"AccessDenied": {
			Title:    "Kein Zutritt",
			Sentence: "You are not allowed to sign in with this account.",
			Advice:   "If you have another account, sign in with that one. Otherwise ask the owner of the site for access.",
			Link:     "Use another account",
			Known:    true,
		},
		"Signin": {
			Title: "Sign-in failed", Sentence: "The sign-in did not work. Try again, or choose another way.", Link: "Noch einmal", Known: true,
		},
		"NoSuchCode": {Title: "Sign-in failed", Sentence: "The sign-in did not work. Please try again.", Link: "Noch einmal"},
		"":           {Title: "Sign-in failed", Sentence: "The sign-in did not work. Please try again.", Link: "Noch einmal"},
		"x.title":    {Title: "Sign-in failed", Sentence: "The sign-in did not work. Please try again.", Link: "Noch einmal"},
	} {
		if diff := cmp.Diff(want, l.Error(code)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", code, diff)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, accept := range []string{
		"", "de", "*", "en-US,en;q=0.9,de;q=0.8", "de;q=2,fr;q=-1", "zh-Hant-TW-x-a", "de-u-co-phonebk", ",;=q", "\xff", "sr-Latn;q=1e9",
		strings.Repeat("a-", 1200),
	} {
		f.Add(accept)
	}
	tags := []string{"de", "de-AT", "fr", "he", "zh-Hant", "sr-Latn"}
	custom := make(map[string]map[string]string)
	for _, tag := range tags {
		custom[tag] = nil
	}
	c := catalogue(f, custom)
	f.Fuzz(func(t *testing.T, accept string) {
		got := c.Match(accept)
		if tag := got.Tag(); tag != "en" && !slices.Contains(tags, tag) {
			t.Errorf("Match(%q) is %s, which is not in the catalogue", accept, tag)
		}
		if again := c.Match(accept); again != got {
			t.Errorf("Match(%q) is %s, then %s", accept, got.Tag(), again.Tag())
		}
		// The same value as the tag of a custom language.
		if c, err := messages.New(map[string]map[string]string{accept: {"signin.or": "own"}}); err == nil {
			if got := c.Match(accept).Text("signin.or"); got != "own" && len(accept) < 1000 {
				t.Errorf("a catalogue with the tag %q does not match it", accept)
			}
		}
	})
}

func FuzzPlaceholders(f *testing.F) {
	for _, text := range []string{"", "{name}", "Sign in with {name}", "{{name}}", "{name", "{}", "{Name}", "}{name}{", "{name}{name}", "{na{name}me}"} {
		f.Add(text, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		c, err := messages.New(map[string]map[string]string{"de": {"signin.with": text}})
		if err != nil || text == "" {
			return
		}
		l := c.Match("de")
		if got := l.Text("signin.with"); got != text {
			t.Fatalf("without arguments %q is %q", text, got)
		}
		if got, want := l.Text("signin.with", "name", value), strings.ReplaceAll(text, "{name}", value); got != want {
			t.Errorf("%q with %q is %q, want %q", text, value, got, want)
		}
		var joined strings.Builder
		for _, part := range l.Parts("signin.with", "name", value) {
			if part.Value && part.Text != value {
				t.Errorf("%q: a value is %q, want %q", text, part.Text, value)
			}
			joined.WriteString(part.Text)
		}
		if got := l.Text("signin.with", "name", value); joined.String() != got {
			t.Errorf("%q: the parts are %q, the text is %q", text, joined.String(), got)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	const accept = "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"
	for name, custom := range map[string]map[string]map[string]string{
		"English": nil,
		"six":     {"de": nil, "fr": nil, "es": nil, "he": nil, "zh-Hant": nil},
	} {
		b.Run(name, func(b *testing.B) {
			c := catalogue(b, custom)
			b.ReportAllocs()
			for b.Loop() {
				c.Match(accept)
			}
		})
	}
}
