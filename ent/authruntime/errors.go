package authruntime

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/store"
)

// UserKeys stands for the unique keys of a user: the id and the address.
const UserKeys = "user"

// IsStoreError reports whether err matches an error of package store. The database
// works then, and a transaction can continue.
func IsStoreError(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) ||
		errors.Is(err, store.ErrStaleCounter) || errors.Is(err, store.ErrConflict)
}

// failure turns err into an error that the contract allows.
func (s *Store[C]) failure(ctx context.Context, op, unique string, err error) error {
	switch name := s.driver.Dialect(); {
	case s.pkg.NotFound(err):
		return store.ErrNotFound
	case s.managed:
		return err
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("ent adapter: %s: %w", op, quiet(name, err))
	case ctx.Err() != nil:
		return fmt.Errorf("ent adapter: %s: %w (%v)", op, ctx.Err(), quiet(name, err))
	case IsStoreError(err):
		return err
	case isUnique(name, err):
		return &store.ConflictError{Field: s.field(unique, uniqueKey(name, err)), Err: quiet(name, err)}
	case unique != "" && unique != UserKeys && isForeign(name, err):
		return fmt.Errorf("no such user: %w", store.ErrNotFound)
	case isInvalid(name, err) || s.pkg.Validation(err):
		return fmt.Errorf("ent adapter: %s: %w: %w", op, store.ErrInvalid, quiet(name, err))
	default:
		return fmt.Errorf("ent adapter: %s: %w", op, quiet(name, err))
	}
}

// field returns the contract's name for the field of a unique key.
func (s *Store[C]) field(unique, key string) string {
	switch {
	case unique != UserKeys && unique != "":
		return unique
	case key == s.pkg.UserID || key == "PRIMARY" || strings.HasSuffix(key, "_pkey"):
		return "id"
	case strings.Contains(key, "email"):
		return "email"
	}
	return key // a key of the application
}

// retryable reports whether the database has rejected the call and rolled it back,
// so that it can be repeated.
func retryable(name string, err error) bool {
	if err == nil {
		return false
	}
	switch name {
	case dialect.Postgres:
		code := sqlState(err)
		// A serialization failure, a deadlock, a statement that was prepared
		// before a table was altered.
		return code == "40001" || code == "40P01" || code == "0A000" && strings.Contains(leaf(err).Error(), "cached plan")
	case dialect.MySQL:
		code := mysqlNumber(err)
		return code == 1213 || code == 1020 // a deadlock; a row that changed after the snapshot (MariaDB)
	}
	text := leaf(err).Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "database table is locked")
}

func isUnique(name string, err error) bool {
	switch name {
	case dialect.Postgres:
		return sqlState(err) == "23505"
	case dialect.MySQL:
		return mysqlNumber(err) == 1062
	}
	return strings.Contains(leaf(err).Error(), "UNIQUE constraint failed")
}

// uniqueKey returns the name of the violated key, or of its last column.
func uniqueKey(name string, err error) string {
	text := leaf(err).Error()
	switch name {
	case dialect.Postgres:
		// duplicate key value violates unique constraint "user_email_key"
		if _, key, ok := strings.Cut(text, `"`); ok {
			key, _, _ = strings.Cut(key, `"`)
			return key
		}
	case dialect.MySQL:
		// Duplicate entry '…' for key 'user.email'; MariaDB: for key 'email'
		text = strings.TrimSuffix(text, "'")
		text = text[strings.LastIndexByte(text, '\'')+1:]
	}
	// UNIQUE constraint failed: user.email, and some drivers add " (2067)"
	text, _, _ = strings.Cut(text, " (")
	return text[strings.LastIndexByte(text, '.')+1:]
}

func isForeign(name string, err error) bool {
	switch name {
	case dialect.Postgres:
		return sqlState(err) == "23503"
	case dialect.MySQL:
		code := mysqlNumber(err)
		return code == 1452 || code == 1216
	}
	return strings.Contains(leaf(err).Error(), "FOREIGN KEY constraint failed")
}

// isInvalid reports whether a value is too long or not in the character set.
func isInvalid(name string, err error) bool {
	switch name {
	case dialect.Postgres:
		switch sqlState(err) {
		case "54000", "22021", "22P05", "22001":
			return true
		}
		return false
	case dialect.MySQL:
		switch mysqlNumber(err) {
		case 1406, 1153, 1301, 1366:
			return true
		}
		return strings.Contains(leaf(err).Error(), "packet for query is too large")
	}
	return strings.Contains(leaf(err).Error(), "string or blob too big")
}

func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// mysqlNumber returns the number at the beginning of an error of the server.
func mysqlNumber(err error) int {
	text, ok := strings.CutPrefix(leaf(err).Error(), "Error ")
	if !ok {
		return 0
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		text = text[:i]
	}
	n, _ := strconv.Atoi(text)
	return n
}

// leaf returns the error of the driver. The texts of errors that wrap it may
// contain input of a user.
func leaf(err error) error {
	for {
		var next error
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			next = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				next = all[0]
			}
		}
		if next == nil {
			return err
		}
		err = next
	}
}

// quiet removes the value from MySQL's error for a duplicate entry, because it may
// be a secret.
func quiet(name string, err error) error {
	if name == dialect.MySQL && isUnique(name, err) {
		return quieted{err, "Duplicate entry for key " + uniqueKey(name, err)}
	}
	return err
}

type quieted struct {
	error
	text string
}

func (q quieted) Error() string { return q.text }
func (q quieted) Unwrap() error { return q.error }
