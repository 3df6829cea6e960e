package authjstables_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

// suite is one package on one kind of database.
type suite struct {
	name   string // of the tables in testdata/ddl, and of the subtest
	layout sqltables.Layout
	// zone is the time zone of Auth.js's process.
	zone string
	// node is what the package is told about the database beside its address.
	node object

	expires        time.Duration // what an expiry is a multiple of
	token, idToken int           // how many characters a provider's token may have
	counter        uint32        // the greatest
	authenticators bool
	needsEmail     bool   // a user must have an address
	keepsUsers     bool   // deleteUser fails as long as the user has sessions
	golden         string // the record of what the package writes; "": none
}

// newYork is far from UTC and has a daylight saving time, so that a package
// which looks at it is found out.
const newYork = "America/New_York"

const (
	long    = 16 << 10
	maxInt4 = 1<<31 - 1
	maxUint = 1<<32 - 1
)

func suites() []suite {
	ms := time.Millisecond
	return []suite{
		{name: "drizzle-postgres", layout: sqltables.DrizzlePostgres(), zone: newYork, expires: ms, token: long, idToken: long, counter: maxInt4, authenticators: true, golden: "drizzle-postgres"},
		{name: "drizzle-mysql", layout: sqltables.DrizzleMySQL(), zone: newYork, expires: time.Second, token: 255, idToken: 2048, counter: maxInt4, authenticators: true, golden: "drizzle-mysql"},
		// As on a server that is not in UTC.
		{name: "drizzle-mysql", layout: westOfUTC(), zone: newYork, node: object{"sessionZone": "-05:00"}, expires: time.Second, token: 255, idToken: 2048, counter: maxInt4, authenticators: true},
		{name: "drizzle-sqlite", layout: sqltables.DrizzleSQLite(), zone: newYork, expires: ms, token: long, idToken: long, counter: maxUint, authenticators: true, golden: "drizzle-sqlite"},
		{name: "kysely-postgres", layout: sqltables.KyselyPostgres(), zone: newYork, expires: ms, token: long, idToken: long, needsEmail: true, golden: "kysely-postgres"},
		// mysql2 writes a Date as the wall clock of its own process, unless it
		// is told otherwise: UTC on one machine or by one setting.
		{name: "kysely-mysql", layout: sqltables.KyselyMySQL(), zone: "UTC", expires: ms, token: 255, idToken: 255, needsEmail: true, golden: "kysely-mysql"},
		{name: "kysely-mysql", layout: sqltables.KyselyMySQL(), zone: newYork, node: object{"timezone": "Z"}, expires: ms, token: 255, idToken: 255, needsEmail: true},
		{name: "kysely-sqlite", layout: sqltables.KyselySQLite(), zone: newYork, expires: ms, token: long, idToken: long, needsEmail: true, golden: "kysely-sqlite"},
		{name: "pg", layout: sqltables.PG(), zone: newYork, expires: ms, token: long, idToken: long, golden: "pg"},
		{name: "typeorm-postgres", layout: sqltables.TypeORMPostgres(), zone: newYork, expires: ms, token: long, idToken: long, golden: "typeorm-postgres"},
		{name: "typeorm-mysql", layout: sqltables.TypeORMMySQL(), zone: newYork, expires: ms, token: 255, idToken: 255, golden: "typeorm-mysql"},
		// With TypeORM's type "mariadb" ids are of the type uuid.
		{name: "typeorm-mariadb", layout: sqltables.TypeORMMySQL(), zone: newYork, node: object{"type": "mariadb"}, expires: ms, token: 255, idToken: 255},
		{name: "typeorm-sqlite", layout: sqltables.TypeORMSQLite(), zone: newYork, expires: ms, token: long, idToken: long, golden: "typeorm-sqlite"},
		{name: "prisma-postgres", layout: sqltables.PrismaPostgres(), zone: newYork, expires: ms, token: long, idToken: long, counter: maxInt4, authenticators: true, needsEmail: true, golden: "prisma-postgres"},
		{name: "prisma-mysql", layout: sqltables.PrismaMySQL(), zone: newYork, expires: ms, token: long, idToken: long, counter: maxInt4, authenticators: true, keepsUsers: true, golden: "prisma-mysql"},
		{name: "prisma-sqlite", layout: sqltables.PrismaSQLiteText(), zone: newYork, expires: ms, token: long, idToken: long, counter: maxInt4, authenticators: true, golden: "prisma-sqlite-text"},
		{name: "prisma-sqlite", layout: sqltables.PrismaSQLite(), zone: newYork, node: object{"timestampFormat": "unixepoch-ms"}, expires: ms, token: long, idToken: long, counter: maxInt4, authenticators: true, golden: "prisma-sqlite"},
	}
}

func westOfUTC() sqltables.Layout {
	l := sqltables.DrizzleMySQL()
	l.SessionZone = "-05:00"
	return l
}

func (s suite) npmPackage() string {
	name, _, _ := strings.Cut(s.name, "-")
	return name
}

// subtest is the name of the suite's test.
func (s suite) subtest() string {
	name := s.name
	for _, option := range s.node {
		name += "-" + option.(string)
	}
	return name
}

// TestTables has each package and sqltables work on the same tables.
func TestTables(t *testing.T) {
	npm.Install(t, folder) // once, before many ask for it
	for _, s := range suites() {
		t.Run(s.subtest(), func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

func (s suite) run(t *testing.T) {
	p := s.open(t)
	if !p.Adapter.(store.TraitsDeclarer).Traits().SharedWithAuthJS {
		t.Error("the layout is not one that is shared with Auth.js")
	}
	for _, test := range []struct {
		name string
		run  func(pair, *testing.T)
	}{
		{"record", pair.records}, // of empty tables
		{"Auth.js writes", pair.authjsWrites},
		{"sqltables writes", pair.sqltablesWrites},
		{"users", pair.users},
		{"accounts", pair.accounts},
		{"sessions", pair.sessions},
		{"tokens", pair.tokens},
		{"authenticators", pair.authenticatorsOf},
		{"deletion", pair.deletion},
		{"purge", pair.purge},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(p, t) })
	}
}

// open opens both sides on a new database.
func (s suite) open(t *testing.T) pair {
	db := newDatabase(t, s.layout.Dialect)
	if s.name == "typeorm-mariadb" && !db.isMariaDB(t) {
		t.Skip("this server is MySQL, which has no type uuid")
	}
	db.createTables(t, s.name)
	for key, value := range s.node {
		db.node[key] = value
	}
	p := pair{suite: s, js: start(t, s.npmPackage(), s.layout.Dialect, s.zone, db.node), db: db}
	a, err := sqltables.Open(t.Context(), db.dsn, s.layout, sqltables.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	p.Adapter = a
	if s.authenticators {
		w, err := a.WebAuthn()
		if err != nil {
			t.Fatal(err)
		}
		p.AuthenticatorAdapter = w
	}
	return p
}

// pair is both sides over one database.
type pair struct {
	suite
	js *authjs
	store.Adapter
	store.AuthenticatorAdapter // nil: the package has none
	db                         database
}
