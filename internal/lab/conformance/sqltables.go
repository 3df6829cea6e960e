package conformance

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// limits are what the columns of a layout hold, and what it cannot do at all.
func limits(l sqltables.Layout) []adaptertest.Option {
	var options []adaptertest.Option
	for table, t := range map[string]sqltables.Table{"user": l.User, "account": l.Account, "session": l.Session, "verificationToken": l.VerificationToken} {
		for _, c := range t.Columns {
			if c.Max > 0 {
				options = append(options, adaptertest.MaxString(table+"."+c.Field, c.Max))
			}
		}
	}
	if p := l.Session.Column("expires").Precision; p > 0 {
		options = append(options, adaptertest.Precision(p))
	}
	for id, reason := range Known(l) {
		options = append(options, adaptertest.Known(id, reason))
	}
	return options
}

// Known are the cases that the tables of a layout fail, whoever writes them.
func Known(l sqltables.Layout) map[string]string {
	known := map[string]string{}
	add := func(reason string, ids ...string) {
		for _, id := range ids {
			known[id] = reason
		}
	}
	integer := "expires_at is an integer of 32 bits; what is beyond is refused"
	counter := "the counter is an integer of 32 bits, sign included; what is beyond is refused"
	collation := "the default collation takes letter case, accents or blanks at the end for nothing, and its unique keys refuse the second of two keys that differ so; neither finds the other"
	address := "the e-mail address is NOT NULL; a user without one is refused"
	token := "the token of a verification token is unique by itself; a second identifier with the same token is refused"
	switch l.Name {
	case "DrizzlePostgres", "PrismaPostgres":
		add(integer, "account/expires-large")
		add(counter, "authn/counter-range")
	case "DrizzleMySQL", "PrismaMySQL":
		add(integer, "account/expires-large")
		add(counter, "authn/counter-range")
		add(collation, "authn/case", "account/both-keys", "token/case", "token/padding")
	}
	if l.Name == "DrizzleMySQL" {
		add("a timestamp ends in January 2038; what is later is refused", "data/far-future")
	}
	if l.Dialect == dialect.MySQL && l.SharedWithAuthJS {
		add(collation, "user/email-case", "user/email-padding", "session/token-case", "session/token-tail", "data/whitespace")
	}
	if l.Name == "PrismaMySQL" { // its collation is named in its tables
		add(collation, "data/normal-form")
	}
	if l.Name == "KyselyMySQL" {
		add(collation, "token/case", "token/padding")
	}
	if !l.User.Column("email").Null {
		add(address, "user/null-emails", "user/email-empty", "user/email-move")
	}
	if strings.HasPrefix(l.Name, "Kysely") {
		add(token, "token/shared-token", "user/delete-scope", "race/independent")
	}
	return known
}

func sqltablesTargets() (targets []Target) {
	for _, l := range sqltables.Layouts() {
		targets = append(targets, Target{"sqltables/" + l.Name, func(t *testing.T) (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
			return newTablesLab(t, l).run()
		}})
	}
	return targets
}

// tablesLab opens adapters on databases of one layout.
type tablesLab struct {
	t      *testing.T
	layout sqltables.Layout
	// fields, if any, are those that every store has, in the columns that these
	// statements add.
	fields    *schema.Schema
	columns   string
	databases databasePool

	mu     sync.Mutex
	stores map[store.Adapter]*Database
	last   map[string]func() // by case: gives its last store back
}

func newTablesLab(t *testing.T, l sqltables.Layout) *tablesLab {
	h := &tablesLab{t: t, layout: l, databases: databasePool{free: map[string][]*Database{}}, stores: map[store.Adapter]*Database{}, last: map[string]func(){}}
	switch l.Dialect { // or the test is skipped
	case dialect.MySQL:
		testdb.MySQL(t)
	case dialect.Postgres:
		testdb.Postgres(t)
	}
	return h
}

func (h *tablesLab) run() (func(testing.TB, *schema.Schema) store.Adapter, []adaptertest.Option) {
	features := []adaptertest.Feature{adaptertest.Tx, adaptertest.Purge, adaptertest.Sessions, adaptertest.Closer}
	if h.layout.Authenticator.Name != "" {
		features = append(features, adaptertest.WebAuthn)
	}
	return h.open, append(append(limits(h.layout), written(h.t, h.layout)...),
		adaptertest.Require(features...),
		adaptertest.SQL(func(a store.Adapter) *sql.DB { return a.(interface{ DB() *sql.DB }).DB() }),
		adaptertest.Reopen(func(ctx context.Context, a store.Adapter) (store.Adapter, error) {
			p := h.of(a)
			b, err := p.Open(h.t, quiet(h.fields))
			if err == nil {
				h.keep(b, p)
			}
			return b, err
		}),
		adaptertest.Broken(func(a store.Adapter) (heal func()) {
			f := h.of(a).Faults
			f.Fail(func(string) error { return errInjected })
			return f.Heal
		}),
		adaptertest.FailAt(func(a store.Adapter, n int) (heal func() bool) {
			var seen atomic.Int64
			f := h.of(a).Faults
			f.Fail(func(statement string) error {
				// MySQL's locks are given back after the COMMIT, when all is done.
				if !strings.HasPrefix(statement, "DO RELEASE_LOCK") && seen.Add(1) == int64(n) {
					return errInjected
				}
				return nil
			})
			return func() bool { f.Heal(); return seen.Load() >= int64(n) }
		}),
		adaptertest.Statements(func(a store.Adapter) int { return h.of(a).Faults.Statements() }),
	)
}

func quiet(s *schema.Schema) sqltables.Options {
	return sqltables.Options{Schema: s, Logger: slog.New(slog.DiscardHandler)}
}

// open returns an empty store. No case uses a store after it has opened the
// next, so a database is used again then.
func (h *tablesLab) open(t testing.TB, s *schema.Schema) store.Adapter {
	text := DDL(h.t, h.layout)
	if h.layout.Name == "PrismaMySQL" {
		// With the key that is published a user has one account, and most cases
		// make two: see sqltables' own tests.
		text += ";\nDROP INDEX `Account_userId_key` ON `Account`"
	}
	switch {
	case h.fields != nil:
		text += ";\n" + h.columns
	case s != nil:
		text += extraColumns(h.layout)
	}
	h.mu.Lock()
	before := h.last[t.Name()]
	h.mu.Unlock()
	if before != nil {
		before()
	}
	p := h.databases.get(h.t, h.layout, text)
	a, err := p.Open(h.t, quiet(s))
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	release := func() {
		once.Do(func() {
			_ = a.(io.Closer).Close()
			h.databases.put(h.t, text, p)
		})
	}
	t.Cleanup(release)
	h.keep(a, p)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[t.Name()] = release
	return a
}

func (h *tablesLab) keep(a store.Adapter, p *Database) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stores[a] = p
}

func (h *tablesLab) of(a store.Adapter) *Database {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stores[a]
}
