// Package database is the database of this application: its ent client, with a hook
// and an interceptor that know nothing of Sesame.
package database

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/sesame-auth/sesame/examples/own-ent/ent"
	"github.com/sesame-auth/sesame/examples/own-ent/ent/member"
)

// Open returns the client over a database, whose tables it brings up to date.
// What the DSN must have is in the documentation of ent.NewAuthAdapter.
func Open(ctx context.Context, driver *entsql.Driver) (*ent.Client, error) {
	client := ent.NewClient(ent.Driver(driver))
	if err := client.Schema.Create(ctx); err != nil {
		return nil, err
	}
	client.Use(audit)
	client.Intercept(hideBlocked)
	return client, nil
}

// audit writes down what happens to members and sessions, in the transaction in
// which it happens.
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

// hideBlocked lets no query find a blocked member.
var hideBlocked = ent.TraverseFunc(func(_ context.Context, q ent.Query) error {
	if q, ok := q.(*ent.MemberQuery); ok {
		q.Where(member.Blocked(false))
	}
	return nil
})
