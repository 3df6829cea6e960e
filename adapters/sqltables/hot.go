package sqltables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/store"
)

// statements holds the prepared statements: those that run on every request, or that
// must check and write in one step.
type statements struct {
	sessionAndUser *prepared // returns the session without token and user id, and the user
	// useToken returns the columns of a token and deletes it, if the database can
	// do both in one statement; otherwise removeToken deletes it.
	useToken, removeToken *prepared
}

// prepared is a statement whose arguments are those of a call in a given order.
type prepared struct {
	*sqlstore.Stmt
	order   []int
	columns []*column
}

// argument stands for the n-th argument of a call while a statement is built.
type argument int

// prepare prepares the statements. If one fails, it closes the others.
func (t *tables) prepare(ctx context.Context, db *sql.DB, on *sqlstore.Dialect) (s *statements, err error) {
	s = &statements{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	d := on.Name
	b := entsql.Dialect(d)
	session, user, token := &t.session, &t.user, &t.token

	columns := slices.Concat(session.columns[2:], user.columns)
	sv, uv := b.Table(session.quoted).As("s"), b.Table(user.quoted).As("u")
	query, args := selectRaw(b, slices.Concat(selectedAll(session.columns[2:], "s"), selectedAll(user.columns, "u"))...).From(sv).
		Join(uv).On(uv.C(user.column("id").quoted()), sv.C(session.column("userId").quoted())).
		Where(session.columns[0].is(sv.C(session.columns[0].quoted()), argument(0))).Query()
	if s.sessionAndUser, err = prepare(ctx, db, on, query, args, columns); err != nil {
		return s, err
	}

	pair := entsql.And(token.columns[0].is(token.columns[0].quoted(), argument(0)), token.columns[1].is(token.columns[1].quoted(), argument(1)))
	remove, removeArgs := b.Delete(token.quoted).Where(pair).Query()
	if d != dialect.MySQL {
		remove += " RETURNING " + strings.Join(selectedAll(token.columns, ""), ", ")
		s.useToken, err = prepare(ctx, db, on, remove, removeArgs, token.columns)
		return s, err
	}
	pair = entsql.And(token.columns[0].is(token.columns[0].quoted(), argument(0)), token.columns[1].is(token.columns[1].quoted(), argument(1)))
	query, args = selectRaw(b, selectedAll(token.columns, "")...).From(b.Table(token.quoted)).Where(pair).Query()
	if s.useToken, err = prepare(ctx, db, on, query+" FOR UPDATE", args, token.columns); err != nil {
		return s, err
	}
	s.removeToken, err = prepare(ctx, db, on, remove, removeArgs, nil)
	return s, err
}

func prepare(ctx context.Context, db *sql.DB, on *sqlstore.Dialect, query string, args []any, columns []*column) (*prepared, error) {
	stmt, err := on.Prepare(ctx, db, query)
	if err != nil {
		return nil, err
	}
	p := &prepared{Stmt: stmt, columns: columns}
	for _, arg := range args {
		p.order = append(p.order, int(arg.(argument)))
	}
	return p, nil
}

func (s *statements) close() error {
	var errs []error
	for _, p := range []*prepared{s.sessionAndUser, s.useToken, s.removeToken} {
		if p != nil {
			errs = append(errs, p.Close())
		}
	}
	return errors.Join(errs...)
}

// args returns the arguments of a call in the order of the statement.
func (p *prepared) args(call ...any) []any {
	args := make([]any, len(p.order))
	for i, n := range p.order {
		args[i] = call[n]
	}
	return args
}

// firstRow runs a prepared statement and returns its first row, or nil, and whether
// there were more. It reads all rows, because only then the writes of the
// statement are complete.
func (s *rows) firstRow(ctx context.Context, p *prepared, args ...any) (row []cell, more bool, err error) {
	rows, err := s.conn.Query(ctx, p.Stmt, p.args(args...)...)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	if rows.Next() {
		var dest []any
		row, dest = cells(p.columns)
		if err := rows.Scan(dest...); err != nil {
			return nil, false, err
		}
	}
	for rows.Next() {
		more = true
	}
	return row, more, rows.Err()
}

// GetSessionAndUser implements store.SessionAdapter.
func (s *rows) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	t := &s.tables.session
	row, err := read(ctx, s, "get a session and its user", func() ([]cell, error) {
		token, err := t.columns[0].encode(sessionToken)
		if err != nil {
			return nil, store.ErrNotFound
		}
		row, more, err := s.firstRow(ctx, s.hot.sessionAndUser, token)
		switch {
		case err != nil:
			return nil, err
		case row == nil:
			return nil, store.ErrNotFound
		case more:
			return single([][]cell{row, row}, nil, t, []match{{t.columns[0], nil}})
		}
		return row, nil
	})
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	n := len(t.columns) - 2
	user := userOf(row[n:])
	return store.Session{SessionToken: sessionToken, UserID: user.ID, Expires: row[0].at, Extra: extrasOf(row[1:n])}, user, nil
}

// UseVerificationToken implements store.VerificationTokenAdapter.
func (s *rows) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	return write(ctx, s, "use a verification token", func(s *rows) (store.VerificationToken, error) {
		var used store.VerificationToken
		t := &s.tables.token
		a, err := t.columns[0].encode(identifier)
		if err != nil {
			return used, store.ErrNotFound
		}
		b, err := t.columns[1].encode(token)
		if err != nil {
			return used, store.ErrNotFound
		}
		row, _, err := s.firstRow(ctx, s.hot.useToken, a, b)
		switch {
		case err != nil:
			return used, err
		case row == nil:
			return used, store.ErrNotFound
		}
		if p := s.hot.removeToken; p != nil {
			result, err := s.conn.Exec(ctx, p.Stmt, p.args(a, b)...)
			if err != nil {
				return used, err
			}
			if n, err := result.RowsAffected(); err != nil || n < 1 {
				return used, fmt.Errorf("the DELETE of one locked token removed %d rows: %w", n, errors.Join(err, sql.ErrNoRows))
			}
		}
		return store.VerificationToken{Identifier: row[0].text, Token: row[1].text, Expires: row[2].at}, nil
	})
}
