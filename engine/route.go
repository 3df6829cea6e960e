package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// ServeHTTP answers the endpoints below the base path:
//
//	mux.Handle("/api/auth/", eng)
//
// The trailing slash is required. [http.StripPrefix] may strip only the prefix
// that URL has before BasePath, see [Config].
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, err := e.exchange(r)
	var unknown *Error
	if x.action, x.providerID, unknown = e.route(r); unknown != nil {
		err = unknown
	}
	done, outcome := x.observeRequest(x.action), errPanicked
	defer func() { done(outcome) }()
	a, err := e.respond(w, x, err)
	x.write(w, a)
	if outcome = err; outcome == nil && x.hidden != nil {
		outcome = x.hidden
	}
	if x.wrote {
		e.purging.purgeSoon(x.now)
	}
}

// respond returns the answer to a request. A non-nil err means that the request
// cannot be processed. The returned error is for the observer.
func (e *Engine) respond(w http.ResponseWriter, x *exchange, err error) (*reply, error) {
	switch {
	case x.action == "":
		x.report(asError(err, "UnknownAction"))
		return x.unsupported(), err
	case err != nil:
		return x.misconfigured(asError(err, "UntrustedHost")), err
	}
	if x.r.Method == http.MethodPost {
		if err := x.readBody(w); err != nil {
			x.report(refuse(codeConfiguration, "BadRequest", err, ""))
			if !errors.Is(err, errTooLarge) {
				return x.unsupported(), err
			}
			w.Header().Set("Connection", "close")
			return x.answerMessage(http.StatusRequestEntityTooLarge, "json.body-too-large"), err
		}
	}
	var a *reply
	err = guard(func() (err error) {
		a, err = e.answer(x)
		return err
	})
	switch {
	case err == nil:
	case err == errCallbackURL: // in the query; in a body it is the flow's error
		a = x.badCallbackURL()
	default:
		a = x.failed(asError(err, "CallbackRouteError"))
	}
	return a, err
}

// route returns the action and the provider in the path. The path is not
// decoded; empty segments are ignored.
func (e *Engine) route(r *http.Request) (action, provider string, err *Error) {
	unknown := func(hint, format string, args ...any) (string, string, *Error) {
		return "", "", refuse(codeConfiguration, "UnknownAction", fmt.Errorf(format, args...), hint)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return unknown("", "the method %s is not GET or POST", truncate(r.Method))
	}
	path := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(path, e.base)
	if !ok || rest != "" && rest[0] != '/' {
		return unknown("mount the engine at "+e.base+"/, without http.StripPrefix, or set BasePath to the path of the mount",
			"the path %s is not below %s", truncate(path), e.base)
	}
	if rest == "" || rest == "/" {
		return unknown("the sign-in page is "+e.base+"/signin; if that is not found, mount the engine at "+e.base+"/, with the slash",
			"the path %s is not an endpoint", truncate(path))
	}
	action, rest = segment(rest)
	provider, rest = segment(rest)
	excess, _ := segment(rest)
	loose := e.dialect.looseRoutes
	switch action {
	case "csrf", "error", "providers", "session", "signout", "verify-request":
		ok = provider == "" || loose
	case "_log":
		ok = e.dialect.logRoute
	default:
		ok = e.actions[action] && (excess == "" || loose)
	}
	if !ok {
		return unknown("", "the path %s is not an endpoint", truncate(path))
	}
	return action, provider, nil
}

func segment(path string) (name, rest string) {
	path = strings.TrimLeft(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

func (e *Engine) providerIDs() string {
	ids := make([]string, len(e.providers))
	for i, p := range e.providers {
		ids[i] = p.describe().ID
	}
	return strings.Join(ids, ", ")
}

// answer runs the action of a request, behind its guards.
func (e *Engine) answer(x *exchange) (*reply, error) {
	if err := x.readCSRF(); err != nil {
		return nil, err
	}
	if err := x.readCallbackURL(); err != nil {
		return nil, err
	}
	var p way
	if x.providerID != "" {
		if p = e.byID[x.providerID]; p == nil && !e.dialect.looseRoutes {
			return nil, refuse(codeConfiguration, "InvalidProvider", fmt.Errorf("there is no provider %q", truncate(x.providerID)),
				"the configured ids are "+e.providerIDs())
		}
	}
	h := e.endpoint(x, p)
	if h.run == nil {
		return e.unknownAction(x)
	}
	if x.r.Method == http.MethodPost && !h.ownChecks {
		if err := x.checkCSRF(); err != nil {
			return nil, err
		}
	}
	if h.attempt {
		if err := x.checkLimit(""); err != nil {
			return nil, err
		}
	}
	return h.run(x)
}

// endpoint returns the handler of an action; the zero handler if the action does
// not allow the method.
func (e *Engine) endpoint(x *exchange, p way) handler {
	run := func(f func(*exchange) *reply) handler {
		return handler{run: func(x *exchange) (*reply, error) { return f(x), nil }}
	}
	get := x.r.Method == http.MethodGet
	switch {
	case get && x.action == "session":
		return handler{run: getSession}
	case x.action == "session":
		return handler{run: postSession}
	case get && x.action == "csrf":
		return run(getCSRF)
	case get && x.action == "providers":
		return run(e.getProviders)
	case get && x.action == "signin" && (p == nil || e.dialect.looseRoutes):
		return run(e.getSignIn)
	case get && x.action == "signout":
		return run(getSignOut)
	case x.action == "signout":
		return handler{run: postSignOut}
	case get && x.action == "error":
		return run(getError)
	case get && x.action == "verify-request":
		return run(getVerifyRequest)
	case !get && x.action == "_log":
		return handler{run: postLog, ownChecks: true}
	case p != nil:
		h := p.handler(x.r.Method, x.action)
		h.attempt = true
		return h
	case !get && x.action == "signin":
		return run(e.postSignInPage)
	}
	return handler{}
}

// postSignInPage answers POST signin without a provider.
func (e *Engine) postSignInPage(x *exchange) *reply {
	if e.dialect.looseRoutes {
		return x.goTo(x.endpointURL("/signin?csrf=true"))
	}
	return x.goTo(x.endpointURL("/signin"))
}

func (e *Engine) unknownAction(x *exchange) (*reply, error) {
	hint := ""
	if x.action == "signin" {
		hint = "start a sign-in with POST, as the sign-in page and signIn() do"
	}
	unknown := refuse(codeConfiguration, "UnknownAction",
		fmt.Errorf("%s %s does not allow the method %s", x.action, x.providerID, x.r.Method), hint)
	if !e.dialect.looseRoutes {
		return nil, unknown
	}
	x.report(unknown)
	return x.unsupported(), nil
}

// maxClientLog is the longest text of a client that is logged, in bytes.
const maxClientLog = 300

// postLog answers POST _log, to which the client of next-auth 4 sends its errors.
// Anybody may send anything, so the log line is short and names the browser as
// its source.
func postLog(x *exchange) (*reply, error) {
	line := func(name string) string {
		s := strings.ToValidUTF8(x.formValue(name), "\uFFFD")
		if len(s) > maxClientLog {
			s = strings.ToValidUTF8(s[:maxClientLog], "") + "…"
		}
		return s
	}
	x.cfg.Logger.WarnContext(x.ctx, "auth: the browser reports an error", "request_id", x.requestID(),
		"code", line("code"), "level", line("level"), "cause", line("message"), "url", line("url"))
	return &reply{status: http.StatusOK, bare: true}, nil
}
