package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/examples/own-ent/database"
	"github.com/sesame-auth/sesame/examples/own-ent/ent"
	"github.com/sesame-auth/sesame/examples/own-ent/extra"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// adapter closes the client, as the conformance suite requires.
type adapter struct {
	*ent.AuthAdapter
	client *ent.Client
}

func (a adapter) Close() error { return a.client.Close() }

func TestConformance(t *testing.T) {
	targets := conformance.Generated("own-ent", extra.Schema(), func(ctx context.Context, dialect string, db *sql.DB, _ *schema.Schema) (store.Adapter, error) {
		client, err := database.Open(ctx, entsql.OpenDB(dialect, db))
		if err != nil {
			return nil, err
		}
		return &adapter{ent.NewAuthAdapter(client), client}, nil
	}, adaptertest.WebAuthn)
	for _, target := range targets {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}

func open(t *testing.T) *ent.Client {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "own.db")+"?_fk=1&_txlock=immediate&_busy_timeout=1000&_journal_mode=WAL")
	if err != nil {
		t.Fatal(err)
	}
	client, err := database.Open(t.Context(), entsql.OpenDB(dialect.SQLite, db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// log is the audit log.
func log(t *testing.T, c *ent.Client) string {
	t.Helper()
	entries, err := c.AuditEntry.Query().All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range entries {
		counts[e.Type+" "+e.Operation]++
	}
	return fmt.Sprint(counts) // sorted by key
}

func member(t *testing.T, a store.Adapter) store.User {
	t.Helper()
	u, err := a.CreateUser(t.Context(), store.User{ID: uuid.NewString(), Extra: map[string]any{"role": "editor"}})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The hook sees every write, and its own writes are in the same transaction.
func TestHooksFire(t *testing.T) {
	client, ctx := open(t), t.Context()
	a := ent.NewAuthAdapter(client)
	u := member(t, a)
	if u.Extra["role"] != "editor" || u.Extra["locale"] != "en" {
		t.Errorf("got %v, want the role given and the default locale", u.Extra)
	}
	if _, err := a.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: u.ID, Expires: time.Unix(2e9, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.UpdateUser(ctx, store.UserUpdate{ID: u.ID, Name: store.SetTo("Ada")}); err != nil {
		t.Fatal(err)
	}
	want := "map[LoginSession OpCreate:1 Member OpCreate:1 Member OpUpdateOne:1]"
	if got := log(t, client); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A failed call leaves no entry; nor does a transaction that is rolled back.
	if _, err := a.CreateUser(ctx, store.User{ID: u.ID}); !errors.Is(err, &store.ConflictError{Field: "id"}) {
		t.Errorf("got %v, want a conflict", err)
	}
	oops := errors.New("oops")
	err := a.Tx(ctx, func(tx store.Adapter) error { member(t, tx); return oops })
	if err != oops {
		t.Errorf("got %v, want the error of fn", err)
	}
	if got := log(t, client); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	// A hook that fails undoes the call.
	client.LoginSession.Use(func(next ent.Mutator) ent.Mutator {
		return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
			if _, err := next.Mutate(ctx, m); err != nil {
				return nil, err
			}
			return nil, oops
		})
	})
	if err := a.DeleteSession(ctx, "s1"); !errors.Is(err, oops) {
		t.Errorf("got %v, want the error of the hook", err)
	}
	if _, err := a.GetSession(ctx, "s1"); err != nil {
		t.Errorf("the session is gone, though the hook refused: %v", err)
	}
}

// The adapter works in a transaction of the application.
func TestInTransaction(t *testing.T) {
	client, ctx := open(t), t.Context()
	for _, commit := range []bool{false, true} {
		tx, err := client.Tx(ctx)
		if err != nil {
			t.Fatal(err)
		}
		a := ent.NewAuthAdapter(tx.Client())
		u := member(t, a)
		if _, err := a.CreateUser(ctx, store.User{ID: u.ID}); !errors.Is(err, &store.ConflictError{Field: "id"}) {
			t.Errorf("got %v, want a conflict", err)
		}
		if err := a.Tx(ctx, func(store.Adapter) error { return nil }); err == nil {
			t.Error("a transaction in a transaction")
		}
		want := 0
		if commit {
			err, want = tx.Commit(), 1
		} else {
			err = tx.Rollback()
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := client.Member.Query().CountX(ctx); n != want {
			t.Errorf("commit %v: %d members, want %d", commit, n, want)
		}
	}
}

// A row that an interceptor hides is not found.
func TestInterceptorsApply(t *testing.T) {
	client, ctx := open(t), t.Context()
	a := ent.NewAuthAdapter(client)
	u := member(t, a)
	if _, err := a.CreateSession(ctx, store.Session{SessionToken: "s1", UserID: u.ID, Expires: time.Unix(2e9, 0)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.GetSessionAndUser(ctx, "s1"); err != nil {
		t.Fatal(err)
	}
	client.Member.UpdateOneID(uuid.MustParse(u.ID)).SetBlocked(true).ExecX(ctx)
	if _, _, err := a.GetSessionAndUser(ctx, "s1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the session of a blocked member: %v, want ErrNotFound", err)
	}
	if _, err := a.GetUser(ctx, u.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a blocked member: %v, want ErrNotFound", err)
	}
}

// Text that is not a UUID in canonical form is not the id of any member.
func TestIDs(t *testing.T) {
	a, ctx := ent.NewAuthAdapter(open(t)), t.Context()
	u := member(t, a)
	for _, id := range []string{"", "1", "{" + u.ID + "}", "urn:uuid:" + u.ID, u.ID + " ", uuid.MustParse(u.ID).URN()} {
		if _, err := a.GetUser(ctx, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("GetUser(%q): %v, want ErrNotFound", id, err)
		}
		if _, err := a.CreateSession(ctx, store.Session{SessionToken: "s", UserID: id}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("CreateSession of %q: %v, want ErrNotFound", id, err)
		}
		if _, err := a.CreateUser(ctx, store.User{ID: id}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("CreateUser(%q): %v, want ErrInvalid", id, err)
		}
		if err := a.DeleteUser(ctx, id); err != nil {
			t.Errorf("DeleteUser(%q): %v", id, err)
		}
	}
	if _, err := a.GetUser(ctx, u.ID); err != nil {
		t.Error(err)
	}
}

// The DSN must keep what belongs to a member together.
func TestForeignKeysOff(t *testing.T) {
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(t.TempDir(), "own.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := database.Open(t.Context(), entsql.OpenDB(dialect.SQLite, db)); err == nil {
		t.Error("opened without foreign keys")
	}
}
