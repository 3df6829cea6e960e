// Package memory provides an adapter that keeps everything in memory, for tests
// and for development. All data is lost when the process exits.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
)

// Adapter is a store.Adapter that also implements store.AuthenticatorAdapter,
// store.Transactor, store.Purger and store.SessionLister. Use [New] to create
// one.
type Adapter struct {
	schema *schema.Schema

	writing chan struct{} // full while a write or a transaction is running

	mu     sync.RWMutex // guards data and closed
	data   *data
	closed error // not nil after Close
}

var (
	_ store.Adapter              = (*Adapter)(nil)
	_ store.AuthenticatorAdapter = (*Adapter)(nil)
	_ store.Transactor           = (*Adapter)(nil)
	_ store.Purger               = (*Adapter)(nil)
	_ store.SessionLister        = (*Adapter)(nil)
)

// data holds everything that is stored. A stored value is never changed in place
// and shares no memory with a caller, so that copying the maps copies everything.
type data struct {
	users          map[string]store.User
	emails         map[string]string // address to user id
	accounts       map[pair]store.Account
	sessions       map[string]store.Session
	tokens         map[pair]store.VerificationToken
	authenticators map[string]store.Authenticator
}

// pair is (provider, provider account id) or (identifier, token).
type pair struct{ first, second string }

func (d *data) clone() *data {
	return &data{
		users:          maps.Clone(d.users),
		emails:         maps.Clone(d.emails),
		accounts:       maps.Clone(d.accounts),
		sessions:       maps.Clone(d.sessions),
		tokens:         maps.Clone(d.tokens),
		authenticators: maps.Clone(d.authenticators),
	}
}

// New returns an empty adapter. It accepts only the extra fields of users and
// sessions that s declares; nil declares none.
func New(s *schema.Schema) *Adapter {
	return &Adapter{
		schema:  s,
		writing: make(chan struct{}, 1),
		data: &data{
			users:          map[string]store.User{},
			emails:         map[string]string{},
			accounts:       map[pair]store.Account{},
			sessions:       map[string]store.Session{},
			tokens:         map[pair]store.VerificationToken{},
			authenticators: map[string]store.Authenticator{},
		},
	}
}

// Close discards all data. Every later call of another method fails. Close
// always returns nil.
func (a *Adapter) Close() error {
	_, _ = a.end(errors.New("memory: the adapter is closed"))
	return nil
}

// end makes every later call fail with err. It returns the stored data, or the
// earlier error if the adapter had already ended.
func (a *Adapter) end(err error) (*data, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != nil {
		return nil, a.closed
	}
	last := a.data
	a.data, a.closed = nil, err
	return last, nil
}

// Tx implements store.Transactor. Writes through a block until the transaction
// ends: fn must write only through the adapter passed to it, or it deadlocks
// until its context ends. That adapter fails every call after fn has returned.
func (a *Adapter) Tx(ctx context.Context, fn func(store.Adapter) error) error {
	if err := a.beginWrite(ctx); err != nil {
		return err
	}
	defer a.endWrite()
	tx := &Adapter{schema: a.schema, writing: make(chan struct{}, 1)}
	if err := a.read(ctx, func(d *data) error { tx.data = d.clone(); return nil }); err != nil {
		return err
	}
	ended := errors.New("memory: the transaction has ended")
	defer tx.end(ended)
	if err := fn(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	written, err := tx.end(ended)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed == nil {
		a.data = written
	}
	return a.closed
}

func (a *Adapter) beginWrite(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case a.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *Adapter) endWrite() { <-a.writing }

// write calls f with the data to change. If f fails it must have changed nothing.
func (a *Adapter) write(ctx context.Context, f func(*data) error) error {
	if err := a.beginWrite(ctx); err != nil {
		return err
	}
	defer a.endWrite()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed != nil {
		return a.closed
	}
	return f(a.data)
}

// read calls f with the data, which f must not change.
func (a *Adapter) read(ctx context.Context, f func(*data) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed != nil {
		return a.closed
	}
	return f(a.data)
}

// get returns a clone of the value at key of a table.
func get[K comparable, V any](ctx context.Context, a *Adapter, key K, table func(*data) map[K]V, clone func(V) V) (V, error) {
	var v V
	err := a.read(ctx, func(d *data) error {
		stored, ok := table(d)[key]
		if !ok {
			return store.ErrNotFound
		}
		v = clone(stored)
		return nil
	})
	return v, err
}

// list returns clones of the values of a table that match.
func list[K comparable, V any](ctx context.Context, a *Adapter, table func(*data) map[K]V, match func(V) bool, clone func(V) V) ([]V, error) {
	var found []V
	err := a.read(ctx, func(d *data) error {
		for _, v := range table(d) {
			if match(v) {
				found = append(found, clone(v))
			}
		}
		return nil
	})
	return found, err
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func cloneTime(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	v := schema.Instant(*t)
	return &v
}

func cloneUser(u store.User) store.User {
	u.Name, u.Email, u.Image = clonePtr(u.Name), clonePtr(u.Email), clonePtr(u.Image)
	u.EmailVerified = cloneTime(u.EmailVerified)
	u.Extra = cloneExtra(u.Extra)
	return u
}

func cloneAccount(a store.Account) store.Account {
	a.RefreshToken, a.AccessToken, a.IDToken = clonePtr(a.RefreshToken), clonePtr(a.AccessToken), clonePtr(a.IDToken)
	a.TokenType, a.Scope, a.SessionState = clonePtr(a.TokenType), clonePtr(a.Scope), clonePtr(a.SessionState)
	a.ExpiresAt = clonePtr(a.ExpiresAt)
	return a
}

func cloneSession(s store.Session) store.Session {
	s.Expires = schema.Instant(s.Expires)
	s.Extra = cloneExtra(s.Extra)
	return s
}

func cloneToken(t store.VerificationToken) store.VerificationToken {
	t.Expires = schema.Instant(t.Expires)
	return t
}

func cloneAuthenticator(a store.Authenticator) store.Authenticator {
	a.Transports = clonePtr(a.Transports)
	return a
}

// cloneExtra returns a deep copy.
func cloneExtra(extra map[string]any) map[string]any {
	if extra == nil {
		return nil
	}
	return cloneValue(extra).(map[string]any)
}

func cloneValue(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneValue(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = cloneValue(v[k])
		}
		return out
	}
	return v
}

// mergeExtra returns the extra fields of a user or a session with the changes
// applied.
func mergeExtra(entity string, extra, changes map[string]any, declared func(string) (schema.Field, bool)) (map[string]any, error) {
	merged, err := schema.MergeExtra(extra, changes, declared)
	if err != nil {
		return nil, fmt.Errorf("memory: %w: the %s field %w", store.ErrInvalid, entity, err)
	}
	return merged, nil
}
