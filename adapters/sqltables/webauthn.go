package sqltables

import (
	"context"

	"github.com/sesame-auth/sesame/engine"
)

// authenticators holds the methods of engine.AuthenticatorAdapter, for a layout
// that has a table of them.
type authenticators struct{ s *store }

// fullStore is a store with authenticators.
type fullStore struct {
	*store
	authenticators
}

func full(s *store) fullStore { return fullStore{s, authenticators{s}} }

// CreateAuthenticator implements engine.AuthenticatorAdapter.
func (a authenticators) CreateAuthenticator(ctx context.Context, n engine.Authenticator) (engine.Authenticator, error) {
	return write(ctx, a.s, "create an authenticator", func(s *store) (engine.Authenticator, error) {
		t := s.tables.authenticator
		if !t.fits("userId", n.UserID) {
			return n, errNoUser()
		}
		r := t.row()
		r.text("credentialID", n.CredentialID)
		r.text("userId", n.UserID)
		r.text("providerAccountId", n.ProviderAccountID)
		r.text("credentialPublicKey", n.CredentialPublicKey)
		r.set(t.column("counter"), int64(n.Counter))
		r.text("credentialDeviceType", n.CredentialDeviceType)
		r.set(t.column("credentialBackedUp"), n.CredentialBackedUp)
		r.optional("transports", n.Transports)
		n.Transports = clone(n.Transports)
		return n, s.insert(ctx, r)
	})
}

// GetAuthenticator implements engine.AuthenticatorAdapter.
func (a authenticators) GetAuthenticator(ctx context.Context, credentialID string) (engine.Authenticator, error) {
	return read(ctx, a.s, "get an authenticator", func() (engine.Authenticator, error) {
		s := a.s
		t := s.tables.authenticator
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("credentialID", credentialID))
		return authenticatorOf(row), err
	})
}

// ListAuthenticatorsByUserID implements engine.AuthenticatorAdapter.
func (a authenticators) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]engine.Authenticator, error) {
	return read(ctx, a.s, "list authenticators", func() ([]engine.Authenticator, error) {
		s := a.s
		t := s.tables.authenticator
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, authenticatorOf), err
	})
}

// UpdateAuthenticatorCounter implements engine.AuthenticatorAdapter.
func (a authenticators) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (engine.Authenticator, error) {
	return write(ctx, a.s, "update the counter of an authenticator", func(s *store) (engine.Authenticator, error) {
		t := s.tables.authenticator
		id := t.is("credentialID", credentialID)
		row, err := s.get(ctx, t, s.conn.LockRow, id)
		if err != nil {
			return engine.Authenticator{}, err
		}
		updated := authenticatorOf(row)
		if counter <= updated.Counter && (counter != 0 || updated.Counter != 0) {
			return engine.Authenticator{}, engine.ErrStaleCounter
		}
		updated.Counter = counter
		r := t.row()
		r.set(t.column("counter"), int64(counter))
		return updated, s.update(ctx, r, id)
	})
}

func authenticatorOf(r []cell) engine.Authenticator {
	if r == nil {
		return engine.Authenticator{}
	}
	return engine.Authenticator{
		CredentialID: r[0].text, UserID: r[1].text, ProviderAccountID: r[2].text, CredentialPublicKey: r[3].text,
		Counter: uint32(r[4].n), CredentialDeviceType: r[5].text, CredentialBackedUp: r[6].n != 0, Transports: r[7].string(),
	}
}
