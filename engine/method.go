package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// SignInMethod is a way to sign in that is implemented outside this package:
// passkeys, passwords, codes, or one specific to the application. It establishes
// who somebody is and which facts about them are proven. The engine does
// everything that a method must not forget: the CSRF and origin checks of each
// POST, limits, the signIn callback, linking, the session and the final redirect.
// A method has no access to cookies or to the format of sessions. See
// docs/ways-in.md.
//
// Implementations must be safe for concurrent use.
type SignInMethod interface {
	Provider
	// Actions returns the endpoints of the method, for [New] and [Diagnose].
	Actions() []SignInAction
	// Form returns the method's form on the sign-in page: its inputs, its button,
	// and the action that it is posted to. Title is ignored.
	Form() Form
}

// SignInAction is an endpoint of a [SignInMethod], at
// <base path>/<Name>/<provider id>.
type SignInAction struct {
	// Name is the path segment: "signin" or "callback", to which the client of
	// Auth.js posts, or any other that is not an endpoint of Auth.js. Without a
	// "signin" a POST there leads to the sign-in page.
	Name string
	// Method is http.MethodGet or http.MethodPost.
	Method string
	// Handle answers a request, with its context. A [*CredentialsError] refuses
	// the user's input, and an [*Error] is reported with its code; any other
	// error is a failure of the server, Configuration.
	Handle func(ctx context.Context, a *Attempt) (Result, error)
}

// Form is a page with a form, in Config.Theme.
type Form struct {
	Title  string  // of the page; default: "Sign in"
	Text   string  // a sentence above the form; "" for none
	Error  string  // a sentence about a failed attempt; "" for none
	Inputs []Input // in order
	Button string  // default: "Continue", and "Sign in with <Name>" on the sign-in page
	// Action is the name of the action that the form is posted to. Default:
	// "callback".
	Action string
}

// Result is the answer of an action, made by a method of [Attempt]. The zero
// Result is an error.
type Result struct {
	identity *Identity
	pending  *Identity // sealed until the next step
	form     *Form
	status   int
	json     any
	location string
}

// Attempt is one request to an action of a [SignInMethod]. It must not be used
// concurrently, nor after the action has returned.
type Attempt struct {
	x        *exchange
	provider ProviderInfo
	id       string            // a hidden field of the attempt's forms; may be ""
	group    string            // common to the sealed values of the attempt; may be ""
	sealed   map[string]string // by name; encrypted after the action has returned
	opened   bool              // a sealed value was opened
}

// Value returns a member of the form or JSON object in the body, or, in a GET,
// a query parameter. It returns "" when the value is absent or not text.
func (a *Attempt) Value(name string) string {
	if a.x.r.Method == http.MethodGet && !a.x.trusted {
		return a.x.queryValue(name)
	}
	return a.x.formValue(name)
}

// Values returns the members of the body, as decoded by encoding/json; those of
// a form are strings. It returns nil in a GET.
func (a *Attempt) Values() map[string]any { return a.x.form }

// SignedIn returns the user who is already signed in, or nil. An error means
// that the store failed.
func (a *Attempt) SignedIn() (*User, error) {
	l := linking{a.x, a.provider}
	if a.x.adapter.Adapter == nil {
		p, err := a.x.presence(withUser)
		if err != nil || p.state != stateValid || p.token.Subject == "" || !l.stillValid(p.token) {
			return nil, err
		}
		return &User{ID: p.token.Subject, Name: p.token.Name, Email: p.token.Email, Image: p.token.Picture}, nil
	}
	f, err := l.findFormer()
	if err != nil {
		return nil, err
	}
	return f.user, nil
}

// Store returns Config.Adapter, which may be nil. Its optional interfaces are
// available by type assertion. Config.Observe does not see its calls, except those
// of [Attempt.Authenticators].
func (a *Attempt) Store() Adapter { return a.x.cfg.Adapter }

// Authenticators returns the store of WebAuthn credentials, or nil if the
// Adapter has none.
func (a *Attempt) Authenticators() store.AuthenticatorAdapter { return a.x.adapter.authenticators }

// Now returns the time of the request.
func (a *Attempt) Now() time.Time { return a.x.now }

// Rand returns Config.Rand.
func (a *Attempt) Rand() io.Reader { return a.x.cfg.Rand }

// Origin returns the public scheme and host of the site, such as
// "https://app.example.com".
func (a *Attempt) Origin() string { return a.x.origin }

// URL returns the public URL of an action of the method.
func (a *Attempt) URL(action string) string {
	return a.x.endpointURL("/" + action + "/" + a.provider.ID)
}

// Limit calls Config.Limit for a subject, such as the account whose password is
// tried. The engine has already called it for the attempt itself. Return the
// error unchanged.
func (a *Attempt) Limit(subject string) error { return a.x.checkLimit(subject) }

// maxSealed is the largest value that Seal accepts, in bytes, and maxSealedText
// its largest size as a JSON string; once sealed it still fits into a cookie.
const (
	maxSealed     = 2048
	maxSealedText = 2560
)

