// Package pages holds the built-in pages: sign-in, sign-out, error, "check
// your mail" and the confirmation of a mail link.
package pages

import "io"

// Theme is what the pages look like. The zero value follows the browser's
// light or dark preference.
type Theme struct {
	// ColorScheme is "auto" (default), "light" or "dark".
	ColorScheme string
	// Logo is the URL of an image above the form. "" shows none.
	Logo string
	// BrandColor is a CSS colour (#rgb or #rrggbb) of the primary button.
	BrandColor string
	// ButtonText is a CSS colour (#rgb or #rrggbb) of the text on it.
	ButtonText string
}

// SignIn is the data of the sign-in page (WIRE.md section 2.2).
type SignIn struct {
	BasePath    string // "/api/auth"; forms post to BasePath/signin/<id> or BasePath/callback/<id>
	CSRFToken   string
	CallbackURL string
	Email       string // fills the e-mail field
	Error       string // public error code; "" for none
	Providers   []Provider
	Theme       Theme
}

// Provider is a way to sign in on the sign-in page.
type Provider struct {
	ID     string
	Name   string
	Type   string // "oidc", "oauth", "email", "credentials"
	Inputs []Input
}

// Input is a field of a credentials form.
type Input struct {
	Name, Label, Type, Placeholder, Autocomplete string
}

// SignOut is the data of the sign-out page.
type SignOut struct {
	BasePath, CSRFToken string
	Theme               Theme
}

// Error is the data of the error page.
type Error struct {
	Code      string // public error code; "" for none
	RequestID string // to look up in the log; "" for none
	SignInURL string
	Theme     Theme
}

// VerifyRequest is the data of the "check your mail" page.
type VerifyRequest struct {
	Host  string // where the mail leads back to
	URL   string // of the site
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

// Write functions write a whole HTML document.

// WriteSignIn writes the sign-in page.
func WriteSignIn(w io.Writer, d SignIn) error { return nil }

// WriteSignOut writes the sign-out page.
func WriteSignOut(w io.Writer, d SignOut) error { return nil }

// WriteError writes the error page.
func WriteError(w io.Writer, d Error) error { return nil }

// WriteVerifyRequest writes the "check your mail" page.
func WriteVerifyRequest(w io.Writer, d VerifyRequest) error { return nil }

// WriteVerifyEmail writes the page that confirms a mail link.
func WriteVerifyEmail(w io.Writer, d VerifyEmail) error { return nil }
