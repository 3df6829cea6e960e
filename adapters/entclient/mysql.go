package entclient

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"

	"github.com/sesame-auth/sesame/adapters/internal/sqlstore"
	"github.com/sesame-auth/sesame/ent/migrate"
)

// mysqlBackend is the backend of MySQL and MariaDB. It uses only what both
// support: MySQL has no RETURNING, so a row is first locked and then changed.
func mysqlBackend(d *sqlstore.Dialect) *backend {
	const (
		getSession = "SELECT `userId` FROM `session` WHERE `sessionToken` = ? FOR UPDATE"
		setSession = "UPDATE `session` SET `expires` = ? WHERE `sessionToken` = ?"
		getToken   = "SELECT `expires` FROM `verificationToken` WHERE `identifier` = ? AND `token` = ? FOR UPDATE"
		delToken   = "DELETE FROM `verificationToken` WHERE `identifier` = ? AND `token` = ?"
		getCounter = "SELECT `userId`, `providerAccountId`, `credentialPublicKey`, `credentialDeviceType`, `credentialBackedUp`, `transports` " +
			"FROM `authenticator` WHERE `credentialID` = ? AND (`counter` < ? OR `counter` = 0 AND ? = 0) FOR UPDATE"
		setCounter = "UPDATE `authenticator` SET `counter` = ? WHERE `credentialID` = ?"
	)
	return &backend{
		Dialect: d,
		migrate: func(ctx context.Context, db *sql.DB) error {
			if err := migrateMySQL(ctx, db); err != nil {
				return err
			}
			return checkFoundRows(ctx, db)
		},
		mayMigrate: func(err error) string {
			if e, ok := errors.AsType[*mysql.MySQLError](err); ok && (e.Number == 1044 || e.Number == 1045 || e.Number == 1142) {
				return "the user of the DSN needs SELECT, INSERT, UPDATE and DELETE, and for migrations CREATE, ALTER, INDEX and REFERENCES"
			}
			return ""
		},
		// MariaDB's error does not name the table of a primary key.
		explainAt: func(query string, err error) error {
			duplicate, ok := d.Duplicate(err)
			if !ok {
				return err
			}
			if duplicate.Key == "PRIMARY" {
				_, table, _ := strings.Cut(query, "`")
				table, _, _ = strings.Cut(table, "`")
				duplicate.Key = table + ".PRIMARY"
			}
			return conflict(duplicate)
		},
		hot: hotSQL{
			sessionAndUser: "SELECT `session`.`expires`, `user`.`id`, `user`.`name`, `user`.`email`, `user`.`emailVerified`, `user`.`image` " +
				"FROM `session` JOIN `user` ON `user`.`id` = `session`.`userId` WHERE `session`.`sessionToken` = ?",
			updateSession: []step{{getSession, []int{1}}, {setSession, nil}},
			useToken:      []step{{getToken, nil}, {delToken, nil}},
			updateCounter: []step{{getCounter, []int{1, 0, 0}}, {setCounter, nil}},
		},
	}
}

// OpenMySQL opens a database on MySQL 8, or MariaDB 10.6 or newer, and returns an
// adapter for it. dsn has the format of github.com/go-sql-driver/mysql and must
// name a database, which may also hold tables with other names. OpenMySQL creates
// missing tables and migrates older ones; any number of processes may do so at
// once.
//
// It overrides settings of dsn that the adapter depends on: utf8mb4, a strict
// sql_mode, foreign keys, and that an UPDATE counts the rows it matches. Waiting
// for a row lock ends after Options.BusyTimeout unless dsn sets
// innodb_lock_wait_timeout.
func OpenMySQL(ctx context.Context, dsn string, o Options) (*Adapter, error) {
	a, err := openMySQL(ctx, dsn, o)
	if err != nil {
		return nil, fmt.Errorf("entclient: open MySQL: %w", err)
	}
	return a, nil
}

func openMySQL(ctx context.Context, dsn string, o Options) (*Adapter, error) {
	connector, err := sqlstore.MySQLConnector(dsn, sqlstore.Patience(o.BusyTimeout), sqlstore.UTC)
	if err != nil {
		return nil, err
	}
	return openServer(ctx, dialect.MySQL, connector, o)
}

// openServer opens the database of a connector.
func openServer(ctx context.Context, dialect string, connector driver.Connector, o Options) (*Adapter, error) {
	db := sqlstore.OpenServer(connector)
	a, err := newAdapter(ctx, dialect, db, o)
	if err != nil {
		db.Close()
	}
	return a, err
}

// checkFoundRows returns an error unless an UPDATE that changes nothing counts the
// rows it matches.
func checkFoundRows(ctx context.Context, db *sql.DB) error {
	result, err := db.ExecContext(ctx, "UPDATE `sesame_migration` SET `checksum` = `checksum` ORDER BY `name` LIMIT 1")
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, errors.New("an UPDATE does not count rows that keep their values; add clientFoundRows=true to the DSN"))
	}
	return nil
}

// migrateMySQL brings the tables up to date, under a named lock for the database.
// A database that is up to date is only read.
//
// MySQL commits every CREATE and ALTER immediately. If a process is killed
// between two of them, the next process runs the file again. The statements of a
// file for MySQL may therefore run twice; each ends with a semicolon at the end of
// a line.
func migrateMySQL(ctx context.Context, db *sql.DB) (err error) {
	all, err := migrationsOf("mysql")
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if missing, err := pendingMySQL(ctx, conn, all); err != nil || len(missing) == 0 {
		return err
	}
	// A lock may have 64 characters, and so may the name of the database.
	const name = "CONCAT('sesame_', SHA1(DATABASE()))"
	var locked sql.NullBool
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK("+name+", ?)", int(openingPatience/time.Second)).Scan(&locked); err != nil {
		return err
	}
	if !locked.Bool {
		return fmt.Errorf("another process has been migrating the database for %v", openingPatience)
	}
	defer func() {
		if _, rerr := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK("+name+")"); rerr != nil {
			// A connection with the lock must not go back to the pool.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	var exists bool
	if err := conn.QueryRowContext(ctx, mysqlHasMigrations).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if err := refuseForeign(ctx, conn); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS `sesame_migration` "+
			"(`name` varbinary(255) NOT NULL PRIMARY KEY, `checksum` varbinary(255) NOT NULL) ENGINE InnoDB"); err != nil {
			return err
		}
	}
	missing, err := pendingMySQL(ctx, conn, all)
	if err != nil {
		return err
	}
	for _, m := range missing {
		for statement := range strings.SplitSeq(m.sql, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("migration %s: %w", m.name, err)
			}
		}
		if _, err := conn.ExecContext(ctx, "INSERT INTO `sesame_migration` VALUES (?, ?)", m.name, m.checksum); err != nil {
			return err
		}
	}
	return nil
}

const mysqlHasMigrations = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'sesame_migration'"

func pendingMySQL(ctx context.Context, conn *sql.Conn, all []migration) ([]migration, error) {
	return pending(ctx, conn, all, mysqlHasMigrations, "SELECT `name`, `checksum` FROM `sesame_migration`")
}

// refuseForeign returns an error if one of the tables exists before the first
// migration.
func refuseForeign(ctx context.Context, conn *sql.Conn) error {
	for _, table := range migrate.Tables {
		var n int
		err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND LOWER(table_name) = LOWER(?)", table.Name).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("table %s already exists (Sesame creates its tables itself; if this database belongs to another application, open another database)", table.Name)
		}
	}
	return nil
}
