// Package schema describes the tables of package testent.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema/field"

	"github.com/sesame-auth/sesame/ent/authmixin"
	"github.com/sesame-auth/sesame/internal/lab/testent/fields"
)

// Person is a user, with extra fields.
type Person struct{ ent.Schema }

// Mixin of the Person.
func (Person) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: Link.Type, Sessions: Login.Type, Authenticators: Passkey.Type}}
}

// Fields of the Person.
func (Person) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").SchemaType(authmixin.Exact()),
		field.Text("plan").Default(""),
		field.Int64("seats").Optional().Nillable(),
		field.Float("score").Optional().Nillable(),
		field.Bool("admin").Optional().Nillable(),
		field.Time("since").Optional().Nillable().SchemaType(map[string]string{dialect.MySQL: "datetime(3)"}),
		field.Strings("tags"),

		field.Enum("role").Values("admin", "editor", "member", "guest").Optional().Nillable(),
		field.Text("level").GoType(fields.Level("")).Optional().Nillable(),
		field.Int("rank").Optional().Nillable(),
		field.Int64("last_seen").Optional().Nillable(),
		field.JSON("address", map[string]any{}).Optional(),
		field.JSON("home", &fields.Home{}).Optional(),
		field.Strings("badges").Optional(),
		field.JSON("visits", []any{}).Optional(),
	}
}

// Link is an account.
type Link struct{ ent.Schema }

// Mixin of the Link.
func (Link) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: Person.Type}} }

// Login is a session, with an extra field.
type Login struct{ ent.Schema }

// Mixin of the Login.
func (Login) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Session{User: Person.Type}} }

// Fields of the Login.
func (Login) Fields() []ent.Field {
	return []ent.Field{field.Text("device").Optional().Nillable()}
}

// MailToken is a verification token.
type MailToken struct{ ent.Schema }

// Mixin of the MailToken.
func (MailToken) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }

// Passkey is an authenticator.
type Passkey struct{ ent.Schema }

// Mixin of the Passkey.
func (Passkey) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Authenticator{User: Person.Type}} }
