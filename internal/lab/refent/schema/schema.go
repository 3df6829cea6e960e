// Package schema describes the tables of package refent.
package schema

import (
	"entgo.io/ent"

	"github.com/sesame-auth/sesame/ent/authmixin"
	"github.com/sesame-auth/sesame/gen/authtypes/authfields"
)

// Customer is a user. Its id is an integer that the database makes.
type Customer struct{ ent.Schema }

// Mixin of the Customer.
func (Customer) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.User{Accounts: Account.Type, Sessions: Visit.Type}, authfields.User{}}
}

// Account is an account.
type Account struct{ ent.Schema }

// Mixin of the Account.
func (Account) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: Customer.Type}} }

// Visit is a session.
type Visit struct{ ent.Schema }

// Mixin of the Visit.
func (Visit) Mixin() []ent.Mixin {
	return []ent.Mixin{authmixin.Session{User: Customer.Type}, authfields.Session{}}
}

// Token is a verification token.
type Token struct{ ent.Schema }

// Mixin of the Token.
func (Token) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.VerificationToken{}} }
