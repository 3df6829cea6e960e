package engine

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
)

// Middleware reads the session of each request and puts it into the context.
// Answers get Vary: Cookie, and those that set a session cookie Cache-Control:
// private, no-cache, no-store, unless they are already private. The same holds
// for Session, Require, RequireIf and Protect.
func (e *Engine) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !e.own(r) {
			w, r, _ = e.with(w, r)
		}
		serve(next, w, r)
	})
}

// serve runs next, and then adjusts the header of an answer that next did not
// write.
func serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	next.ServeHTTP(w, r)
	if p, ok := w.(*privateWriter); ok && !p.written {
		keepPrivate(p.Header())
	}
}

// own reports whether the path is an endpoint of the engine, which reads the
// session itself.
func (e *Engine) own(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, e.base+"/") && strings.HasPrefix(path.Clean(r.URL.Path), e.base+"/")
}

// with returns r with its session in the context, and w, wrapped if a cookie was
// set on it.
func (e *Engine) with(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, *http.Request, *held) {
	if h := heldFor(r.Context(), e.core); h != nil {
		if h.stale {
			*h = *e.hold(w, r)
		}
		return w, r, h
	}
	before := len(w.Header()["Set-Cookie"])
	h := e.hold(w, r)
	if len(w.Header()["Set-Cookie"]) != before {
		w = &privateWriter{ResponseWriter: w}
	}
	return w, r.WithContext(context.WithValue(r.Context(), heldKey{}, h)), h
}

// Require passes only authorized requests to next: those that
// Callbacks.Authorized allows, or, without it, those of signed-in users. Of the
// other requests,
//
//   - those for a page in a browser are redirected to the sign-in page, with a
//     callbackUrl that leads back; to the error page with AccessDenied when
//     somebody is signed in, and with Configuration when the store failed;
//   - all others get JSON {"message": …} with 401, or 403 when somebody is
//     signed in.
func (e *Engine) Require(next http.Handler) http.Handler { return e.RequireIf(nil, next) }

// RequireIf is Require with one more condition: allow is called for requests
// that Require lets through. A nil allow permits them all.
func (e *Engine) RequireIf(allow func(ctx context.Context, p *AuthorizedParams) (Decision, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w, r, h := e.with(w, r)
		if e.admit(w, r, h, allow) {
			serve(next, w, r)
		}
	})
}

// Protect returns a middleware that applies Require to requests that match one
// of the patterns, as defined by [http.ServeMux] ("/app/", "GET
// /api/orders/{id}"), and passes all others on. "/app/" matches the page /app
// and everything below it; "/app" matches that page only (and /app/, which many
// routers treat alike). The engine's own paths are never protected. A pattern
// that cannot be parsed, or that has a host, is an error.
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

// handle registers a pattern. ServeMux panics on invalid ones.
func handle(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("engine: Protect(%q): %v", pattern, v)
		}
	}()
	if _, path, ok := strings.Cut(pattern, " "); !strings.HasPrefix(pattern, "/") && !(ok && strings.HasPrefix(strings.TrimLeft(path, " \t"), "/")) {
		return fmt.Errorf("engine: Protect(%q): a pattern must begin with /, or with a method and /", pattern)
	}
	mux.Handle(pattern, http.NotFoundHandler())
	return nil
}

// matches reports whether a pattern matches the path in any of the ways in which
// a handler may read it: as sent or decoded (/app%2Fsecret), with dot segments
// resolved, as by ServeMux, or kept (/app/../public), with or without its
// trailing slash.
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
		// ServeMux does not clean the path of CONNECT; http.FileServer does.
		u.Path, u.RawPath = path.Clean("/"+decoded), ""
		_, pattern = mux.Handler(&at)
	}
	return pattern != ""
}

// keepDots replaces the segments . and .. so that nothing resolves them.
func keepDots(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if s == "." || s == ".." {
			segments[i] = "dots"
		}
	}
	return strings.Join(segments, "/")
}

// admit reports whether a request is authorized, and answers it if not. more may
// be nil.
func (e *Engine) admit(w http.ResponseWriter, r *http.Request, h *held, more func(context.Context, *AuthorizedParams) (Decision, error)) bool {
	d := Decision{allow: h.session != nil}
	if d.allow && e.cfg.Callbacks.Authorized == nil && more == nil {
		return true
	}
	x, err := e.exchange(r)
	x.id = h.id
	decide := func(authorized func(context.Context, *AuthorizedParams) (Decision, error)) {
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
			decide(e.cfg.Callbacks.Authorized)
		}
		if d.allow && more != nil {
			decide(more)
		}
	}
	if d.allow && h.err == nil && err == nil {
		return true
	}
	if x.origin == "" && wantsPage(r) { // the host is not trusted, as logged
		x.write(w, x.errorPageOf(http.StatusInternalServerError, codeConfiguration))
		return false
	}
	head := w.Header()
	head["Cache-Control"] = headerNoStore
	if !wantsPage(r) {
		status, message := http.StatusUnauthorized, "json.signed-out"
		if h.session != nil {
			status, message = http.StatusForbidden, "json.denied"
		}
		head["Content-Type"] = headerJSON
		w.WriteHeader(status)
		w.Write(x.answerMessage(status, message).body)
		return false
	}
	http.Redirect(w, r, e.denied(x, h, d), http.StatusFound)
	return false
}

// denied returns the URL to which a request for a page is redirected.
func (e *Engine) denied(x *exchange, h *held, d Decision) string {
	switch {
	case d.url != "":
		var u string
		err := guard(func() (err error) {
			u, err = x.redirectTarget(d.url)
			return err
		})
		if err == nil {
			return u
		}
		x.report(asError(err, "CallbackRouteError"))
		return x.errorURL(&Error{Code: codeConfiguration})
	case h.err != nil:
		return x.errorURL(&Error{Code: codeConfiguration})
	case h.session != nil:
		return x.errorURL(&Error{Code: codeAccessDenied})
	}
	return withQuery(x.pageURL(e.cfg.Pages.SignIn, "/signin"), "callbackUrl", x.requestedURL())
}

// wantsPage reports whether the request is for a page in a browser, rather than
// for data.
func wantsPage(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// privateWriter writes an answer with a cookie, which a shared cache must not
// store, whatever caching the application sets.
type privateWriter struct {
	http.ResponseWriter
	written bool
}

func (w *privateWriter) WriteHeader(status int) {
	if !w.written && status >= 200 {
		w.written = true
		keepPrivate(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *privateWriter) Write(b []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *privateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush is for handlers that need an [http.Flusher].
func (w *privateWriter) Flush() {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// CloseNotify is for handlers that still ask for an [http.CloseNotifier], as
// those of gin do.
func (w *privateWriter) CloseNotify() <-chan bool {
	if n, ok := w.ResponseWriter.(interface{ CloseNotify() <-chan bool }); ok {
		return n.CloseNotify()
	}
	return nil // never ready
}

// Hijack is for handlers that need an [http.Hijacker], such as those of web
// sockets.
func (w *privateWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
