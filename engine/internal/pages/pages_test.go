package pages_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesame-auth/sesame/engine/internal/messages"
	"github.com/sesame-auth/sesame/engine/internal/pages"
)

const origin = "http://127.0.0.1:4501"

var token = strings.Repeat("0123456789abcdef", 4)

// form is a form of a page, as in the recordings.
type form struct {
	Action string  `json:"action"`
	Method string  `json:"method"`
	Fields []field `json:"fields"`
}

type field struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value,omitempty"` // of a hidden field
}

// withCallbackURL returns the form with the one addition of this package: forms
// that sign in have a callbackUrl, so that two tabs do not share one.
func withCallbackURL(f form, url string) form {
	if strings.HasSuffix(f.Action, "/signout") || len(f.Fields) > 1 && f.Fields[1].Name == "callbackUrl" {
		return f
	}
	f.Fields = slices.Insert(f.Fields, 1, field{Name: "callbackUrl", Type: "hidden", Value: url})
	return f
}

var (
	formElement  = regexp.MustCompile(`<form([^>]*)>([\s\S]*?)</form>`)
	inputElement = regexp.MustCompile(`<input([^>]*)>`)
	styleElement = regexp.MustCompile(`<style[^>]*>([\s\S]*?)</style>`)
)

func attribute(element, name string) string {
	m := regexp.MustCompile(`\b` + name + `="([^"]*)"`).FindStringSubmatch(element)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func forms(page string) []form {
	var out []form
	for _, m := range formElement.FindAllStringSubmatch(page, -1) {
		f := form{Action: attribute(m[1], "action"), Method: attribute(m[1], "method")}
		for _, i := range inputElement.FindAllStringSubmatch(m[2], -1) {
			in := field{Name: attribute(i[1], "name"), Type: attribute(i[1], "type")}
			if in.Type == "hidden" {
				in.Value = attribute(i[1], "value")
			}
			f.Fields = append(f.Fields, in)
		}
		out = append(out, f)
	}
	return out
}

func labProviders() []pages.Provider {
	return []pages.Provider{
		{ID: "credentials", Name: "Lab", Kind: "form", Action: "callback", Inputs: []pages.Input{
			{Name: "username", Label: "User", Type: "text"},
			{Name: "password", Label: "Password", Type: "password"},
		}},
		{ID: "lab-oidc", Name: "Lab OIDC", Kind: "button"},
		{ID: "lab-oidc-link", Name: "Lab OIDC link", Kind: "button"},
		{ID: "lab-oauth", Name: "Lab OAuth", Kind: "button"},
		{ID: "lab-oauth-link", Name: "Lab OAuth link", Kind: "button"},
		{ID: "lab-email", Name: "Email", Kind: "email"},
	}
}

// every returns all pages with the given text in each field that accepts arbitrary
// text.
func every(t *testing.T, text string, theme pages.Theme) map[string]string {
	t.Helper()
	out := make(map[string]string)
	write := func(name string, err error, b *bytes.Buffer) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b.String()
	}
	var b bytes.Buffer
	err := pages.WriteSignIn(&b, pages.SignIn{
		BasePath: "/api/auth", CSRFToken: text, CallbackURL: text, Email: text, Error: text, Theme: theme,
		Providers: []pages.Provider{
			{ID: text, Name: text, Kind: "button"},
			{ID: text, Name: text, Kind: "button"},
			{ID: text, Name: text, Kind: "email"},
			{ID: text, Name: text, Kind: "form", Action: "callback", Inputs: []pages.Input{{Name: text, Label: text, Type: text, Placeholder: text, Autocomplete: text}}},
		},
	})
	write("sign-in", err, &b)
	b = bytes.Buffer{}
	write("sign-out", pages.WriteSignOut(&b, pages.SignOut{BasePath: "/api/auth", CSRFToken: text, Theme: theme}), &b)
	b = bytes.Buffer{}
	write("error", pages.WriteError(&b, pages.Error{Code: text, RequestID: text, SignInURL: text, Theme: theme}), &b)
	b = bytes.Buffer{}
	write("verify-request", pages.WriteVerifyRequest(&b, pages.VerifyRequest{Host: text, URL: text, Theme: theme}), &b)
	b = bytes.Buffer{}
	write("form", pages.WriteForm(&b, pages.Form{
		Title: text, Text: text, Error: text, Action: text, CSRFToken: text, CallbackURL: text, Button: text, Host: text, Theme: theme,
		Inputs: []pages.Input{{Name: text, Label: text, Type: text, Placeholder: text, Autocomplete: text}},
		Hidden: []pages.Hidden{{Name: text, Value: text}},
	}), &b)
	b = bytes.Buffer{}
	write("verify-email", pages.WriteVerifyEmail(&b, pages.VerifyEmail{
		Action: text, CSRFToken: text, CallbackURL: text, Token: text, Email: text, Host: text, Theme: theme,
	}), &b)
	return out
}

