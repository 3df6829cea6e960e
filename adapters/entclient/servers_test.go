package entclient_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// server is a database server.
type server struct {
	name, dialect, driver string
	database              func(testing.TB) (dsn string)
	open                  func(context.Context, string, entclient.Options) (*entclient.Adapter, error)
	deadlock              error
}

func servers() []server {
	return []server{
		{"mysql", dialect.MySQL, "mysql", testdb.MySQL, entclient.OpenMySQL, &mysql.MySQLError{Number: 1213, Message: "Deadlock found"}},
		{"postgres", dialect.Postgres, "pgx", testdb.Postgres, entclient.OpenPostgres, &pgconn.PgError{Code: "40P01", Message: "deadlock detected"}},
	}
}

// connector returns a connector; no statement fails yet.
func (s server) connector(t testing.TB, dsn string) *faultdb.Connector {
	t.Helper()
	if s.dialect == dialect.MySQL {
		dsn += "&charset=utf8mb4"
	}
	f, err := faultdb.Open(s.dialect, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func onServers(t *testing.T, f func(t *testing.T, s server)) {
	for _, s := range servers() {
		t.Run(s.name, func(t *testing.T) { f(t, s) })
	}
}

func (s server) openAt(t testing.TB, dsn string) *entclient.Adapter {
	t.Helper()
	a, err := s.open(t.Context(), dsn, entclient.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func (s server) populated(t testing.TB) *entclient.Adapter {
	t.Helper()
	a := s.openAt(t, s.database(t))
	if err := adaptercalls.Populate(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

// session/one-query
func TestServerSessionAndUserIsOneStatement(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		a, f := s.faulty(t, entclient.Options{})
		before := f.Statements()
		for range 10 {
			if _, _, err := a.GetSessionAndUser(t.Context(), "s1"); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.Statements() - before; n != 10 {
			t.Errorf("10 reads made %d statements", n)
		}
	})
}

// fault/read-never-absent, fault/write-error; and whichever statement of a write
// fails, the write has its whole effect or none.
func TestServerEveryStatementFails(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		a, f := s.faulty(t, entclient.Options{})
		before := snapshot(t, a)
		for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
			for nth := 1; nth < 20; nth++ {
				heal := f.FailAt(nth, errInjected)
				err := c.Do(t.Context(), a)
				if !heal() {
					if nth == 1 || err != nil {
						t.Fatalf("%s: %d statements, error %v", c.Name, nth-1, err)
					}
					break // each of them has failed once
				}
				if !errors.Is(err, errInjected) || errors.Is(err, store.ErrNotFound) {
					t.Fatalf("%s: statement %d: got %v, want the injected error", c.Name, nth, err)
				}
				if after := snapshot(t, a); after != before && c.Name != "PurgeExpired" {
					t.Fatalf("%s: statement %d failed and left\n%s\nof\n%s", c.Name, nth, after, before)
				}
			}
			// The call has succeeded: start over.
			ctx := t.Context()
			for _, id := range []string{"u1", "u2"} {
				if err := a.DeleteUser(ctx, id); err != nil {
					t.Fatal(err)
				}
			}
			for _, token := range []string{"t1", "t2"} {
				if _, err := a.UseVerificationToken(ctx, "a", token); err != nil && !errors.Is(err, store.ErrNotFound) {
					t.Fatal(err)
				}
			}
			if err := adaptercalls.Populate(ctx, a); err != nil {
				t.Fatal(err)
			}
			before = snapshot(t, a)
		}
	})
}

// A call or a transaction that a deadlock has rolled back is repeated.
func TestServerDeadlockIsTriedAgain(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		a, f := s.faulty(t, entclient.Options{})
		for _, at := range []string{"UPDATE", "COMMIT"} {
			var n atomic.Int32
			f.Fail(func(statement string) error {
				if strings.HasPrefix(strings.TrimSpace(statement), at) && n.Add(1) <= 3 {
					return s.deadlock
				}
				return nil
			})
			if _, err := a.UpdateUser(t.Context(), store.UserUpdate{ID: "u1", Name: store.SetTo(at)}); err != nil {
				t.Errorf("a call, %s: %v", at, err)
			}
			n.Store(0)
			calls := 0
			err := a.Tx(t.Context(), func(tx store.Adapter) error {
				calls++
				_, err := tx.UpdateUser(t.Context(), store.UserUpdate{ID: "u1", Name: store.SetTo(fmt.Sprint(at, calls))})
				return err
			})
			if err != nil || calls != 4 {
				t.Errorf("a transaction, %s: %v after %d calls, want success after 4", at, err, calls)
			}
			if u, err := a.GetUser(t.Context(), "u1"); err != nil || *u.Name != fmt.Sprint(at, 4) {
				t.Errorf("got %v, %v", u, err)
			}
		}
		// The context or the patience ends the repetitions.
		f.Fail(func(statement string) error {
			if statement == "COMMIT" {
				return s.deadlock
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := a.DeleteUser(ctx, "u1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want DeadlineExceeded", err)
		}
		brief, f := s.faulty(t, entclient.Options{BusyTimeout: 50 * time.Millisecond})
		f.Fail(func(statement string) error {
			if statement == "COMMIT" {
				return s.deadlock
			}
			return nil
		})
		if err := brief.DeleteUser(t.Context(), "u1"); !errors.Is(err, s.deadlock) || !strings.Contains(err.Error(), "for 50ms") {
			t.Errorf("got %v, want the deadlock and how long the call was repeated", err)
		}
	})
}

// Real deadlocks: transactions that lock two rows in either order.
func TestServerDeadlocks(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		ctx := t.Context()
		// PostgreSQL needs a second to detect a deadlock.
		a, err := s.open(ctx, s.database(t), entclient.Options{BusyTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		for _, id := range []string{"u1", "u2"} {
			if _, err := a.CreateUser(ctx, store.User{ID: id}); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				err := a.Tx(ctx, func(tx store.Adapter) error {
					for n := range 2 {
						id := fmt.Sprint("u", 1+(i+n)%2)
						if _, err := tx.UpdateUser(ctx, store.UserUpdate{ID: id, Name: store.SetTo(fmt.Sprint(i))}); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		runSteps, err1 := a.GetUser(ctx, "u1")
		two, err2 := a.GetUser(ctx, "u2")
		if err1 != nil || err2 != nil || *runSteps.Name != *two.Name {
			t.Errorf("got %q and %q (%v, %v), want both from one transaction", *runSteps.Name, *two.Name, err1, err2)
		}
	})
}

// A write that waits for a row when its context ends has no effect later.
func TestServerNothingLate(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		a := s.populated(t)
		err := a.Tx(t.Context(), func(tx store.Adapter) error {
			if _, err := tx.UpdateUser(t.Context(), store.UserUpdate{ID: "u1", Name: store.SetTo("first")}); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Name: store.SetTo("late"), Image: store.SetTo("late")}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want DeadlineExceeded", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		// Waits for a statement that may still hold the row.
		u, err := a.UpdateUser(t.Context(), store.UserUpdate{ID: "u1", Email: store.Clear[string]()})
		if err != nil || *u.Name != "first" || *u.Image == "late" {
			t.Errorf("got %v, %v", u, err)
		}
	})
}

// A write through the outer adapter inside a transaction fails with a clear error.
func TestServerTxOuterWriteFails(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		a, err := s.open(t.Context(), s.database(t), entclient.Options{BusyTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		if err := adaptercalls.Populate(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		err = a.Tx(t.Context(), func(tx store.Adapter) error {
			if err := tx.DeleteSession(t.Context(), "s1"); err != nil {
				return err
			}
			return a.DeleteSession(t.Context(), "s1")
		})
		if err == nil || !strings.Contains(err.Error(), "must be short and use only the adapter passed to it") {
			t.Fatalf("got %v", err)
		}
	})
}

// WithTx works in a transaction of the application.
func TestServerWithTx(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		ctx, a := t.Context(), s.populated(t)
		before := snapshot(t, a)
		tx, err := a.DB().BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		in := a.WithTx(tx)
		if _, err := in.CreateUser(ctx, store.User{ID: "u1"}); !errors.Is(err, &store.ConflictError{Field: "id"}) {
			t.Errorf("got %v, want ErrConflict", err)
		}
		for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
			if err := c.Do(ctx, in); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		if now := snapshot(t, a); now != before {
			t.Errorf("visible outside:\n%s\nof\n%s", now, before)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.GetUser(ctx, "u1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after the commit: %v", err)
		}
	})
}

// Violations of unique keys name the field and do not contain the value; those of
// foreign keys are ErrNotFound.
func TestServerErrors(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		ctx, a := t.Context(), s.populated(t)
		email, name := "u1@example.com", "x"
		for field, create := range map[string]func() error{
			"id":    func() error { _, err := a.CreateUser(ctx, store.User{ID: "u1"}); return err },
			"email": func() error { _, err := a.CreateUser(ctx, store.User{ID: "u2", Email: &email}); return err },
			"providerAccountId": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u1", Provider: "github", ProviderAccountID: "1"})
				return err
			},
			"sessionToken": func() error {
				_, err := a.CreateSession(ctx, store.Session{SessionToken: "expired", UserID: "u1"})
				return err
			},
			"token": func() error {
				_, err := a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: "a", Token: "t1"})
				return err
			},
			"credentialID": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{CredentialID: "c1", UserID: "u1"})
				return err
			},
		} {
			err := create()
			var conflict *store.ConflictError
			if !errors.As(err, &conflict) || conflict.Field != field {
				t.Errorf("%s: got %v", field, err)
				continue
			}
			for _, value := range []string{email, "expired", "'t1'", "a-t1"} {
				if strings.Contains(fmt.Sprint(err, conflict.Err), value) {
					t.Errorf("%s: %v contains a value", field, err)
				}
			}
		}
		for call, create := range map[string]func() error{
			"LinkAccount": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u9", Provider: "github", ProviderAccountID: "9"})
				return err
			},
			"CreateSession": func() error {
				_, err := a.CreateSession(ctx, store.Session{SessionToken: "s9", UserID: "u9"})
				return err
			},
			"CreateAuthenticator": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{CredentialID: "c9", UserID: "u9"})
				return err
			},
		} {
			if err := create(); !errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: got %v, want ErrNotFound", call, err)
			}
		}
		// A key that is too long for an index. Random text does not compress.
		var long strings.Builder
		for i := range 2000 {
			fmt.Fprintf(&long, "%x", i*7919*7919)
		}
		if _, err := a.CreateUser(ctx, store.User{ID: long.String(), Name: &name}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a long key: got %.200v, want ErrInvalid", err)
		}
	})
}

