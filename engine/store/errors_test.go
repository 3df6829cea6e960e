package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sesame-auth/sesame/engine/store"
)

var sentinels = []error{store.ErrNotFound, store.ErrInvalid, store.ErrConflict, store.ErrStaleCounter}

func TestSentinelsDiffer(t *testing.T) {
	texts := make(map[string]bool)
	for i, err := range sentinels {
		texts[err.Error()] = true
		wrapped := fmt.Errorf("mystore: get a user: %w", err)
		for j, target := range sentinels {
			if errors.Is(wrapped, target) != (i == j) {
				t.Errorf("%q matches %q: %v", wrapped, target, i != j)
			}
		}
	}
	if len(texts) != len(sentinels) {
		t.Errorf("texts: %v", texts)
	}
}

func TestConflictError(t *testing.T) {
	driver := errors.New("UNIQUE constraint failed: user.email")
	timeout := fmt.Errorf("commit: %w", context.DeadlineExceeded)
	for _, c := range []struct {
		what   string
		err    error
		is     []error
		isNot  []error
		text   string
		unwrap error // of the ConflictError
	}{
		{
			what:  "a field",
			err:   &store.ConflictError{Field: "email"},
			is:    []error{store.ErrConflict, &store.ConflictError{Field: "email"}},
			isNot: []error{store.ErrNotFound, store.ErrInvalid, store.ErrStaleCounter, &store.ConflictError{Field: "id"}, &store.ConflictError{}},
			text:  "store: conflict: email is taken",
		},
		{
			what:   "a field with the error of the database",
			err:    &store.ConflictError{Field: "email", Err: driver},
			is:     []error{store.ErrConflict, &store.ConflictError{Field: "email"}, driver},
			isNot:  []error{store.ErrNotFound, &store.ConflictError{Field: "token"}},
			text:   "store: conflict: email is taken: UNIQUE constraint failed: user.email",
			unwrap: driver,
		},
		{
			what:   "wrapped on both sides",
			err:    fmt.Errorf("mystore: %w", &store.ConflictError{Field: "id", Err: timeout}),
			is:     []error{store.ErrConflict, &store.ConflictError{Field: "id"}, context.DeadlineExceeded},
			isNot:  []error{store.ErrNotFound, context.Canceled},
			text:   "mystore: store: conflict: id is taken: commit: context deadline exceeded",
			unwrap: timeout,
		},
		{
			what:  "the sentinel alone names no field",
			err:   store.ErrConflict,
			is:    []error{store.ErrConflict},
			isNot: []error{&store.ConflictError{Field: "email"}, &store.ConflictError{}},
			text:  "store: conflict",
		},
	} {
		t.Run(c.what, func(t *testing.T) {
			for _, target := range c.is {
				if !errors.Is(c.err, target) {
					t.Errorf("%q does not match %q", c.err, target)
				}
			}
			for _, target := range c.isNot {
				if errors.Is(c.err, target) {
					t.Errorf("%q matches %q", c.err, target)
				}
			}
			if c.err.Error() != c.text {
				t.Errorf("text %q, want %q", c.err, c.text)
			}
			conflict, ok := errors.AsType[*store.ConflictError](c.err)
			if ok != (c.err != store.ErrConflict) {
				t.Fatalf("AsType finds a ConflictError: %v", ok)
			}
			if ok && conflict.Unwrap() != c.unwrap {
				t.Errorf("Unwrap returns %v, want %v", conflict.Unwrap(), c.unwrap)
			}
		})
	}
}

// A ConflictError is also found among joined errors.
func TestConflictErrorJoined(t *testing.T) {
	err := errors.Join(errors.New("rollback failed"), &store.ConflictError{Field: "sessionToken"})
	if !errors.Is(err, store.ErrConflict) || !errors.Is(err, &store.ConflictError{Field: "sessionToken"}) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("%q", err)
	}
}
