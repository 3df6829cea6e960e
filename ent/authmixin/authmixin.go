// Package authmixin adds the columns that Sesame needs to the types of an
// application's ent schema:
//
//	func (Member) Mixin() []ent.Mixin {
//		return []ent.Mixin{authmixin.User{Accounts: LinkedAccount.Type, Sessions: LoginSession.Type}}
//	}
//	func (LinkedAccount) Mixin() []ent.Mixin { return []ent.Mixin{authmixin.Account{User: Member.Type}} }
//	func (LoginSession) Mixin() []ent.Mixin  { return []ent.Mixin{authmixin.Session{User: Member.Type}} }
//	func (MailToken) Mixin() []ent.Mixin     { return []ent.Mixin{authmixin.VerificationToken{}} }
//
// The application chooses the names of types and tables and the types of their
// ids. Package authent generates the adapter for such a schema.
//
// Columns have the names of Auth.js. Keys are compared byte for byte on every
// database; on MySQL they hold up to 512 bytes. Instants are UNIX milliseconds.
package authmixin

import (
	"errors"
	"reflect"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"entgo.io/ent/schema/mixin"
)

// Part is the role of a type in Sesame.
type Part string

// The parts of a schema.
const (
	PartUser              Part = "user"
	PartAccount           Part = "account"
	PartSession           Part = "session"
	PartVerificationToken Part = "verification token"
	PartAuthenticator     Part = "authenticator"
)

// Annotation marks a type with its part. The mixins add it.
type Annotation struct{ Part Part }

// AnnotationName is the name of an [Annotation] in ent's graph.
const AnnotationName = "SesameAuth"

// Name implements schema.Annotation.
func (Annotation) Name() string { return AnnotationName }

func mark(p Part) []schema.Annotation { return []schema.Annotation{Annotation{p}} }

// User makes a type the type of users. It may declare an id: a string, a UUID or
// another type with a text form, which the engine creates (a UUID), or an integer,
// which the database assigns.
type User struct {
	mixin.Schema
	// Accounts, Sessions and Authenticators are the types of the rows that belong
	// to a user, such as Account.Type. They are deleted with the user. With nil
	// Authenticators there are no passkeys.
	Accounts, Sessions, Authenticators any
}

// Annotations implements ent.Mixin.
func (User) Annotations() []schema.Annotation { return mark(PartUser) }

// Fields implements ent.Mixin.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").Optional().Nillable(),
		field.String("email").Optional().Nillable().Unique().SchemaType(Exact()),
		field.Int64("email_verified").StorageKey("emailVerified").Optional().Nillable(),
		field.Text("image").Optional().Nillable(),
	}
}

// Edges implements ent.Mixin.
func (u User) Edges() []ent.Edge {
	var edges []ent.Edge
	for _, e := range []struct {
		name string
		to   any
	}{{"accounts", u.Accounts}, {"sessions", u.Sessions}, {"authenticators", u.Authenticators}} {
		if e.to != nil {
			edges = append(edges, edge.To(e.name, e.to).Annotations(entsql.OnDelete(entsql.Cascade)))
		}
	}
	return edges
}

// Account makes a type the type of accounts at providers. Its id must have a
// default or be assigned by the database; the key is the pair of provider and
// provider_account_id.
type Account struct {
	mixin.Schema
	User any // the type of users, such as Member.Type
}

// Annotations implements ent.Mixin.
func (Account) Annotations() []schema.Annotation { return mark(PartAccount) }

// Fields implements ent.Mixin.
func (a Account) Fields() []ent.Field {
	return []ent.Field{
		userID(a.User),
		field.Text("type"),
		field.String("provider").SchemaType(Exact()),
		field.String("provider_account_id").StorageKey("providerAccountId").SchemaType(Exact()),
		field.Text("refresh_token").Optional().Nillable(),
		field.Text("access_token").Optional().Nillable(),
		field.Int64("expires_at").Optional().Nillable(),
		field.Text("token_type").Optional().Nillable(),
		field.Text("scope").Optional().Nillable(),
		field.Text("id_token").Optional().Nillable(),
		field.Text("session_state").Optional().Nillable(),
	}
}

// Edges implements ent.Mixin.
func (a Account) Edges() []ent.Edge { return belongsTo(a.User, "accounts") }

// Indexes implements ent.Mixin.
func (Account) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("provider", "provider_account_id").Unique(),
		index.Fields("user_id"),
	}
}

// Session makes a type the type of sessions.
type Session struct {
	mixin.Schema
	User any // the type of users, such as Member.Type
	// OwnID declares that the type has an id with a default or one assigned by
	// the database. The token is then a unique field, session_token; otherwise
	// it is the id.
	OwnID bool
}

// Annotations implements ent.Mixin.
func (Session) Annotations() []schema.Annotation { return mark(PartSession) }

