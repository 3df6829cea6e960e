package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// held is the session of one request of the application, read once.
type held struct {
	e       *Engine
	session *Session
	err     error
	id      string // of the request in the log, when there is a line of it
}

type heldKey struct{}

// Session returns the session of the request, or nil when nobody is signed in.
// An error means that the answer is not known (the store failed): treat it as
// signed out. A second call in one request costs nothing; the cookie of a
// session that is extended is set on w at most once, so call it before the
// header is written. It keeps what it read in the request's context, in place.
func (e *Engine) Session(w http.ResponseWriter, r *http.Request) (*Session, error) {
	h, ok := r.Context().Value(heldKey{}).(*held)
	if !ok || h.e != e {
		h = e.hold(w, r)
		e.keep(r, h.session, h.err)
	}
	return h.session, h.err
}

// hold reads the session of a request of the application.
func (e *Engine) hold(w http.ResponseWriter, r *http.Request) *held {
	h := &held{e: e}
	x, err := e.exchange(r)
	if err == nil {
		err = guard(func() (err error) {
			h.session, err = x.readSession(TriggerRead, nil)
			return err
		})
	}
	if err != nil {
		known := asError(err, "SessionTokenError")
		x.report(known)
		h.session, h.err = nil, known
	}
	x.addCookies(w)
	h.id = x.id
	return h
}

// addCookies sets the cookies of x on an answer of the application.
func (x *exchange) addCookies(w http.ResponseWriter) {
	h := w.Header()
	if !slices.ContainsFunc(h["Vary"], func(v string) bool { return headerHas(v, "Cookie") }) {
		h.Add("Vary", "Cookie")
	}
	if len(x.ambient)+len(x.always)+len(x.set) == 0 {
		return
	}
	keepPrivate(h)
	for _, cookies := range [][]wire.SetCookie{x.ambient, x.always, x.set} {
		for _, c := range cookies {
			// What was set before in this request is out of date.
			h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(v string) bool { return strings.HasPrefix(v, c.Name+"=") })
		}
		x.writeCookies(h, cookies)
	}
	x.ambient, x.always, x.set = nil, nil, nil
}

// headerHas reports whether a comma-separated header names an element.
func headerHas(list, element string) bool {
	for v := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(v), element) {
			return true
		}
	}
	return false
}

// private is an answer with a cookie on it: whatever the application says of
// caching, a shared cache must not hand the cookie on.
type private struct {
	http.ResponseWriter
	written bool
}

func (w *private) WriteHeader(status int) {
	if !w.written && status >= 200 {
		w.written = true
		keepPrivate(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *private) Write(b []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *private) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for handlers that ask for an [http.Flusher].
func (w *private) Flush() {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is for handlers that ask for an [http.Hijacker], as those of web
// sockets do.
func (w *private) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func keepPrivate(h http.Header) {
	if c := strings.ToLower(h.Get("Cache-Control")); !strings.Contains(c, "no-store") && !strings.Contains(c, "private") {
		h["Cache-Control"] = headerNoStore
	}
}

// SessionFrom returns the session that [Engine.Middleware], Require or Protect
// put into the context; false when nobody is signed in. Where several engines
// serve one request it is the session of the one that ran last.
func SessionFrom(ctx context.Context) (*Session, bool) {
	h, ok := ctx.Value(heldKey{}).(*held)
	if !ok || h.session == nil {
		return nil, false
	}
	return h.session, true
}

// WithSession returns a context in which [SessionFrom] finds s, for tests of
// handlers and for middlewares of another kind. The engine's own middlewares do
// not look at it: they read the session of the request.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, heldKey{}, &held{session: s})
}

// Middleware reads the session of each request and puts it into the context.
// Answers get Vary: Cookie, and those with a session cookie on them Cache-Control:
// private, no-cache, no-store, unless they are private already. So they do from
// Session, Require and the others.
func (e *Engine) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.own(r) {
			w, r, _ = e.with(w, r)
		}
		serve(next, w, r)
	})
}

