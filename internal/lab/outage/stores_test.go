package outage_test

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/adapters/redis"
	"github.com/sesame-auth/sesame/adapters/split"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// outage is a database that can be stopped and started.
type outage struct {
	adapter store.Adapter
	stop    func()
	start   func()
	// users counts the rows of users, past the outage.
	users func() int
}

var stores = []struct {
	name string
	open func(testing.TB) outage
}{
	{"sqlite", openSQLite},
	{"postgres", openPostgres},
	{"mysql", openMySQL},
	{"redis", openRedis},
	{"split", openSplit},
}

func onStores(t *testing.T, f func(t *testing.T, o outage)) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting for Redis's client
			f(t, s.open(t))
		})
	}
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openSQLite is a file on a disk that is unmounted: its folder is elsewhere, and
// no connection is kept.
func openSQLite(t testing.TB) outage {
	dir := filepath.Join(t.TempDir(), "disk")
	fatal(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "auth.db")
	first, err := entclient.OpenSQLite(t.Context(), path, entclient.Options{}) // makes the file
	fatal(t, err)
	fatal(t, first.Close())
	uri := url.URL{Scheme: "file", Opaque: path, RawQuery: "_fk=1&_txlock=immediate&_busy_timeout=20&mode=rw"}
	db, err := sql.Open("sqlite3", uri.String())
	fatal(t, err)
	a, err := entclient.New(t.Context(), dialect.SQLite, db, entclient.Options{})
	fatal(t, err)
	t.Cleanup(func() { a.Close() })
	return outage{
		adapter: a,
		stop: func() {
			db.SetMaxIdleConns(-1) // closes them
			fatal(t, os.Rename(dir, dir+" away"))
		},
		start: func() {
			fatal(t, os.Rename(dir+" away", dir))
			db.SetMaxIdleConns(4)
		},
		users: count(t, "sqlite3", "file:"+path+"?mode=ro", `SELECT count(*) FROM "user"`),
	}
}

// count asks a database directly.
func count(t testing.TB, driver, dsn, query string) func() int {
	return func() (n int) {
		t.Helper()
		db, err := sql.Open(driver, dsn)
		fatal(t, err)
		defer db.Close()
		fatal(t, db.QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
}

func openPostgres(t testing.TB) outage {
	dsn := testdb.Postgres(t)
	cfg, err := pgx.ParseConfig(dsn)
	fatal(t, err)
	r := newRelay(t, joined(cfg.Host, cfg.Port))
	behind, err := url.Parse(dsn)
	fatal(t, err)
	behind.Host = r.address
	a, err := entclient.OpenPostgres(t.Context(), behind.String(), entclient.Options{})
	fatal(t, err)
	t.Cleanup(func() { a.Close() })
	return outage{a, r.sever, r.restore, count(t, "pgx", dsn, `SELECT count(*) FROM "user"`)}
}

func openMySQL(t testing.TB) outage {
	dsn := testdb.MySQL(t)
	cfg, err := mysql.ParseDSN(dsn)
	fatal(t, err)
	r := newRelay(t, cfg.Addr)
	cfg.Addr = r.address
	a, err := entclient.OpenMySQL(t.Context(), cfg.FormatDSN(), entclient.Options{})
	fatal(t, err)
	t.Cleanup(func() { a.Close() })
	return outage{a, r.sever, r.restore, count(t, "mysql", dsn, "SELECT count(*) FROM `user`")}
}

func openRedis(t testing.TB) outage {
	address, prefix := testdb.Redis(t)
	return openRedisAt(t, address, redis.Options{Prefix: prefix})
}

func openRedisAt(t testing.TB, address string, o redis.Options) outage {
	u, err := url.Parse(address)
	fatal(t, err)
	r := newRelay(t, u.Host)
	u.Host = r.address
	a, err := redis.Open(t.Context(), u.String(), o)
	fatal(t, err)
	t.Cleanup(func() { a.Close() })
	start := func() {
		r.restore()
		// After many failures go-redis tries to connect once a second, and fails
		// what comes in between.
		deadline := time.After(30 * time.Second)
		for {
			_, err := a.GetSession(t.Context(), "nobody")
			if errors.Is(err, store.ErrNotFound) {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("Redis is not reached again: %v", err)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return outage{a, r.sever, start, func() (n int) {
		t.Helper()
		options, err := goredis.ParseURL(address)
		fatal(t, err)
		c := goredis.NewClient(options)
		defer c.Close()
		keys := c.Scan(t.Context(), 0, "{"+o.Prefix+"}:user:*", 1000).Iterator()
		for keys.Next(t.Context()) {
			n++
		}
		fatal(t, keys.Err())
		return n
	}}
}

// openSplit has users in PostgreSQL and sessions in Redis, which stop together.
func openSplit(t testing.TB) outage {
	users := openPostgres(t)
	address, prefix := testdb.Redis(t)
	sessions := openRedisAt(t, address, redis.Options{Prefix: prefix, UsersElsewhere: true})
	a, err := split.New(users.adapter.(split.Users), sessions.adapter)
	fatal(t, err)
	return outage{a,
		func() { users.stop(); sessions.stop() },
		func() { users.start(); sessions.start() },
		users.users,
	}
}
