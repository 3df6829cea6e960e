// Package schema describes the tables of package entfields.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema/field"

	"github.com/sesame-auth/sesame/ent/authmixin"
	"github.com/sesame-auth/sesame/gen/authtypes/authfields"
	"github.com/sesame-auth/sesame/internal/lab/entfields/extra"
)

// Person is a user, with the extra fields of package extra. It declares no id,
// so ent gives it an integer that the database makes.
type Person struct{ ent.Schema }

// Mixin of the Person.
func (Person) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: Link.Type, Sessions: Login.Type}, authfields.User{}}
}

// Fields of the Person, each in another form than that of typegen's mixins.
func (Person) Fields() []ent.Field {
	return []ent.Field{
		field.Text("motto").Default(""),
		field.Float("rating").Optional().Nillable(),
		field.Bool("admin").Optional().Nillable(),
		field.Time("since").Optional().Nillable().SchemaType(map[string]string{dialect.MySQL: "datetime(3)"}),
		field.Strings("tags"),
		field.Enum("tier").Values("gold", "silver", "bronze", "lead").Optional().Nillable(),
		field.Text("level").GoType(extra.Level("")).Optional().Nillable(),
		field.Int("rank").Optional().Nillable(),
		field.Int64("last_seen").Optional().Nillable(),
		field.JSON("home", &extra.Home{}).Optional(),
		field.JSON("visits", []any{}).Optional(),
	}
}

// Link is an account.
type Link struct{ ent.Schema }

// Mixin of the Link.
func (Link) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: Person.Type}} }

// Login is a session, with the extra fields of the reference schema.
type Login struct{ ent.Schema }

// Mixin of the Login.
func (Login) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Session{User: Person.Type}, authfields.Session{}}
}

// MailToken is a verification token.
type MailToken struct{ ent.Schema }

// Mixin of the MailToken.
func (MailToken) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }
