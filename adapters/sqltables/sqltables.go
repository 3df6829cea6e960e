// Package sqltables is the adapter over the tables that an Auth.js app already
// has.
package sqltables

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/sesame-auth/sesame/engine"
)

// Options are the choices of an adapter. The zero value is good.
type Options struct {
	Schema      *engine.Schema
	Logger      *slog.Logger
	BusyTimeout time.Duration
}

// Adapter is an engine.Adapter, Transactor, Purger and SessionLister.
type Adapter struct {
	engine.Adapter
}

// WebAuthnAdapter is an Adapter whose layout has a table of authenticators.
type WebAuthnAdapter struct {
	*Adapter
	engine.AuthenticatorAdapter
}

// WebAuthn returns the adapter with its authenticators.
func (a *Adapter) WebAuthn() (*WebAuthnAdapter, error) { return nil, errors.ErrUnsupported }

// DB returns the database.
func (a *Adapter) DB() *sql.DB { return nil }

// Close closes the database.
func (a *Adapter) Close() error { return nil }

// New opens.
func New(ctx context.Context, db *sql.DB, layout Layout, o Options) (*Adapter, error) {
	return nil, errors.ErrUnsupported
}

// Open opens.
func Open(ctx context.Context, dsn string, layout Layout, o Options) (*Adapter, error) {
	return nil, errors.ErrUnsupported
}
