package ent_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/ent"
	"github.com/sesame-auth/sesame/ent/user"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// adapter is the generated adapter without the prepared statements of entclient.
type adapter struct {
	*ent.AuthAdapter
	client *ent.Client
}

// Close implements io.Closer.
func (a *adapter) Close() error { return a.client.Close() }

// openOn creates the tables and returns the adapter, which closes db.
func openOn(ctx context.Context, dialect string, db *sql.DB, _ *schema.Schema) (store.Adapter, error) {
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect, db)))
	if err := client.Schema.Create(ctx); err != nil {
		return nil, err
	}
	return &adapter{ent.NewAuthAdapter(client), client}, nil
}

func TestConformance(t *testing.T) {
	for _, target := range conformance.Generated("ent", &schema.Schema{}, openOn, adaptertest.WebAuthn) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}

func open(t *testing.T) (*adapter, *faultdb.Connector) {
	t.Helper()
	f := faultdb.SQLite("file:"+filepath.Join(t.TempDir(), "auth.db")+"?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL", nil)
	a, err := openOn(t.Context(), dialect.SQLite, sql.OpenDB(f), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.(*adapter).Close() })
	return a.(*adapter), f
}

// A session without foreign keys is refused before the first write.
func TestForeignKeysOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	f := faultdb.SQLite("file:"+path+"?_fk=1", nil)
	a, err := openOn(t.Context(), dialect.SQLite, sql.OpenDB(f), nil)
	if err != nil {
		t.Fatal(err)
	}
	a.(*adapter).Close()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	client := ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	defer client.Close()
	_, err = ent.NewAuthAdapter(client).CreateUser(t.Context(), store.User{ID: "1"})
	if err == nil || !strings.Contains(err.Error(), "add _fk=1 to the DSN") {
		t.Errorf("got %v, want an error that explains what to change", err)
	}
}

// A transaction that the database has rejected is repeated, with another call of
// its function.
func TestTxRetries(t *testing.T) {
	a, f := open(t)
	for _, at := range []string{"INSERT", "COMMIT"} {
		var refused atomic.Int32
		f.Fail(func(statement string) error {
			if strings.HasPrefix(statement, at) && refused.Add(1) <= 2 {
				return sqlite3.Error{Code: sqlite3.ErrBusy}
			}
			return nil
		})
		calls := 0
		err := a.Tx(t.Context(), func(tx store.Adapter) error {
			calls++
			_, err := tx.CreateUser(t.Context(), store.User{ID: at})
			if err != nil {
				return errors.New("something else went wrong") // fn need not wrap it
			}
			return nil
		})
		f.Heal()
		if err != nil || calls != 3 {
			t.Errorf("%s: %v after %d calls, want success after 3", at, err, calls)
		}
		if _, err := a.GetUser(t.Context(), at); err != nil {
			t.Error(err)
		}
	}
}

// After a failure of the database nothing more is written in a transaction, even
// if its function continues.
func TestFailureEndsTransaction(t *testing.T) {
	a, f := open(t)
	tx, err := a.client.Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := ent.NewAuthAdapter(tx.Client())
	if _, err := in.CreateUser(t.Context(), store.User{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	f.FailAt(1, errors.New("the disk is gone"))
	if _, err := in.CreateUser(t.Context(), store.User{ID: "2"}); err == nil {
		t.Fatal("no error")
	}
	f.Heal()
	if _, err := in.CreateUser(t.Context(), store.User{ID: "3"}); err == nil {
		t.Error("the transaction goes on")
	}
	if err := tx.Commit(); err == nil {
		t.Error("the transaction is committed")
	}
	if n := a.client.User.Query().CountX(t.Context()); n != 0 {
		t.Errorf("%d rows were written after the failure", n)
	}
}

// R11 holds within a transaction too: a call that fails rolls back nothing of a
// concurrent call.
func TestTogetherInOneTx(t *testing.T) {
	db, err := sql.Open("pgx", testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := openOn(t.Context(), dialect.Postgres, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := opened.(*adapter)
	defer a.Close()
	if _, err := a.CreateUser(t.Context(), store.User{ID: "taken"}); err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 32)
	err = a.Tx(t.Context(), func(in store.Adapter) error {
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				id := "taken"
				if i%2 == 0 {
					id = fmt.Sprint("u", i)
				}
				_, errs[i] = in.CreateUser(t.Context(), store.User{ID: id})
				_, _ = in.GetUser(t.Context(), "taken")
			})
		}
		wg.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range errs {
		if i%2 != 0 {
			if !errors.Is(err, &store.ConflictError{Field: "id"}) {
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
		} else if _, err := a.GetUser(t.Context(), fmt.Sprint("u", i)); err != nil {
			t.Errorf("u%d was created but is not found: %v", i, err)
		}
	}
}

// A write that a hook refuses afterwards is rolled back, even in a transaction that
// continues.
func TestRefusedInTx(t *testing.T) {
	for _, c := range []struct{ dialect, driver, dsn string }{
		{dialect.SQLite, "sqlite3", "file:" + filepath.Join(t.TempDir(), "auth.db") + "?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL"},
		{dialect.MySQL, "mysql", testdb.MySQL(t) + "&charset=utf8mb4"},
		{dialect.Postgres, "pgx", testdb.Postgres(t)},
	} {
		t.Run(c.dialect, func(t *testing.T) {
			db, err := sql.Open(c.driver, c.dsn)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := openOn(t.Context(), c.dialect, db, nil)
			if err != nil {
				t.Fatal(err)
			}
			a := opened.(*adapter)
			defer a.Close()
			a.client.User.Use(func(next ent.Mutator) ent.Mutator {
				return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
					v, err := next.Mutate(ctx, m)
					if id, _ := m.(*ent.UserMutation).ID(); err == nil && id == "refused" {
						return nil, fmt.Errorf("%w: refused", store.ErrInvalid)
					}
					return v, err
				})
			})
			err = a.Tx(t.Context(), func(in store.Adapter) error {
				if _, err := in.CreateUser(t.Context(), store.User{ID: "refused"}); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("got %v, want ErrInvalid", err)
				}
				_, err := in.CreateUser(t.Context(), store.User{ID: "taken"})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.GetUser(t.Context(), "refused"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the refused user: %v, want ErrNotFound", err)
			}
			if _, err := a.GetUser(t.Context(), "taken"); err != nil {
				t.Error(err)
			}
		})
	}
}

// The application may alter its tables while the server runs.
func TestAlteredTable(t *testing.T) {
	db, err := sql.Open("pgx", testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := openOn(t.Context(), dialect.Postgres, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := opened.(*adapter)
	defer a.Close()
	if _, err := a.CreateUser(t.Context(), store.User{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetUser(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`ALTER TABLE "` + user.Table + `" ALTER COLUMN "name" TYPE varchar(300)`); err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetUser(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}
