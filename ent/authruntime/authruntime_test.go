package authruntime_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent/authruntime"
)

// driver is the driver of a client; only its Dialect is called.
type driver struct {
	dialect.Driver
	name string
}

func (d driver) Dialect() string { return d.name }

var errAbsent = errors.New("ent: member not found")

// write makes a call that fails with each of errs in turn and then succeeds. It
// returns the number of calls and the error of Write.
func write(ctx context.Context, name, unique string, errs ...error) (calls int, err error) {
	pkg := authruntime.Package{
		NotFound:   func(err error) bool { return err == errAbsent },
		Validation: func(err error) bool { return err.Error() == "ent: validator failed" },
		UserID:     "id",
		Check:      func(context.Context, dialect.ExecQuerier, string) error { return nil },
	}
	nothing := func() error { return nil }
	s := authruntime.NewStore("client", driver{name: name}, pkg, func(context.Context) (authruntime.Tx[string], error) {
		return authruntime.Tx[string]{Client: "tx", Driver: driver{name: name}, Commit: nothing, Rollback: nothing}, nil
	})
	_, err = authruntime.Write(ctx, s, "write", unique, func(string) (int, error) {
		calls++
		if calls <= len(errs) {
			return 0, errs[calls-1]
		}
		return 0, nil
	})
	return calls, err
}

// Errors of the databases become errors of the contract.
func TestErrors(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("ent: constraint failed: %w", err) }
	my := func(n uint16, text string) error { return wrap(&mysql.MySQLError{Number: n, Message: text}) }
	pg := func(code, constraint string) error {
		return wrap(&pgconn.PgError{Code: code, Message: `duplicate key value violates unique constraint "` + constraint + `"`})
	}
	lite := func(text string) error { return wrap(errors.New(text)) }
	for _, c := range []struct {
		dialect, unique string
		err             error
		want            error // nil: no error of the contract
	}{
		{dialect.SQLite, authruntime.UserKeys, lite("UNIQUE constraint failed: members.email"), &store.ConflictError{Field: "email"}},
		{dialect.SQLite, authruntime.UserKeys, lite("constraint failed: UNIQUE constraint failed: members.email (2067)"), &store.ConflictError{Field: "email"}},
		{dialect.SQLite, authruntime.UserKeys, lite("UNIQUE constraint failed: members.id"), &store.ConflictError{Field: "id"}},
		{dialect.SQLite, authruntime.UserKeys, lite("UNIQUE constraint failed: members.nick"), &store.ConflictError{Field: "nick"}},
		{dialect.SQLite, "token", lite("UNIQUE constraint failed: t.identifier, t.token"), &store.ConflictError{Field: "token"}},
		{dialect.SQLite, "sessionToken", lite("FOREIGN KEY constraint failed"), store.ErrNotFound},
		{dialect.SQLite, "", lite("FOREIGN KEY constraint failed"), nil}, // a key of the application
		{dialect.SQLite, authruntime.UserKeys, lite("string or blob too big"), store.ErrInvalid},
		{dialect.SQLite, "", lite("disk I/O error"), nil},
		{dialect.SQLite, "", errAbsent, store.ErrNotFound},
		{dialect.SQLite, "", wrap(errAbsent), nil}, // from the query of a hook
		{dialect.SQLite, "", errors.New("ent: validator failed"), store.ErrInvalid},
		{dialect.SQLite, "", fmt.Errorf("%w: x", store.ErrInvalid), store.ErrInvalid},

		{dialect.MySQL, authruntime.UserKeys, my(1062, "Duplicate entry 'a' for key 'email'"), &store.ConflictError{Field: "email"}},
		{dialect.MySQL, authruntime.UserKeys, my(1062, "Duplicate entry 'a' for key 'members.PRIMARY'"), &store.ConflictError{Field: "id"}},
		{dialect.MySQL, "credentialID", my(1062, "Duplicate entry 'a' for key 'PRIMARY'"), &store.ConflictError{Field: "credentialID"}},
		{dialect.MySQL, "sessionToken", my(1452, "Cannot add or update a child row"), store.ErrNotFound},
		{dialect.MySQL, authruntime.UserKeys, my(1406, "Data too long"), store.ErrInvalid},
		{dialect.MySQL, authruntime.UserKeys, my(1205, "Lock wait timeout"), nil},

		{dialect.Postgres, authruntime.UserKeys, pg("23505", "members_email_key"), &store.ConflictError{Field: "email"}},
		{dialect.Postgres, authruntime.UserKeys, pg("23505", "members_pkey"), &store.ConflictError{Field: "id"}},
		{dialect.Postgres, "providerAccountId", pg("23503", ""), store.ErrNotFound},
		{dialect.Postgres, "", pg("22021", ""), store.ErrInvalid},
		{dialect.Postgres, "", pg("57P01", ""), nil},
	} {
		_, err := write(t.Context(), c.dialect, c.unique, c.err)
		for _, known := range []error{store.ErrNotFound, store.ErrInvalid, store.ErrStaleCounter, store.ErrConflict} {
			want := c.want != nil && (c.want == known || known == store.ErrConflict && errors.Is(c.want, store.ErrConflict))
			if errors.Is(err, known) != want {
				t.Errorf("%s, %v: got %v, is %v: %v", c.dialect, c.err, err, known, !want)
			}
		}
		if c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s, %v: got %v, want %v", c.dialect, c.err, err, c.want)
		}
		if c.want == nil && !errors.Is(err, c.err) {
			t.Errorf("%s, %v: got %v, which does not match its cause", c.dialect, c.err, err)
		}
	}
}

