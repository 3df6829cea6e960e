package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent"
)

// backend describes how the databases differ. It does not change.
type backend struct {
	*sqlstore.Dialect
	hot hotSQL
	// migrate brings the tables up to date, in any number of processes at once,
	// and makes the checks that need a table.
	migrate func(ctx context.Context, db *sql.DB) error
	// mayMigrate, if not nil, returns the permissions that the database user
	// needs if err is about a missing one, or "".
	mayMigrate func(err error) string
	// explainAt, if not nil, turns the error of a statement into one of the
	// contract.
	explainAt func(query string, err error) error
}

func backendOf(name string) (*backend, error) {
	d, err := sqlstore.DialectOf(name)
	if err != nil {
		return nil, err
	}
	switch name {
	case dialect.SQLite:
		return sqlite(d), nil
	case dialect.MySQL:
		return mysqlBackend(d), nil
	}
	return postgres(d), nil
}

// setUp checks the settings of a connection, brings the tables up to date and
// prepares the statements.
func (b *backend) setUp(ctx context.Context, db *sql.DB) (*statements, error) {
	if err := b.Check(ctx, db); err != nil {
		return nil, err
	}
	if err := b.migrate(ctx, db); err != nil {
		return nil, err
	}
	return prepare(ctx, db, b)
}

// openError adds to an error of setUp how to fix it.
func (b *backend) openError(err error) error {
	if b.mayMigrate != nil {
		if hint := b.mayMigrate(err); hint != "" {
			return fmt.Errorf("%w (%s)", err, hint)
		}
	}
	return b.Explain(err)
}

// storeError turns an error of the database into one of package store where the
// contract defines one. Package sqlstore handles other errors.
func (b *backend) storeError(err error) error {
	if err == nil || errors.Is(err, store.ErrConflict) {
		return err
	}
	if ent.IsNotFound(err) {
		return store.ErrNotFound
	}
	if d, ok := b.Duplicate(err); ok {
		return conflict(d)
	}
	if b.Orphan(err) {
		return fmt.Errorf("no such user: %w", store.ErrNotFound)
	}
	return err
}

// conflict returns the error for a violation of a unique key. The name of its last
// column is that of the contract. Keys have the same names in every database,
// except primary keys.
func conflict(d sqlstore.Duplicate) error {
	field := d.Key
	switch {
	case len(d.Columns) > 0:
		field = d.Columns[len(d.Columns)-1]
	case d.Key == "user.PRIMARY" || d.Key == "user_pkey":
		field = "id"
	case d.Key == "user_email_key":
		field = "email"
	case d.Key == "account_provider_providerAccountId":
		field = "providerAccountId"
	case d.Key == "session.PRIMARY" || d.Key == "session_pkey":
		field = "sessionToken"
	case d.Key == "verificationtoken_identifier_token":
		field = "token"
	case d.Key == "authenticator.PRIMARY" || d.Key == "authenticator_pkey":
		field = "credentialID"
	}
	return &store.ConflictError{Field: field, Err: d.Err}
}

// bound is the driver of a client inside a transaction. Where ent would begin
// another transaction, it uses this one.
type bound struct {
	dialect.ExecQuerier
	backend  *backend
	lockRead string // appended to a SELECT
}

func (b bound) Dialect() string                        { return b.backend.Name }
func (b bound) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(b), nil }
func (b bound) Close() error                           { return nil }
func (b bound) Managed()                               {}

func (b bound) Query(ctx context.Context, query string, args, v any) error {
	if strings.HasPrefix(query, "SELECT ") {
		query += b.lockRead
	}
	return b.explainAt(query, b.ExecQuerier.Query(ctx, query, args, v))
}

func (b bound) Exec(ctx context.Context, query string, args, v any) error {
	return b.explainAt(query, b.ExecQuerier.Exec(ctx, query, args, v))
}

func (b bound) explainAt(query string, err error) error {
	if err == nil || b.backend.explainAt == nil {
		return err
	}
	return b.backend.explainAt(query, err)
}
