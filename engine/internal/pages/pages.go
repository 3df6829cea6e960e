// Package pages writes the built-in pages: sign-in, sign-out, error, "check your
// mail", the confirmation of a mail link, and forms of other sign-in methods.
//
// A page is a single HTML document without scripts, and without external resources
// except the logo of a [Theme]. Styles are inline; [Policy] returns the
// Content-Security-Policy that allows these and nothing else. The texts are those
// of package messages.
package pages

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine/internal/messages"
)

// SignIn is the data of the sign-in page (WIRE.md section 2.2).
type SignIn struct {
	// BasePath is the path or the URL of the auth endpoints, without a
	// trailing slash. The form of a provider posts to BasePath/Action/ID.
	BasePath    string
	CSRFToken   string
	CallbackURL string // where the browser goes afterwards; a value of all forms
	PlainForms  bool   // include CallbackURL only in forms of kind "button"
	Email       string // initial value of the e-mail field
	Error       string // public error code; "" for none
	Providers   []Provider
	Locale      *messages.Locale // nil: English
	Theme       Theme
}

// Provider is a way to sign in on the sign-in page.
type Provider struct {
	ID   string
	Name string // default: ID
	// Kind is "button" for a single button, "email" for a form with an e-mail
	// address, or "form" for a form with Inputs. Providers of other kinds are not
	// shown.
	Kind   string
	Action string // path segment below BasePath that the form posts to; default: "signin"
	Inputs []Input
	Button string // default: "Sign in with Name", translated
}

// Input is a field of a form.
type Input struct {
	Name         string // of the form value
	Label        string // default: Name
	Type         string // of the input element; "text" if empty or not a field
	Placeholder  string
	Autocomplete string // default: "current-password" for a password, "username" for the first other field
}

// SignOut is the data of the sign-out page.
type SignOut struct {
	BasePath, CSRFToken string           // see SignIn
	Locale              *messages.Locale // nil: English
	Theme               Theme
}

// Error is the data of the error page.
type Error struct {
	Code      string           // public error code; "" for none
	RequestID string           // of the request in the log; "" for none
	SignInURL string           // "" for no link
	Locale    *messages.Locale // nil: English
	Theme     Theme
}

// VerifyRequest is the data of the "check your mail" page.
type VerifyRequest struct {
	Host   string           // of the site that the mail links to; "" to leave it out
	URL    string           // of the site; "" for no link
	Locale *messages.Locale // nil: English
	Theme  Theme
}

// VerifyEmail is the data of the page that confirms a mail link.
type VerifyEmail struct {
	Action                        string // URL the form posts to
	CSRFToken, CallbackURL, Token string
	Email                         string
	Host                          string           // of the site; "" to leave it out
	Locale                        *messages.Locale // nil: English
	Theme                         Theme
}

// Form is the data of a page with one form, for sign-in methods that have no page
// in this package. Title, Text, Error, Button and the labels must be in the
// language of Locale.
type Form struct {
	Title       string // default: "Sign in", translated
	Text        string // a sentence below the title; "" for none
	Error       string // a sentence about the previous attempt; "" for none
	Action      string // URL the form posts to
	CSRFToken   string
	CallbackURL string // "" for none
	Inputs      []Input
	Hidden      []Hidden
	Button      string           // default: "Continue" in the language of Locale
	Host        string           // of the site; "" to leave it out
	Locale      *messages.Locale // nil: English
	Theme       Theme
}

// Hidden is a hidden form value.
type Hidden struct{ Name, Value string }

//go:embed templates/*.html
var files embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.ParseFS(files, "templates/*.html"))
})

// document is the data of all templates.
type document struct {
	Title     string
	Locale    *messages.Locale
	Lang, Dir string // attributes of the root element; Dir may be empty
	look
	Page any
}

