package conformance

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/entclient"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/faultdb"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// database is a kind of SQL database.
type database struct {
	name, dialect string
	// find finds the server, or skips the test. It returns what returns the DSN
	// of a new, empty database.
	find func(t testing.TB) (location func(t testing.TB) string)
}

func databases() []database {
	return []database{
		{"sqlite", dialect.SQLite, func(testing.TB) func(testing.TB) string {
			return func(t testing.TB) string {
				return "file:" + filepath.Join(t.TempDir(), "auth.db") + "?_fk=1&_txlock=immediate&_busy_timeout=20&_journal_mode=WAL"
			}
		}},
		{"mariadb", dialect.MySQL, func(t testing.TB) func(testing.TB) string {
			testdb.MySQL(t)
			return func(t testing.TB) string { return testdb.MySQL(t) + "&charset=utf8mb4" }
		}},
		{"postgres", dialect.Postgres, testdb.PostgresSchemas},
	}
}

// open opens a pool that can be made to fail.
func (d database) open(dsn string) (*sql.DB, *faultdb.Connector, error) {
	f, err := faultdb.Open(d.dialect, dsn)
	if err != nil {
		return nil, nil, err
	}
	db := sql.OpenDB(f)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	return db, f, nil
}

func entTargets() (targets []Target) {
	for _, d := range databases() {
		targets = append(targets, Target{"ent/" + d.name, func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
			l := d.lab(t, func(ctx context.Context, db *sql.DB, s *schema.Schema) (store.Adapter, error) {
				return entclient.New(ctx, d.dialect, db, entclient.Options{Schema: s})
			})
			// The stock client has no columns for extra fields; [Generated] is for
			// clients that do.
			return l.run(t, l.sql(), adaptertest.Fields(&schema.Schema{}), adaptertest.Golden(stockRows(d.dialect)),
				adaptertest.Require(adaptertest.WebAuthn, adaptertest.Tx, adaptertest.Purge))
		}})
	}
	return targets
}

// Generated returns the targets of an adapter that ent/authent has generated
// for the fields of a schema. open makes the tables; the adapter closes db.
func Generated(name string, fields *schema.Schema, open func(ctx context.Context, dialect string, db *sql.DB, s *schema.Schema) (store.Adapter, error), features ...adaptertest.Feature) (targets []Target) {
	for _, d := range databases() {
		targets = append(targets, Target{name + "/" + d.name, func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
			l := d.lab(t, func(ctx context.Context, db *sql.DB, s *schema.Schema) (store.Adapter, error) {
				return open(ctx, d.dialect, db, s)
			})
			// A session and its user are two statements, for the interceptors of
			// both.
			return l.run(t, l.sql(), adaptertest.Fields(fields), adaptertest.Statements(nil),
				adaptertest.Require(adaptertest.Tx, adaptertest.Purge), adaptertest.Require(features...))
		}})
	}
	return targets
}

// lab opens an adapter over a pool that can be made to fail.
func (d database) lab(t *testing.T, adapter func(context.Context, *sql.DB, *schema.Schema) (store.Adapter, error)) *lab {
	return &lab{location: d.find(t), open: func(ctx context.Context, _ testing.TB, dsn string, s *schema.Schema) (store.Adapter, opened, error) {
		db, f, err := d.open(dsn)
		if err != nil {
			return nil, opened{}, err
		}
		a, err := adapter(ctx, db, s)
		if err != nil {
			db.Close()
		}
		return a, opened{faults: &f.Faults, db: db}, err
	}}
}
