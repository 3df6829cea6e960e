package engine

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Engine answers the Auth.js endpoints and reads sessions. It is safe for
// concurrent use.
type Engine struct {
	cfg       Config
	dialect   *dialect
	adapter   Adapter
	traits    store.Traits
	strategy  Strategy
	place              // the public URL
	sites     [2]*site // plain and secure cookies
	csrf      *wire.CSRF
	providers []*provider
	byID      map[string]*provider
	extended  extended
	said      sync.Map     // what is said once, and has been
	saidLarge atomic.Int64 // when the log said that a cookie is large, UNIX seconds
	purging   purging
	ownHTTP   bool // cfg.HTTPClient is the engine's own

	// what CSRF tokens and those of mail links are hashed with; the first one
	// for new ones
	hashSecrets []string
}

// New checks cfg, fills in its defaults and returns an engine. It touches no
// network and starts nothing. The error names every problem of cfg. Call Close
// at the end.
func New(cfg Config) (*Engine, error) {
	e := &Engine{cfg: cfg}
	s := &settings{Engine: e}
	s.apply()
	if err := s.err(); err != nil {
		return nil, err
	}
	for _, w := range s.warnings {
		if w.code == "" {
			continue
		}
		e.cfg.Logger.Warn("auth: "+w.err.Error(), "code", w.code, "hint", w.fix)
	}
	e.purging.from = e.cfg.Now()
	return e, nil
}

// ServeHTTP answers the endpoints below the base path:
//
//	mux.Handle("/api/auth/", eng)
//
// The slash at the end matters. [http.StripPrefix] may take off only what URL has
// before BasePath, see [Config].
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, err := e.exchange(r)
	var unknown *Error
	if x.action, x.providerID, unknown = e.route(r); unknown != nil {
		x.report(unknown)
		x.write(w, x.unsupported())
		return
	}
	if err != nil {
		x.misconfigured(w, asError(err, "UntrustedHost"))
		return
	}
	if r.Method == http.MethodPost {
		switch err := x.readBody(w); {
		case errors.Is(err, errTooLarge):
			x.report(refuse(CodeConfiguration, "BadRequest", err, ""))
			w.Header().Set("Connection", "close")
			x.write(w, x.message(http.StatusRequestEntityTooLarge, "The request body is larger than 64 KiB."))
			return
		case err != nil:
			x.report(refuse(CodeConfiguration, "BadRequest", err, ""))
			x.write(w, x.unsupported())
			return
		}
	}
	var a *answer
	err = guard(func() (err error) {
		a, err = x.answer()
		return err
	})
	if err == errCallbackURL { // of the query; that of a body is the flow's error
		a = x.badCallbackURL()
	} else if err != nil {
		a = x.failed(asError(err, "CallbackRouteError"))
	}
	x.write(w, a)
	if x.wrote {
		e.purgeSoon(x.now)
	}
}

// route finds the action and the provider in the path. The path is taken as it
// was sent, without decoding; empty segments do not count.
func (e *Engine) route(r *http.Request) (action, provider string, err *Error) {
	unknown := func(hint, format string, args ...any) (string, string, *Error) {
		return "", "", refuse(CodeConfiguration, "UnknownAction", fmt.Errorf(format, args...), hint)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return unknown("", "the method %s is not GET or POST", cut(r.Method))
	}
	path := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(path, e.base)
	if !ok || rest != "" && rest[0] != '/' {
		return unknown("mount the engine at "+e.base+"/, without http.StripPrefix, or set BasePath to where it is mounted",
			"the path %s is not below %s", cut(path), e.base)
	}
	if rest == "" || rest == "/" {
		return unknown("the sign-in page is "+e.base+"/signin; where that is not found, mount the engine at "+e.base+"/, with the slash",
			"there is nothing at the path %s", cut(path))
	}
	action, rest = segment(rest)
	provider, rest = segment(rest)
	extra, _ := segment(rest)
	loose := e.dialect.looseRoutes
	switch action {
	case "signin", "callback", "webauthn-options":
		ok = extra == "" || loose
	case "csrf", "error", "providers", "session", "signout", "verify-request":
		ok = provider == "" || loose
	case "_log":
		ok = e.dialect.logRoute
	default:
		ok = false
	}
	if !ok {
		return unknown("", "there is nothing at the path %s", cut(path))
	}
	return action, provider, nil
}

func (e *Engine) providerIDs() string {
	ids := make([]string, len(e.providers))
	for i, p := range e.providers {
		ids[i] = p.ID
	}
	return strings.Join(ids, ", ")
}