// The forms have the same fields as those of Auth.js on the same pages.
func TestFormsAsRecorded(t *testing.T) {
	data, err := os.ReadFile("testdata/forms.json")
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte("{{origin}}"), []byte(origin))
	data = bytes.ReplaceAll(data, []byte("{{hex64:1}}"), []byte(token))
	var recorded struct {
		Pages []struct {
			Path  string
			Forms []form
		}
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	// The engine determines the callback URL of each step.
	callbackURL := []string{origin, "/deep?a=1", origin + "/deep?a=1", origin + "/deep?a=1", origin + "/deep?a=1"}
	signIns := 0
	for _, page := range recorded.Pages {
		t.Run(page.Path, func(t *testing.T) {
			var b bytes.Buffer
			var err error
			switch {
			case strings.HasPrefix(page.Path, "/api/auth/signin"):
				err = pages.WriteSignIn(&b, pages.SignIn{
					BasePath: origin + "/api/auth", CSRFToken: token, CallbackURL: callbackURL[signIns], Providers: labProviders(),
				})
				signIns++
			case page.Path == "/api/auth/signout":
				err = pages.WriteSignOut(&b, pages.SignOut{BasePath: origin + "/api/auth", CSRFToken: token})
			default:
				err = pages.WriteVerifyRequest(&b, pages.VerifyRequest{Host: "127.0.0.1:4501", URL: origin})
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Forms {
				page.Forms[i] = withCallbackURL(page.Forms[i], callbackURL[max(signIns-1, 0)])
			}
			if diff := cmp.Diff(page.Forms, append([]form{}, forms(b.String())...)); diff != "" {
				t.Errorf("forms (-recorded +written):\n%s", diff)
			}
		})
	}
	if signIns != len(callbackURL) {
		t.Errorf("%d sign-in pages were recorded, expected %d", signIns, len(callbackURL))
	}
}

func TestVerifyEmailForm(t *testing.T) {
	var b bytes.Buffer
	err := pages.WriteVerifyEmail(&b, pages.VerifyEmail{
		Action: origin + "/api/auth/callback/email", CSRFToken: token, CallbackURL: origin + "/a?b=c&d=1",
		Token: "tok+en", Email: "ada+1@example.com", Host: "example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []form{{Action: origin + "/api/auth/callback/email", Method: "POST", Fields: []field{
		{"csrfToken", "hidden", token},
		{"callbackUrl", "hidden", origin + "/a?b=c&d=1"},
		{"token", "hidden", "tok+en"},
		{"email", "hidden", "ada+1@example.com"},
	}}}
	if diff := cmp.Diff(want, forms(b.String())); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
	if n := strings.Count(b.String(), "<button"); n != 1 {
		t.Errorf("%d buttons, want 1", n)
	}
}