// write executes the whole template before it writes to w, so that an error does
// not leave a partial page.
func write(w io.Writer, name, title string, l *messages.Locale, t Theme, page any) error {
	var b bytes.Buffer
	b.Grow(16 << 10)
	d := document{Title: title, Locale: l, Lang: l.Tag(), look: t.look(), Page: page}
	if l.Dir() == "rtl" {
		d.Dir = "rtl"
	}
	if err := templates().ExecuteTemplate(&b, name, d); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// WriteSignIn writes the sign-in page. It returns the error of w.
func WriteSignIn(w io.Writer, d SignIn) error {
	page := struct {
		CSRFToken, CallbackURL, Email string
		Message                       string // about d.Error
		Or                            string // between forms
		Ways                          []way
	}{CSRFToken: d.CSRFToken, CallbackURL: d.CallbackURL, Email: d.Email, Or: d.Locale.Text("signin.or"), Ways: ways(d)}
	if d.Error != "" {
		page.Message = d.Locale.Error(d.Error).Sentence
	}
	return write(w, "signin.html", d.Locale.Text("signin.title"), d.Locale, d.Theme, page)
}

// WriteSignOut writes the sign-out page. It returns the error of w.
func WriteSignOut(w io.Writer, d SignOut) error {
	return write(w, "signout.html", d.Locale.Text("signout.title"), d.Locale, d.Theme, d)
}

// WriteError writes the error page. It shows only codes that have texts. It
// returns the error of w.
func WriteError(w io.Writer, d Error) error {
	page := struct {
		RequestID, SignInURL string
		Text                 messages.ErrorText
		KnownCode            string
	}{RequestID: d.RequestID, SignInURL: d.SignInURL, Text: d.Locale.Error(d.Code)}
	if page.Text.Known {
		page.KnownCode = d.Code
	}
	return write(w, "error.html", page.Text.Title, d.Locale, d.Theme, page)
}

// WriteVerifyRequest writes the "check your mail" page. It returns the error of w.
func WriteVerifyRequest(w io.Writer, d VerifyRequest) error {
	return write(w, "verify-request.html", d.Locale.Text("verify-request.title"), d.Locale, d.Theme, d)
}

// WriteVerifyEmail writes the page that confirms a mail link, with one button that
// posts csrfToken, callbackUrl, token and email to Action. It returns the error of
// w.
func WriteVerifyEmail(w io.Writer, d VerifyEmail) error {
	return write(w, "verify-email.html", d.Locale.Text("verify-email.title"), d.Locale, d.Theme, d)
}

// WriteForm writes the page with a form that posts csrfToken, callbackUrl, the
// hidden values and the inputs to Action. It returns the error of w.
func WriteForm(w io.Writer, d Form) error {
	page := struct {
		Form
		Fields []field
	}{Form: d, Fields: fields("field", d.Inputs)}
	page.Button = or(d.Button, d.Locale.Text("form.button"))
	return write(w, "form.html", or(d.Title, d.Locale.Text("signin.title")), d.Locale, d.Theme, page)
}

// way is the data of a Provider in the template.
type way struct {
	Kind           string
	Action         string // URL the form posts to
	HasCallbackURL bool   // the form includes the CallbackURL
	Initial        string // of the provider's name
	EmailID        string // id of the e-mail field
	Fields         []field
	Button         string
	Divider        bool // there is an "or" above
}

// ways returns the ways to sign in, in the order of the providers.
func ways(d SignIn) []way {
	var out []way
	for _, p := range d.Providers {
		kind, action := p.Kind, or(p.Action, "signin")
		name := or(p.Name, p.ID)
		w := way{
			Kind:           kind,
			Action:         d.BasePath + "/" + action + "/" + p.ID,
			HasCallbackURL: !d.PlainForms,
			Initial:        initial(name),
			Button:         or(p.Button, d.Locale.Text("signin.with", "name", name)),
		}
		elementID := "field-" + strconv.Itoa(len(out))
		switch kind {
		case "button":
			w.HasCallbackURL = d.CallbackURL != ""
		case "email":
			w.EmailID = elementID
		case "form":
			w.Fields = fields(elementID, p.Inputs)
		default:
			continue
		}
		w.Divider = len(out) > 0 && (kind != "button" || out[len(out)-1].Kind != "button")
		out = append(out, w)
	}
	return out
}

// field is the data of an Input in the template.
type field struct {
	ID, Label, Type, Name, Placeholder, Autocomplete string
}

// fields returns the inputs with their defaults. Their ids have the given prefix.
func fields(idPrefix string, inputs []Input) []field {
	out := make([]field, len(inputs))
	named := false // there is a field for the user's name
	for i, in := range inputs {
		f := field{
			ID: idPrefix + "-" + strconv.Itoa(i), Label: or(in.Label, in.Name), Type: in.Type, Name: in.Name,
			Placeholder: in.Placeholder, Autocomplete: in.Autocomplete,
		}
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

// isField reports whether input elements of the given type are fields. Buttons are
// not: an input of type submit or image would be a second button of the form.
func isField(inputType string) bool {
	switch inputType {
	case "checkbox", "date", "email", "number", "password", "search", "tel", "text", "url":
		return true
	}
	return false
}

// initial returns the first letter or digit of a name, in upper case.
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
