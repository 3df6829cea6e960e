package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sesame-auth/sesame/engine/internal/pages"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/wire"
)

// methodWay is the way of a [SignInMethod].
type methodWay struct {
	SignInMethod
	info    ProviderInfo
	page    Form
	actions map[actionKey]handler
}

type actionKey struct{ method, action string }

// setUpMethod checks the actions and the form of a method.
func setUpMethod(s *settings, m SignInMethod, info ProviderInfo) *methodWay {
	w := &methodWay{SignInMethod: m, info: info, page: m.Form(), actions: make(map[actionKey]handler)}
	for i, action := range m.Actions() {
		key := actionKey{action.Method, action.Name}
		switch {
		case !validID(action.Name) || slices.Contains([]string{"csrf", "error", "providers", "session", "signout", "verify-request", "_log"}, action.Name):
			s.providerProblem(info.ID, "use signin, callback, or a name that is not an endpoint of Auth.js", "Actions[%d] has the name %q", i, action.Name)
		case action.Method != http.MethodGet && action.Method != http.MethodPost || action.Name == "signin" && action.Method == http.MethodGet:
			s.providerProblem(info.ID, "use http.MethodGet or http.MethodPost; signin is a POST", "Actions[%d], %s, has the method %q", i, action.Name, action.Method)
		case action.Handle == nil:
			s.providerProblem(info.ID, "set Handle", "Actions[%d], %s, has no Handle", i, action.Name)
		case w.actions[key].run != nil:
			s.providerProblem(info.ID, "remove one", "Actions[%d], %s %s, is a duplicate", i, action.Method, action.Name)
		default:
			w.actions[key] = handler{run: func(x *exchange) (*reply, error) { return w.answer(x, action) }}
		}
	}
	if len(w.actions) == 0 {
		s.providerProblem(info.ID, "return at least one action", "Actions is empty")
	} else if w.actions[actionKey{http.MethodPost, w.formAction()}].run == nil {
		s.providerProblem(info.ID, "set Form.Action to one of Actions that is a POST", "the form is posted to %q, which is not one of Actions", w.formAction())
	}
	for _, in := range w.page.Inputs {
		if slices.Contains([]string{"attempt", "callbackUrl", "csrfToken"}, in.Name) {
			s.providerProblem(info.ID, "choose another name", "the form has the input %q, which is the engine's", in.Name)
		}
	}
	return w
}

// formAction is the action that the form of the sign-in page is posted to.
func (w *methodWay) formAction() string { return cmp.Or(w.page.Action, "callback") }

func (w *methodWay) describe() ProviderInfo { return w.info }

func (w *methodWay) close() {}

func (w *methodWay) form() pages.Provider {
	return pages.Provider{ID: w.info.ID, Name: w.info.Name, Kind: "form", Action: w.formAction(), Inputs: pageInputs(w.page.Inputs), Button: w.page.Button}
}

func (w *methodWay) handler(method, action string) handler {
	h := w.actions[actionKey{method, action}]
	if h.run == nil && method == http.MethodPost && action == "signin" {
		// The client posts there; the form is on the sign-in page.
		h.run = func(x *exchange) (*reply, error) { return x.goTo(x.endpointURL("/signin")), nil }
	}
	return h
}

// signIn runs the action that the form of the sign-in page is posted to.
func (w *methodWay) signIn(x *exchange, o SignInOptions) (*reply, error) {
	x.action = w.formAction()
	for name, v := range o.Credentials {
		if !slices.Contains([]string{"callbackUrl", "csrfToken", "json"}, name) { // members for the engine
			x.form[name] = v
		}
	}
	answer, err := w.handler(http.MethodPost, x.action).run(x)
	if err == nil && answer.location == "" {
		return nil, fail(codeConfiguration, "SignInError", errors.New("the action answers with a page or with JSON, which SignIn cannot hand on"), "let the browser post the form of the method")
	}
	return answer, err
}

