package engine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// Operation is an operation observed by Config.Observe.
type Operation struct {
	// Kind is "request", "adapter" or "provider".
	Kind string
	// Name is the endpoint of a request, or of the corresponding call by the
	// application ("session", "callback"; "" for an unknown path); the method of
	// the [Adapter] ("GetSessionAndUser", "Tx"); or the HTTP method and the host of
	// a request to a provider ("POST github.com").
	Name string
	// Provider is the id of the provider; "" if there is none.
	Provider string
}

// The kinds of operations.
const (
	kindRequest  = "request"
	kindAdapter  = "adapter"
	kindProvider = "provider"
)

// observer is the type of Config.Observe.
type observer func(context.Context, Operation) (context.Context, func(error))

// guarded returns an observer whose panics are logged. The observed operation
// continues, because otherwise it might be half done.
func (o observer) guarded(log *slog.Logger) observer {
	watch := func(ctx context.Context, op Operation, fn func()) {
		if err := guard(func() error { fn(); return nil }); err != nil {
			known := asError(err, "")
			log.ErrorContext(ctx, "auth: ObserveError", "kind", op.Kind, "name", op.Name, "cause", known.Err.Error(), "stack", known.stack)
		}
	}
	return func(ctx context.Context, op Operation) (context.Context, func(error)) {
		var inner context.Context
		var done func(error)
		watch(ctx, op, func() { inner, done = o(ctx, op) })
		if done == nil {
			return inner, nil
		}
		return inner, func(err error) { watch(ctx, op, func() { done(err) }) }
	}
}

// begin reports an operation to the observer. The returned function is never
// nil, and must be called at the end.
func (o observer) begin(ctx context.Context, op Operation) (context.Context, func(error)) {
	if o == nil {
		return ctx, func(error) {}
	}
	inner, done := o(ctx, op)
	if inner == nil {
		inner = ctx
	}
	if done == nil {
		done = func(error) {}
	}
	return inner, done
}

// errPanicked is the error of an operation that has not come back.
var errPanicked = errors.New("a panic")

// observedTransport observes the requests to a provider.
type observedTransport struct {
	http.RoundTripper
	observe  observer
	provider string
}

func (t observedTransport) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	ctx, done := t.observe.begin(r.Context(), Operation{Kind: kindProvider, Name: r.Method + " " + r.URL.Host, Provider: t.provider})
	err = errPanicked
	defer func() { done(err) }()
	answer, err = t.RoundTripper.RoundTrip(r.WithContext(ctx))
	return answer, err
}
