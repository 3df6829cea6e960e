package sqltables_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/internal/benchpair"
	"github.com/sesame-auth/sesame/internal/conformance"
)

// BenchmarkSessionAndUser is GetSessionAndUser beside the same JOIN prepared
// and scanned by hand, on the same handle, with a context that can be
// cancelled, as a request has one; then both in turn.
func BenchmarkSessionAndUser(b *testing.B) {
	const join = `
		SELECT "session"."userId", "session"."expires", "user"."name", "user"."email", "user"."emailVerified", "user"."image"
		FROM "session" JOIN "user" ON "user"."id" = "session"."userId" WHERE "session"."sessionToken" = `
	for name, l := range map[string]sqltables.Layout{"sqlite": sqltables.DrizzleSQLite(), "mysql": sqltables.DrizzleMySQL(), "postgres": sqltables.DrizzlePostgres()} {
		b.Run(name, func(b *testing.B) {
			query := join + "?"
			switch l.Dialect {
			case dialect.MySQL:
				query = strings.ReplaceAll(join, `"`, "`") + "?"
			case dialect.Postgres:
				query = join + "$1"
			}
			benchSessionAndUser(b, l, query)
		})
	}
}

func benchSessionAndUser(b *testing.B, l sqltables.Layout, join string) {
	p := conformance.NewPlace(b, l)
	dsn := p.DSN
	if l.Dialect == dialect.SQLite {
		dsn, _, _ = strings.Cut(dsn, "?")
	}
	a, err := sqltables.Open(b.Context(), dsn, l, quiet(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	const rows = 1000
	verified := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	err = a.Tx(ctx, func(tx engine.Adapter) error {
		for i := range rows {
			name, email, image := fmt.Sprintf("User %d", i), fmt.Sprintf("user%d@example.com", i), "https://example.com/a.png"
			id := fmt.Sprintf("id-%d", i)
			if _, err := tx.CreateUser(ctx, engine.User{ID: id, Name: &name, Email: &email, EmailVerified: &verified, Image: &image}); err != nil {
				return err
			}
			if _, err := tx.CreateSession(ctx, engine.AdapterSession{SessionToken: token(i), UserID: id, Expires: verified.AddDate(1, 0, 0)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
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
			expires, verified  any // milliseconds on SQLite, times elsewhere
		)
		return stmt.QueryRowContext(ctx, token(n%rows)).Scan(&id, &expires, &name, &email, &verified, &image)
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
	b.Run("ratio", func(b *testing.B) { benchpair.Ratio(b, "adapter/by_hand", adapter, byHand) })
}

func token(i int) string { return fmt.Sprintf("%064x", i) }