// serve runs next. An answer without a body gets its header after that.
func serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	next.ServeHTTP(w, r)
	if p, ok := w.(*private); ok && !p.written {
		keepPrivate(p.Header())
	}
}

// own reports whether the path is one of the engine's: it reads the session
// itself there.
func (e *Engine) own(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, e.base+"/") && strings.HasPrefix(path.Clean(r.URL.Path), e.base+"/")
}

// with returns r with its session in the context, and w guarded when a cookie
// was set on it.
func (e *Engine) with(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, *held) {
	if h, ok := r.Context().Value(heldKey{}).(*held); ok && h.e == e {
		return w, r, h
	}
	before := len(w.Header()["Set-Cookie"])
	h := e.hold(w, r)
	if len(w.Header()["Set-Cookie"]) != before {
		w = &private{ResponseWriter: w}
	}
	return w, r.WithContext(context.WithValue(r.Context(), heldKey{}, h)), h
}

// Require lets only authorized requests through to next (Callbacks.Authorized,
// or whoever is signed in). From others
//
//   - a page that is opened in a browser is sent to the sign-in page, with a
//     callbackUrl that leads back; to the error page with AccessDenied when
//     somebody is signed in, and with Configuration when the store failed;
//   - everything else gets JSON {"message": …} with 401, or 403 when somebody is
//     signed in.
func (e *Engine) Require(next http.Handler) http.Handler { return e.RequireIf(nil, next) }

// RequireIf is Require with one more condition: allow is asked about the
// requests that Callbacks.Authorized lets through (or whoever is signed in). nil
// allows them all.
func (e *Engine) RequireIf(allow func(ctx context.Context, p *AuthorizedParams) (Decision, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w, r, h := e.with(w, r)
		if e.admit(w, r, h, allow) {
			serve(next, w, r)
		}
	})
}

// Protect returns a middleware that does what Require does for the requests
// that match one of the patterns, as of [http.ServeMux] ("/app/", "GET
// /api/orders/{id}"), and leaves the others alone. "/app/" is the
// page /app and all below it, "/app" that page alone (and /app/, which many
// routers take for it). The paths of the engine
// itself are never protected. A pattern that cannot be parsed, or that has a
// host, is an error.
func (e *Engine) Protect(patterns ...string) (func(http.Handler) http.Handler, error) {
	mux := http.NewServeMux()
	for _, pattern := range patterns {
		if err := handle(mux, pattern); err != nil {
			return nil, err
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if e.own(r) {
				next.ServeHTTP(w, r)
				return
			}
			if !matches(mux, r) {
				next.ServeHTTP(w, r)
				return
			}
			w, r, h := e.with(w, r)
			if e.admit(w, r, h, nil) {
				serve(next, w, r)
			}
		})
	}, nil
}

// handle registers a pattern. ServeMux has only a panic to say what is wrong
// with one.
func handle(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("engine: Protect(%q): %v", pattern, v)
		}
	}()
	if _, path, ok := strings.Cut(pattern, " "); !strings.HasPrefix(pattern, "/") && !(ok && strings.HasPrefix(strings.TrimLeft(path, " \t"), "/")) {
		return fmt.Errorf("engine: Protect(%q): a pattern begins with /, or with a method and /", pattern)
	}
	mux.Handle(pattern, http.NotFoundHandler())
	return nil
}

// matches reports whether a pattern fits the path in any of the ways in which
// what is behind may read it: as it was sent or decoded (/app%2Fsecret), with
// dot segments resolved, as ServeMux does, or kept (/app/../public), with the
// slash at its end or without.
func matches(mux *http.ServeMux, r *http.Request) bool {
	if matchesAs(mux, r, r.URL.Path, r.URL.RawPath) {
		return true
	}
	short := strings.TrimRight(r.URL.Path, "/")
	return short != r.URL.Path && matchesAs(mux, r, short, strings.TrimRight(r.URL.RawPath, "/"))
}

