package sqltables_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/store"
)

// appDatabase stands for the database of an Auth.js app: Drizzle's tables in a
// SQLite file, with somebody who is signed in.
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

// A session that an Auth.js app with @auth/drizzle-adapter has begun goes on.
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
	// eng, err := engine.New(engine.Config{Adapter: adapter, …})

	session, user, err := adapter.GetSessionAndUser(ctx, "the token in the cookie")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*user.Name, *user.Email, session.Expires)
	// Output: Ada ada@example.com 2030-01-01 00:00:00 +0000 UTC
}

// Tables that are called otherwise: take the layout that comes closest and
// change the names. All that does not fit is said at once.
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
	// user email_verified - there is no such column; the layout has it for emailVerified
	// sessions  - there is no such table
}

// Several calls, and statements of the application's own, in one transaction.
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
