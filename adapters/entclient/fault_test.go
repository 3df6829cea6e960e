package entclient_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/mattn/go-sqlite3"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
)

func snapshot(t testing.TB, a store.Adapter) string {
	t.Helper()
	s, err := adaptercalls.Snapshot(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// session/one-query
func TestSessionAndUserIsOneStatement(t *testing.T) {
	a, f := faulty(t)
	get := func() {
		t.Helper()
		if _, _, err := a.GetSessionAndUser(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
	}
	get()
	before := f.Statements()
	for range 10 {
		get()
	}
	if n := f.Statements() - before; n != 10 {
		t.Errorf("10 reads made %d statements", n)
	}
}

// fault/read-never-absent, fault/write-error
func TestBrokenStore(t *testing.T) {
	for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a, f := faulty(t)
			f.Fail(func(string) error { return errInjected })
			err := c.Do(t.Context(), a)
			if !errors.Is(err, errInjected) || errors.Is(err, store.ErrNotFound) {
				t.Fatalf("got %v, want an error that matches the injected one", err)
			}
			f.Heal()
			if err := c.Do(t.Context(), a); err != nil {
				t.Fatalf("after the store recovered: %v", err)
			}
		})
	}
}

// Whichever statement of a call fails, the call has its whole effect or none
// (fault/delete-user-atomic, and the same for every other write).
func TestEveryStatementFails(t *testing.T) {
	for _, c := range adaptercalls.Writes() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			for nth := 1; ; nth++ {
				a, f := faulty(t)
				before := snapshot(t, a)
				heal := f.FailAt(nth, errInjected)
				err := c.Do(t.Context(), a)
				if !heal() {
					if nth == 1 || err != nil {
						t.Fatalf("%d statements, error %v", nth-1, err)
					}
					return // each of them has failed once
				}
				if !errors.Is(err, errInjected) {
					t.Fatalf("statement %d: got %v, want the injected error", nth, err)
				}
				// A purge may stop halfway; it removes row by row.
				if after := snapshot(t, a); after != before && c.Name != "PurgeExpired" {
					t.Fatalf("statement %d failed and left\n%s\nof\n%s", nth, after, before)
				}
			}
		})
	}
}

// SQLite may end a transaction when a statement fails, for instance for lack of
// space. Later writes of fn must not be made outside of it.
func TestTxAfterStoreError(t *testing.T) {
	a, f := faulty(t)
	before := snapshot(t, a)
	err := a.Tx(t.Context(), func(tx store.Adapter) error {
		if _, err := tx.CreateUser(t.Context(), store.User{ID: "u2", Name: new(string), Email: new(string), Image: new(string)}); err != nil {
			t.Fatal(err)
		}
		f.Fail(func(string) error { return errInjected })
		if err := tx.DeleteUser(t.Context(), "u1"); !errors.Is(err, errInjected) {
			t.Fatal(err)
		}
		f.Heal()
		if err := tx.DeleteUser(t.Context(), "u1"); err == nil {
			t.Error("the transaction is usable after the error")
		}
		return nil
	})
	if err == nil {
		t.Error("the transaction was committed")
	}
	if after := snapshot(t, a); after != before {
		t.Errorf("the transaction left\n%s\nof\n%s", after, before)
	}
}

