package engine

import "context"

// Events report changes, once they have been stored. Each may be nil. They run
// with the context of the request, concurrently for different requests. An
// error is logged and otherwise ignored.
type Events struct {
	SignIn      func(ctx context.Context, e *SignInEvent) error
	SignOut     func(ctx context.Context, e *SignOutEvent) error
	CreateUser  func(ctx context.Context, u *User) error
	UpdateUser  func(ctx context.Context, u *User) error
	LinkAccount func(ctx context.Context, e *LinkAccountEvent) error
	// Session is called for every session that is read, and slows reading down.
	Session func(ctx context.Context, s *Session) error
}

// SignInEvent reports that somebody has signed in.
type SignInEvent struct {
	User      *User
	Account   *Account
	Profile   Profile
	IsNewUser bool
}

// SignOutEvent reports that somebody has signed out.
type SignOutEvent struct {
	Token   *Token          // jwt strategy
	Session *AdapterSession // database strategy; its token is a hash unless the tables are shared
}

// LinkAccountEvent reports that an account was linked to a user.
type LinkAccountEvent struct {
	User    *User
	Account *Account
	Profile *User // the provider's profile, mapped to a user
}