// answer runs an action and turns its result into a reply.
func (w *methodWay) answer(x *exchange, action SignInAction) (*reply, error) {
	a := &Attempt{x: x, provider: w.info}
	a.id = a.Value("attempt")
	r, err := action.Handle(x.ctx, a)
	var refused *CredentialsError
	switch {
	case errors.As(err, &refused):
		e := refuse(codeCredentialsSignin, "CredentialsSignin", err, "")
		e.detail = refused.Code
		return nil, e
	case err != nil:
		return nil, asError(err, "CallbackRouteError")
	}
	if r.pending != nil {
		text, err := json.Marshal(r.pending)
		if err == nil {
			err = a.seal(pendingName, string(text))
		}
		if err != nil {
			return nil, fail(codeConfiguration, "CallbackRouteError", err, "the identity of OneMoreStep is too large for a cookie: omit Profile and Tokens")
		}
	}
	if r.form != nil && len(a.sealed) > 0 && a.id == "" {
		if a.id, err = wire.RandomBase64(x.cfg.Rand); err != nil {
			return nil, err
		}
	}
	cookies, err := a.sealedCookies()
	if err != nil {
		return nil, err
	}
	answer, err := w.result(a, r)
	if err == nil {
		a.keep(cookies)
	}
	return answer, err
}

// result makes an answer of the result of an action.
func (w *methodWay) result(a *Attempt, r Result) (*reply, error) {
	switch {
	case r.identity != nil:
		return w.complete(a, *r.identity)
	case r.form != nil:
		return w.show(a, r)
	case r.location != "":
		if !validRedirect(r.location) {
			return nil, fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("the action redirects to %q", truncate(r.location)), "use a path or an http(s) URL")
		}
		return a.x.goTo(r.location), nil
	case r.status != 0:
		if r.status < 200 || r.status > 599 || r.status/100 == 3 || r.status == http.StatusNoContent || r.status == http.StatusResetContent {
			return nil, fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("the action answers with JSON and the status %d", r.status), "use a status that has a body")
		}
		body, err := json.Marshal(r.json)
		if err != nil {
			return nil, fail(codeConfiguration, "CallbackRouteError", err, "")
		}
		answer := a.x.answerJSON(body)
		answer.status = r.status
		return answer, nil
	}
	return nil, fail(codeConfiguration, "CallbackRouteError", errors.New("the action returned the zero Result"), "return a Result made by a method of Attempt")
}

// validRedirect reports whether a browser may be sent to u: a path of this site,
// or an http or https URL.
func validRedirect(u string) bool {
	parsed, err := url.Parse(u)
	if err != nil || !safePath(u) {
		return false
	}
	return strings.HasPrefix(u, "/") || (parsed.Scheme == "https" || parsed.Scheme == "http") && parsed.Host != ""
}

// sealedCookies encrypts the sealed values into cookies.
func (a *Attempt) sealedCookies() (out []wire.SetCookie, err error) {
	if len(a.sealed) > 0 && a.group == "" {
		if a.group, err = a.newGroup(); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.sealed)) {
		c := a.sealedCookie(name)
		if c.Value, err = a.sealKeys(name).SealCheck(a.group+" "+a.sealed[name], a.provider.ID, a.x.now, a.x.cfg.Rand); err != nil {
			return nil, err
		}
		c.MaxAge, c.Expires = checkSeconds, a.x.now.Add(wire.CheckMaxAge)
		out = append(out, c)
	}
	return out, nil
}

// keep sets the cookies of the sealed values. The oldest attempt makes room for
// a fourth.
func (a *Attempt) keep(cookies []wire.SetCookie) {
	for _, c := range cookies {
		if a.id != "" {
			own := attemptSuffix(a.id)
			base := strings.TrimSuffix(c.Name, own)
			others := slices.DeleteFunc(attemptSuffixes(a.x, base), func(suffix string) bool { return suffix == own })
			for len(others) >= maxAttempts {
				old := c
				old.Name = base + others[0]
				a.clearSealed(old)
				others = others[1:]
			}
		}
		// Keep a value that this request has both opened and sealed again.
		a.x.always = slices.DeleteFunc(a.x.always, func(o wire.SetCookie) bool { return o.Name == c.Name })
		a.x.set = append(a.x.set, c)
	}
}

// complete signs in.
func (w *methodWay) complete(a *Attempt, id Identity) (*reply, error) {
	if a.x.r.Method == http.MethodGet && !a.x.trusted && !(a.opened && strings.HasPrefix(a.group, postedGroup)) {
		return nil, fail(codeConfiguration, "CallbackRouteError", errors.New("a GET signs in without a sealed value of an attempt that began with a POST"),
			"seal a value in a POST before it, and open it; otherwise a foreign link could sign a browser in")
	}
	if id.Account != nil && id.Account.ProviderAccountID == "" || id.Account == nil && id.Email == "" && id.User.ID == "" {
		return nil, fail(codeConfiguration, "CallbackRouteError", errors.New("the identity names nobody"), "set Account.ProviderAccountID, Email or User.ID")
	}
	var err error
	switch {
	case id.Account != nil:
		err = w.settleAccount(a.x, &id)
	case id.Email != "":
		err = w.settleAddress(a.x, &id)
	case id.CreateUser && a.x.adapter.traits.AssignsIDs:
		err = fail(codeConfiguration, "CallbackRouteError", errors.New("CreateUser needs an adapter that keeps the ids it is given; this one assigns its own"), "create the user in the action, or use an Account")
	default:
		err = w.settleUser(a.x, &id.User)
	}
	if err != nil {
		return nil, err
	}
	if id.User.Extra, err = a.x.declared(id.User.Extra); err != nil {
		return nil, err
	}
	return a.x.complete(w.info, id)
}

