package testent_test

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
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/lab/testent"
	"github.com/sesame-auth/sesame/internal/lab/testent/fields"
	"github.com/sesame-auth/sesame/internal/lab/testent/person"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// The generated adapter by itself, without the prepared statements of entclient.
func TestConformance(t *testing.T) {
	for _, target := range conformance.Generated("testent", fields.Schema(), testent.OpenAdapter, adaptertest.WebAuthn) {
		t.Run(target.Name, func(t *testing.T) {
			open, options := target.SetUp(t)
			adaptertest.Run(t, open, options...)
		})
	}
}

func open(t *testing.T) (*testent.Adapter, *faultdb.Connector) {
	t.Helper()
	f := faultdb.SQLite("file:"+filepath.Join(t.TempDir(), "auth.db")+"?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL", nil)
	a, err := testent.OpenAdapter(t.Context(), dialect.SQLite, sql.OpenDB(f), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.(*testent.Adapter).Close() })
	return a.(*testent.Adapter), f
}

// A session that would leave orphans behind is refused before the first write.
func TestForeignKeysOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	f := faultdb.SQLite("file:"+path+"?_fk=1", nil)
	a, err := testent.OpenAdapter(t.Context(), dialect.SQLite, sql.OpenDB(f), nil)
	if err != nil {
		t.Fatal(err)
	}
	a.(*testent.Adapter).Close()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	client := testent.NewClient(testent.Driver(entsql.OpenDB(dialect.SQLite, db)))
	defer client.Close()
	_, err = testent.NewAuthAdapter(client).CreateUser(t.Context(), store.User{ID: "1"})
	if err == nil || !strings.Contains(err.Error(), "add _fk=1 to the DSN") {
		t.Errorf("got %v, want what to change", err)
	}
}

// A transaction that the database turns away is made again, and its function
// called again.
func TestTxAgain(t *testing.T) {
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

// After a failure of the database nothing more is written in a transaction,
// whoever goes on.
func TestFailureEndsTransaction(t *testing.T) {
	a, f := open(t)
	tx, err := a.Client().Tx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := testent.NewAuthAdapter(tx.Client())
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
	if n := a.Client().Person.Query().CountX(t.Context()); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// A column that holds what the schema does not know any more is left to the
// engine, which reads the default and says so.
func TestStoredMisfit(t *testing.T) {
	a, _ := open(t)
	a.Client().Person.Create().SetID("1").SetTags([]string{}).SetRole(person.RoleGuest).ExecX(t.Context())
	u, err := a.GetUser(t.Context(), "1")
	if err != nil || u.Extra["role"] == nil {
		t.Fatalf("got %v, %v", u, err)
	}
	if f, _ := fields.Schema().UserField("role"); f.Name != "" {
		if _, err := f.Canon(u.Extra["role"]); err == nil {
			t.Error("the value fits")
		}
	}
}

// R11 holds within a transaction too: one call's failure undoes nothing of
// another's that is made at the same time.
func TestTogetherInOneTx(t *testing.T) {
	db, err := sql.Open("pgx", testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := testent.OpenAdapter(t.Context(), dialect.Postgres, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := opened.(*testent.Adapter)
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
			t.Errorf("u%d was created, and is not there: %v", i, err)
		}
	}
}

// What a hook refuses after it was written is not written, in a transaction that
// goes on as well.
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
			opened, err := testent.OpenAdapter(t.Context(), c.dialect, db, nil)
			if err != nil {
				t.Fatal(err)
			}
			a := opened.(*testent.Adapter)
			defer a.Close()
			a.Client().Person.Use(func(next testent.Mutator) testent.Mutator {
				return testent.MutateFunc(func(ctx context.Context, m testent.Mutation) (testent.Value, error) {
					v, err := next.Mutate(ctx, m)
					if id, _ := m.(*testent.PersonMutation).ID(); err == nil && id == "refused" {
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
	opened, err := testent.OpenAdapter(t.Context(), dialect.Postgres, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := opened.(*testent.Adapter)
	defer a.Close()
	if _, err := a.CreateUser(t.Context(), store.User{ID: "1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetUser(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`ALTER TABLE "` + person.Table + `" ALTER COLUMN "name" TYPE varchar(300)`); err != nil {
		t.Fatal(err)
	}
	if _, err := a.GetUser(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}
