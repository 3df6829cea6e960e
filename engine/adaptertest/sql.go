package adaptertest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/sesame-auth/sesame/engine/store"
)

func sessionOneQuery(t *caseT) {
	u := t.user("u1")
	t.session("s1", u.ID)
	for range 2 { // the first call may prepare a statement
		before := t.suite.statements(t.raw)
		_, got, err := t.a.GetSessionAndUser(t.ctx, "s1")
		t.ok(err)
		t.equal(got, u)
		n := t.suite.statements(t.raw) - before
		t.check(n == 1, fmt.Sprintf("%d statements", n), "1 statement")
	}
}

// sqlSecondHandle repeats cases such as user/dup-email across two processes.
func sqlSecondHandle(t *caseT) {
	second := t.another()
	first := t.user("u1")
	t.equal(ok(second.GetUser(t.ctx, first.ID))(t), first)
	_, err := second.CreateUser(t.ctx, store.User{ID: t.id("u2"), Email: first.Email})
	t.conflict(err, "email")
	t.account(first.ID, "github", "1")
	_, err = second.LinkAccount(t.ctx, fullAccount(first.ID, "github", "1"))
	t.conflict(err, "providerAccountId")
	t.session("s1", first.ID)
	_, err = second.CreateSession(t.ctx, store.Session{SessionToken: "s1", UserID: first.ID, Expires: t.base})
	t.conflict(err, "sessionToken")

	handles := []store.Adapter{t.a, second}
	for round := range 8 {
		address := email(fmt.Sprint("race", round))
		var us [16]store.User
		for i := range us {
			us[i] = store.User{ID: t.id(fmt.Sprint(round, "-", i)), Email: &address}
		}
		t.oneWinner(t.together("CreateUser with one address through two handles", len(us), func(i int) error {
			_, err := handles[i%2].CreateUser(t.ctx, us[i])
			return err
		}), &store.ConflictError{Field: "email"})
		token := fmt.Sprint("t", round)
		t.token("a", token)
		t.oneWinner(t.together("UseVerificationToken through two handles", 16, func(i int) error {
			_, err := handles[i%2].UseVerificationToken(t.ctx, "a", token)
			return err
		}), store.ErrNotFound)
	}
	t.ok(second.DeleteUser(t.ctx, first.ID))
	t.noUser(first.ID)
	_, err = t.a.GetSession(t.ctx, "s1")
	t.notFound(err)
}

// sqlPoolCascade deletes a user on every connection of the pool: it holds all of
// them and returns one at a time for the adapter to use.
func sqlPoolCascade(t *caseT) {
	db := t.suite.db(t.raw)
	size := 6
	if limit := db.Stats().MaxOpenConnections; limit > 0 {
		size = max(1, min(size, limit-1))
	}
	conns := make([]*sql.Conn, size)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i := range conns {
		conns[i] = ok(db.Conn(t.ctx))(t)
	}
	t.log.add("hold %d connections of the pool; return each in turn, so that the adapter uses it", size)
	for i := range conns {
		t.ok(conns[i].Close())
		u := t.user(fmt.Sprint("u", i))
		t.session("s1", u.ID)
		t.account(u.ID, "github", "1")
		t.ok(t.a.DeleteUser(t.ctx, u.ID))
		t.noUser(u.ID)
		_, err := t.a.GetSession(t.ctx, "s1")
		t.notFound(err)
		_, err = t.a.GetAccount(t.ctx, "github", "1")
		t.notFound(err)
		if t.has(needEngineIDs) {
			t.create(u)
			t.noRows(u.ID)
			t.ok(t.a.DeleteUser(t.ctx, u.ID))
		}
		conns[i] = ok(db.Conn(t.ctx))(t)
	}
}

