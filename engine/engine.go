package engine

import "context"

// Engine answers the Auth.js endpoints and reads sessions. It is safe for
// concurrent use.
type Engine struct {
	*core
	providers []way
	byID      map[string]way
	actions   map[string]bool // path segments before the id of a provider
	purging   purging
	ownHTTP   bool // Config.HTTPClient is the engine's own
}

// newEngine returns an engine that has yet to be set up.
func newEngine(cfg Config) *Engine {
	c := &core{cfg: cfg}
	return &Engine{core: c, purging: purging{core: c}}
}

// Close stops background work: it interrupts the removal of expired rows, and
// requests to identity providers that outlived the requests to the engine, and
// waits for them to end. Call it after shutting down the server, and close the
// Adapter afterwards, which Close does not.
//
// A second Close does nothing. The endpoints and Session still work after Close,
// but expired rows are no longer removed, and sign-ins that need to fetch the
// metadata or the keys of a provider fail. The error is always nil.
func (e *Engine) Close() error {
	e.purging.stop()
	for _, w := range e.providers {
		w.close()
	}
	if e.ownHTTP {
		e.cfg.HTTPClient.CloseIdleConnections()
	}
	return nil
}

// Purge removes the sessions and e-mail tokens that expired more than 24 hours
// ago by Config.Now, in batches of 1000, until none is left or ctx ends. It
// returns how many it removed, also with an error. Several replicas may call it
// at the same time.
//
// Sign-ins trigger the same at intervals, see Config.PurgeInterval. Purge is for
// programs that prefer to choose the time.
//
// Without an Adapter, and with one that is not a [Purger] because its store
// removes expired rows itself (Redis), Purge does nothing and returns 0 and nil.
// An error is an [*Error] that wraps the adapter's, or that of ctx.
func (e *Engine) Purge(ctx context.Context) (removed int, err error) {
	p := e.adapter.purger
	if p == nil {
		return 0, nil
	}
	before := e.cfg.Now().Add(-purgeGrace) // fixed, so that the loop ends
	for {
		n, err := purgeOnce(ctx, p, before)
		removed += n
		if err != nil || n == 0 {
			return removed, err
		}
	}
}
