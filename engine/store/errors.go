package store

import "errors"

// Errors of an [Adapter]. An adapter may wrap them; match them with
// [errors.Is].
var (
	// ErrNotFound means that there is no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrInvalid means that a value cannot be stored as it is: too long for its
	// column, an empty id, bytes that the store refuses. Nothing was written.
	ErrInvalid = errors.New("store: invalid value")
	// ErrConflict means that a unique value is taken. Nothing was written. An
	// adapter returns a [*ConflictError], which matches it and names the field.
	ErrConflict = errors.New("store: conflict")
	// ErrStaleCounter means that the counter of an authenticator would go back,
	// so a copy of the authenticator may exist. Nothing was written.
	ErrStaleCounter = errors.New("store: stale authenticator counter")
)

// ConflictError is the [ErrConflict] of one field.
type ConflictError struct {
	// Field is the member that is taken: "id", "email", "providerAccountId",
	// "sessionToken", "token" or "credentialID".
	Field string
	// Err is the store's own error; it may be nil.
	Err error
}

func (e *ConflictError) Error() string {
	if e.Err != nil {
		return "store: conflict: " + e.Field + " is taken: " + e.Err.Error()
	}
	return "store: conflict: " + e.Field + " is taken"
}

// Unwrap returns the store's own error.
func (e *ConflictError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrConflict], or a ConflictError of the same
// field.
func (e *ConflictError) Is(target error) bool {
	if c, ok := target.(*ConflictError); ok {
		return c.Field == e.Field
	}
	return target == ErrConflict
}