func TestForm(t *testing.T) {
	var b bytes.Buffer
	d := pages.Form{
		Title: "Your code", Text: "We sent it.", Error: "It was wrong.", Action: "/api/auth/callback/code", CSRFToken: token, CallbackURL: origin,
		Inputs: []pages.Input{{Name: "code", Label: "Code", Autocomplete: "one-time-code"}},
		Hidden: []pages.Hidden{{Name: "attempt", Value: "a&1"}},
		Button: "Check", Host: "example.com",
	}
	if err := pages.WriteForm(&b, d); err != nil {
		t.Fatal(err)
	}
	want := []form{{Action: d.Action, Method: "POST", Fields: []field{
		{"csrfToken", "hidden", token},
		{"callbackUrl", "hidden", origin},
		{"attempt", "hidden", "a&1"},
		{"code", "text", ""},
	}}}
	if diff := cmp.Diff(want, forms(b.String())); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
	for _, part := range []string{
		"<title>Your code</title>", "<h1>Your code</h1>", "<p>We sent it.</p>", `role="alert">It was wrong.</p>`, ">Code</label>",
		`<button type="submit">Check</button>`, "example.com",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	b.Reset()
	if err := pages.WriteForm(&b, pages.Form{Title: "T", Action: "/a"}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<p", "callbackUrl", "<label"} {
		if strings.Contains(b.String(), part) {
			t.Errorf("the page without optional parts has %s", part)
		}
	}
	if !strings.Contains(b.String(), `<button type="submit">Continue</button>`) {
		t.Error("the button has no default text")
	}
}

// Kind and Action determine the form of a provider; a Type is not needed.
func TestKinds(t *testing.T) {
	var b bytes.Buffer
	inputs := []pages.Input{{Name: "code"}}
	err := pages.WriteSignIn(&b, pages.SignIn{BasePath: "/auth", CSRFToken: "t", CallbackURL: "/c", Providers: []pages.Provider{
		{ID: "a", Kind: "button"},
		{ID: "b", Kind: "button", Action: "passkey", Inputs: inputs},
		{ID: "c", Kind: "email"},
		{ID: "d", Kind: "form", Action: "callback", Inputs: inputs},
		{ID: "e", Kind: "form", Inputs: inputs},
		{ID: "f", Kind: "none"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range forms(b.String()) {
		line := f.Action
		for _, in := range f.Fields {
			line += " " + in.Name
		}
		got = append(got, line)
	}
	want := []string{
		"/auth/signin/a csrfToken callbackUrl",
		"/auth/passkey/b csrfToken callbackUrl",
		"/auth/signin/c csrfToken callbackUrl email",
		"/auth/callback/d csrfToken callbackUrl code",
		"/auth/signin/e csrfToken callbackUrl code",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
}

// If all texts are translated, no page contains any English.
func TestTranslated(t *testing.T) {
	placeholder := regexp.MustCompile(`\{[a-z]+\}`)
	custom := make(map[string]string)
	for key, text := range messages.English() {
		custom[key] = "\u05d0" + strings.Join(placeholder.FindAllString(text, -1), "\u05d1")
	}
	c, err := messages.New(map[string]map[string]string{"he": custom})
	if err != nil {
		t.Fatal(err)
	}
	l := c.Match("he")
	written := make(map[string]*bytes.Buffer)
	page := func(name string) *bytes.Buffer {
		written[name] = new(bytes.Buffer)
		return written[name]
	}
	const free = "1" // for fields that accept arbitrary text
	providers := []pages.Provider{
		{ID: free, Kind: "button"}, {ID: free, Kind: "email"}, {ID: free, Kind: "form", Inputs: []pages.Input{{Name: free}}},
	}
	for _, err := range []error{
		pages.WriteSignIn(page("sign-in"), pages.SignIn{Error: "Signin", Providers: providers, Locale: l}),
		pages.WriteSignIn(page("sign-in without providers"), pages.SignIn{Error: "x", Locale: l}),
		pages.WriteSignOut(page("sign-out"), pages.SignOut{Locale: l}),
		pages.WriteError(page("error"), pages.Error{RequestID: free, SignInURL: free, Locale: l}),
		pages.WriteVerifyRequest(page("verify-request"), pages.VerifyRequest{URL: free, Locale: l}),
		pages.WriteVerifyRequest(page("verify-request with a host"), pages.VerifyRequest{Host: free, URL: free, Locale: l}),
		pages.WriteVerifyEmail(page("verify-email"), pages.VerifyEmail{Email: free, Locale: l}),
		pages.WriteVerifyEmail(page("verify-email with a host"), pages.VerifyEmail{Email: free, Host: free, Locale: l}),
		pages.WriteForm(page("form"), pages.Form{Title: free, Locale: l}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, code := range codes {
		if err := pages.WriteError(page("error "+code), pages.Error{Code: code, RequestID: free, SignInURL: free, Locale: l}); err != nil {
			t.Fatal(err)
		}
	}
	tag := regexp.MustCompile(`<[^>]*>`)
	shown := regexp.MustCompile(`\b(placeholder|alt|title|aria-label)="[^"]*[A-Za-z][^"]*"`)
	for name, b := range written {
		text := styleElement.ReplaceAllString(b.String(), "")
		if !strings.Contains(text, `<html lang="he" dir="rtl">`) {
			t.Errorf("%s: no language or direction", name)
		}
		if m := shown.FindString(text); m != "" {
			t.Errorf("%s: the page has %s", name, m)
		}
		text = regexp.MustCompile(`<code>[^<]*</code>`).ReplaceAllString(text, "")
		if m := regexp.MustCompile(`[A-Za-z]+`).FindString(html.UnescapeString(tag.ReplaceAllString(text, ""))); m != "" {
			t.Errorf("%s: the page has the English word %q", name, m)
		}
	}
}

// Translations are escaped.
func TestTranslationEscaping(t *testing.T) {
	c, err := messages.New(map[string]map[string]string{"de": {
		"signin.title": "<script>alert(1)</script>", "verify-email.sentence-host": "<img src=x> {host}", "signin.email-placeholder": `" onfocus="alert(1)`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pages.WriteSignIn(&b, pages.SignIn{Providers: labProviders(), Locale: c.Match("de")}); err != nil {
		t.Fatal(err)
	}
	if err := pages.WriteVerifyEmail(&b, pages.VerifyEmail{Host: "<b>", Locale: c.Match("de")}); err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"<script", "<img", `" onfocus="`, "<b>"} {
		if strings.Contains(b.String(), not) {
			t.Errorf("the page has %s", not)
		}
	}
	if want := "<p>&lt;img src=x&gt; <strong>&lt;b&gt;</strong></p>"; !strings.Contains(b.String(), want) {
		t.Errorf("the page lacks %s", want)
	}
}

func TestRelativeBasePath(t *testing.T) {
	var b bytes.Buffer
	if err := pages.WriteSignIn(&b, pages.SignIn{BasePath: "/api/auth", Providers: labProviders()}); err != nil {
		t.Fatal(err)
	}
	if got, want := forms(b.String())[0].Action, "/api/auth/callback/credentials"; got != want {
		t.Errorf("action is %q, want %q", got, want)
	}
}

// The values of all fields are escaped.
func TestEscaping(t *testing.T) {
	attempts := []string{
		`<script>alert(1)</script>`,
		`"><script>alert(1)</script>`,
		`'><img src=x onerror=alert(1)>`,
		`" onfocus="alert(1)" autofocus="`,
		`</style><script>alert(1)</script>`,
		`</title></head><script>alert(1)</script>`,
		`{{.}}<script>`,
		"`<script>`",
		"\x00<script>\xff",
	}
	element := regexp.MustCompile(`(?i)<(script|img|svg|iframe|object)`)
	handler := regexp.MustCompile(`(?i)<[^>]*\son[a-z]+\s*=`)
	for _, attempt := range attempts {
		theme := pages.Theme{ColorScheme: attempt, Logo: attempt, BrandColor: attempt, ButtonText: attempt}
		for name, page := range every(t, attempt, theme) {
			if m := element.FindString(page); m != "" && !strings.HasPrefix(page[strings.Index(page, m):], `<img class="logo"`) {
				t.Errorf("%s with %q: the page has the element %q", name, attempt, m)
			}
			// Attribute values are quoted and may contain anything, so drop them first.
			bare := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(page, `""`)
			if m := handler.FindString(bare); m != "" {
				t.Errorf("%s with %q: the page has a handler: %s", name, attempt, m)
			}
			if n := strings.Count(page, "<style"); n != 2 {
				t.Errorf("%s with %q: %d style elements, want 2", name, attempt, n)
			}
			if n, want := strings.Count(page, "<form"), strings.Count(page, "</form>"); n != want {
				t.Errorf("%s with %q: %d forms opened, %d closed", name, attempt, n, want)
			}
		}
	}
}

func TestScriptURLs(t *testing.T) {
	for _, u := range []string{"javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "vbscript:x"} {
		for name, page := range every(t, u, pages.Theme{Logo: u}) {
			for _, a := range []string{`href="` + u, `action="` + u, `src="` + u} {
				if strings.Contains(page, a) {
					t.Errorf("%s: the page has %s", name, a)
				}
			}
		}
	}
}

func TestInputs(t *testing.T) {
	var b bytes.Buffer
	err := pages.WriteSignIn(&b, pages.SignIn{Providers: []pages.Provider{
		{ID: "a", Kind: "form", Action: "callback", Inputs: []pages.Input{
			{Name: "tenant", Autocomplete: "organization"},
			{Name: "user", Placeholder: "ada"},
			{Name: "password", Label: "Your password", Type: "password"},
			{Name: "code", Type: "tel"},
			{Name: "go", Type: "submit"},
			{Name: "pic", Type: "image"},
		}},
		{ID: "b", Kind: "form", Action: "callback", Inputs: []pages.Input{{Name: "user"}}},
		{ID: "passkey", Kind: "webauthn"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	page := b.String()
	var got []string
	ids := make(map[string]bool)
	for _, in := range inputElement.FindAllStringSubmatch(page, -1) {
		if attribute(in[1], "type") == "hidden" {
			continue
		}
		id := attribute(in[1], "id")
		if ids[id] {
			t.Errorf("the id %q is used twice", id)
		}
		ids[id] = true
		label := regexp.MustCompile(`<label for="` + id + `">([^<]*)</label>`).FindStringSubmatch(page)
		if label == nil {
			t.Errorf("no label for %s", in[0])
			continue
		}
		got = append(got, fmt.Sprintf("%s|%s|%s|%s", attribute(in[1], "name"), attribute(in[1], "type"), attribute(in[1], "autocomplete"), label[1]))
	}
	want := []string{
		"tenant|text|organization|tenant",
		"user|text|username|user",
		"password|password|current-password|Your password",
		"code|tel||code",
		"go|text||go",
		"pic|text||pic",
		"user|text|username|user",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if strings.Contains(page, "passkey") {
		t.Error("a provider of an unknown type is shown")
	}
}

func TestEmailField(t *testing.T) {
	var b bytes.Buffer
	if err := pages.WriteSignIn(&b, pages.SignIn{Email: "pre@filled.example", Providers: labProviders()}); err != nil {
		t.Fatal(err)
	}
	for _, in := range inputElement.FindAllStringSubmatch(b.String(), -1) {
		if attribute(in[1], "name") != "email" {
			continue
		}
		for name, want := range map[string]string{"type": "email", "value": "pre@filled.example", "autocomplete": "email"} {
			if got := attribute(in[1], name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		return
	}
	t.Error("no e-mail field")
}

// codes are the public codes of Auth.js, v5 and v4 (WIRE.md section 9).
var codes = []string{
	"Configuration", "AccessDenied", "Verification", "CredentialsSignin", "OAuthAccountNotLinked", "OAuthCallbackError",
	"MissingCSRF", "AccountNotLinked", "WebAuthnVerificationError",
	"Signin", "OAuthSignin", "OAuthCallback", "OAuthCreateAccount", "EmailCreateAccount", "Callback", "EmailSignin", "SessionRequired",
	"TooManyRequests",
}

var (
	alertElement = regexp.MustCompile(`<p class="alert" role="alert">([^<]+)</p>`)
	heading      = regexp.MustCompile(`<h1>([^<]+)</h1>\s*<p>([^<]+)</p>`)
)

func TestErrorCodes(t *testing.T) {
	const unknown = "NoSuchCode"
	alert := func(code string) string {
		var b bytes.Buffer
		if err := pages.WriteSignIn(&b, pages.SignIn{Error: code}); err != nil {
			t.Fatal(err)
		}
		m := alertElement.FindStringSubmatch(b.String())
		if m == nil {
			return ""
		}
		return m[1]
	}
	page := func(code string) (whole, sentence string) {
		var b bytes.Buffer
		if err := pages.WriteError(&b, pages.Error{Code: code, RequestID: "r-1", SignInURL: "/api/auth/signin"}); err != nil {
			t.Fatal(err)
		}
		m := heading.FindStringSubmatch(b.String())
		if m == nil {
			t.Fatalf("error page of %q: no heading with a sentence", code)
		}
		return b.String(), m[2]
	}
	if got := alert(""); got != "" {
		t.Errorf("the sign-in page without an error shows %q", got)
	}
	general := alert(unknown)
	if general == "" {
		t.Fatal("no sentence for an unknown code")
	}
	for _, code := range codes {
		if got := alert(code); got == "" || got == general {
			t.Errorf("%s: the sign-in page has no specific sentence: %q", code, got)
		}
		whole, sentence := page(code)
		if sentence != alert(code) {
			t.Errorf("%s: the error page shows %q, the sign-in page %q", code, sentence, alert(code))
		}
		if !strings.Contains(whole, "<code>"+code+"</code>") {
			t.Errorf("%s: the error page does not name it", code)
		}
	}
	for _, code := range []string{unknown, "configuration", "AccessDenied ", "call 555-0100 now", "undefined", ""} {
		whole, sentence := page(code)
		if sentence != general {
			t.Errorf("unknown code %q: %q, want the general sentence", code, sentence)
		}
		if code != "" && strings.Contains(whole, code) {
			t.Errorf("unknown code %q is on the error page", code)
		}
	}
}

func TestErrorPageParts(t *testing.T) {
	write := func(d pages.Error) string {
		var b bytes.Buffer
		if err := pages.WriteError(&b, d); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	full := write(pages.Error{Code: "Configuration", RequestID: "4c1f9a", SignInURL: "/api/auth/signin"})
	for _, want := range []string{"<code>4c1f9a</code>", `href="/api/auth/signin"`, "log"} {
		if !strings.Contains(full, want) {
			t.Errorf("the error page lacks %q", want)
		}
	}
	bare := write(pages.Error{})
	for _, not := range []string{"<code>", "<a ", "href=\"\""} {
		if strings.Contains(bare, not) {
			t.Errorf("the error page without data has %q", not)
		}
	}
}

func TestDocument(t *testing.T) {
	for name, page := range every(t, "x", pages.Theme{}) {
		for _, want := range []string{
			"<!DOCTYPE html>", `<html lang="en">`, `<meta charset="utf-8">`, `name="viewport"`, "<title>", "<main>", "<h1>",
			`<link rel="icon" href="data:,">`, "</html>",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", name, want)
			}
		}
		if !strings.HasPrefix(page, "<!DOCTYPE html>") {
			t.Errorf("%s does not begin with the doctype", name)
		}
		for _, not := range []string{"<script", " style=", "@import", "url(", `src="http`, "ZgotmplZ"} {
			if strings.Contains(page, not) {
				t.Errorf("%s has %s", name, not)
			}
		}
	}
}

// The policy allows the styles of the page, and no others.
func TestPolicy(t *testing.T) {
	themes := map[string]struct {
		theme  pages.Theme
		styles int
		img    string
	}{
		"zero":          {pages.Theme{}, 2, "data:"},
		"light":         {pages.Theme{ColorScheme: "light"}, 1, "data:"},
		"dark":          {pages.Theme{ColorScheme: "dark"}, 2, "data:"},
		"brand":         {pages.Theme{BrandColor: "#0a7"}, 3, "data:"},
		"brand, text":   {pages.Theme{BrandColor: "#00AA77", ButtonText: "#fff"}, 3, "data:"},
		"text":          {pages.Theme{ButtonText: "#abcdef"}, 3, "data:"},
		"logo":          {pages.Theme{Logo: "https://cdn.example.com:8443/a/logo.png?v=1"}, 2, "data: https://cdn.example.com:8443"},
		"logo, path":    {pages.Theme{Logo: "/logo.svg"}, 2, "data: 'self'"},
		"logo, script":  {pages.Theme{Logo: "javascript:alert(1)"}, 2, "data:"},
		"logo, header":  {pages.Theme{Logo: "https://a;script-src *"}, 2, "data:"},
		"logo, opaque":  {pages.Theme{Logo: "https:logo.png"}, 2, "data:"},
		"logo, no host": {pages.Theme{Logo: "//evil.example/x.png"}, 2, "data:"},
		"logo, user":    {pages.Theme{Logo: "https://a:b@c.example/x.png"}, 2, "data:"},
	}
	for name, c := range themes {
		t.Run(name, func(t *testing.T) {
			policy := make(map[string]string)
			for _, d := range strings.Split(pages.Policy(c.theme), "; ") {
				directive, value, _ := strings.Cut(d, " ")
				policy[directive] = value
			}
			want := map[string]string{
				"default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "img-src": c.img,
				"style-src": policy["style-src"],
			}
			if diff := cmp.Diff(want, policy); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
			for page, text := range every(t, "x", c.theme) {
				styles := styleElement.FindAllStringSubmatch(text, -1)
				if len(styles) != c.styles {
					t.Errorf("%s has %d styles, want %d", page, len(styles), c.styles)
				}
				for _, s := range styles {
					sum := sha256.Sum256([]byte(s[1]))
					if hash := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy["style-src"], hash) {
						t.Errorf("%s: the policy does not allow the style %.40q", page, s[1])
					}
				}
				if shown := strings.Contains(text, "<img"); shown != (c.img != "data:") {
					t.Errorf("%s: logo shown: %v", page, shown)
				}
			}
		})
	}
}

func TestColors(t *testing.T) {
	style := func(theme pages.Theme) string {
		var b bytes.Buffer
		if err := pages.WriteSignOut(&b, pages.SignOut{Theme: theme}); err != nil {
			t.Fatal(err)
		}
		if all := styleElement.FindAllStringSubmatch(b.String(), -1); len(all) == 3 {
			return all[2][1]
		}
		return ""
	}
	for _, c := range []struct{ brand, text, want string }{
		{"#123", "", ":root{--brand:#123;--on-brand:#fff;}"},
		{"#ffd400", "", ":root{--brand:#ffd400;--on-brand:#000;}"},
		{"#ffd400", "#222222", ":root{--brand:#ffd400;--on-brand:#222222;}"},
		{"", "#222", ":root{--on-brand:#222;}"},
		{"red", "white", ""},
		{"#12", "#1234", ""},
		{"#12345", "#12345678", ""},
		{"#ggg", "#+12345", ""},
		{"#1_2", "#0x1234", ""},
		{"#fff;}body{display:none", "", ""},
		{"#123\n", " #123", ""},
	} {
		if got := style(pages.Theme{BrandColor: c.brand, ButtonText: c.text}); got != c.want {
			t.Errorf("brand %q, text %q: %q, want %q", c.brand, c.text, got, c.want)
		}
	}
}

func TestColorScheme(t *testing.T) {
	for scheme, want := range map[string]string{
		"":      `content="light dark"|media="(prefers-color-scheme: dark)"`,
		"auto":  `content="light dark"|media="(prefers-color-scheme: dark)"`,
		"sepia": `content="light dark"|media="(prefers-color-scheme: dark)"`,
		"light": `content="light"`,
		"dark":  `content="dark"|media="all"`,
	} {
		page := every(t, "x", pages.Theme{ColorScheme: scheme})["sign-in"]
		for _, part := range strings.Split(want, "|") {
			if !strings.Contains(page, part) {
				t.Errorf("%q: the page lacks %s", scheme, part)
			}
		}
		if scheme == "light" && strings.Contains(page, "<style media") {
			t.Error("light: the page has the dark style")
		}
	}
}

type failing struct{}

var errGone = errors.New("gone")

func (failing) Write([]byte) (int, error) { return 0, errGone }

func TestWriterError(t *testing.T) {
	if err := pages.WriteSignOut(failing{}, pages.SignOut{}); !errors.Is(err, errGone) {
		t.Errorf("error is %v, want the writer's", err)
	}
}

func BenchmarkSignIn(b *testing.B) {
	d := pages.SignIn{BasePath: origin + "/api/auth", CSRFToken: token, CallbackURL: origin, Providers: labProviders()}
	var w bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		w.Reset()
		if err := pages.WriteSignIn(&w, d); err != nil {
			b.Fatal(err)
		}
	}
}
