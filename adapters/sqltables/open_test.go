package sqltables_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/adaptercalls"
	"github.com/sesame-auth/sesame/internal/lab/conformance"
)

// roundTrip writes a user with a session and reads it back.
func roundTrip(t *testing.T, a *sqltables.Adapter) {
	t.Helper()
	at := time.Date(2030, 7, 1, 12, 0, 0, 0, time.UTC)
	u := store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923b", Name: new("😀"), EmailVerified: &at}
	if _, err := a.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, err := a.CreateSession(t.Context(), store.Session{SessionToken: "s", UserID: u.ID, Expires: at}); err != nil {
		t.Fatal(err)
	}
	s, got, err := a.GetSessionAndUser(t.Context(), "s")
	if err != nil || !s.Expires.Equal(at) || *got.Name != "😀" || !got.EmailVerified.Equal(at) {
		t.Fatalf("got %v of %v, %v", s, got, err)
	}
	if err := a.DeleteUser(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
}

// Open accepts the DSN in the .env file of the Auth.js app.
func TestOpen(t *testing.T) {
	lite := conformance.NewDatabase(t, sqltables.DrizzleSQLite())
	path, _, _ := strings.Cut(strings.TrimPrefix(lite.DSN, "file:"), "?")
	my := conformance.NewDatabase(t, sqltables.DrizzleMySQL())
	cfg, err := mysql.ParseDSN(my.DSN)
	if err != nil {
		t.Fatal(err)
	}
	url := "mysql://" + cfg.User + "@" + cfg.Addr + "/" + cfg.DBName
	if cfg.Net != "tcp" || cfg.Passwd != "" {
		url = my.DSN
	}
	pg := conformance.NewDatabase(t, sqltables.PrismaPostgres())
	const schema = "My-Auth" // unlike search_path, it is not a list, and its case is kept
	prisma, err := neturl.Parse(pg.DSN)
	if err != nil {
		t.Fatal(err)
	}
	query := prisma.Query()
	was, _, _ := strings.Cut(query.Get("search_path"), ",")
	query.Set("search_path", was+`,"`+schema+`"`)
	prisma.RawQuery = query.Encode()
	pg.DSN = prisma.String()
	query.Del("search_path")
	query.Set("schema", schema)
	prisma.RawQuery = query.Encode()
	prismaSchema := prisma.String()
	db, err := sql.Open("pgx", pg.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`ALTER SCHEMA "` + was + `" RENAME TO "` + schema + `"`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		layout sqltables.Layout
		dsn    string
	}{
		"a path":          {sqltables.DrizzleSQLite(), path},
		"a file URL":      {sqltables.DrizzleSQLite(), "file:" + path},
		"a lax DSN":       {sqltables.DrizzleMySQL(), cfg.User + "@" + cfg.Net + "(" + cfg.Addr + ")/" + cfg.DBName + "?sql_mode=%27%27&loc=America%2FNew_York&charset=latin1"},
		"a URL of Node":   {sqltables.DrizzleMySQL(), url},
		"PostgreSQL":      {sqltables.PrismaPostgres(), pg.DSN},
		"Prisma's schema": {sqltables.PrismaPostgres(), prismaSchema},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a lax DSN" && cfg.Passwd != "" {
				t.Skip("the server of SESAME_MYSQL_DSN has a password, which would stand in the name of this test")
			}
			o := quiet(nil)
			a, err := sqltables.Open(t.Context(), c.dsn, c.layout, o)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if c.layout.Name == "PrismaPostgres" {
				return // its users need an address
			}
			roundTrip(t, a)
		})
	}
}

