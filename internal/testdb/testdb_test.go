package testdb

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sesame-auth/sesame/internal/need"
)

func TestMySQL(t *testing.T) {
	name := database(t, "mysql", MySQL, "SELECT DATABASE()")
	if n := count(t, "mysql", must(mysqlDSN(mysqlServer.address, "")), "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '"+name+"'"); n != 0 {
		t.Fatalf("%s is still there", name)
	}
}

func TestPostgres(t *testing.T) {
	name := database(t, "pgx", Postgres, "SELECT current_database()")
	if n := count(t, "pgx", postgresServer.address, "SELECT COUNT(*) FROM pg_database WHERE datname = '"+name+"'"); n != 0 {
		t.Fatalf("%s is still there", name)
	}
}

// database opens two databases, which know nothing of each other, and returns
// the name of one when both are gone.
func database(t *testing.T, driver string, open func(testing.TB) string, ask string) (name string) {
	t.Helper()
	t.Run("apart", func(t *testing.T) {
		for range 2 {
			db := must(sql.Open(driver, open(t)))
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INT)"); err != nil {
				t.Fatal(err)
			}
			if err := db.QueryRowContext(t.Context(), ask).Scan(&name); err != nil || !strings.HasPrefix(name, "sesame_") {
				t.Fatal(name, err)
			}
		}
	})
	return name
}

// The session of MySQL is what the adapters ask for.
func TestMySQLSession(t *testing.T) {
	db := must(sql.Open("mysql", MySQL(t)))
	defer db.Close()
	var zone, mode string
	if err := db.QueryRowContext(t.Context(), "SELECT @@session.time_zone, @@session.sql_mode").Scan(&zone, &mode); err != nil {
		t.Fatal(err)
	}
	if zone != "+00:00" || !strings.Contains(mode, "STRICT_TRANS_TABLES") {
		t.Fatalf("zone %q, mode %q", zone, mode)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (n INT, at DATETIME(3))"); err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 11, 21, 10, 20, 30, 123e6, time.UTC)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO t VALUES (1, ?)", want.In(time.FixedZone("", 19800))); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	if err := db.QueryRowContext(t.Context(), "SELECT at FROM t").Scan(&at); err != nil || !at.Equal(want) {
		t.Fatalf("%v, %v", at, err)
	}
	if n := must(must(db.ExecContext(t.Context(), "UPDATE t SET n = 1")).RowsAffected()); n != 1 {
		t.Fatalf("an update that changes nothing found %d rows", n)
	}
}

func count(t *testing.T, driver, dsn, query string) (n int) {
	t.Helper()
	db := must(sql.Open(driver, dsn))
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPostgresDSN(t *testing.T) {
	for server, want := range map[string]string{
		"postgres://u:p@h:1/old?sslmode=disable": "postgres://u:p@h:1/new?sslmode=disable",
		"host=h user=u dbname=old":               "host=h user=u dbname=old dbname=new",
	} {
		if got := postgresDSN(server, "dbname", "new"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRedisPrefix(t *testing.T) {
	var address, prefix string
	t.Run("apart", func(t *testing.T) {
		address, prefix = Redis(t)
		if _, other := Redis(t); other == prefix {
			t.Fatalf("twice %s", prefix)
		}
		set(t, address, "{"+prefix+"}:key")
	})
	if err := withRedis(address, func(c *goredis.Client) error {
		if n, err := c.Exists(t.Context(), "{"+prefix+"}:key").Result(); n != 0 || err != nil {
			t.Errorf("after the test: %d, %v", n, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func set(t *testing.T, address, key string) {
	t.Helper()
	if err := withRedis(address, func(c *goredis.Client) error { return c.Set(t.Context(), key, "x", 0).Err() }); err != nil {
		t.Fatal(err)
	}
}

func TestRedisCluster(t *testing.T) {
	s := NewRedisCluster(t)
	u := must(url.Parse(s.URL))
	if u.Query().Get("addr") != u.Host {
		t.Fatal(s.URL)
	}
	address, _, _ := strings.Cut(s.URL, "?")
	set(t, address, "k")
	err := withRedis(address, func(c *goredis.Client) error { return c.MSet(t.Context(), "a", "1", "b", "2").Err() })
	if err == nil || !strings.HasPrefix(err.Error(), "CROSSSLOT") {
		t.Fatalf("got %v, want CROSSSLOT", err)
	}
}

func TestRedisServer(t *testing.T) {
	s := NewRedisServer(t)
	set(t, s.URL, "k")
	ask := func() (n int64, err error) {
		if err := redisWorks(t.Context(), s.URL); err != nil {
			return 0, err
		}
		err = withRedis(s.URL, func(c *goredis.Client) error {
			n, err = c.Exists(t.Context(), "k").Result()
			return err
		})
		return n, err
	}
	dir := s.process.dir // removed with it
	s.Stop(t)
	if _, err := ask(); err == nil {
		t.Fatal("the server answers after its end")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("its folder: %v", err)
	}
	s.Start(t)
	if n, err := ask(); n != 0 || err != nil {
		t.Fatalf("after a new start: %d, %v", n, err)
	}
	resume := s.Pause(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { _, err := ask(); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("a paused server answered: %v", err)
	case <-ctx.Done():
	}
	resume()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Every kind of server can be started, and ends with the process that started
// it, even when that is killed.
func TestServersEndWithTheProcess(t *testing.T) {
	for _, k := range []*kind{&mysqlServer, &postgresServer, &redisServer} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestStartedServer$")
			cmd.Env = append(os.Environ(), "SESAME_TESTDB_START="+k.name)
			in, out := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
			defer in.Close()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			address := strings.TrimSpace(must(bufio.NewReader(out).ReadString('\n')))
			if reason, missing := strings.CutPrefix(address, "missing:"); missing {
				need.Missing(t, k.name, k.install+" ("+must(strconv.Unquote(reason))+")")
			}
			if err := k.works(t.Context(), address); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			end, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for k.works(end, address) == nil {
				select {
				case <-tick.C:
				case <-end.Done():
					t.Fatal("the server outlives the process that started it")
				}
			}
		})
	}
}

// TestStartedServer is what TestServersEndWithTheProcess runs and kills.
func TestStartedServer(t *testing.T) {
	for _, k := range []*kind{&mysqlServer, &postgresServer, &redisServer} {
		if k.name != os.Getenv("SESAME_TESTDB_START") {
			continue
		}
		address, err := k.start()
		if err != nil {
			address = "missing:" + strconv.Quote(err.Error())
		}
		fmt.Println(address)
		_, _ = fmt.Scanln() // until the end
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}
