package benchpair

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/store"
)

// SQLAdapter is an adapter over database/sql.
type SQLAdapter interface {
	store.Adapter
	store.Transactor
	DB() *sql.DB
}

// SessionAndUser is GetSessionAndUser beside the same JOIN prepared and scanned
// by hand, on the same handle, with a context that can be cancelled, as a
// request has one; then both in turn. The tables and columns have the names of
// Auth.js. instant makes what a column of instants is scanned into.
func SessionAndUser(b *testing.B, dialectName string, a SQLAdapter, instant func() any) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	const rows = 1000
	token := func(i int) string { return fmt.Sprintf("%064x", i) }
	verified := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	err := a.Tx(ctx, func(tx store.Adapter) error {
		for i := range rows {
			name, email, image := fmt.Sprintf("User %d", i), fmt.Sprintf("user%d@example.com", i), "https://example.com/a.png"
			id := fmt.Sprintf("id-%d", i)
			if _, err := tx.CreateUser(ctx, store.User{ID: id, Name: &name, Email: &email, EmailVerified: &verified, Image: &image}); err != nil {
				return err
			}
			if _, err := tx.CreateSession(ctx, store.Session{SessionToken: token(i), UserID: id, Expires: verified.AddDate(1, 0, 0)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}

	join := `SELECT "session"."userId", "session"."expires", "user"."name", "user"."email", "user"."emailVerified", "user"."image"
		FROM "session" JOIN "user" ON "user"."id" = "session"."userId" WHERE "session"."sessionToken" = `
	switch dialectName {
	case dialect.Postgres:
		join += "$1"
	case dialect.MySQL:
		join = strings.ReplaceAll(join, `"`, "`") + "?"
	default:
		join += "?"
	}
	stmt, err := a.DB().PrepareContext(ctx, join)
	if err != nil {
		b.Fatal(err)
	}
	defer stmt.Close()
	n := 0
	adapter := func() error {
		n++
		_, _, err := a.GetSessionAndUser(ctx, token(n%rows))
		return err
	}
	byHand := func() error {
		n++
		var (
			id                 string
			name, email, image sql.NullString
		)
		return stmt.QueryRowContext(ctx, token(n%rows)).Scan(&id, instant(), &name, &email, instant(), &image)
	}
	for name, do := range map[string]func() error{"adapter": adapter, "by_hand": byHand} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("ratio", func(b *testing.B) { Ratio(b, "adapter/by_hand", adapter, byHand) })
}
