package entclient

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
)

// postgres is the backend of PostgreSQL.
func postgres(d *sqlstore.Dialect) *backend {
	return &backend{
		Dialect: d,
		migrate: migratePostgres,
		mayMigrate: func(err error) string {
			if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" {
				return "the role of the DSN needs SELECT, INSERT, UPDATE and DELETE on the tables, and for migrations CREATE on the schema"
			}
			return ""
		},
		hot: hotSQL{
			sessionAndUser: `
				SELECT "session"."expires", "user"."id", "user"."name", "user"."email", "user"."emailVerified", "user"."image"
				FROM "session" JOIN "user" ON "user"."id" = "session"."userId"
				WHERE "session"."sessionToken" = $1`,
			updateSession: []step{{text: `
				UPDATE "session" SET "expires" = $1 WHERE "sessionToken" = $2 RETURNING "userId"`}},
			useToken: []step{{text: `
				DELETE FROM "verificationToken" WHERE "identifier" = $1 AND "token" = $2 RETURNING "expires"`}},
			updateCounter: []step{{text: `
				UPDATE "authenticator" SET "counter" = $1::bigint
				WHERE "credentialID" = $2 AND ("counter" < $1::bigint OR "counter" = 0 AND $1::bigint = 0)
				RETURNING "userId", "providerAccountId", "credentialPublicKey", "credentialDeviceType", "credentialBackedUp", "transports"`}},
		},
	}
}

// OpenPostgres opens a database on PostgreSQL and returns an adapter for it. dsn
// has the format of github.com/jackc/pgx/v5, a URL or key=value pairs. The tables
// are in the first schema of search_path, which may also hold tables with other
// names. OpenPostgres creates missing tables and migrates older ones; any number
// of processes may do so at once.
//
// Waiting for a row lock ends after Options.BusyTimeout unless dsn sets
// lock_timeout.
func OpenPostgres(ctx context.Context, dsn string, o Options) (*Adapter, error) {
	a, err := openPostgres(ctx, dsn, o)
	if err != nil {
		return nil, fmt.Errorf("entclient: open PostgreSQL: %w", err)
	}
	return a, nil
}

func openPostgres(ctx context.Context, dsn string, o Options) (*Adapter, error) {
	connector, err := sqlstore.PostgresConnector(dsn, sqlstore.Patience(o.BusyTimeout))
	if err != nil {
		return nil, err
	}
	return openServer(ctx, dialect.Postgres, connector, o)
}

// migratePostgres brings the tables up to date in one transaction, under an
// advisory lock. A database that is up to date is only read.
func migratePostgres(ctx context.Context, db *sql.DB) error {
	all, err := migrationsOf("postgres")
	if err != nil {
		return err
	}
	// Read first: the role may lack the permission to create tables.
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if missing, err := pendingPostgres(ctx, conn, all); err != nil || len(missing) == 0 {
		return err
	}
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	for _, statement := range []string{
		fmt.Sprintf(`SET LOCAL lock_timeout = %d`, openingPatience/time.Millisecond),
		`SELECT pg_advisory_xact_lock(hashtextextended('sesame_migration', 0))`,
		`CREATE TABLE IF NOT EXISTS "sesame_migration" ("name" text NOT NULL PRIMARY KEY, "checksum" text NOT NULL)`,
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	missing, err := pendingPostgres(ctx, tx, all)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if _, err := tx.ExecContext(ctx, m.sql); err != nil {
			return fmt.Errorf("migration %s: %w (Sesame creates these tables itself; if they belong to another application, open another database, or set search_path to another schema)", m.name, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO "sesame_migration" VALUES ($1, $2)`, m.name, m.checksum); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func pendingPostgres(ctx context.Context, q querier, all []migration) ([]migration, error) {
	return pending(ctx, q, all, `SELECT to_regclass('sesame_migration') IS NOT NULL`, `SELECT "name", "checksum" FROM "sesame_migration"`)
}