// Seal keeps a value for the next action of this attempt, for 15 minutes,
// encrypted into a cookie of this browser. The name consists of lower-case
// letters, digits and hyphens. An error means that the name or the value is
// invalid: the limits are 2,048 bytes of UTF-8, and 2,560 as a JSON string.
//
// A browser may send a value again within the 15 minutes. To prevent that, or to
// limit how often it is tried, use the store or Limit.
func (a *Attempt) Seal(name, value string) error {
	if name == pendingName {
		return errors.New("engine: Seal: the name is reserved for OneMoreStep")
	}
	return a.seal(name, value)
}

func (a *Attempt) seal(name, value string) error {
	if !a.sealName(name) || value == "" || len(value) > maxSealed || !utf8.ValidString(value) || len(schema.AppendString(nil, value)) > maxSealedText {
		return fmt.Errorf("engine: Seal(%q): invalid name or value", truncate(name))
	}
	if a.sealed == nil {
		a.sealed = make(map[string]string)
	}
	a.sealed[name] = value
	return nil
}

// Open returns a value that an earlier action of this attempt sealed, in this
// browser and for this method, and reports whether there is one not older than
// 15 minutes. Values of different attempts are not mixed: the first one opened
// decides. Any answer clears the cookie, so that an honest browser sends a value
// only once.
func (a *Attempt) Open(name string) (string, bool) {
	if !a.sealName(name) {
		return "", false
	}
	cookie := a.sealedCookie(name)
	value, err := a.sealKeys(name).OpenCheck(a.x.cookieValue(cookie.Name), a.provider.ID, a.x.now)
	a.clearSealed(cookie)
	group, value, ok := strings.Cut(value, " ")
	if err != nil || !ok || a.group != "" && a.group != group {
		return "", false
	}
	a.group, a.opened = group, true
	return value, true
}

// newGroup makes what the values of an attempt have in common. It tells whether
// the attempt began with a POST.
func (a *Attempt) newGroup() (string, error) {
	random, err := wire.RandomBase64(a.x.cfg.Rand)
	if a.x.r.Method == http.MethodPost || a.x.trusted {
		return postedGroup + random, err
	}
	return "-" + random, err
}

// postedGroup is what a group begins with where the attempt began with a POST.
const postedGroup = "+"

// clearSealed arranges for a cookie of the request to be cleared.
func (a *Attempt) clearSealed(cookie wire.SetCookie) {
	if !a.x.hasCookie(cookie.Name) || slices.ContainsFunc(a.x.always, func(c wire.SetCookie) bool { return c.Name == cookie.Name }) {
		return
	}
	cookie.Clear = true
	a.x.always = append(a.x.always, cookie)
}

// sealedCookie returns the cookie of a sealed value: that of the attempt that
// the form names, else the one that Auth.js would use.
func (a *Attempt) sealedCookie(name string) wire.SetCookie {
	c := a.x.site.cookies.state // with the same attributes
	c.Name = sealedName(a.x, name)
	if a.id != "" {
		c.Name += attemptSuffix(a.id)
	}
	return c
}

func (a *Attempt) sealKeys(name string) *wire.Keys {
	return a.x.dialect.NewKeys(sealedName(a.x, name), a.x.cfg.Secrets...)
}

func sealedName(x *exchange, name string) string {
	return strings.TrimSuffix(x.dialect.CookieNames(x.site.cookies.state.Secure).State, "state") + name
}

// sealName reports whether a sealed value may have the name. The names of the
// engine's own cookies, default and configured, are reserved.
func (a *Attempt) sealName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	if name == "" || len(name) > 32 || slices.Contains([]string{"state", "nonce", "session-token", "callback-url", "csrf-token"}, name) {
		return false
	}
	c, full := &a.x.site.cookies, sealedName(a.x, name)
	return !slices.Contains([]string{c.session.Name, c.callbackURL.Name, c.csrf.Name, c.pkce.Name, c.state.Name, c.nonce.Name}, full)
}

// SignIn signs in the person identified by id. In a GET, the attempt must have
// begun with a POST and have opened a sealed value; otherwise a foreign link could
// sign a browser in. The method must also compare that value with a parameter of
// the GET, as OAuth 2.0 does with state, because the browser may have begun
// another attempt meanwhile.
func (a *Attempt) SignIn(id Identity) Result { return Result{identity: &id} }

// Page shows a form. Posting it continues this attempt, even when the browser
// has several.
func (a *Attempt) Page(f Form) Result { return Result{form: &f, status: http.StatusOK} }

// JSON answers with v, encoded by encoding/json.
func (a *Attempt) JSON(status int, v any) Result { return Result{json: v, status: status} }

// Redirect sends the browser to a URL of a provider or of the application: a path,
// or an http or https URL.
func (a *Attempt) Redirect(url string) Result { return Result{location: url} }

// OneMoreStep requires one more step before the sign-in, such as a second
// factor. The identity is sealed for the action that the form is posted to,
// which gets it from Pending.
func (a *Attempt) OneMoreStep(id Identity, f Form) Result {
	return Result{pending: &id, form: &f, status: http.StatusOK}
}

// pendingName is the name of the sealed value of OneMoreStep.
const pendingName = "pending"

// Pending returns the identity of an earlier OneMoreStep of this attempt, and
// reports whether there is one.
func (a *Attempt) Pending() (Identity, bool) {
	text, ok := a.Open(pendingName)
	if !ok {
		return Identity{}, false
	}
	var id Identity
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber() // as in Profile
	if err := d.Decode(&id); err != nil {
		return Identity{}, false
	}
	return id, true
}