func TestTxCommitFails(t *testing.T) {
	f := faultySQLite(t, nil)
	a := openFaulty(t, dialect.SQLite, f, entclient.Options{})
	f.Fail(func(s string) error {
		if s == "COMMIT" {
			return errInjected
		}
		return nil
	})
	err := a.Tx(t.Context(), func(tx store.Adapter) error {
		_, err := tx.CreateUser(t.Context(), store.User{ID: "u1"})
		return err
	})
	if !errors.Is(err, errInjected) {
		t.Fatalf("got %v, want the injected error", err)
	}
	if _, err := a.GetUser(t.Context(), "u1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
}

// A call that a lock rejects is repeated.
func TestLockedForAMoment(t *testing.T) {
	for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a, f := faulty(t)
			var n atomic.Int32
			f.Fail(func(string) error {
				if n.Add(1) <= 3 {
					return sqlite3.Error{Code: sqlite3.ErrBusy}
				}
				return nil
			})
			if err := c.Do(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Another process holds the write lock and does not release it.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	withTimeout := func(d time.Duration) *entclient.Adapter {
		a, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{BusyTimeout: d})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	brief, patient, other := withTimeout(50*time.Millisecond), withTimeout(time.Hour), openAt(t, path)
	if err := adaptercalls.Populate(t.Context(), brief); err != nil {
		t.Fatal(err)
	}
	err := other.Tx(t.Context(), func(store.Adapter) error {
		for _, c := range adaptercalls.Reads() {
			if err := c.Do(t.Context(), brief); err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		}
		for _, c := range adaptercalls.Writes() {
			err := c.Do(t.Context(), brief)
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "locked the database for 50ms") {
				t.Errorf("%s: got %v, want an error that mentions the lock", c.Name, err)
			}
			// The context ends the wait, whatever the timeout.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			if err := c.Do(ctx, patient); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s with a deadline: got %v, want DeadlineExceeded", c.Name, err)
			}
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range []store.Adapter{brief, patient} {
		if _, err := a.CreateUser(t.Context(), store.User{ID: string(rune('a' + i))}); err != nil {
			t.Errorf("after the lock was released: %v", err)
		}
	}
}

// The same with two calls of one adapter.
func TestWriteWaitsForTx(t *testing.T) {
	f := faultySQLite(t, nil)
	a := openFaulty(t, dialect.SQLite, f, entclient.Options{BusyTimeout: time.Hour})
	err := a.Tx(t.Context(), func(store.Adapter) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := a.DeleteUser(ctx, "u1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("write: got %v, want DeadlineExceeded", err)
		}
		return a.Tx(ctx, func(store.Adapter) error { t.Error("two transactions run at once"); return nil })
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Tx: got %v, want DeadlineExceeded", err)
	}
}

// Whatever error the driver returns when the context has ended, the call returns
// that of the context.
func TestInterrupted(t *testing.T) {
	for _, c := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a, f := faulty(t)
			ctx, cancel := context.WithCancel(t.Context())
			f.Fail(func(string) error { cancel(); return sqlite3.Error{Code: sqlite3.ErrInterrupt} })
			if err := c.Do(ctx, a); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		})
	}
}