func segment(path string) (first, rest string) {
	path = strings.TrimLeft(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// answer runs the flow of the action.
func (x *exchange) answer() (*answer, error) {
	if err := x.readCSRF(); err != nil {
		return nil, err
	}
	if err := x.readCallbackURL(); err != nil {
		return nil, err
	}
	var p *provider
	if x.providerID != "" {
		if p = x.e.byID[x.providerID]; p == nil && !x.e.dialect.looseRoutes {
			return nil, refuse(CodeConfiguration, "InvalidProvider", fmt.Errorf("there is no provider %q", cut(x.providerID)),
				"the configured ids are "+x.e.providerIDs())
		}
	}
	if x.r.Method == http.MethodGet {
		switch {
		case x.action == "session":
			return x.getSession()
		case x.action == "csrf":
			return x.json(wire.AppendCSRF(nil, x.csrfToken)), nil
		case x.action == "providers":
			return x.getProviders(), nil
		case x.action == "signin" && (p == nil || x.e.dialect.looseRoutes):
			return x.getSignIn(), nil
		case x.action == "signout":
			return x.getSignOut(), nil
		case x.action == "error":
			return x.getError(), nil
		case x.action == "verify-request":
			return x.getVerifyRequest(), nil
		case x.action == "callback" && p != nil && p.flow != nil:
			return x.oauthCallback(p)
		case x.action == "callback" && p != nil && p.email != nil:
			return x.getEmailCallback(p)
		}
	} else {
		switch {
		case x.action == "session":
			return x.postSession()
		case x.action == "signin":
			return x.postSignIn(p)
		case x.action == "signout":
			return x.postSignOut()
		case x.action == "_log":
			return x.postLog(), nil
		case x.action == "callback" && p != nil && p.credentials != nil:
			return x.postCredentials(p)
		case x.action == "callback" && p != nil && p.email != nil:
			return x.postEmailCallback(p)
		case x.action == "callback" && p != nil && p.flow != nil:
			return x.oauthCallback(p)
		}
	}
	hint := ""
	if x.action == "signin" {
		hint = "a sign-in starts with POST, as the sign-in page and signIn() do it"
	}
	unknown := refuse(CodeConfiguration, "UnknownAction",
		fmt.Errorf("%s does not go with %s %s", x.r.Method, x.action, x.providerID), hint)
	if !x.e.dialect.looseRoutes {
		return nil, unknown
	}
	x.report(unknown)
	if x.action == "callback" && p != nil && p.credentials != nil {
		const body = "Error: Callback for provider type credentials not supported"
		return &answer{status: http.StatusInternalServerError, header: headerText, body: []byte(body)}, nil
	}
	return x.unsupported(), nil
}

// unsupported answers what is not a request of Auth.js.
func (x *exchange) unsupported() *answer {
	contentType, body := x.e.dialect.unsupported(cut(x.r.Method))
	return &answer{status: http.StatusBadRequest, header: contentType, body: []byte(body), bare: true}
}

// ---- answers

// answer is what a flow wants the browser to get.
type answer struct {
	status   int
	header   []string // Content-Type; nil: none
	body     []byte
	location string
	policy   string // Content-Security-Policy of a page
	bare     bool   // without ambient cookies and those that the flow set
}

// Header values that are the same in every answer. They are shared between
// answers, which is safe because nothing writes into a header's values.
var (
	headerNoStore   = []string{"private, no-cache, no-store"}
	headerNoCache   = []string{"no-cache"}
	headerExpires   = []string{"0"}
	headerVary      = []string{"Cookie"}
	headerReferrer  = []string{"same-origin"}
	headerNoSniff   = []string{"nosniff"}
	headerFrameDeny = []string{"DENY"}
	headerJSON      = []string{"application/json"}
	headerHTML      = []string{"text/html; charset=utf-8"}
	headerText      = []string{"text/plain; charset=utf-8"}

	headerJSONCharset = []string{"application/json; charset=utf-8"}
)

// write sends the answer with all of its cookies.
func (x *exchange) write(w http.ResponseWriter, a *answer) {
	h := w.Header()
	commonHeaders(h)
	if a.policy != "" {
		h["Content-Security-Policy"] = []string{a.policy}
		h["X-Frame-Options"] = headerFrameDeny
	}
	if !a.bare {
		x.writeCookies(h, x.ambient)
	}
	x.writeCookies(h, x.always)
	if !a.bare {
		x.writeCookies(h, x.set)
	}
	if a.location != "" {
		h["Location"] = []string{a.location}
	}
	if a.header != nil {
		h["Content-Type"] = a.header
	}
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// commonHeaders keep every answer out of caches, other types and Referer
// headers of other sites (ASVS 5.0 V3.4, V14).
func commonHeaders(h http.Header) {
	h["Cache-Control"] = headerNoStore
	h["Pragma"] = headerNoCache
	h["Expires"] = headerExpires
	h["Vary"] = headerVary
	h["Referrer-Policy"] = headerReferrer
	h["X-Content-Type-Options"] = headerNoSniff
}

func (x *exchange) json(body []byte) *answer {
	return &answer{status: http.StatusOK, header: x.e.dialect.json, body: body}
}

// message answers with JSON {"message": …}.
func (x *exchange) message(status int, message string) *answer {
	body := schema.AppendJSON([]byte(`{"message":`), message)
	return &answer{status: status, header: x.e.dialect.json, body: append(body, '}'), bare: true}
}

// goTo sends the browser to a URL, or names the URL to a script that asked for
// that (WIRE.md section 2.3).
func (x *exchange) goTo(u string) *answer {
	if !x.e.dialect.asksJSON(x) {
		return &answer{status: http.StatusFound, location: u}
	}
	a := x.json(wire.AppendURL(nil, u))
	if x.e.dialect.jsonLocation {
		a.location = u
	}
	return a
}

// failed reports e and sends the browser to the page that shows its code.
func (x *exchange) failed(e *Error) *answer {
	x.report(e)
	d := x.e.dialect
	x.set = nil // of a flow that came to nothing
	switch x.action {
	case "session": // the client takes a redirect for broken JSON
		a := x.json(d.AppendSession(nil, nil))
		a.bare = !d.errorCookies
		if e.Code == CodeMissingCSRF {
			a.status = http.StatusBadRequest
		}
		return a
	case "csrf", "providers":
		if x.r.Method == http.MethodGet {
			return x.message(http.StatusInternalServerError, d.misconfigured)
		}
	case "error": // a redirect would lead here again
		if x.r.Method == http.MethodGet {
			a := x.errorPage(http.StatusInternalServerError, string(e.Code))
			a.bare = true
			return a
		}
	}
	a := x.goTo(d.errorURL(x, e))
	a.bare = !d.errorCookies
	if d.asksJSON(x) {
		a.location = ""
		a.status = d.errorStatus(x, e)
	}
	return a
}

// misconfigured answers what cannot be answered because the server is not set
// up for it (WIRE.md section 2.4).
func (x *exchange) misconfigured(w http.ResponseWriter, e *Error) {
	x.report(e)
	if !x.onPage() {
		x.write(w, x.message(http.StatusInternalServerError, x.e.dialect.misconfigured))
		return
	}
	if own := x.e.cfg.Pages.Error; own != "" {
		x.write(w, &answer{status: http.StatusFound, location: x.withID(withQuery(own, "error", string(CodeConfiguration)), CodeConfiguration), bare: true})
		return
	}
	x.write(w, x.errorPage(http.StatusInternalServerError, string(CodeConfiguration)))
}

// onPage reports whether a person is looking at the answer.
func (x *exchange) onPage() bool {
	if x.r.Method != http.MethodGet {
		return false
	}
	switch x.action {
	case "signin", "signout", "error", "verify-request":
		return true
	}
	return false
}

func (x *exchange) badCallbackURL() *answer {
	x.report(refuse(CodeConfiguration, "InvalidCallbackUrl", errCallbackURL, ""))
	if x.onPage() {
		a := x.errorPage(http.StatusBadRequest, "")
		a.bare = true
		return a
	}
	return x.message(http.StatusBadRequest, "callbackUrl is not a path or an http(s) URL of at most 2048 bytes.")
}

// ---- providers and pages

func (x *exchange) getProviders() *answer {
	list := make([]wire.ProviderBody, len(x.e.providers))
	for i, p := range x.e.providers {
		list[i] = wire.ProviderBody{ID: p.ID, Name: p.Name, Type: p.Type,
			SignInURL: x.at("/signin/" + p.ID), CallbackURL: x.at("/callback/" + p.ID)}
	}
	a := x.json(wire.AppendProviders(nil, list))
	a.bare = true
	return a
}

func (x *exchange) html(status int, render func(*bytes.Buffer) error) *answer {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		x.report(fail(CodeConfiguration, "PageError", err, ""))
		return x.message(http.StatusInternalServerError, x.e.dialect.misconfigured)
	}
	return &answer{status: status, header: headerHTML, body: b.Bytes(), policy: pages.Policy(x.e.cfg.Theme)}
}

// errorParam is the code that a page is to show. With loose routes a segment
// behind the action is one as well.
func (x *exchange) errorParam() string {
	if code := x.param("error"); code != "" || !x.e.dialect.looseRoutes {
		return code
	}
	return x.providerID
}

func (x *exchange) getSignIn() *answer {
	if own := x.e.cfg.Pages.SignIn; own != "" {
		u := withQuery(own, "callbackUrl", x.callbackURL)
		if code := x.errorParam(); code != "" {
			u = withQuery(u, "error", code)
		}
		return x.goTo(u)
	}
	d := pages.SignIn{
		BasePath: x.formBase(), CSRFToken: x.csrfToken, CallbackURL: x.callbackURL, PlainForms: x.e.cfg.Parity.CompatiblePages,
		Email: x.param("email"), Error: x.errorParam(), Theme: x.e.cfg.Theme,
	}
	if raw, ok := x.params()["callbackUrl"]; ok && x.e.cfg.Parity.CompatiblePages {
		d.CallbackURL = raw[0]
	}
	for _, p := range x.e.providers {
		shown := pages.Provider{ID: p.ID, Name: p.Name, Type: p.Type}
		if p.credentials != nil {
			for _, in := range p.credentials.Inputs {
				shown.Inputs = append(shown.Inputs, pages.Input{
					Name: in.Name, Label: in.Label, Type: in.Type, Placeholder: in.Placeholder, Autocomplete: in.Autocomplete,
				})
			}
		}
		d.Providers = append(d.Providers, shown)
	}
	return x.html(http.StatusOK, func(b *bytes.Buffer) error { return pages.WriteSignIn(b, d) })
}

// formBase is what the targets of forms begin with: a path, so that a wrong
// public URL cannot send passwords elsewhere.
func (x *exchange) formBase() string {
	if x.e.cfg.Parity.CompatiblePages {
		return x.at("")
	}
	return x.e.path
}

func (x *exchange) getSignOut() *answer {
	if own := x.e.cfg.Pages.SignOut; own != "" {
		return x.goTo(own)
	}
	return x.html(http.StatusOK, func(b *bytes.Buffer) error {
		return pages.WriteSignOut(b, pages.SignOut{BasePath: x.formBase(), CSRFToken: x.csrfToken, Theme: x.e.cfg.Theme})
	})
}

func (x *exchange) getError() *answer {
	code := x.errorParam()
	if x.e.dialect.passesOn(code) {
		return x.goTo(withQuery(x.at("/signin"), "error", code))
	}
	if own := x.e.cfg.Pages.Error; own != "" {
		if code == "" && x.e.cfg.Parity.CompatiblePages {
			code = "undefined"
		}
		if code == "" {
			return x.goTo(own)
		}
		own = withQuery(own, "error", code)
		if id := x.carriedID(code); id != "" {
			own = withQuery(own, "requestId", id)
		}
		return x.goTo(own)
	}
	status := http.StatusOK
	if x.e.dialect.foldsCodes {
		for _, known := range []Code{CodeConfiguration, CodeAccessDenied, CodeVerification} {
			if strings.EqualFold(code, string(known)) {
				code = string(known)
			}
		}
	}
	switch Code(code) {
	case CodeConfiguration:
		status = http.StatusInternalServerError
	case CodeAccessDenied, CodeVerification:
		status = http.StatusForbidden
	}
	return x.errorPage(status, code)
}

func (x *exchange) errorPage(status int, code string) *answer {
	a := x.html(status, func(b *bytes.Buffer) error {
		signIn := or(x.e.cfg.Pages.SignIn, x.e.path+"/signin")
		return pages.WriteError(b, pages.Error{Code: code, RequestID: or(x.id, x.carriedID(code)), SignInURL: signIn, Theme: x.e.cfg.Theme})
	})
	return a
}

func (x *exchange) getVerifyRequest() *answer {
	if own := x.e.cfg.Pages.VerifyRequest; own != "" {
		if provider := x.param("provider"); provider != "" && x.e.dialect.verifyQuery {
			own = withQuery(own, "provider", provider, "type", x.param("type"))
		}
		return x.goTo(own)
	}
	return x.html(http.StatusOK, func(b *bytes.Buffer) error {
		return pages.WriteVerifyRequest(b, pages.VerifyRequest{Host: host(x.origin), URL: x.origin, Theme: x.e.cfg.Theme})
	})
}

func host(origin string) string {
	if u, err := url.Parse(origin); err == nil {
		return u.Host
	}
	return origin
}
