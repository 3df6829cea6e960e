// Package memory is an adapter that keeps everything in this process, for
// tests and for development. What it holds is gone when the process ends.
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

// Adapter is a store.Adapter, and an AuthenticatorAdapter, Transactor,
// Purger and SessionLister. Use [New] to make one.
type Adapter struct {
	schema *schema.Schema

	writing chan struct{} // full while a writer or a transaction is at work

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

// data is all that is stored. A stored value is never changed in place and
// shares nothing with a caller, so that copying the maps copies everything.
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

// New returns an empty adapter. It accepts the extra fields of users and
// sessions that s declares and no others; nil declares none.
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

// Close drops everything. Every method fails afterwards.
func (a *Adapter) Close() error {
	_, _ = a.end(errors.New("memory: the adapter is closed"))
	return nil
}

// end makes every later call fail with err. It returns what was stored, or the
// error when it had ended before.
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

// Tx implements store.Transactor. Writes through a wait for the end of the
// transaction: fn must use the adapter it is given only, or it waits for
// itself until its context ends. The adapter given to fn is of no use after fn
// has returned.
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

// write calls f with the data to change. When f fails it must have changed
// nothing.
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

// read calls f with the data to look at.
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

// get copies the value at key out of what in returns.
func get[K comparable, V any](ctx context.Context, a *Adapter, key K, in func(*data) map[K]V, copied func(V) V) (V, error) {
	var v V
	err := a.read(ctx, func(d *data) error {
		stored, ok := in(d)[key]
		if !ok {
			return store.ErrNotFound
		}
		v = copied(stored)
		return nil
	})
	return v, err
}

// list copies the values that match.
func list[K comparable, V any](ctx context.Context, a *Adapter, in func(*data) map[K]V, match func(V) bool, copied func(V) V) ([]V, error) {
	var found []V
	err := a.read(ctx, func(d *data) error {
		for _, v := range in(d) {
			if match(v) {
				found = append(found, copied(v))
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

// cloneExtra copies deep.
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

// mergeExtra returns the extra fields of a user or a session after changes.
func mergeExtra(of string, extra, changes map[string]any, declared func(string) (schema.Field, bool)) (map[string]any, error) {
	merged, err := schema.MergeExtra(extra, changes, declared)
	if err != nil {
		return nil, fmt.Errorf("memory: %w: the %s field %w", store.ErrInvalid, of, err)
	}
	return merged, nil
}