// Settings that the adapter depends on override those in the DSN of SQLite.
func TestOpenSQLiteParameters(t *testing.T) {
	path, _, _ := strings.Cut(strings.TrimPrefix(conformance.NewDatabase(t, sqltables.DrizzleSQLite()).DSN, "file:"), "?")
	a, err := sqltables.Open(t.Context(), "file:"+path+"?_fk=0&_foreign_keys=0&_txlock=deferred&_synchronous=OFF&_sync=OFF&cache=private", sqltables.DrizzleSQLite(), quiet(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	tx, err := a.DB().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var keys, synchronous int
	if err := tx.QueryRow("SELECT foreign_keys, synchronous FROM pragma_foreign_keys, pragma_synchronous").Scan(&keys, &synchronous); err != nil {
		t.Fatal(err)
	}
	if keys != 1 || synchronous != 2 {
		t.Errorf("foreign keys %d, synchronous %d, want 1 and 2 (FULL)", keys, synchronous)
	}
	other, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Exec("DELETE FROM `user`"); err == nil {
		t.Error("another connection wrote during a transaction, which should hold the write lock")
	}
}

func TestOpenRefuses(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.db")
	for name, c := range map[string]struct {
		dsn    string
		layout sqltables.Layout
		want   string
	}{
		"no file":      {missing, sqltables.DrizzleSQLite(), "this adapter creates no database"},
		"a folder":     {t.TempDir(), sqltables.DrizzleSQLite(), "is a directory"},
		"memory":       {":memory:", sqltables.DrizzleSQLite(), "want the path"},
		"Node's ssl":   {"mysql://u:hunter2@127.0.0.1/db?ssl=true", sqltables.DrizzleMySQL(), "parameters of Node.js"},
		"a broken URL": {"postgres://u:hunter2@:x/", sqltables.DrizzlePostgres(), "invalid DSN"},
		"nothing":      {"", sqltables.DrizzlePostgres(), "the DSN is empty"},
		"a URL":        {"postgres://u:hunter2@127.0.0.1/db", sqltables.DrizzleSQLite(), "DSN of a server"},
		"a DSN":        {"u:hunter2@tcp(127.0.0.1:3306)/db", sqltables.DrizzleSQLite(), "DSN of a server"},
		"no server":    {"postgres://u:hunter2@127.0.0.1:1/db", sqltables.DrizzlePostgres(), "refused"},
		"no dialect":   {"x", sqltables.Layout{Name: "Mine", Dialect: "oracle"}, "unsupported dialect"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := sqltables.Open(t.Context(), c.dsn, c.layout, quiet(nil))
			if err == nil {
				a.Close()
				t.Fatal("opening succeeded")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q and no password", err, c.want)
			}
		})
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("the refusal left a file behind")
	}
}

// A layout with other names, as in the documentation.
func TestRenamed(t *testing.T) {
	for _, l := range []sqltables.Layout{sqltables.DrizzlePostgres(), sqltables.DrizzleMySQL(), sqltables.DrizzleSQLite()} {
		t.Run(l.Name, func(t *testing.T) {
			text := conformance.DDL(t, l)
			l.RenameColumns(snakeCase)
			for field, was := range map[string]string{"emailVerified": "emailVerified", "userId": "userId", "sessionToken": "sessionToken", "providerAccountId": "providerAccountId",
				"credentialID": "credentialID", "credentialPublicKey": "credentialPublicKey", "credentialDeviceType": "credentialDeviceType", "credentialBackedUp": "credentialBackedUp"} {
				for _, q := range []string{"`", `"`} {
					text = strings.ReplaceAll(text, q+was+q, q+snakeCase(field)+q)
				}
			}
			p := conformance.NewDatabaseOf(t, l, text)
			a, err := p.Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, asAdapter(a))
		})
	}
}