func matchesAs(mux *http.ServeMux, r *http.Request, decoded, raw string) bool {
	if matchesAt(mux, r, decoded, raw) {
		return true
	}
	if raw != "" && matchesAt(mux, r, decoded, "") {
		return true
	}
	kept := keepDots(decoded)
	return kept != decoded && matchesAt(mux, r, kept, "")
}

func matchesAt(mux *http.ServeMux, r *http.Request, decoded, raw string) bool {
	at, u := *r, *r.URL
	u.Path, u.RawPath = decoded, raw
	at.URL = &u
	_, pattern := mux.Handler(&at)
	if pattern == "" && r.Method == http.MethodConnect {
		// ServeMux takes the path of CONNECT as it is; http.FileServer does not.
		u.Path, u.RawPath = path.Clean("/"+decoded), ""
		_, pattern = mux.Handler(&at)
	}
	return pattern != ""
}

// keepDots writes the segments . and .. so that nothing resolves them.
func keepDots(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s == "." || s == ".." {
			segments[i] = "dots"
		}
	}
	return strings.Join(segments, "/")
}

// admit decides on a request, and answers it when it may not go on. more may
// be nil.
func (e *Engine) admit(w http.ResponseWriter, r *http.Request, h *held, more func(context.Context, *AuthorizedParams) (Decision, error)) bool {
	d := Decision{allow: h.session != nil}
	if d.allow && e.cfg.Callbacks.Authorized == nil && more == nil {
		return true
	}
	x, err := e.exchange(r)
	x.id = h.id
	ask := func(authorized func(context.Context, *AuthorizedParams) (Decision, error)) {
		failed := guard(func() (err error) {
			d, err = authorized(r.Context(), &AuthorizedParams{Session: h.session, Request: r})
			return err
		})
		if failed != nil {
			x.report(asError(failed, "AccessDenied"))
			d = Deny()
		}
	}
	if err == nil && h.err == nil {
		if e.cfg.Callbacks.Authorized != nil {
			ask(e.cfg.Callbacks.Authorized)
		}
		if d.allow && more != nil {
			ask(more)
		}
	}
	if d.allow && h.err == nil && err == nil {
		return true
	}
	if x.origin == "" && wantsPage(r) { // the host is not trusted, as the log says
		x.write(w, x.errorPage(http.StatusInternalServerError, string(CodeConfiguration)))
		return false
	}
	head := w.Header()
	head["Cache-Control"] = headerNoStore
	if !wantsPage(r) {
		status, message := http.StatusUnauthorized, "Sign in first."
		if h.session != nil {
			status, message = http.StatusForbidden, "Not allowed."
		}
		head["Content-Type"] = headerJSON
		w.WriteHeader(status)
		w.Write(x.message(status, message).body)
		return false
	}
	http.Redirect(w, r, e.denied(x, h, d), http.StatusFound)
	return false
}

// denied is where a page goes that may not be shown.
func (e *Engine) denied(x *exchange, h *held, d Decision) string {
	switch {
	case d.url != "":
		u, err := x.redirect(d.url)
		if err == nil {
			return u
		}
		x.report(asError(err, "CallbackRouteError"))
		return e.dialect.errorURL(x, &Error{Code: CodeConfiguration})
	case h.err != nil:
		return e.dialect.errorURL(x, &Error{Code: CodeConfiguration})
	case h.session != nil:
		return e.dialect.errorURL(x, &Error{Code: CodeAccessDenied})
	}
	return withQuery(x.page(e.cfg.Pages.SignIn, "/signin"), "callbackUrl", x.requestedURL())
}

// wantsPage reports whether a person is waiting for a page, rather than a
// script for data.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// ---- sign-in, sign-out and update by the application

// SignInOptions are the options of [Engine.SignIn].
type SignInOptions struct {
	RedirectTo  string            // where the browser goes afterwards; "" is the site's root
	Params      map[string]string // authorization parameters (OIDC, OAuth2)
	Email       string            // address (Email)
	Credentials map[string]string // values (Credentials)
}

