package engine

import (
	"context"

	"github.com/sesame-auth/sesame/engine/internal/pages"
)

// way is an initialised way to sign in. Each kind has a file, way_*.go, from its
// configuration to its callback; nothing outside that file depends on the kind.
type way interface {
	// describe returns the information that GET providers shows.
	describe() ProviderInfo
	// handler returns the handler for an HTTP method and an action, which is the
	// path segment before the provider's id. The zero handler means none.
	handler(method, action string) handler
	// signIn starts or completes a sign-in requested by the application.
	signIn(x *exchange, o SignInOptions) (*reply, error)
	// form returns the way's form on the sign-in page.
	form() pages.Provider
	// diagnose reports the configuration, and tests what New does not. callback
	// is the URL of the callback.
	diagnose(ctx context.Context, callback string, r *reporter)
	// failureCodes are the error codes of next-auth 4.
	failureCodes
	// close stops background work.
	close()
}

// handler answers an action.
type handler struct {
	run func(x *exchange) (*reply, error)
	// ownChecks means that the handler guards a POST itself, because it comes
	// from another site. Every other POST needs the CSRF token.
	ownChecks bool
	// attempt means that Config.Limit is called.
	attempt bool
}

// builtin is a Provider of this package. All others are SignInMethods.
type builtin interface {
	Provider
	// setUp checks the configuration, collecting problems in s, and returns the
	// way, or nil if it is unusable.
	setUp(s *settings, info ProviderInfo) way
}

// SignInOptions are the options of [Engine.SignIn].
type SignInOptions struct {
	RedirectTo  string            // target after the sign-in; "" is the site's root
	Params      map[string]string // authorization parameters (OIDC, OAuth2)
	Email       string            // address (Email)
	Credentials map[string]string // values (Credentials, SignInMethod)
}