// A write through the outer adapter inside a transaction fails with a clear error.
func TestTxOuterWriteFails(t *testing.T) {
	f := faultySQLite(t, nil)
	a := openFaulty(t, dialect.SQLite, f, entclient.Options{BusyTimeout: 20 * time.Millisecond})
	err := a.Tx(t.Context(), func(store.Adapter) error {
		_, err := a.CreateUser(t.Context(), store.User{ID: "u1"})
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "must use only the adapter passed to it") {
		t.Fatalf("got %v", err)
	}
	if _, err := a.CreateUser(t.Context(), store.User{ID: "u1"}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	other := openAt(t, path)
	conn, err := other.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Others cannot even read.
	for _, statement := range []string{`PRAGMA locking_mode = EXCLUSIVE`, `PRAGMA wal_checkpoint(TRUNCATE)`, `BEGIN EXCLUSIVE`} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	a, err := entclient.OpenSQLite(ctx, path, entclient.Options{})
	if err == nil {
		a.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want DeadlineExceeded", err)
	}
}

func TestDiskFull(t *testing.T) {
	f := faultySQLite(t, func(_ int, c *sqlite3.SQLiteConn) error {
		_, err := c.Exec(`PRAGMA max_page_count = 40`, nil)
		return err
	})
	a := populateFaulty(t, dialect.SQLite, f, entclient.Options{})
	big := strings.Repeat("x", 4096)
	var full error
	for i := 0; full == nil && i < 100; i++ {
		_, full = a.UpdateUser(t.Context(), store.UserUpdate{ID: "u1", Name: store.SetTo(strings.Repeat(big, i))})
	}
	if full == nil || errors.Is(full, store.ErrNotFound) || !strings.Contains(full.Error(), "no space is left") {
		t.Fatalf("got %v, want an error that explains the problem", full)
	}
	before := snapshot(t, a)
	_, err := a.LinkAccount(t.Context(), store.Account{UserID: "u1", Provider: "google", ProviderAccountID: "1", AccessToken: new(strings.Repeat(big, 100))})
	if err == nil || !strings.Contains(err.Error(), "no space is left") {
		t.Fatalf("got %v, want an error that explains the problem", err)
	}
	if after := snapshot(t, a); after != before {
		t.Error("a failed write changed something")
	}
	// Reading works, and so does freeing space.
	if _, _, err := a.GetSessionAndUser(t.Context(), "s1"); err != nil {
		t.Error(err)
	}
	if err := a.DeleteUser(t.Context(), "u1"); err != nil {
		t.Error(err)
	}
}

// A session that is extended while a purge runs is kept.
func TestPurgeSparesExtended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	other := openAt(t, path)
	f := faultdb.SQLite("file:"+path+"?_fk=1&_txlock=immediate", nil)
	a := populateFaulty(t, dialect.SQLite, f, entclient.Options{})
	future := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fail(func(statement string) error {
		if !strings.HasPrefix(statement, "DELETE") {
			return nil
		}
		_, err := other.UpdateSession(t.Context(), store.SessionUpdate{SessionToken: "s1", Expires: &future})
		return err
	})
	removed, err := a.PurgeExpired(t.Context(), future.AddDate(-1, 0, 0), 2)
	if err != nil || removed != 2 { // the session "expired", and the token
		t.Errorf("%d removed, %v; want 2", removed, err)
	}
	if s, err := a.GetSession(t.Context(), "s1"); err != nil || !s.Expires.Equal(future) {
		t.Errorf("the extended session: %v, %v", s, err)
	}
}

func TestTooBig(t *testing.T) {
	const limitLength = 0 // SQLITE_LIMIT_LENGTH
	f := faultySQLite(t, func(_ int, c *sqlite3.SQLiteConn) error { c.SetLimit(limitLength, 10_000); return nil })
	a := openFaulty(t, dialect.SQLite, f, entclient.Options{})
	_, err := a.CreateUser(t.Context(), store.User{ID: "u1", Name: new(strings.Repeat("x", 20_000))})
	if !errors.Is(err, store.ErrInvalid) {
		t.Fatalf("got %v, want ErrInvalid", err)
	}
	if _, err := a.GetUser(t.Context(), "u1"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
}

func TestReadOnlyConnection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	if err := adaptercalls.Populate(t.Context(), openAt(t, path)); err != nil {
		t.Fatal(err)
	}
	a := openFaulty(t, dialect.SQLite, faultdb.SQLite("file:"+path+"?mode=ro&_fk=1&_txlock=immediate", nil), entclient.Options{})
	checkReadOnly(t, a)
}

func checkReadOnly(t testing.TB, a *entclient.Adapter) {
	t.Helper()
	for _, c := range adaptercalls.Reads() {
		if err := c.Do(t.Context(), a); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	for _, c := range adaptercalls.Writes() {
		err := c.Do(t.Context(), a)
		if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "needs write access") {
			t.Errorf("%s: got %v, want an error that explains the problem", c.Name, err)
		}
	}
}

// A string that not every database can hold is refused with the name of its field.
func TestUnstorable(t *testing.T) {
	ctx, a := t.Context(), open(t)
	if err := adaptercalls.Populate(ctx, a); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, a)
	for _, bad := range []string{"\x00", "a\x00b", "\xff", "\xed\xa0\x80"} {
		for field, create := range map[string]func() error{
			"id":    func() error { _, err := a.CreateUser(ctx, store.User{ID: bad}); return err },
			"email": func() error { _, err := a.CreateUser(ctx, store.User{ID: "u2", Email: &bad}); return err },
			"name": func() error {
				_, err := a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Name: store.SetTo(bad)})
				return err
			},
			"image": func() error {
				_, err := a.UpdateUser(ctx, store.UserUpdate{ID: "u1", Image: store.SetTo(bad)})
				return err
			},
			"sessionToken": func() error {
				_, err := a.CreateSession(ctx, store.Session{SessionToken: bad, UserID: "u1"})
				return err
			},
			"userId": func() error {
				_, err := a.CreateSession(ctx, store.Session{SessionToken: "s", UserID: bad})
				return err
			},
			"identifier": func() error {
				_, err := a.CreateVerificationToken(ctx, store.VerificationToken{Identifier: bad})
				return err
			},
			"token": func() error {
				_, err := a.CreateVerificationToken(ctx, store.VerificationToken{Token: bad})
				return err
			},
			"provider": func() error { _, err := a.LinkAccount(ctx, store.Account{UserID: "u1", Provider: bad}); return err },
			"providerAccountId": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u1", ProviderAccountID: bad})
				return err
			},
			"type": func() error { _, err := a.LinkAccount(ctx, store.Account{UserID: "u1", Type: bad}); return err },
			"refresh_token": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u1", RefreshToken: &bad})
				return err
			},
			"access_token": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u1", AccessToken: &bad})
				return err
			},
			"token_type": func() error { _, err := a.LinkAccount(ctx, store.Account{UserID: "u1", TokenType: &bad}); return err },
			"scope":      func() error { _, err := a.LinkAccount(ctx, store.Account{UserID: "u1", Scope: &bad}); return err },
			"id_token":   func() error { _, err := a.LinkAccount(ctx, store.Account{UserID: "u1", IDToken: &bad}); return err },
			"session_state": func() error {
				_, err := a.LinkAccount(ctx, store.Account{UserID: "u1", SessionState: &bad})
				return err
			},
			"credentialID": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{UserID: "u1", CredentialID: bad})
				return err
			},
			"credentialPublicKey": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{UserID: "u1", CredentialPublicKey: bad})
				return err
			},
			"credentialDeviceType": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{UserID: "u1", CredentialDeviceType: bad})
				return err
			},
			"transports": func() error {
				_, err := a.CreateAuthenticator(ctx, store.Authenticator{UserID: "u1", Transports: &bad})
				return err
			},
		} {
			err := create()
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), " "+field+" ") || strings.Contains(err.Error(), bad) {
				t.Errorf("%s = %q: got %v, want ErrInvalid with the name of the field and without the value", field, bad, err)
			}
		}
	}
	if after := snapshot(t, a); after != before {
		t.Errorf("a refused value left\n%s\nof\n%s", after, before)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		path, want string
	}{
		"empty":     {"", "path is empty"},
		"memory":    {":memory:", "adapters/memory"},
		"DSN":       {"file:x.db?_fk=1", "not a DSN"},
		"directory": {dir, "is a directory"},
		"URL":       {"postgres://u:hunter2@127.0.0.1/db", "DSN of a server"},
		"MySQL":     {"u:hunter2@tcp(127.0.0.1:3306)/db", "DSN of a server"},
		"key=value": {"host=127.0.0.1 user=u password=hunter2", "DSN of a server"},
		"no folder": {filepath.Join(dir, "no", "auth.db"), "create the directory " + filepath.Join(dir, "no")},
		"NUL":       {filepath.Join(dir, "no\x00", "auth.db"), "invalid argument"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := entclient.OpenSQLite(t.Context(), c.path, entclient.Options{})
			if err == nil {
				a.Close()
				t.Fatal("opening succeeded")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %q, want it to contain %q and no password", err, c.want)
			}
		})
	}
	if _, err := entclient.OpenPostgres(t.Context(), "", entclient.Options{}); err == nil || !strings.Contains(err.Error(), "DSN is empty") {
		t.Errorf("OpenPostgres without a DSN: %v", err)
	}
	for dsn, want := range map[string]string{
		"u:hunter2/db":                   "invalid DSN",
		"u:hunter2tcp(127.0.0.1:1)/db":   "invalid DSN",
		"mysql://u:hunter2%@127.0.0.1:1": "invalid DSN",
		"u:hunter2@tcp(127.0.0.1:1)":     "missing the slash",
		"u:hunter2@tcp(127.0.0.1:1)/db":  "refused",
	} {
		if _, err := entclient.OpenMySQL(t.Context(), dsn, entclient.Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("OpenMySQL(%q): %v, want %q and no password", dsn, err, want)
		}
	}
	_, err := entclient.OpenSQLite(t.Context(), filepath.Join(dir, "no", "auth.db"), entclient.Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := entclient.OpenSQLite(ctx, filepath.Join(dir, "auth.db"), entclient.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
