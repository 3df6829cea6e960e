package engine

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/internal/wire"
)

// Session returns the session of the request, or nil when nobody is signed in.
// An error means that the session could not be read, because the store failed;
// treat the user as signed out. Session may set cookies on w, so call it before
// the header is written.
//
// Behind [Engine.Middleware], Require or Protect it returns the session that
// they have read; otherwise each call reads it. It reflects cookies that SignIn,
// SignOut and Update have set on w.
func (e *Engine) Session(w http.ResponseWriter, r *http.Request) (*Session, error) {
	h := heldFor(r.Context(), e.core)
	switch {
	case h == nil:
		h = e.hold(w, r)
	case h.stale:
		*h = *e.hold(w, r)
	}
	return h.session, h.err
}

// hold reads the session of a request to the application.
func (e *Engine) hold(w http.ResponseWriter, r *http.Request) *held {
	h := &held{core: e.core}
	x, err := e.exchange(r)
	done := x.observeRequest("session")
	if err == nil {
		x.overlay(w.Header())
		err = guard(func() (err error) {
			h.session, err = x.readSession("", nil)
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
	done(err)
	return h
}

// overlay applies the session cookies that an answer already sets to those of
// the request, so that a session that has just begun, changed or ended is read
// as the browser will send it next time.
func (x *exchange) overlay(answer http.Header) {
	name := x.site.cookies.session.Name
	for _, set := range answer["Set-Cookie"] {
		pair, attributes, _ := strings.Cut(set, ";")
		n, value, _ := strings.Cut(pair, "=")
		if n != name && !strings.HasPrefix(n, name+".") {
			continue
		}
		x.cookies = slices.DeleteFunc(x.cookies, func(c wire.Cookie) bool { return c.Name == n })
		if value != "" && !strings.Contains(attributes, "Max-Age=0") {
			x.cookies = append(x.cookies, wire.Cookie{Name: n, Value: value})
		}
	}
}

// changed marks the session that a middleware keeps for r as stale.
func (e *Engine) changed(r *http.Request) {
	if h := heldFor(r.Context(), e.core); h != nil {
		h.session, h.err, h.stale = nil, nil, true
	}
}

// SignIn starts or completes a sign-in from a handler: it sets the cookies on w
// and returns the URL to redirect to (the identity provider, the page after the
// sign-in, "check your mail"). If the sign-in is refused, the error is an
// [*Error] with the public code, which may wrap a [*CredentialsError]. SignIn
// does not check for CSRF; the caller must.
func (e *Engine) SignIn(w http.ResponseWriter, r *http.Request, provider string, o SignInOptions) (string, error) {
	x, err := e.exchange(r)
	if err != nil {
		return "", err
	}
	p := e.byID[provider]
	if p == nil {
		return "", fail(codeConfiguration, "InvalidProvider", fmt.Errorf("there is no provider %q", provider), "the configured ids are "+e.providerIDs())
	}
	x.action, x.providerID, x.trusted = "signin", provider, true
	x.form = map[string]any{"callbackUrl": cmp.Or(o.RedirectTo, x.origin)}
	x.query = make(map[string][]string)
	done := x.observeRequest("signin")
	x.overlay(w.Header())
	var a *reply
	err = guard(func() (err error) {
		if err := x.readCSRF(); err != nil {
			return err
		}
		if err := x.readCallbackURL(); err != nil {
			return err
		}
		if err := x.checkLimit(""); err != nil {
			return err
		}
		a, err = p.signIn(x, o)
		return err
	})
	done(err)
	if err != nil {
		known := asError(err, "SignInError")
		x.report(known)
		if len(x.always) > 0 {
			x.setCookies = setCookies{always: x.always}
			x.addCookies(w)
			e.changed(r)
		}
		return "", known
	}
	x.addCookies(w)
	if x.began {
		e.changed(r)
	}
	if x.wrote {
		e.purging.purgeSoon(x.now)
	}
	return a.location, nil
}

// SignOut ends the session of the request and clears its cookies on w. When the
// store fails, it still clears the cookies, and returns an [*Error].
func (e *Engine) SignOut(w http.ResponseWriter, r *http.Request) error {
	x, err := e.exchange(r)
	if err != nil {
		return err
	}
	x.action = "signout"
	done := x.observeRequest("signout")
	err = guard(func() error {
		sent := wire.SessionCookie(x.cookies, x.site.cookies.session.Name)
		err := x.endSession()
		if x.overlay(w.Header()); x.strategy == StrategyDatabase && wire.SessionCookie(x.cookies, x.site.cookies.session.Name) != sent {
			err = cmp.Or(err, x.endPresent()) // one that has begun in this request
		}
		return err
	})
	done(err)
	if err != nil {
		known := asError(err, "SignOutError")
		x.report(known)
		err = known
	}
	// endSession clears the cookies of the request; those already set on w may
	// have other names.
	name, h := x.site.cookies.session.Name, w.Header()
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(v string) bool { return strings.HasPrefix(v, name+"=") || strings.HasPrefix(v, name+".") })
	x.addCookies(w)
	e.changed(r)
	return err
}

// Update changes fields of the session as update() of the client does, but may
// change name, image and every declared field of users and sessions, regardless
// of Field.Client. It returns the changed session, or nil when nobody is signed
// in. An undeclared field or an invalid value is an error and changes nothing.
func (e *Engine) Update(w http.ResponseWriter, r *http.Request, data map[string]any) (*Session, error) {
	changes, refused := e.checkUpdate(data, schema.Default)
	if refused != nil {
		return nil, refused
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
	done := x.observeRequest("session")
	x.overlay(w.Header())
	var s *Session
	err = guard(func() (err error) {
		s, err = x.readSession(triggerUpdate, update)
		return err
	})
	done(err)
	if err != nil {
		known := asError(err, "SessionTokenError")
		x.report(known)
		x.addCookies(w) // the session may have ended
		e.changed(r)
		return nil, known
	}
	x.addCookies(w)
	if h := heldFor(r.Context(), e.core); h != nil {
		h.session, h.err, h.stale = s, nil, false
	}
	return s, nil
}

// held is the session of one request to the application. A middleware keeps it
// in the request's context, so that the session is read once.
type held struct {
	core    *core
	session *Session
	err     error
	id      string // of the request, if it was logged
	stale   bool   // the session has changed, and must be read again
}

// heldKey is the key of the *held in the context of a request.
type heldKey struct{}

// heldFor returns the session that a middleware of the engine c keeps in ctx, or
// nil.
func heldFor(ctx context.Context, c *core) *held {
	if h, ok := ctx.Value(heldKey{}).(*held); ok && h.core == c {
		return h
	}
	return nil
}

// SessionFrom returns the session that [Engine.Middleware], Require or Protect
// put into the context, and reports whether somebody is signed in. If several
// engines serve one request, the last one wins.
func SessionFrom(ctx context.Context) (*Session, bool) {
	h, ok := ctx.Value(heldKey{}).(*held)
	if !ok || h.session == nil {
		return nil, false
	}
	return h.session, true
}

// WithSession returns a context in which [SessionFrom] finds s, for tests of
// handlers and for other middlewares. The engine's own middlewares ignore it:
// they read the session of the request.
func WithSession(ctx context.Context, s *Session) context.Context {
	return context.WithValue(ctx, heldKey{}, &held{session: s})
}
