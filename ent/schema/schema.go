// Package schema describes the tables of the stock client: users, accounts,
// sessions, verification tokens and authenticators, in the column names of
// Auth.js.
//
// Where Auth.js leaves room the layout is our own: keys compare byte for byte,
// instants are UNIX milliseconds, numbers of other servers are 64 bits wide,
// provider tokens have no length limit, and the database itself enforces what
// is unique and what goes with its user.
package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// exact makes a key column compare byte for byte. SQLite and PostgreSQL do so
// by themselves. Every text type of MySQL ignores letter case or trailing
// blanks; bytes ignore neither. Their number is what an index over two such
// columns has room for, and more than any address or id needs.
func exact() map[string]string {
	return map[string]string{dialect.MySQL: "varbinary(512)", dialect.Postgres: "text"}
}

// userID is the column of rows that belong to a user.
func userID() ent.Field {
	return field.String("user_id").StorageKey("userId").SchemaType(exact())
}

// belongsTo is the foreign key behind userID; see User.Edges for the cascade.
func belongsTo(inverse string) []ent.Edge {
	return []ent.Edge{
		edge.From("user", User.Type).Ref(inverse).Field("user_id").Unique().Required(),
	}
}

func table(name string) []schema.Annotation {
	return []schema.Annotation{entsql.Annotation{Table: name}}
}

// User is a person.
type User struct{ ent.Schema }

// Annotations of the User.
func (User) Annotations() []schema.Annotation { return table("user") }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").SchemaType(exact()),
		field.Text("name").Optional().Nillable(),
		field.String("email").Optional().Nillable().Unique().SchemaType(exact()),
		field.Int64("email_verified").StorageKey("emailVerified").Optional().Nillable(),
		field.Text("image").Optional().Nillable(),
	}
}

// Edges of the User. What hangs on them goes with the user.
func (User) Edges() []ent.Edge {
	cascade := entsql.OnDelete(entsql.Cascade)
	return []ent.Edge{
		edge.To("accounts", Account.Type).Annotations(cascade),
		edge.To("sessions", Session.Type).Annotations(cascade),
		edge.To("authenticators", Authenticator.Type).Annotations(cascade),
	}
}

// Account is an account at a provider that belongs to a user. Its id is of use
// to the database only; the pair (provider, providerAccountId) is the key.
type Account struct{ ent.Schema }

// Annotations of the Account.
func (Account) Annotations() []schema.Annotation { return table("account") }

// Fields of the Account.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		userID(),
		field.Text("type"),
		field.String("provider").SchemaType(exact()),
		field.String("provider_account_id").StorageKey("providerAccountId").SchemaType(exact()),
		field.Text("refresh_token").Optional().Nillable(),
		field.Text("access_token").Optional().Nillable(),
		field.Int64("expires_at").Optional().Nillable(),
		field.Text("token_type").Optional().Nillable(),
		field.Text("scope").Optional().Nillable(),
		field.Text("id_token").Optional().Nillable(),
		field.Text("session_state").Optional().Nillable(),
	}
}

// Edges of the Account.
func (Account) Edges() []ent.Edge { return belongsTo("accounts") }

// Indexes of the Account.
func (Account) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("provider", "provider_account_id").Unique(),
		index.Fields("user_id"),
	}
}

// Session is a session of the database strategy. Its id is the hash of the
// session token.
type Session struct{ ent.Schema }

// Annotations of the Session.
func (Session) Annotations() []schema.Annotation { return table("session") }

// Fields of the Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("sessionToken").SchemaType(exact()),
		userID(),
		field.Int64("expires"),
	}
}

// Edges of the Session.
func (Session) Edges() []ent.Edge { return belongsTo("sessions") }

// Indexes of the Session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("expires")}
}

// VerificationToken is a token of an e-mail link. Its id is of use to the
// database only; the pair (identifier, token) is the key.
type VerificationToken struct{ ent.Schema }

// Annotations of the VerificationToken.
func (VerificationToken) Annotations() []schema.Annotation { return table("verificationToken") }

// Fields of the VerificationToken.
func (VerificationToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("identifier").SchemaType(exact()),
		field.String("token").SchemaType(exact()),
		field.Int64("expires"),
	}
}

// Indexes of the VerificationToken.
func (VerificationToken) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("identifier", "token").Unique(),
		index.Fields("expires"),
	}
}

// Authenticator is a WebAuthn credential. Its id is the credential id.
type Authenticator struct{ ent.Schema }

// Annotations of the Authenticator.
func (Authenticator) Annotations() []schema.Annotation { return table("authenticator") }

// Fields of the Authenticator.
func (Authenticator) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").StorageKey("credentialID").SchemaType(exact()),
		userID(),
		field.String("provider_account_id").StorageKey("providerAccountId").SchemaType(exact()),
		field.Text("credential_public_key").StorageKey("credentialPublicKey"),
		field.Int64("counter"),
		field.Text("credential_device_type").StorageKey("credentialDeviceType"),
		field.Bool("credential_backed_up").StorageKey("credentialBackedUp"),
		field.Text("transports").Optional().Nillable(),
	}
}

// Edges of the Authenticator.
func (Authenticator) Edges() []ent.Edge { return belongsTo("authenticators") }

// Indexes of the Authenticator.
func (Authenticator) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id")}
}
