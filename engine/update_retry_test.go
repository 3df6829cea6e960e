package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
)

func TestUpdateKeepsItsKeysWhenATransactionIsTriedAgain(t *testing.T) {
	s := newSite(t, func(_ *site, c *engine.Config) {
		c.Schema = &engine.Schema{User: []schema.Field{{Name: "name", Client: schema.Write}}, Session: []schema.Field{{Name: "tab", Client: schema.Write}}}
	}, withStrategy(engine.StrategyDatabase), func(s *site, c *engine.Config) { c.Adapter = retrying{c.Adapter} })
	for _, method := range []string{"UpdateUser", "UpdateSession"} {
		b := s.browser()
		b.signIn()
		s.store.failWith(nil)
		failed := false
		s.store.mu.Lock()
		s.store.fail = func(m string) error {
			if m != method || failed {
				return nil
			}
			failed = true
			return errors.New("could not serialize access")
		}
		s.store.mu.Unlock()
		r := b.update(map[string]any{"name": "Ada", "tab": "orders"})
		s.store.repair()
		if !failed || !strings.Contains(r.body, `"name":"Ada"`) || !strings.Contains(r.body, `"tab":"orders"`) {
			t.Errorf("%s fails once: %d %s; log %v", method, r.status, r.body, s.logs.problems())
		}
	}
}

// retrying tries a transaction that has failed a second time.
type retrying struct{ engine.Adapter }

func (a retrying) Tx(ctx context.Context, fn func(engine.Adapter) error) error {
	tx := a.Adapter.(interface {
		Tx(context.Context, func(engine.Adapter) error) error
	})
	err := tx.Tx(ctx, fn)
	if err != nil {
		err = tx.Tx(ctx, fn)
	}
	return err
}
