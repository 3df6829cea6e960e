package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// hotSQL holds the statements that run on every request, or that must check and
// write in one step. They are prepared on the database that the client uses.
type hotSQL struct {
	// sessionToken: expires, id, name, email, emailVerified, image
	sessionAndUser string
	// expires, sessionToken: userId
	updateSession []step
	// identifier, token: expires
	useToken []step
	// counter, credentialID: userId, providerAccountId, credentialPublicKey,
	// credentialDeviceType, credentialBackedUp, transports; no row when the
	// counter is stale (R12)
	updateCounter []step
}

// step is one of the statements of a call. The first returns one row or none, and
// locks it; each of the others then changes exactly one row.
type step struct {
	text string
	args []int // indexes of its arguments; nil: all, in order
}

type prepared struct {
	stmt *sqlstore.Stmt
	args []int
}

type statements struct {
	sessionAndUser, updateSession, useToken, updateCounter []prepared
}

func prepare(ctx context.Context, db *sql.DB, b *backend) (*statements, error) {
	var s statements
	for _, p := range []struct {
		to    *[]prepared
		steps []step
	}{
		{&s.sessionAndUser, []step{{b.hot.sessionAndUser, nil}}},
		{&s.updateSession, b.hot.updateSession},
		{&s.useToken, b.hot.useToken},
		{&s.updateCounter, b.hot.updateCounter},
	} {
		for _, step := range p.steps {
			stmt, err := b.Prepare(ctx, db, step.text)
			if err != nil {
				return nil, errors.Join(err, s.close())
			}
			*p.to = append(*p.to, prepared{stmt, step.args})
		}
	}
	return &s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, p := range slices.Concat(s.sessionAndUser, s.updateSession, s.useToken, s.updateCounter) {
		errs = append(errs, p.stmt.Close())
	}
	return errors.Join(errs...)
}

// runSteps runs the statements of a call and scans the one row that they return
// into dest. Without a row it returns sql.ErrNoRows.
func (s *contract) runSteps(ctx context.Context, steps []prepared, args []any, dest ...any) error {
	if err := s.queryOne(ctx, steps[0], args, dest); err != nil {
		return err
	}
	for _, p := range steps[1:] {
		result, err := s.conn.Exec(ctx, p.stmt, p.pick(args)...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("a statement on one locked row changed %d rows: %w", n, errors.Join(err, sql.ErrNoRows))
		}
	}
	return nil
}

// pick returns those of args that the statement takes.
func (p prepared) pick(args []any) []any {
	if p.args == nil {
		return args
	}
	picked := make([]any, len(p.args))
	for i, n := range p.args {
		picked[i] = args[n]
	}
	return picked
}

// queryOne scans the row of a statement. It reads to the end of the rows, because
// only then the writes of the statement are committed.
func (s *contract) queryOne(ctx context.Context, p prepared, args, dest []any) error {
	rows, err := s.conn.Query(ctx, p.stmt, p.pick(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	for rows.Next() {
	}
	return rows.Err()
}

// GetSessionAndUser implements store.SessionAdapter.
func (s *contract) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	type row struct {
		expires            int64
		id                 string
		name, email, image *string
		verified           *int64
	}
	r, err := read(ctx, s, "get a session and its user", func() (*row, error) {
		if !authruntime.Storable(sessionToken) {
			return nil, store.ErrNotFound
		}
		r := new(row)
		return r, s.runSteps(ctx, s.hot.sessionAndUser, []any{sessionToken}, &r.expires, &r.id, &r.name, &r.email, &r.verified, &r.image)
	})
	if err != nil {
		return store.Session{}, store.User{}, err
	}
	return store.Session{SessionToken: sessionToken, UserID: r.id, Expires: authruntime.Instant(r.expires)},
		store.User{ID: r.id, Name: r.name, Email: r.email, EmailVerified: authruntime.InstantPtr(r.verified), Image: r.image},
		nil
}

// UpdateSession implements store.SessionAdapter.
func (s *contract) UpdateSession(ctx context.Context, u store.SessionUpdate) (store.Session, error) {
	if u.Expires == nil {
		return read(ctx, s, "update a session", func() (store.Session, error) {
			if err := authruntime.Declared("session", u.Extra); err != nil {
				return store.Session{}, err
			}
			return s.rows.GetSession(ctx, u.SessionToken)
		})
	}
	return write(ctx, s, "update a session", func(s *contract) (store.Session, error) {
		stored := store.Session{SessionToken: u.SessionToken, Expires: authruntime.Instant(u.Expires.UnixMilli())}
		if err := authruntime.Declared("session", u.Extra); err != nil {
			return stored, err
		}
		if !authruntime.Storable(u.SessionToken) {
			return stored, store.ErrNotFound
		}
		return stored, s.runSteps(ctx, s.hot.updateSession, []any{u.Expires.UnixMilli(), u.SessionToken}, &stored.UserID)
	})
}

// UseVerificationToken implements store.VerificationTokenAdapter.
func (s *contract) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	return write(ctx, s, "use a verification token", func(s *contract) (store.VerificationToken, error) {
		used := store.VerificationToken{Identifier: identifier, Token: token}
		if !authruntime.Storable(identifier) || !authruntime.Storable(token) {
			return used, store.ErrNotFound
		}
		var expires int64
		err := s.runSteps(ctx, s.hot.useToken, []any{identifier, token}, &expires)
		used.Expires = authruntime.Instant(expires)
		return used, err
	})
}

// UpdateAuthenticatorCounter implements store.AuthenticatorAdapter.
func (s *contract) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (store.Authenticator, error) {
	a, err := write(ctx, s, "update the counter of an authenticator", func(s *contract) (store.Authenticator, error) {
		a := store.Authenticator{CredentialID: credentialID, Counter: counter}
		if !authruntime.Storable(credentialID) {
			return a, store.ErrNotFound
		}
		err := s.runSteps(ctx, s.hot.updateCounter, []any{int64(counter), credentialID},
			&a.UserID, &a.ProviderAccountID, &a.CredentialPublicKey, &a.CredentialDeviceType, &a.CredentialBackedUp, &a.Transports)
		return a, err
	})
	if errors.Is(err, store.ErrNotFound) {
		// No such credential, or its counter is not less than the new one.
		if _, err := s.GetAuthenticator(ctx, credentialID); err != nil {
			return store.Authenticator{}, err
		}
		return store.Authenticator{}, store.ErrStaleCounter
	}
	return a, err
}
