package engine

import "errors"

// Errors of an [Adapter]. An adapter may wrap them.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: a value cannot be stored as it is (too long for its column,
	// an empty id, bytes the store refuses). Nothing was written.
	ErrInvalid = errors.New("invalid value")
	// ErrStaleCounter: the counter of an authenticator would go back, which
	// means that a copy of the authenticator may exist. Nothing was written.
	ErrStaleCounter = errors.New("stale authenticator counter")
)

// ErrConflict: a unique value is taken. Nothing was written. Match it with
// errors.Is against ErrConflict{} (any field) or ErrConflict{Field: "email"},
// or take it out with errors.As.
type ErrConflict struct {
	// Field is the member that is taken: "id", "email", "providerAccountId",
	// "sessionToken", "token" or "credentialID".
	Field string
	// Err is the store's own error; it may be nil.
	Err error
}

func (e ErrConflict) Error() string {
	if e.Err != nil {
		return "conflict: " + e.Field + " is taken: " + e.Err.Error()
	}
	return "conflict: " + e.Field + " is taken"
}

// Unwrap returns the store's own error.
func (e ErrConflict) Unwrap() error { return e.Err }

// Is reports whether target is an ErrConflict of the same field, or of any
// field when target names none.
func (e ErrConflict) Is(target error) bool {
	t, ok := target.(ErrConflict)
	return ok && (t.Field == "" || t.Field == e.Field)
}