// sqlMigrateTwice reopens the store in a database that also has a foreign table.
func sqlMigrateTwice(t *caseT) {
	db := t.suite.db(t.raw)
	exec := func(statement string) { t.ok(errOf(db.ExecContext(t.ctx, statement))) }
	exec(`CREATE TABLE adaptertest_foreign (id varchar(40) NOT NULL PRIMARY KEY, happened varchar(40), amount integer)`)
	defer func() { _, _ = db.ExecContext(context.WithoutCancel(t.ctx), `DROP TABLE adaptertest_foreign`) }()
	exec(`INSERT INTO adaptertest_foreign VALUES ('1', '2026-11-21 10:00:00', 7)`)
	foreign := t.dump(db, `SELECT * FROM adaptertest_foreign`)
	t.populate()
	before := t.snapshot()
	for range 2 {
		t.bind(t.another().(*recorder).a)
		t.unchanged(before, "reopening")
		got := t.dump(db, `SELECT * FROM adaptertest_foreign`)
		t.check(got == foreign, "the table adaptertest_foreign was changed:\n"+got, "an unchanged table:\n"+foreign)
	}
	t.take("a", "t1")
	_, err := t.a.CreateUser(t.ctx, store.User{ID: t.id("u5"), Email: ptr(email("u1"))})
	t.conflict(err, "email")
}

func sqlGoldenRead(t *caseT) {
	f, db := t.suite.fixture, t.suite.db(t.raw)
	for _, statement := range f.Insert {
		t.ok(errOf(db.ExecContext(t.ctx, statement)))
	}
	t.wantUser(f.User)
	t.equal(ok(t.a.GetUserByEmail(t.ctx, *f.User.Email))(t), f.User)
	t.equal(ok(t.a.GetAccount(t.ctx, f.Account.Provider, f.Account.ProviderAccountID))(t), f.Account)
	t.wantOwner(f.Account.Provider, f.Account.ProviderAccountID, f.User.ID)
	s, u, err := t.a.GetSessionAndUser(t.ctx, f.Session.SessionToken)
	t.ok(err)
	t.equal(s, f.Session)
	t.equal(u, f.User)
	if f.Authenticator != nil {
		t.equal(ok(t.a.GetAuthenticator(t.ctx, f.Authenticator.CredentialID))(t), *f.Authenticator)
	}
	t.equal(t.take(f.Token.Identifier, f.Token.Token), f.Token)
}

func sqlGoldenWrite(t *caseT) {
	f, db := t.suite.fixture, t.suite.db(t.raw)
	for _, statement := range f.Insert {
		t.ok(errOf(db.ExecContext(t.ctx, statement)))
	}
	var want []string
	for _, query := range f.Dump {
		want = append(want, t.dump(db, query))
	}
	t.bind(t.openStore(t.suite.fields))
	ok(t.a.CreateUser(t.ctx, f.User))(t)
	ok(t.a.LinkAccount(t.ctx, f.Account))(t)
	ok(t.a.CreateSession(t.ctx, f.Session))(t)
	ok(t.a.CreateVerificationToken(t.ctx, f.Token))(t)
	if f.Authenticator != nil {
		ok(t.a.CreateAuthenticator(t.ctx, *f.Authenticator))(t)
	}
	db = t.suite.db(t.raw)
	for i, query := range f.Dump {
		got := t.dump(db, query)
		t.check(got == want[i], query+"\n"+got, "the rows that Auth.js wrote:\n"+want[i])
	}
}

// dump formats the columns and rows of a query.
func (t *caseT) dump(db *sql.DB, query string) string {
	rows, err := db.QueryContext(t.ctx, query)
	t.ok(err)
	defer rows.Close()
	columns, err := rows.Columns()
	t.ok(err)
	out := []string{strings.Join(columns, " | ")}
	for rows.Next() {
		row := make([]any, len(columns))
		for i := range row {
			row[i] = new(any)
		}
		t.ok(rows.Scan(row...))
		var cells []string
		for _, cell := range row {
			v := *cell.(*any)
			if b, ok := v.([]byte); ok {
				v = string(b)
			}
			cells = append(cells, fmt.Sprintf("%v", v))
		}
		out = append(out, strings.Join(cells, " | "))
	}
	t.ok(rows.Err())
	return strings.Join(out, "\n")
}
