// Package pages writes the built-in pages: sign-in, sign-out, error, "check
// your mail" and the confirmation of a mail link.
//
// A page is one HTML document without scripts and without external resources,
// but for the logo of a [Theme]. Its styles are inlined; [Policy] is the
// Content-Security-Policy that allows them and nothing else.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// SignIn is the data of the sign-in page (WIRE.md section 2.2).
type SignIn struct {
	// BasePath is the path or the URL of the auth endpoints, without a
	// trailing slash. Forms post to BasePath/signin/<id>, those of credentials
	// to BasePath/callback/<id>.
	BasePath    string
	CSRFToken   string
	CallbackURL string // where the browser goes afterwards; part of every form
	PlainForms  bool   // CallbackURL is part of the forms of OAuth providers only
	Email       string // fills the e-mail field
	Error       string // public error code; "" for none
	Providers   []Provider
	Theme       Theme
}

// Provider is a way to sign in on the sign-in page.
type Provider struct {
	ID     string
	Name   string
	Type   string // "oidc", "oauth", "email", "credentials"; others are not shown
	Inputs []Input
}

// Input is a field of a credentials form.
type Input struct {
	Name         string // of the form member
	Label        string // default: Name
	Type         string // of the input element; one that is not a field is "text"
	Placeholder  string
	Autocomplete string // default: "current-password" for a password, "username" for the first other field
}

// SignOut is the data of the sign-out page.
type SignOut struct {
	BasePath, CSRFToken string // as of SignIn
	Theme               Theme
}

// Error is the data of the error page.
type Error struct {
	Code      string // public error code; "" for none
	RequestID string // to look up in the log; "" for none
	SignInURL string // "" for no link
	Theme     Theme
}

// VerifyRequest is the data of the "check your mail" page.
type VerifyRequest struct {
	Host  string // where the mail leads back to; "" for not said
	URL   string // of the site; "" for no link
	Theme Theme
}

// VerifyEmail is the data of the page that confirms a mail link.
type VerifyEmail struct {
	Action                        string // URL the form posts to
	CSRFToken, CallbackURL, Token string
	Email                         string
	Host                          string
	Theme                         Theme
}

//go:embed templates/*.html
var files embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(files, "templates/*.html"))
})

// document is what every template is executed with.
type document struct {
	Title string
	look
	Page any
}

// write executes a template whole before it writes, so that a failure leaves
// nothing half-written.
func write(w io.Writer, name, title string, t Theme, page any) error {
	var b bytes.Buffer
	b.Grow(16 << 10)
	if err := templates().ExecuteTemplate(&b, name, document{Title: title, look: t.look(), Page: page}); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteSignIn writes the sign-in page. The error is that of w.
func WriteSignIn(w io.Writer, d SignIn) error {
	page := struct {
		SignIn
		Message string
		Ways    []way
	}{SignIn: d, Ways: ways(d.Providers)}
	if d.Error != "" {
		page.Message = message(d.Error).sentence
	}
	return write(w, "signin.html", "Sign in", d.Theme, page)
}

// WriteSignOut writes the sign-out page. The error is that of w.
func WriteSignOut(w io.Writer, d SignOut) error {
	return write(w, "signout.html", "Sign out", d.Theme, d)
}

// WriteError writes the error page. A code that is not one of Auth.js's is not
// shown. The error is that of w.
func WriteError(w io.Writer, d Error) error {
	m := message(d.Code)
	page := struct {
		Error
		Title, Sentence, Advice, Link, KnownCode string
	}{Error: d, Title: m.title, Sentence: m.sentence, Advice: m.advice, Link: or(m.link, "Sign in")}
	if m.known {
		page.KnownCode = d.Code
	}
	return write(w, "error.html", m.title, d.Theme, page)
}

// WriteVerifyRequest writes the "check your mail" page. The error is that of w.
func WriteVerifyRequest(w io.Writer, d VerifyRequest) error {
	return write(w, "verify-request.html", "Check your mail", d.Theme, d)
}

// WriteVerifyEmail writes the page that confirms a mail link: one button that
// posts csrfToken, callbackUrl, token and email to Action. The error is that of
// w.
func WriteVerifyEmail(w io.Writer, d VerifyEmail) error {
	return write(w, "verify-email.html", "Confirm sign-in", d.Theme, d)
}

// way is a Provider as the template shows it.
type way struct {
	Provider
	Number  int    // makes the ids of its fields unique
	Kind    string // "button", "email" or "credentials"
	Initial string
	Divider bool // an "or" stands above
}

// ways keeps the order of the providers: it is the order of the forms.
func ways(providers []Provider) []way {
	var out []way
	for _, p := range providers {
		w := way{Provider: p, Number: len(out), Initial: initial(or(p.Name, p.ID))}
		w.Name = or(p.Name, p.ID)
		switch p.Type {
		case "oidc", "oauth":
			w.Kind = "button"
		case "email", "credentials":
			w.Kind = p.Type
		default:
			continue
		}
		w.Divider = len(out) > 0 && (w.Kind != "button" || out[len(out)-1].Kind != "button")
		w.Inputs = fields(p.Inputs)
		out = append(out, w)
	}
	return out
}

// fields are the inputs with their defaults.
func fields(inputs []Input) []Input {
	out := make([]Input, len(inputs))
	named := false // a field for the user's name has been seen
	for i, f := range inputs {
		f.Label = or(f.Label, f.Name)
		if !isField(f.Type) {
			f.Type = "text"
		}
		switch {
		case f.Autocomplete != "":
			named = named || f.Autocomplete == "username"
		case f.Type == "password":
			f.Autocomplete = "current-password"
		case !named && f.Type != "checkbox":
			f.Autocomplete, named = "username", true
		}
		out[i] = f
	}
	return out
}

// isField reports whether an input element of the type is a field. A button of
// type image or submit among the inputs would be a way around the form's own.
func isField(inputType string) bool {
	switch inputType {
	case "checkbox", "date", "email", "number", "password", "search", "tel", "text", "url":
		return true
	}
	return false
}

// initial is the first letter or digit of a name, in upper case.
func initial(name string) string {
	i := strings.IndexFunc(name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
	if i < 0 {
		return "·"
	}
	r, _ := utf8.DecodeRuneInString(name[i:])
	return string(unicode.ToUpper(r))
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
