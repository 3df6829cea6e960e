package entclient

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// backend is what differs between the databases. It does not change.
type backend struct {
	dialect string // as ent calls it
	hot     hotSQL
	// setUp checks that connections are as they must be and brings the tables
	// up to date, in any number of processes at once.
	setUp func(ctx context.Context, db *sql.DB) error
	// explain turns the driver's errors into those of the contract, and says
	// what to do about the others.
	explain func(error) error
	// explainAt, when not nil, does so first where the statement is known.
	explainAt func(query string, err error) error
	// again reports whether the database has turned the call away and undone
	// it, so that it can be made again. turnedAway says so.
	again      func(error) bool
	turnedAway string
	// server: many connections write at once, and a statement may go on for a
	// while after its caller has left. Every write is a transaction then, which
	// is nothing without its COMMIT.
	server bool
	// lockRead is what a read inside of a transaction ends with, so that what
	// it has read stays so until the end.
	lockRead string
	// savepoints: a transaction survives a failed statement only by going back
	// to a savepoint.
	savepoints bool
}

func backendOf(name string) (*backend, error) {
	switch name {
	case dialect.SQLite:
		return sqlite(), nil
	case dialect.MySQL:
		return mysqlBackend(), nil
	case dialect.Postgres:
		return postgres(), nil
	}
	return nil, fmt.Errorf("no support for dialect %q; want %q, %q or %q", name, dialect.SQLite, dialect.MySQL, dialect.Postgres)
}

// bound is the driver of a client inside a transaction: what ent would wrap in
// a transaction of its own runs in this one.
type bound struct {
	dialect.ExecQuerier
	backend  *backend
	lockRead string
}

func (b bound) Dialect() string                        { return b.backend.dialect }
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

// conflict is the violation of a unique key. The layout gives keys the same
// names everywhere, but for primary keys.
func conflict(key string, err error) error {
	field := key
	switch key {
	case "user.PRIMARY", "user_pkey":
		field = "id"
	case "user_email_key":
		field = "email"
	case "account_provider_providerAccountId":
		field = "providerAccountId"
	case "session.PRIMARY", "session_pkey":
		field = "sessionToken"
	case "verificationtoken_identifier_token":
		field = "token"
	case "authenticator.PRIMARY", "authenticator_pkey":
		field = "credentialID"
	}
	return engine.ErrConflict{Field: field, Err: err}
}

// transaction is one of the adapter's own.
type transaction struct {
	*sql.Tx
	ctx context.Context
	end func()
}

// begin begins a transaction. Its end must be called.
func (s *store) begin(ctx context.Context) (t transaction, err error) {
	if !s.backend.server {
		t.ctx, t.end = ctx, func() {}
		err = s.locks.Wait(ctx, func() (err error) {
			t.Tx, err = s.db.BeginTx(ctx, nil)
			return err
		})
		return t, err
	}
	t.ctx = ctx
	t.Tx, t.end, err = authruntime.Lasting(ctx, func(ctx context.Context) (*sql.Tx, error) {
		// Rows are locked by key, not the gaps between them, which makes for far
		// fewer deadlocks; what a transaction reads it locks (lockRead).
		return s.db.BeginTx(ctx, &sql.TxOptions{Isolation: authruntime.ReadCommitted})
	})
	return t, err
}

// commit commits unless the context has ended.
func (t transaction) commit() error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	return t.Commit()
}

// alone makes one call in a transaction of its own.
func alone[T any](ctx context.Context, s *store, call func(*store) (T, error)) (v T, err error) {
	t, err := s.begin(ctx)
	if err != nil {
		return v, err
	}
	defer t.end()
	defer t.Rollback() // does nothing after a commit
	if v, err = call(s.in(t.Tx, "")); err != nil {
		return v, err
	}
	return v, t.commit()
}

// saved makes one call that may fail and leave the transaction usable.
func saved[T any](ctx context.Context, s *store, call func(*store) (T, error)) (v T, err error) {
	if _, err := s.tx.ExecContext(ctx, `SAVEPOINT sesame_write`); err != nil {
		return v, err
	}
	v, err = call(s)
	if err == nil {
		_, err = s.tx.ExecContext(ctx, `RELEASE SAVEPOINT sesame_write`)
		return v, err
	}
	if _, lost := s.tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT sesame_write`); lost != nil {
		return v, fmt.Errorf("%w (after: %v)", lost, err)
	}
	return v, err
}
