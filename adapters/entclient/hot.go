package entclient

import (
	"context"
	"database/sql"
	"errors"

	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/ent"
)

// What runs at every request, and what must decide and act in one step, is one
// prepared statement each, on the database that the client uses.
const (
	sqlSessionAndUser = `
		SELECT "session"."expires", "user"."id", "user"."name", "user"."email", "user"."emailVerified", "user"."image"
		FROM "session" JOIN "user" ON "user"."id" = "session"."userId"
		WHERE "session"."sessionToken" = ?`
	sqlUpdateSession = `
		UPDATE "session" SET "expires" = ? WHERE "sessionToken" = ? RETURNING "userId"`
	sqlUseToken = `
		DELETE FROM "verificationToken" WHERE "identifier" = ? AND "token" = ? RETURNING "expires"`
	sqlUpdateCounter = `
		UPDATE "authenticator" SET "counter" = ?1
		WHERE "credentialID" = ?2 AND ("counter" < ?1 OR "counter" = 0 AND ?1 = 0)
		RETURNING "userId", "providerAccountId", "credentialPublicKey", "credentialDeviceType", "credentialBackedUp", "transports"`
)

type statements struct {
	sessionAndUser, updateSession, useToken, updateCounter *sql.Stmt
}

func prepare(ctx context.Context, db *sql.DB) (*statements, error) {
	var s statements
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.sessionAndUser, sqlSessionAndUser},
		{&s.updateSession, sqlUpdateSession},
		{&s.useToken, sqlUseToken},
		{&s.updateCounter, sqlUpdateCounter},
	} {
		stmt, err := db.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		*p.stmt = stmt
	}
	return &s, nil
}

func (s *statements) close() error {
	var errs []error
	for _, stmt := range []*sql.Stmt{s.sessionAndUser, s.updateSession, s.useToken, s.updateCounter} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(errs...)
}

// one runs a statement that gives one row or none (sql.ErrNoRows), to its end:
// only then is what it wrote committed.
func (s *store) one(ctx context.Context, stmt *sql.Stmt, args []any, dest ...any) error {
	if s.tx != nil {
		stmt = s.tx.StmtContext(ctx, stmt)
	}
	rows, err := stmt.QueryContext(ctx, args...)
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

// GetSessionAndUser implements engine.SessionAdapter.
func (s *store) GetSessionAndUser(ctx context.Context, sessionToken string) (engine.AdapterSession, engine.User, error) {
	type row struct {
		expires            int64
		id                 string
		name, email, image *string
		verified           *int64
	}
	r, err := do(ctx, s, "get a session and its user", func() (*row, error) {
		if !storable(sessionToken) {
			return nil, engine.ErrNotFound
		}
		r := new(row)
		return r, s.one(ctx, s.hot.sessionAndUser, []any{sessionToken}, &r.expires, &r.id, &r.name, &r.email, &r.verified, &r.image)
	})
	if err != nil {
		return engine.AdapterSession{}, engine.User{}, err
	}
	return engine.AdapterSession{SessionToken: sessionToken, UserID: r.id, Expires: instant(r.expires)},
		engine.User{ID: r.id, Name: r.name, Email: r.email, EmailVerified: instantPtr(r.verified), Image: r.image},
		nil
}

// UpdateSession implements engine.SessionAdapter.
func (s *store) UpdateSession(ctx context.Context, u engine.SessionUpdate) (engine.AdapterSession, error) {
	if u.Expires == nil {
		row, err := do(ctx, s, "update a session", func() (*ent.Session, error) {
			if err := noExtra("session", u.Extra); err != nil {
				return nil, err
			}
			if !storable(u.SessionToken) {
				return nil, engine.ErrNotFound
			}
			return s.client.Session.Get(ctx, u.SessionToken)
		})
		return sessionOf(row), err
	}
	return write(ctx, s, "update a session", func() (engine.AdapterSession, error) {
		stored := engine.AdapterSession{SessionToken: u.SessionToken, Expires: instant(u.Expires.UnixMilli())}
		if err := noExtra("session", u.Extra); err != nil {
			return stored, err
		}
		if !storable(u.SessionToken) {
			return stored, engine.ErrNotFound
		}
		return stored, s.one(ctx, s.hot.updateSession, []any{u.Expires.UnixMilli(), u.SessionToken}, &stored.UserID)
	})
}

// UseVerificationToken implements engine.VerificationTokenAdapter.
func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (engine.VerificationToken, error) {
	return write(ctx, s, "use a verification token", func() (engine.VerificationToken, error) {
		used := engine.VerificationToken{Identifier: identifier, Token: token}
		if !storable(identifier) || !storable(token) {
			return used, engine.ErrNotFound
		}
		var expires int64
		err := s.one(ctx, s.hot.useToken, []any{identifier, token}, &expires)
		used.Expires = instant(expires)
		return used, err
	})
}

// UpdateAuthenticatorCounter implements engine.AuthenticatorAdapter.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (engine.Authenticator, error) {
	a, err := write(ctx, s, "update the counter of an authenticator", func() (engine.Authenticator, error) {
		a := engine.Authenticator{CredentialID: credentialID, Counter: counter}
		if !storable(credentialID) {
			return a, engine.ErrNotFound
		}
		err := s.one(ctx, s.hot.updateCounter, []any{int64(counter), credentialID},
			&a.UserID, &a.ProviderAccountID, &a.CredentialPublicKey, &a.CredentialDeviceType, &a.CredentialBackedUp, &a.Transports)
		return a, err
	})
	if errors.Is(err, engine.ErrNotFound) {
		// No such credential, or a counter that is not behind the new one.
		if _, err := s.GetAuthenticator(ctx, credentialID); err != nil {
			return engine.Authenticator{}, err
		}
		return engine.Authenticator{}, engine.ErrStaleCounter
	}
	return a, err
}