// sql/second-handle
func TestServerSecondHandle(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		ctx, dsn := t.Context(), s.database(t)
		handles := []*entclient.Adapter{s.openAt(t, dsn), s.openAt(t, dsn)}
		if err := adaptercalls.Populate(ctx, handles[0]); err != nil {
			t.Fatal(err)
		}
		var used, counted atomic.Int32
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() {
				switch _, err := handles[i%2].UseVerificationToken(ctx, "a", "t1"); {
				case err == nil:
					used.Add(1)
				case !errors.Is(err, store.ErrNotFound):
					t.Error(err)
				}
				if err := countOn(ctx, handles[i%2]); err != nil {
					t.Error(err)
				} else {
					counted.Add(1)
				}
			})
		}
		wg.Wait()
		c, err := handles[1].GetAuthenticator(ctx, "c1")
		if used.Load() != 1 || counted.Load() != 32 || err != nil || c.Counter != 32 {
			t.Errorf("the token was used %d times; %d transactions counted to %d (%v)", used.Load(), counted.Load(), c.Counter, err)
		}
	})
}

// Required settings of the DSN are checked by New and set by OpenMySQL.
func TestServerSettings(t *testing.T) {
	for name, c := range map[string]struct{ params, want string }{
		"lax":             {"clientFoundRows=true&charset=utf8mb4&sql_mode=%27%27", "STRICT_ALL_TABLES"},
		"changed rows":    {"charset=utf8mb4", "clientFoundRows=true"},
		"latin1":          {"clientFoundRows=true&charset=latin1", "charset=utf8mb4"},
		"no foreign keys": {"clientFoundRows=true&charset=utf8mb4&foreign_key_checks=0", "foreign keys are off"},
		"no unique keys":  {"clientFoundRows=true&charset=utf8mb4&unique_checks=0", "unique_checks is off"},
		"no database":     {"", "names no database"},
	} {
		t.Run("mysql/"+name, func(t *testing.T) {
			base, _, _ := strings.Cut(testdb.MySQL(t), "?")
			if c.params == "" {
				base = base[:strings.LastIndexByte(base, '/')+1]
			}
			dsn := base + "?" + c.params
			db, err := sql.Open("mysql", dsn)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := entclient.New(t.Context(), dialect.MySQL, db, entclient.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error that contains %q", err, c.want)
			}
			a, err := entclient.OpenMySQL(t.Context(), dsn, entclient.Options{})
			if c.params == "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error that contains %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatalf("OpenMySQL does not set it: %v", err)
			}
			defer a.Close()
			u := store.User{ID: "u1", Name: new("😀")}
			if _, err := a.CreateUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			if got, err := a.GetUser(t.Context(), "u1"); err != nil || *got.Name != *u.Name {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	t.Run("postgres/replica", func(t *testing.T) {
		_, err := entclient.OpenPostgres(t.Context(), testdb.Postgres(t)+"&session_replication_role=replica", entclient.Options{})
		if err == nil || !strings.Contains(err.Error(), "turns foreign keys off") {
			t.Errorf("got %v", err)
		}
	})
	for _, open := range []func(context.Context, string, entclient.Options) (*entclient.Adapter, error){entclient.OpenMySQL, entclient.OpenPostgres} {
		for _, dsn := range []string{"user:hunter2", "postgres://user:hunter2@:x/", "user:hunter2@tcp(127.0.0.1:1)/db", "postgres://user:hunter2@127.0.0.1:1/db"} {
			if a, err := open(t.Context(), dsn, entclient.Options{}); err == nil {
				a.Close()
				t.Errorf("opening %s succeeded", dsn)
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error %q contains a password", err)
			}
		}
	}
}