// settleAccount completes an account and the user who would be created with it,
// as for a provider of OAuth 2.0.
func (w *methodWay) settleAccount(x *exchange, id *Identity) (err error) {
	account := *id.Account
	account.Type, account.Provider, account.UserID = w.info.Type, w.info.ID, ""
	id.Account = &account
	if id.User.ID == "" {
		if id.User.ID, err = newUserID(x, w.info.ID, account.ProviderAccountID); err != nil {
			return err
		}
	}
	u := &id.User
	raw := u.Email
	if u.Email = nil; raw != nil && *raw != "" {
		switch address, err := normalizeAddress(*raw); {
		case err != nil:
			x.cfg.Logger.WarnContext(x.ctx, "auth: the address of an identity is left out", "provider", w.info.ID, "cause", err.Error())
		case lowerASCII(strings.TrimSpace(*raw)) == address:
			u.Email = &address
			return nil
		default: // what is verified is another mailbox
			u.Email = &address
		}
	}
	u.EmailVerified = nil
	return nil
}

// settleAddress normalises the address of an identity.
func (w *methodWay) settleAddress(x *exchange, id *Identity) (err error) {
	if x.adapter.Adapter == nil {
		return fail(codeConfiguration, "CallbackRouteError", errors.New("an identity by its address needs an Adapter"), "set Config.Adapter")
	}
	address, err := normalizeAddress(id.Email)
	if err != nil {
		return fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("the address of the identity: %w", err), "")
	}
	if lowerASCII(strings.TrimSpace(id.Email)) != address { // another mailbox than the one that was proven
		return fail(codeConfiguration, "CallbackRouteError", errors.New("the address of the identity is another one when Unicode is normalised"), "prove the address as it is normalised")
	}
	id.Email = address
	return nil
}

// settleUser looks up a user of whom nothing but the id is given, as database
// sessions do for every user.
func (w *methodWay) settleUser(x *exchange, u *User) error {
	bare := u.ID != "" && u.Name == nil && u.Email == nil && u.EmailVerified == nil && u.Image == nil && u.Extra == nil
	if !bare || x.strategy == StrategyDatabase || x.adapter.Adapter == nil {
		return nil
	}
	stored, err := x.adapter.GetUser(x.ctx, u.ID)
	switch {
	case err == nil:
		x.canonical(x.ctx, &stored)
		*u = stored
	case !errors.Is(err, store.ErrNotFound):
		return adapterError("looking up the user of a "+w.info.Type+" sign-in", err)
	}
	return nil
}

// show answers with a form.
func (w *methodWay) show(a *Attempt, r Result) (*reply, error) {
	x := a.x
	d := pages.Form{
		Title: r.form.Title, Text: r.form.Text, Error: r.form.Error, Button: r.form.Button, Inputs: pageInputs(r.form.Inputs),
		Action:    x.path + "/" + cmp.Or(r.form.Action, "callback") + "/" + w.info.ID,
		CSRFToken: x.csrfToken, CallbackURL: x.callbackURL, Host: hostOf(x.origin), Locale: x.locale(), Theme: pages.Theme(x.cfg.Theme),
	}
	if a.id != "" {
		d.Hidden = append(d.Hidden, pages.Hidden{Name: "attempt", Value: a.id})
	}
	return x.answerPage(r.status, func(b *bytes.Buffer) error { return pages.WriteForm(b, d) }), nil
}

// codeV4 implements failureCodes.
func (w *methodWay) codeV4(action string, _ bool, e *Error) (string, bool) {
	return e.Code, action == "callback"
}

func (w *methodWay) diagnose(_ context.Context, _ string, r *reporter) {
	r.info(about(w.info.ID), "%s, by %T", w.info.Type, w.SignInMethod)
}