// A value that a user chose does not affect how an error is classified, and is not
// part of it.
func TestValuesInErrors(t *testing.T) {
	calls, err := write(t.Context(), dialect.MySQL, "sessionToken",
		&mysql.MySQLError{Number: 1062, Message: "Duplicate entry 'Error 1213 (40001): for key 'secret'' for key 'PRIMARY'"})
	if calls != 1 || !errors.Is(err, &store.ConflictError{Field: "sessionToken"}) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v after %d calls", err, calls)
	}
	calls, err = write(t.Context(), dialect.SQLite, "", fmt.Errorf("database is locked, says a hook: %w", errors.New("no")))
	if calls != 1 || err == nil {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

// A call that the database has rejected is repeated.
func TestRetries(t *testing.T) {
	for name, busy := range map[string]error{
		dialect.SQLite:   errors.New("database is locked"),
		dialect.MySQL:    &mysql.MySQLError{Number: 1213, Message: "Deadlock found"},
		dialect.Postgres: &pgconn.PgError{Code: "40P01", Message: "deadlock detected"},
	} {
		if calls, err := write(t.Context(), name, "", fmt.Errorf("ent: %w", busy), busy); err != nil || calls != 3 {
			t.Errorf("%s: %v after %d calls, want success after 3", name, err, calls)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		many := make([]error, 10000)
		for i := range many {
			many[i] = busy
		}
		if _, err := write(ctx, name, "", many...); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want DeadlineExceeded", name, err)
		}
	}
}

func TestIDs(t *testing.T) {
	const id = "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f"
	if v, ok := authruntime.TextID[uuid.UUID](id); !ok || v.String() != id {
		t.Errorf("got %v, %v", v, ok)
	}
	for _, s := range []string{"", "x", "{" + id + "}", strings.ToUpper(id), id + " ", "urn:uuid:" + id, strings.ReplaceAll(id, "-", "")} {
		if _, ok := authruntime.TextID[uuid.UUID](s); ok {
			t.Errorf("%q is a UUID", s)
		}
	}
	if v, ok := authruntime.IntID[int32]("2147483647"); !ok || v != math.MaxInt32 {
		t.Errorf("got %v, %v", v, ok)
	}
	for _, s := range []string{"", "0", "-1", "01", "+1", " 1", "1.0", "2147483648", "99999999999999999999", "x"} {
		if _, ok := authruntime.IntID[int32](s); ok {
			t.Errorf("%q is an id", s)
		}
	}
	if _, ok := authruntime.StringID[string]("a\x00"); ok {
		t.Error("an id may contain a NUL byte")
	}
}

type home struct {
	City string `json:"city"`
}

func TestExtraFields(t *testing.T) {
	nullable := func(k schema.Kind) *schema.Field {
		return &schema.Field{Name: "x", Type: schema.Type{Kind: k, Nullable: true, Fields: []schema.Field{{Name: "city"}}}}
	}
	invalid := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrInvalid) || !strings.Contains(fmt.Sprint(err), "x") {
			t.Errorf("%s: got %v, want ErrInvalid that names the field", what, err)
		}
	}
	_, err := authruntime.Int[int8](nullable(schema.Int), int64(128))
	invalid("too large", err)
	_, err = authruntime.Int[uint8](nullable(schema.Int), int64(-1))
	invalid("negative", err)
	_, err = authruntime.Text[string](nullable(schema.String), "a\x00b")
	invalid("NUL", err)
	_, err = authruntime.Text[string](nullable(schema.String), 1)
	invalid("another kind", err)
	_, err = authruntime.JSON[map[string]any](nullable(schema.Object), map[string]any{"city": "a\x00"})
	invalid("NUL in an object", err)
	_, err = authruntime.JSON[struct{}](nullable(schema.Object), map[string]any{"city": "Oslo"})
	invalid("a member that the type lacks", err)
	if v, err := authruntime.Int[int8](nullable(schema.Int), nil); v != nil || err != nil {
		t.Errorf("null: got %v, %v", v, err)
	}

	extra := map[string]any{}
	h, err := authruntime.JSON[*home](nullable(schema.Object), map[string]any{"city": "Oslo"})
	if err != nil {
		t.Fatal(err)
	}
	authruntime.PutJSON(extra, nullable(schema.Object), *h)
	if diff := cmp.Diff(map[string]any{"x": map[string]any{"city": "Oslo"}}, extra); diff != "" {
		t.Error(diff)
	}
	clear(extra)
	authruntime.PutJSON(extra, nullable(schema.Object), (*home)(nil))
	authruntime.Put(extra, nullable(schema.Int), (*int64)(nil))
	authruntime.PutMillis(extra, nullable(schema.Time), (*int64)(nil))
	if len(extra) != 0 {
		t.Errorf("null was added as %v", extra)
	}
	authruntime.Put(extra, nullable(schema.Int), "text")
	if extra["x"] != "text" {
		t.Errorf("a value that does not fit became %v, want it unchanged", extra["x"])
	}
}
