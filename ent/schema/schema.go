// Package schema describes the tables of the stock client: users, accounts,
// sessions, verification tokens and authenticators. Package authmixin defines
// their columns, with the names of Auth.js.
//
// Where Auth.js does not define the layout, Sesame does: keys are compared byte
// for byte, instants are UNIX milliseconds, numbers from providers are 64 bits
// wide, provider tokens have no length limit, and the database itself enforces
// unique keys and deletes rows with their user.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"

	"github.com/sesame-auth/sesame/ent/authmixin"
)

func table(name string) []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: name}}
}

// User is a person.
type User struct{ ent.Schema }

// Annotations of the User.
func (User) Annotations() []schema.Annotation { return table("user") }

// Mixin of the User.
func (User) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: Account.Type, Sessions: Session.Type, Authenticators: Authenticator.Type}}
}

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{field.String("id").SchemaType(authmixin.Exact())}
}

// Account is an account at a provider that belongs to a user. Its id is used only
// by the database.
type Account struct{ ent.Schema }

// Annotations of the Account.
func (Account) Annotations() []schema.Annotation { return table("account") }

// Mixin of the Account.
func (Account) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: User.Type}} }

// Session is a session of the database strategy. Its id is the hash of the
// session token.
type Session struct{ ent.Schema }

// Annotations of the Session.
func (Session) Annotations() []schema.Annotation { return table("session") }

// Mixin of the Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Session{User: User.Type}} }

// VerificationToken is a token of an e-mail link. Its id is used only by the
// database.
type VerificationToken struct{ ent.Schema }

// Annotations of the VerificationToken.
func (VerificationToken) Annotations() []schema.Annotation { return table("verificationToken") }

// Mixin of the VerificationToken.
func (VerificationToken) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }

// Authenticator is a WebAuthn credential. Its id is the credential id.
type Authenticator struct{ ent.Schema }

// Annotations of the Authenticator.
func (Authenticator) Annotations() []schema.Annotation { return table("authenticator") }

// Mixin of the Authenticator.
func (Authenticator) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Authenticator{User: User.Type}}
}
