// Package schema is the ent schema of this application. The mixins of authmixin
// add the columns of Sesame; names, ids, tables and everything else are up to the
// application.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"

	"github.com/sesame-auth/sesame/ent/authmixin"
)

// base adds a UUID as the id. Every type of this application has it.
type base struct{ mixin.Schema }

// Fields of the base.
func (base) Fields() []ent.Field {
	return []ent.Field{field.UUID("id", uuid.UUID{}).Default(uuid.New).Immutable()}
}

// Member is a user.
type Member struct{ ent.Schema }

// Annotations of the Member.
func (Member) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "members"}}
}

// Mixin of the Member.
func (Member) Mixin() []ent.Mixin {
	return []ent.Mixin{base{}, authmixin.User{Accounts: LinkedAccount.Type, Sessions: LoginSession.Type, Authenticators: Passkey.Type}}
}

// Fields of the Member. The first two are also declared in package extra.
func (Member) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("role").Values("member", "editor", "admin").Default("member"),
		field.String("locale").MaxLen(16).Default("en"),

		field.Time("created_at").Default(time.Now).Immutable(),
		field.Bool("blocked").Default(false).Comment("Blocked members are not found, and so are their sessions."),
	}
}

// LinkedAccount is an account at a provider.
type LinkedAccount struct{ ent.Schema }

// Annotations of the LinkedAccount.
func (LinkedAccount) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "linked_accounts"}}
}

// Mixin of the LinkedAccount.
func (LinkedAccount) Mixin() []ent.Mixin {
	return []ent.Mixin{base{}, authmixin.Account{User: Member.Type}}
}

// LoginSession is a session.
type LoginSession struct{ ent.Schema }

// Annotations of the LoginSession.
func (LoginSession) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: "login_sessions"}}
}

// Mixin of the LoginSession.
func (LoginSession) Mixin() []ent.Mixin {
	return []ent.Mixin{base{}, authmixin.Session{User: Member.Type, OwnID: true}}
}

// Fields of the LoginSession, which are also declared in package extra.
func (LoginSession) Fields() []ent.Field {
	return []ent.Field{field.String("device").Optional().Nillable()}
}

// MailToken is the token of a link in a mail.
type MailToken struct{ ent.Schema }

// Mixin of the MailToken.
func (MailToken) Mixin() []ent.Mixin { return []ent.Mixin{base{}, authmixin.VerificationToken{}} }

// Passkey is an authenticator.
type Passkey struct{ ent.Schema }

// Mixin of the Passkey.
func (Passkey) Mixin() []ent.Mixin {
	return []ent.Mixin{base{}, authmixin.Authenticator{User: Member.Type, OwnID: true}}
}

// AuditEntry is a line of the audit log. Sesame does not use it.
type AuditEntry struct{ ent.Schema }

// Mixin of the AuditEntry.
func (AuditEntry) Mixin() []ent.Mixin { return []ent.Mixin{base{}} }

// Fields of the AuditEntry.
func (AuditEntry) Fields() []ent.Field {
	return []ent.Field{
		field.String("type").Immutable(),
		field.String("operation").Immutable(),
		field.Time("at").Default(time.Now).Immutable(),
	}
}

// Indexes of the AuditEntry.
func (AuditEntry) Indexes() []ent.Index { return []ent.Index{index.Fields("at")} }