// Fields implements ent.Mixin.
func (s Session) Fields() []ent.Field {
	return []ent.Field{
		key(s.OwnID, "session_token", "sessionToken"),
		userID(s.User),
		field.Int64("expires"),
	}
}

// Edges implements ent.Mixin.
func (s Session) Edges() []ent.Edge { return belongsTo(s.User, "sessions") }

// Indexes implements ent.Mixin.
func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("user_id"), index.Fields("expires")}
}

// VerificationToken makes a type the type of tokens of e-mail links. Its id must
// have a default or be assigned by the database; the key is the pair of identifier
// and token.
type VerificationToken struct{ mixin.Schema }

// Annotations implements ent.Mixin.
func (VerificationToken) Annotations() []schema.Annotation { return mark(PartVerificationToken) }

// Fields implements ent.Mixin.
func (VerificationToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("identifier").SchemaType(Exact()),
		field.String("token").SchemaType(Exact()),
		field.Int64("expires"),
	}
}

// Indexes implements ent.Mixin.
func (VerificationToken) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("identifier", "token").Unique(),
		index.Fields("expires"),
	}
}

// Authenticator makes a type the type of WebAuthn credentials.
type Authenticator struct {
	mixin.Schema
	User any // the type of users, such as Member.Type
	// OwnID declares that the type has an id with a default or one assigned by
	// the database. The credential id is then a unique field, credential_id;
	// otherwise it is the id.
	OwnID bool
}

// Annotations implements ent.Mixin.
func (Authenticator) Annotations() []schema.Annotation { return mark(PartAuthenticator) }

// Fields implements ent.Mixin.
func (a Authenticator) Fields() []ent.Field {
	return []ent.Field{
		key(a.OwnID, "credential_id", "credentialID"),
		userID(a.User),
		field.String("provider_account_id").StorageKey("providerAccountId").SchemaType(Exact()),
		field.Text("credential_public_key").StorageKey("credentialPublicKey"),
		field.Int64("counter"),
		field.Text("credential_device_type").StorageKey("credentialDeviceType"),
		field.Bool("credential_backed_up").StorageKey("credentialBackedUp"),
		field.Text("transports").Optional().Nillable(),
	}
}

// Edges implements ent.Mixin.
func (a Authenticator) Edges() []ent.Edge { return belongsTo(a.User, "authenticators") }

// Indexes implements ent.Mixin.
func (Authenticator) Indexes() []ent.Index { return []ent.Index{index.Fields("user_id")} }

// Exact returns the SchemaType of a string column that is compared byte for byte,
// for an id of users that is a string. SQLite and PostgreSQL compare text that way
// by default. Every text type of MySQL ignores letter case or trailing spaces;
// varbinary ignores neither. An index over two such columns has room for 512 bytes
// each, which is more than any address or id needs.
func Exact() map[string]string {
	return map[string]string{dialect.MySQL: "varbinary(512)", dialect.Postgres: "text"}
}

// key returns the id, or with own a unique field called name.
func key(own bool, name, column string) ent.Field {
	if own {
		return field.String(name).StorageKey(column).Unique().SchemaType(Exact())
	}
	return field.String("id").StorageKey(column).SchemaType(Exact())
}

// belongsTo returns the edge for the foreign key userID; User.Edges adds the
// cascade.
func belongsTo(user any, inverse string) []ent.Edge {
	if user == nil {
		return nil // userID reports it
	}
	return []ent.Edge{edge.From("user", user).Ref(inverse).Field("user_id").Unique().Required()}
}

// userID returns the column of rows that belong to a user. It has the type of the
// id of users.
func userID(user any) ent.Field {
	d := &field.Descriptor{Info: &field.TypeInfo{Type: field.TypeInt}} // ent's default
	switch id, err := idOf(user); {
	case err != nil:
		d.Err = err
	case id != nil:
		d.Info, d.Size, d.SchemaType = id.Info, id.Size, id.SchemaType
	}
	d.Name, d.StorageKey = "user_id", "userId"
	return column{d}
}

type column struct{ d *field.Descriptor }

func (c column) Descriptor() *field.Descriptor { return c.d }

// idOf returns the id that a type declares, itself or in a mixin, or nil. The type
// is passed as to ent's edges: as its method Type.
func idOf(typ any) (*field.Descriptor, error) {
	unknown := errors.New("authmixin: set User to the type of users, such as Member.Type")
	t := reflect.TypeOf(typ)
	if t == nil || t.Kind() != reflect.Func || t.NumIn() != 1 || t.In(0).Kind() != reflect.Struct {
		return nil, unknown
	}
	s, ok := reflect.Zero(t.In(0)).Interface().(ent.Interface)
	if !ok {
		return nil, unknown
	}
	var id *field.Descriptor
	find := func(fields []ent.Field) {
		for _, f := range fields {
			if d := f.Descriptor(); d.Name == "id" {
				id = d
			}
		}
	}
	for _, m := range s.Mixin() {
		find(m.Fields())
	}
	find(s.Fields())
	return id, nil
}