// SignIn starts or completes a sign-in from a handler: it sets the cookies on w
// and returns where to send the browser (the identity provider, the page after
// the sign-in, "check your mail"). A refused sign-in is an [*Error] with its
// public code; the code of a [*CredentialsError] is found with errors.As. The
// caller vouches that the user meant it: there is no CSRF check.
func (e *Engine) SignIn(w http.ResponseWriter, r *http.Request, provider string, o SignInOptions) (string, error) {
	x, err := e.exchange(r)
	if err != nil {
		return "", err
	}
	p := e.byID[provider]
	if p == nil {
		return "", fail(CodeConfiguration, "InvalidProvider", fmt.Errorf("there is no provider %q", provider), "")
	}
	x.action, x.providerID, x.trusted = "signin", provider, true
	x.form = map[string]any{"callbackUrl": or(o.RedirectTo, x.origin)}
	if p.email != nil {
		x.form["email"] = o.Email
	}
	x.query = make(map[string][]string, len(o.Params))
	for name, v := range o.Params {
		x.query[name] = []string{v}
	}
	var a *answer
	err = guard(func() (err error) {
		if err := x.readCSRF(); err != nil {
			return err
		}
		if err := x.readCallbackURL(); err != nil {
			return err
		}
		if p.credentials != nil {
			a, err = x.authorize(p, cloneValues(o.Credentials))
		} else {
			a, err = x.postSignIn(p)
		}
		return err
	})
	if err != nil {
		known := asError(err, "SignInError")
		x.report(known)
		return "", known
	}
	x.addCookies(w)
	if x.wrote {
		if p.credentials != nil {
			e.keep(r, nil, errSignedIn)
		}
		e.purgeSoon(x.now)
	}
	return a.location, nil
}

func cloneValues(m map[string]string) map[string]string {
	out := make(map[string]string, len(m)) // never nil: Authorize may write into it
	maps.Copy(out, m)
	return out
}

// SignOut ends the session of the request and clears its cookies on w, the
// cookies also when it returns an error, an [*Error]: the store could not be
// reached.
func (e *Engine) SignOut(w http.ResponseWriter, r *http.Request) error {
	x, err := e.exchange(r)
	if err != nil {
		return err
	}
	x.action = "signout"
	if err = guard(x.endSession); err != nil {
		known := asError(err, "SignOutError")
		x.report(known)
		err = known
	}
	// endSession clears what the browser has; what was to be set by this answer
	// may have other names.
	name, h := x.site.cookies.session.Name, w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(v string) bool { return strings.HasPrefix(v, name+"=") || strings.HasPrefix(v, name+".") })
	x.addCookies(w)
	e.keep(r, nil, nil)
	return err
}

// Update changes fields of the session as update() of the client does, but may
// change name, image and every declared field of users and sessions, whatever
// the browser may do with it. It returns the changed session, or nil when
// nobody is signed in. A field that is not declared, or a value that does not
// fit, is an error and changes nothing.
func (e *Engine) Update(w http.ResponseWriter, r *http.Request, data map[string]any) (*Session, error) {
	changes, err := e.checkUpdate(data, schema.Default)
	if err != nil {
		return nil, err
	}
	x, err := e.exchange(r)
	if err != nil {
		return nil, err
	}
	x.action, x.trusted = "session", true
	var update any
	if len(changes) > 0 {
		update = changes
	}
	var s *Session
	err = guard(func() (err error) {
		s, err = x.readSession(TriggerUpdate, update)
		return err
	})
	if err != nil {
		known := asError(err, "SessionTokenError")
		x.report(known)
		return nil, known
	}
	x.addCookies(w)
	e.keep(r, s, nil)
	return s, nil
}

// keep puts a session that has just changed into the request's context, in
// place.
func (e *Engine) keep(r *http.Request, s *Session, err error) {
	if h, ok := r.Context().Value(heldKey{}).(*held); ok && h.e == e {
		h.session, h.err = s, err
		return
	}
	*r = *r.WithContext(context.WithValue(r.Context(), heldKey{}, &held{e: e, session: s, err: err}))
}

var errSignedIn = errors.New("engine: somebody has just signed in; the session is there from the next request on")
