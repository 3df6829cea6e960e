package store

import "errors"

// Errors of an [Adapter]. An adapter may wrap them; match them with
// [errors.Is].
var (
	// ErrNotFound is returned when there is no such row.
	ErrNotFound = errors.New("store: not found")
	// ErrInvalid is returned for a value that cannot be stored unchanged: one
	// too long for its column, an empty id, bytes that the store refuses.
	// Nothing was written.
	ErrInvalid = errors.New("store: invalid value")
	// ErrConflict is returned when a unique value is taken. Nothing was written.
	// An adapter returns a [*ConflictError], which matches it and names the
	// field.
	ErrConflict = errors.New("store: conflict")
	// ErrStaleCounter is returned when the counter of an authenticator would
	// not increase: a clone of the authenticator may exist. Nothing was written.
	ErrStaleCounter = errors.New("store: stale authenticator counter")
)

// ConflictError reports which unique field is taken. It matches [ErrConflict].
type ConflictError struct {
	// Field is the field whose value is taken: "id", "email",
	// "providerAccountId", "sessionToken", "token" or "credentialID".
	Field string
	// Err is the underlying error of the store; it may be nil.
	Err error
}

func (e *ConflictError) Error() string {
	if e.Err != nil {
		return "store: conflict: " + e.Field + " is taken: " + e.Err.Error()
	}
	return "store: conflict: " + e.Field + " is taken"
}

// Unwrap returns e.Err.
func (e *ConflictError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrConflict] or a ConflictError for the same
// field.
func (e *ConflictError) Is(target error) bool {
	if c, ok := target.(*ConflictError); ok {
		return c.Field == e.Field
	}
	return target == ErrConflict
}
