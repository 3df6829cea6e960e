package engine

import (
	"context"
	"errors"
)

// unit groups several calls of an adapter, in a transaction if the adapter
// supports them.
type unit struct {
	capabilities
	events []func() // run after the commit
	atomic bool
}

// after runs an event once the calls are committed.
func (u *unit) after(event func()) {
	if u.atomic {
		u.events = append(u.events, event)
		return
	}
	event()
}

// atomically runs fn as one unit. fn must not set cookies, because a transaction
// may be retried and may fail to commit.
func (c *core) atomically(ctx context.Context, fn func(u *unit) error) error {
	if c.adapter.transactor == nil {
		return fn(&unit{capabilities: c.adapter})
	}
	observe := observer(c.cfg.Observe)
	var u *unit
	err := observe0(observe, ctx, "Tx", func(ctx context.Context) error {
		return c.adapter.transactor.Tx(ctx, func(a Adapter) error {
			u = &unit{capabilities: capabilitiesOf(a, observe), atomic: true} // reset at each retry
			return fn(u)
		})
	})
	if err != nil {
		if _, known := errors.AsType[*Error](err); !known {
			err = adapterError("committing", err)
		}
		return err
	}
	for _, event := range u.events {
		event()
	}
	return nil
}