// Names that a builder of statements might treat as expressions.
func TestOddNames(t *testing.T) {
	for _, layout := range []func() sqltables.Layout{sqltables.DrizzlePostgres, sqltables.DrizzleMySQL, sqltables.DrizzleSQLite} {
		for _, name := range []string{"ALL_Users", "user (old)", "\"us\" as er*"} {
			l := layout()
			t.Run(l.Name+"/"+name, func(t *testing.T) {
				text := conformance.DDL(t, l)
				for _, q := range []string{"`", `"`} {
					in := q + strings.ReplaceAll(name, q, q+q) + q
					text = strings.NewReplacer(q+"user"+q, in, q+"userId"+q, in, q+"emailVerified"+q, in).Replace(text)
				}
				l.User.Name = name
				for _, c := range []*sqltables.Column{l.User.Column("emailVerified"), l.Account.Column("userId"), l.Session.Column("userId"), l.Authenticator.Column("userId")} {
					c.Name = name
				}
				a, err := conformance.NewDatabaseOf(t, l, text).Open(t, quiet(nil))
				if err != nil {
					t.Fatal(err)
				}
				if err := adaptercalls.Populate(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				for _, call := range append(adaptercalls.Reads(), adaptercalls.Writes()...) {
					if err := call.Do(t.Context(), a); err != nil {
						t.Errorf("%s: %v", call.Name, err)
					}
				}
			})
		}
	}
}

func asAdapter(a store.Adapter) *sqltables.Adapter {
	if full, ok := a.(*sqltables.WebAuthnAdapter); ok {
		return full.Adapter
	}
	return a.(*sqltables.Adapter)
}

func snakeCase(name string) string {
	var out strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
				out.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// The type of the adapter depends on the layout.
func TestAuthenticatorsAreNotClaimed(t *testing.T) {
	for _, l := range []sqltables.Layout{sqltables.DrizzleSQLite(), sqltables.TypeORMSQLite()} {
		a, err := conformance.NewDatabase(t, l).Open(t, quiet(nil))
		if err != nil {
			t.Fatal(err)
		}
		bare := asAdapter(a)
		if _, ok := store.Adapter(bare).(store.AuthenticatorAdapter); ok {
			t.Errorf("%s: *Adapter implements store.AuthenticatorAdapter", l.Name)
		}
		full, err := bare.WebAuthn()
		if (err == nil) != (l.Authenticator.Name != "") {
			t.Errorf("%s: WebAuthn: %v", l.Name, err)
		}
		if err != nil {
			continue
		}
		if err := full.Tx(t.Context(), func(tx store.Adapter) error {
			if _, ok := tx.(store.AuthenticatorAdapter); !ok {
				t.Error("the adapter of Tx does not implement store.AuthenticatorAdapter")
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// WithTx works in a transaction of the application.
func TestWithTx(t *testing.T) {
	for _, l := range sqltables.Layouts() {
		t.Run(l.Name, func(t *testing.T) {
			opened, err := conformance.NewDatabase(t, l).Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			a := asAdapter(opened)
			email := "a@example.com"
			for _, commit := range []bool{false, true} {
				tx, err := a.DB().BeginTx(t.Context(), &sql.TxOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer tx.Rollback()
				in := a.WithTx(tx)
				u, err := in.CreateUser(t.Context(), store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923b", Email: &email})
				if err != nil {
					t.Fatal(err)
				}
				// An error of package store leaves the transaction usable.
				if _, err := in.CreateUser(t.Context(), store.User{ID: "5f8db2b4-327e-4cfd-aaba-89490350923c", Email: &email}); !errors.Is(err, &store.ConflictError{Field: "email"}) {
					t.Errorf("got %v", err)
				}
				_, err = in.LinkAccount(t.Context(), store.Account{UserID: u.ID, Type: "oauth", Provider: "github", ProviderAccountID: "1"})
				if l.Name == "KyselyMySQL" || l.Name == "TypeORMMySQL" {
					if err == nil || !strings.Contains(err.Error(), "use the Tx method of the adapter") {
						t.Errorf("got %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				end := tx.Rollback
				if commit {
					end = tx.Commit
				}
				if err := end(); err != nil {
					t.Fatal(err)
				}
				if _, err := a.GetUserByAccount(t.Context(), "github", "1"); (err == nil) != commit {
					t.Errorf("committed: %v; got %v", commit, err)
				}
			}
		})
	}
}

var errInjected = errors.New("the wire is cut")

func quiet(s *schema.Schema) sqltables.Options {
	return sqltables.Options{Schema: s, Logger: slog.New(slog.DiscardHandler)}
}

// Prisma 7 writes text where Prisma 6 wrote integers: opening logs it, and a purge
// removes expired rows of both forms and no others.
func TestInstantsOfBothKinds(t *testing.T) {
	before := time.Date(2026, 3, 8, 2, 30, 0, 123e6, time.UTC)
	for _, l := range []sqltables.Layout{sqltables.PrismaSQLite(), sqltables.PrismaSQLiteText()} {
		t.Run(l.Name, func(t *testing.T) {
			p := conformance.NewDatabase(t, l)
			row := `INSERT INTO "VerificationToken" ("identifier", "token", "expires") VALUES `
			p.Exec(t, row+fmt.Sprintf("('a', 'a', %d), ('b', 'b', %d)", before.UnixMilli()-1, before.UnixMilli()))
			p.Exec(t, row+"('c', 'c', '2026-03-08T02:30:00.122+00:00'), ('d', 'd', '2026-03-08T02:30:00.123+00:00')")
			var log bytes.Buffer
			a, err := p.Open(t, sqltables.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			want := l.Name == "PrismaSQLite" // the newest row is text
			if got := strings.Contains(log.String(), "VerificationToken.expires holds text but the layout writes milliseconds"); got != want {
				t.Errorf("got %q", log.String())
			}
			if n, err := a.(store.Purger).PurgeExpired(t.Context(), before, 10); n != 2 || err != nil {
				t.Errorf("%d purged, %v", n, err)
			}
		})
	}
}

// The app may alter its tables while the server runs.
func TestAlteredTables(t *testing.T) {
	for _, c := range []struct {
		layout sqltables.Layout
		alter  []string
	}{
		{sqltables.DrizzlePostgres(), []string{`ALTER TABLE "user" ALTER COLUMN "name" TYPE varchar(300)`, `ALTER TABLE "verificationToken" ALTER COLUMN "expires" TYPE timestamptz`}},
		{sqltables.DrizzleMySQL(), []string{"ALTER TABLE `user` MODIFY `name` text", "ALTER TABLE `verificationToken` MODIFY `expires` timestamp(3) NOT NULL"}},
		{sqltables.DrizzleSQLite(), []string{"ALTER TABLE `user` ADD COLUMN `nick` text", "ALTER TABLE `verificationToken` ADD COLUMN `nick` text"}},
	} {
		t.Run(c.layout.Name, func(t *testing.T) {
			opened, err := conformance.NewDatabase(t, c.layout).Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			a, at := asAdapter(opened), time.Date(2030, 7, 1, 12, 0, 0, 0, time.UTC)
			use := func() error {
				_, err := a.CreateVerificationToken(t.Context(), store.VerificationToken{Identifier: "a", Token: "t", Expires: at})
				if err == nil {
					_, err = a.UseVerificationToken(t.Context(), "a", "t")
				}
				return err
			}
			_, err = a.CreateUser(t.Context(), store.User{ID: "u"})
			if err == nil {
				_, err = a.CreateSession(t.Context(), store.Session{SessionToken: "s", UserID: "u", Expires: at})
			}
			if err == nil {
				_, _, err = a.GetSessionAndUser(t.Context(), "s")
			}
			if err == nil {
				err = use()
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range c.alter {
				if _, err := a.DB().Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := a.GetSessionAndUser(t.Context(), "s"); err != nil {
				t.Error(err)
			}
			if _, err := a.GetUser(t.Context(), "u"); err != nil {
				t.Error(err)
			}
			if err := use(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Tables in a character set that lacks some characters: no row has text with
// these.
func TestCharacterSets(t *testing.T) {
	for _, set := range []string{"utf8mb3", "utf8mb3 COLLATE utf8mb3_unicode_ci", "latin1", "latin1 COLLATE latin1_bin"} {
		t.Run(set, func(t *testing.T) {
			l := sqltables.DrizzleMySQL()
			opened, err := conformance.NewDatabaseOf(t, l, strings.ReplaceAll(conformance.DDL(t, l), "\n);", "\n) CHARACTER SET "+set+";")).Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			a, at := asAdapter(opened), time.Date(2030, 7, 1, 12, 0, 0, 0, time.UTC)
			for _, key := range []string{"a", "é", "?"} {
				if _, err := a.CreateUser(t.Context(), store.User{ID: key, Email: &key}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.CreateSession(t.Context(), store.Session{SessionToken: key, UserID: key, Expires: at}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.CreateVerificationToken(t.Context(), store.VerificationToken{Identifier: key, Token: key, Expires: at}); err != nil {
					t.Fatal(err)
				}
			}
			for key, want := range map[string]error{"é": nil, "?": nil, "😀": store.ErrNotFound, "É": store.ErrNotFound, "e": store.ErrNotFound, "a ": store.ErrNotFound} {
				_, err1 := a.GetUser(t.Context(), key)
				_, err2 := a.GetUserByEmail(t.Context(), key)
				_, _, err3 := a.GetSessionAndUser(t.Context(), key)
				_, err4 := a.UpdateSession(t.Context(), store.SessionUpdate{SessionToken: key, Expires: &at})
				_, err5 := a.UseVerificationToken(t.Context(), key, key)
				for i, err := range []error{err1, err2, err3, err4, err5} {
					if !errors.Is(err, want) {
						t.Errorf("%q, call %d: got %v, want %v", key, i+1, err, want)
					}
				}
			}
			if _, err := a.CreateUser(t.Context(), store.User{ID: "😀"}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
			for _, key := range []string{"😀", "É", "e"} {
				if err := a.DeleteSession(t.Context(), key); err != nil {
					t.Error(err)
				}
				if err := a.DeleteUser(t.Context(), key); err != nil {
					t.Error(err)
				}
			}
			for _, key := range []string{"a", "é", "?"} {
				if _, _, err := a.GetSessionAndUser(t.Context(), key); err != nil {
					t.Errorf("%q: %v", key, err)
				}
			}
		})
	}
}

// A purge on SQLite compares text as the instant that it denotes, in any
// spelling.
func TestPurgeOfOtherText(t *testing.T) {
	before := time.Date(2026, 3, 8, 2, 30, 0, 123e6, time.UTC)
	for _, l := range []sqltables.Layout{sqltables.PrismaSQLite(), sqltables.PrismaSQLiteText(), sqltables.KyselySQLite()} {
		t.Run(l.Name, func(t *testing.T) {
			opened, err := conformance.NewDatabase(t, l).Open(t, quiet(nil))
			if err != nil {
				t.Fatal(err)
			}
			a := asAdapter(opened)
			for text, expired := range map[string]bool{
				"2026-03-08 02:30:00.122":       true,
				"2026-03-08 02:30:00.123":       false,
				"2026-03-08 23:00:00":           false,
				"2026-03-07T22:00:00.000-05:00": false,
				"2026-03-08T04:00:00.000+02:00": true,
				"2026-03-08T02:30:00.122Z":      true,
				"2026-03-08T02:30:00.123Z":      false,
				"2026-03-08T02:30:00.123+00:00": false,
				"2026-03-08T02:30:00Z":          true,
			} {
				if _, err := a.CreateVerificationToken(t.Context(), store.VerificationToken{Identifier: "a", Token: text, Expires: before}); err != nil {
					t.Fatal(err)
				}
				if _, err := a.DB().Exec("UPDATE "+l.VerificationToken.Name+" SET expires = ? WHERE token = ?", text, text); err != nil {
					t.Fatal(err)
				}
				if n, err := a.PurgeExpired(t.Context(), before, 10); err != nil || (n == 1) != expired {
					t.Errorf("%s: %d removed, %v; expired: %v", text, n, err, expired)
				}
				if _, err := a.UseVerificationToken(t.Context(), "a", text); !expired && err != nil {
					t.Errorf("%s: %v", text, err)
				}
			}
		})
	}
}
