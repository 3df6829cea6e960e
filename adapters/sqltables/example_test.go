package sqltables_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/store"
)

// appDatabase stands in for the database of an Auth.js app: Drizzle's tables in a
// SQLite file, with a user who is signed in.
func appDatabase() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "sqltables")
	if err != nil {
		panic(err)
	}
	path = filepath.Join(dir, "auth.db")
	tables, err := os.ReadFile("testdata/ddl/drizzle-sqlite.sql")
	if err != nil {
		panic(err)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	for _, text := range []string{
		string(tables),
		`INSERT INTO user VALUES ('u1', 'Ada', 'ada@example.com', 1767322800000, NULL)`,
		`INSERT INTO session VALUES ('the token in the cookie', 'u1', 1893456000000)`,
	} {
		if _, err := db.Exec(text); err != nil {
			panic(err)
		}
	}
	return path, func() { os.RemoveAll(dir) }
}

// A session that an Auth.js app with @auth/drizzle-adapter started stays valid.
func Example() {
	path, remove := appDatabase()
	defer remove()
	ctx := context.Background()

	adapter, err := sqltables.Open(ctx, path, sqltables.DrizzleSQLite(), sqltables.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer adapter.Close()
	session, user, err := adapter.GetSessionAndUser(ctx, "the token in the cookie")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*user.Name, *user.Email, session.Expires)
	// Output: Ada ada@example.com 2030-01-01 00:00:00 +0000 UTC
}

// This example uses the database of a Next.js app.
func ExampleOpen() {
	ctx := context.Background()
	adapter, err := sqltables.Open(ctx, os.Getenv("DATABASE_URL"), sqltables.DrizzlePostgres(), sqltables.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer adapter.Close()
	eng, err := engine.New(engine.Config{
		Adapter: adapter,
		Providers: []engine.Provider{
			&engine.OIDC{ID: "google", Issuer: "https://accounts.google.com"}, // and AUTH_GOOGLE_ID, AUTH_GOOGLE_SECRET
		},
	}) // and AUTH_SECRET, AUTH_URL
	if err != nil {
		log.Fatal(err)
	}
	defer eng.Close()
	http.Handle("/api/auth/", eng)
}

// This example adapts a layout to columns in snake case.
func ExampleLayout_RenameColumns() {
	snakeCase := func(name string) string {
		return strings.ToLower(regexp.MustCompile("[A-Z]").ReplaceAllString(name, "_$0"))
	}

	layout := sqltables.DrizzlePostgres()
	layout.User.Name = "users"
	layout.RenameColumns(snakeCase)                          // every column
	layout.User.Column("image").Name = "avatar"              // one column
	layout.Session.Column("expires").Precision = time.Second // timestamp(0)

	fmt.Println(layout.User.Column("emailVerified").Name, layout.User.Column("image").Name)
	// Output: email_verified avatar
}

// For tables with other names, take the closest layout and change the names. All
// differences are reported at once.
func ExampleLayout() {
	path, remove := appDatabase()
	defer remove()

	layout := sqltables.DrizzleSQLite()
	layout.Name = "ours"
	layout.Session.Name = "sessions"
	layout.User.Column("emailVerified").Name = "email_verified"

	_, err := sqltables.Open(context.Background(), path, layout, sqltables.Options{})
	var mismatch *sqltables.MismatchError
	if errors.As(err, &mismatch) {
		for _, d := range mismatch.Differences {
			fmt.Println(d.Table, d.Column, "-", d.Problem)
		}
	}
	// Output:
	// user email_verified - there is no such column; the layout uses it for emailVerified
	// sessions  - there is no such table
}

// Several calls, and statements of the application, in one transaction.
func ExampleAdapter_WithTx() {
	path, remove := appDatabase()
	defer remove()
	ctx := context.Background()
	adapter, err := sqltables.Open(ctx, path, sqltables.DrizzleSQLite(), sqltables.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer adapter.Close()

	tx, err := adapter.DB().BeginTx(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tx.Rollback()
	if _, err := adapter.WithTx(tx).CreateUser(ctx, store.User{ID: "u2"}); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := tx.ExecContext(ctx, `UPDATE user SET name = 'Grace' WHERE id = 'u2'`); err != nil {
		fmt.Println(err)
		return
	}
	if err := tx.Commit(); err != nil {
		fmt.Println(err)
		return
	}
	user, err := adapter.GetUser(ctx, "u2")
	fmt.Println(*user.Name, err)
	// Output: Grace <nil>
}
