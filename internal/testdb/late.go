package testdb

import (
	"context"
	"io"
	"time"

	"github.com/sesame-auth/sesame/engine/store"
)

// NativeTTL is an adapter whose store removes expired rows itself.
type NativeTTL interface {
	store.Adapter
	store.AuthenticatorAdapter
	store.SessionLister
	io.Closer
}

// Late returns the adapter with its sessions and verification tokens moved into
// the far future when they are written, and back when they are read. So rows
// that have expired stay, and cases that look at them, whose instants are of no
// particular time, can be run.
func Late(a NativeTTL) NativeTTL { return late{a} }

type late struct{ NativeTTL }

// lateYears is a multiple of 400, after which the calendar repeats itself.
const lateYears = 2800

func later(t time.Time) time.Time   { return t.UTC().AddDate(lateYears, 0, 0) }
func earlier(t time.Time) time.Time { return t.AddDate(-lateYears, 0, 0) }

func back(s store.Session, err error) (store.Session, error) {
	if err == nil {
		s.Expires = earlier(s.Expires)
	}
	return s, err
}

func tokenBack(t store.VerificationToken, err error) (store.VerificationToken, error) {
	if err == nil {
		t.Expires = earlier(t.Expires)
	}
	return t, err
}

func (a late) CreateSession(ctx context.Context, s store.Session) (store.Session, error) {
	s.Expires = later(s.Expires)
	return back(a.NativeTTL.CreateSession(ctx, s))
}

func (a late) GetSession(ctx context.Context, sessionToken string) (store.Session, error) {
	return back(a.NativeTTL.GetSession(ctx, sessionToken))
}

func (a late) GetSessionAndUser(ctx context.Context, sessionToken string) (store.Session, store.User, error) {
	s, u, err := a.NativeTTL.GetSessionAndUser(ctx, sessionToken)
	s, err = back(s, err)
	return s, u, err
}

func (a late) UpdateSession(ctx context.Context, up store.SessionUpdate) (store.Session, error) {
	if up.Expires != nil {
		at := later(*up.Expires)
		up.Expires = &at
	}
	return back(a.NativeTTL.UpdateSession(ctx, up))
}

func (a late) ListSessionsByUserID(ctx context.Context, userID string) ([]store.Session, error) {
	all, err := a.NativeTTL.ListSessionsByUserID(ctx, userID)
	for i := range all {
		all[i].Expires = earlier(all[i].Expires)
	}
	return all, err
}

func (a late) CreateVerificationToken(ctx context.Context, t store.VerificationToken) (store.VerificationToken, error) {
	t.Expires = later(t.Expires)
	return tokenBack(a.NativeTTL.CreateVerificationToken(ctx, t))
}

func (a late) UseVerificationToken(ctx context.Context, identifier, token string) (store.VerificationToken, error) {
	return tokenBack(a.NativeTTL.UseVerificationToken(ctx, identifier, token))
}
