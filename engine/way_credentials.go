package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/sesame-auth/sesame/engine/internal/pages"
)

// Credentials signs in with the values of a form, such as user name and
// password. The application checks them; passwords need a password hash.
type Credentials struct {
	ID   string // default: "credentials"
	Name string // default: "Credentials"
	// Inputs are the fields of the built-in form, in order.
	Inputs []Input
	// Authorize returns the user that the values identify, or nil when they are
	// wrong. The same person must have the same ID at every sign-in. A
	// [*CredentialsError] refuses with its own code; any other error is a failure
	// of the server. The values are the form's members without csrfToken and
	// callbackUrl; the body of the request has been consumed.
	Authorize func(ctx context.Context, values map[string]string, r *http.Request) (*User, error)
	// CreateUsers stores users unknown to the Adapter, under the ID that Authorize
	// returns. Default: their sign-in is refused and logged. Ignored unless the
	// session strategy is StrategyDatabase.
	CreateUsers bool
}

// ProviderInfo implements [Provider].
func (p *Credentials) ProviderInfo() ProviderInfo {
	return ProviderInfo{cmp.Or(p.ID, "credentials"), cmp.Or(p.Name, "Credentials"), "credentials"}
}

// CredentialsError refuses credentials with a code that the sign-in page and
// signIn() of the client get besides CredentialsSignin. It corresponds to a
// subclass of CredentialsSignin in Auth.js.
type CredentialsError struct {
	Code string // letters, digits, - and _; "" is "credentials"
	Err  error  // for the log; may be nil
}

func (e *CredentialsError) Error() string {
	if e.Err != nil {
		return "credentials refused: " + cmp.Or(e.Code, "credentials") + ": " + e.Err.Error()
	}
	return "credentials refused: " + cmp.Or(e.Code, "credentials")
}

// Unwrap returns Err.
func (e *CredentialsError) Unwrap() error { return e.Err }

// credentialsWay is the way of [Credentials].
type credentialsWay struct {
	*Credentials
	info  ProviderInfo
	loose bool // whether the dialect has an answer to a GET of the callback
}

func (p *Credentials) setUp(s *settings, info ProviderInfo) way {
	if p.Authorize == nil {
		s.providerProblem(info.ID, "set Authorize, which checks the values of the form", "Authorize is nil")
	}
	if p.CreateUsers && s.adapter.traits.AssignsIDs {
		s.providerProblem(info.ID, "omit CreateUsers, and create the user in Authorize", "CreateUsers needs an adapter that keeps the ids it is given; this one assigns its own")
	}
	return &credentialsWay{p, info, s.dialect.looseRoutes}
}

func (w *credentialsWay) describe() ProviderInfo { return w.info }

func (w *credentialsWay) close() {}

func (w *credentialsWay) form() pages.Provider {
	return pages.Provider{ID: w.info.ID, Name: w.info.Name, Kind: "form", Action: "callback", Inputs: pageInputs(w.Inputs)}
}

func pageInputs(inputs []Input) []pages.Input {
	out := make([]pages.Input, len(inputs))
	for i, in := range inputs {
		out[i] = pages.Input(in)
	}
	return out
}

func (w *credentialsWay) handler(method, action string) handler {
	switch {
	case action == "signin" && method == http.MethodPost:
		// The form is posted to callback.
		return handler{run: func(x *exchange) (*reply, error) { return x.goTo(x.endpointURL("/signin")), nil }}
	case action == "callback" && method == http.MethodPost:
		return handler{run: w.callback}
	case action == "callback" && w.loose:
		return handler{run: w.refuseGET}
	}
	return handler{}
}

func (w *credentialsWay) refuseGET(x *exchange) (*reply, error) {
	x.report(refuse(codeConfiguration, "UnknownAction", errors.New("credentials must be sent by POST"), ""))
	const body = "Error: Callback for provider type credentials not supported"
	return &reply{status: http.StatusInternalServerError, header: headerText, body: []byte(body)}, nil
}

// callback answers the form.
func (w *credentialsWay) callback(x *exchange) (*reply, error) {
	values := make(map[string]string, len(x.form))
	for name, v := range x.form {
		if name == "csrfToken" || name == "callbackUrl" {
			continue
		}
		switch v := v.(type) {
		case string:
			values[name] = v
		case bool:
			values[name] = strconv.FormatBool(v)
		case float64:
			values[name] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return w.authorize(x, values)
}

func (w *credentialsWay) signIn(x *exchange, o SignInOptions) (*reply, error) {
	values := make(map[string]string, len(o.Credentials)) // never nil: Authorize may write into it
	maps.Copy(values, o.Credentials)
	return w.authorize(x, values)
}

// authorize signs in the user that the values identify.
func (w *credentialsWay) authorize(x *exchange, values map[string]string) (*reply, error) {
	user, err := w.Authorize(x.ctx, values, x.r)
	var refused *CredentialsError
	switch {
	case errors.As(err, &refused):
		e := refuse(codeCredentialsSignin, "CredentialsSignin", err, "")
		e.detail = refused.Code
		return nil, e
	case err != nil:
		e := fail(codeConfiguration, "CallbackRouteError", fmt.Errorf("authorize: %w", err), "")
		e.message = err.Error()
		return nil, e
	case user == nil:
		return nil, refuse(codeCredentialsSignin, "CredentialsSignin", errors.New("authorize returned no user"), "")
	}
	u := *user
	if u.Extra, err = x.declared(u.Extra); err != nil {
		return nil, err
	}
	return x.complete(w.info, Identity{User: u, CreateUser: w.CreateUsers, credentials: values})
}

// codeV4 implements failureCodes.
func (w *credentialsWay) codeV4(action string, _ bool, e *Error) (string, bool) {
	return e.Code, action == "callback"
}

func (w *credentialsWay) diagnose(_ context.Context, _ string, r *reporter) {
	r.info(about(w.info.ID), "credentials, checked by the application")
}
