package sqltables

import (
	"context"

	"github.com/sesame-auth/sesame/engine/store"
)

// authenticators holds the methods of store.AuthenticatorAdapter, for a layout with a
// table of authenticators.
type authenticators struct{ s *rows }

// fullStore is rows with authenticators.
type fullStore struct {
	*rows
	authenticators
}

func full(s *rows) fullStore { return fullStore{s, authenticators{s}} }

// CreateAuthenticator implements store.AuthenticatorAdapter.
func (a authenticators) CreateAuthenticator(ctx context.Context, n store.Authenticator) (store.Authenticator, error) {
	return write(ctx, a.s, "create an authenticator", func(s *rows) (store.Authenticator, error) {
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

// GetAuthenticator implements store.AuthenticatorAdapter.
func (a authenticators) GetAuthenticator(ctx context.Context, credentialID string) (store.Authenticator, error) {
	return read(ctx, a.s, "get an authenticator", func() (store.Authenticator, error) {
		s := a.s
		t := s.tables.authenticator
		row, err := s.get(ctx, t, s.conn.LockRead(), t.is("credentialID", credentialID))
		return authenticatorOf(row), err
	})
}

// ListAuthenticatorsByUserID implements store.AuthenticatorAdapter.
func (a authenticators) ListAuthenticatorsByUserID(ctx context.Context, userID string) ([]store.Authenticator, error) {
	return read(ctx, a.s, "list authenticators", func() ([]store.Authenticator, error) {
		s := a.s
		t := s.tables.authenticator
		rows, err := s.list(ctx, t, s.conn.LockRead(), t.is("userId", userID))
		return every(rows, authenticatorOf), err
	})
}

// UpdateAuthenticatorCounter implements store.AuthenticatorAdapter.
func (a authenticators) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (store.Authenticator, error) {
	return write(ctx, a.s, "update the counter of an authenticator", func(s *rows) (store.Authenticator, error) {
		t := s.tables.authenticator
		id := t.is("credentialID", credentialID)
		row, err := s.get(ctx, t, s.conn.LockRow, id)
		if err != nil {
			return store.Authenticator{}, err
		}
		updated := authenticatorOf(row)
		if counter <= updated.Counter && (counter != 0 || updated.Counter != 0) {
			return store.Authenticator{}, store.ErrStaleCounter
		}
		updated.Counter = counter
		r := t.row()
		r.set(t.column("counter"), int64(counter))
		return updated, s.update(ctx, r, id)
	})
}

func authenticatorOf(r []cell) store.Authenticator {
	if r == nil {
		return store.Authenticator{}
	}
	return store.Authenticator{
		CredentialID: r[0].text, UserID: r[1].text, ProviderAccountID: r[2].text, CredentialPublicKey: r[3].text,
		Counter: uint32(r[4].n), CredentialDeviceType: r[5].text, CredentialBackedUp: r[6].n != 0, Transports: r[7].string(),
	}
}
