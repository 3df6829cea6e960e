// Package database opens the database of this application: its ent client, with a
// hook and an interceptor that do not depend on Sesame.
package database

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/examples/own-ent/ent"
	"github.com/sesame-auth/sesame/examples/own-ent/ent/member"
)

// Open returns a client for a database, whose tables it migrates. The
// documentation of ent.NewAuthAdapter lists the requirements of the DSN.
func Open(ctx context.Context, driver *entsql.Driver) (*ent.Client, error) {
	client := ent.NewClient(ent.Driver(driver))
	if err := client.Schema.Create(ctx); err != nil {
		return nil, err
	}
	client.Use(audit)
	client.Intercept(hideBlocked)
	return client, nil
}

// audit records each change of members and sessions, in the transaction of the
// change.
func audit(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		v, err := next.Mutate(ctx, m)
		if err != nil {
			return nil, err
		}
		var client *ent.Client
		switch m := m.(type) {
		case *ent.MemberMutation:
			client = m.Client()
		case *ent.LoginSessionMutation:
			client = m.Client()
		default:
			return v, nil
		}
		return v, client.AuditEntry.Create().SetType(m.Type()).SetOperation(m.Op().String()).Exec(ctx)
	})
}

// hideBlocked hides blocked members from all queries.
var hideBlocked = ent.TraverseFunc(func(_ context.Context, q ent.Query) error {
	if q, ok := q.(*ent.MemberQuery); ok {
		q.Where(member.Blocked(false))
	}
	return nil
})
