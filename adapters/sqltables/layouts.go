package sqltables

import (
	"time"

	"entgo.io/ent/dialect"
)

// Layouts returns every layout of this package. The caller may change them.
func Layouts() []Layout {
	return []Layout{
		DrizzlePostgres(), DrizzleMySQL(), DrizzleSQLite(),
		PrismaPostgres(), PrismaMySQL(), PrismaSQLite(), PrismaSQLiteText(),
		KyselyPostgres(), KyselyMySQL(), KyselySQLite(),
		PG(),
		TypeORMPostgres(), TypeORMMySQL(), TypeORMSQLite(),
		StockPostgres(), StockMySQL(), StockSQLite(),
	}
}

// DrizzlePostgres is the layout of @auth/drizzle-adapter on PostgreSQL.
func DrizzlePostgres() Layout {
	return drizzle("DrizzlePostgres", dialect.Postgres, Column{Kind: Time}, Column{Kind: Time}, Column{Kind: Text})
}

// DrizzleMySQL is the layout of @auth/drizzle-adapter on MySQL and MariaDB.
// Sessions and tokens expire at whole seconds, before 2038; the tokens of a
// provider have at most 255 characters, an id_token 2048. Drizzle writes UTC in
// sessions with the time zone of the server; if the app sets time_zone, set
// SessionZone to the same.
func DrizzleMySQL() Layout {
	l := drizzle("DrizzleMySQL", dialect.MySQL, Column{Kind: Time}, Column{Kind: Time, Precision: time.Second}, Column{Kind: Text, Max: 255})
	l.Account.Column("id_token").Max = 2048
	l.SessionZone = ServerZone
	return l
}

// DrizzleSQLite is the layout of @auth/drizzle-adapter on SQLite.
func DrizzleSQLite() Layout {
	return drizzle("DrizzleSQLite", dialect.SQLite, Column{Kind: Millis}, Column{Kind: Millis}, Column{Kind: Text})
}

func drizzle(name, d string, verified, expires, text Column) Layout {
	return Layout{
		Name: name, Dialect: d, SharedWithAuthJS: true,
		User: Table{
			Name:    "user",
			Columns: userColumns(text, text, verified),
			Unique:  [][]string{{"id"}, {"email"}},
		},
		Account: Table{
			Name:    "account",
			Columns: accountColumns(text, text),
			Unique:  [][]string{{"provider", "providerAccountId"}},
			Owner:   Cascade,
		},
		Session: Table{
			Name:    "session",
			Columns: sessionColumns(text, text, expires),
			Unique:  [][]string{{"sessionToken"}},
			Owner:   Cascade,
		},
		VerificationToken: Table{
			Name:    "verificationToken",
			Columns: tokenColumns(text, expires),
			Unique:  [][]string{{"identifier", "token"}},
		},
		Authenticator: authenticatorTable("authenticator", text),
	}
}

// PrismaPostgres is the layout of @auth/prisma-adapter on PostgreSQL. Columns
// createdAt and updatedAt, and ids of tables other than User, are optional. Every
// user must have an address.
func PrismaPostgres() Layout {
	l := prisma("PrismaPostgres", dialect.Postgres, Column{Kind: Time}, Column{Kind: Text})
	l.User.Column("email").Null = false
	return l
}

// PrismaMySQL is the layout of @auth/prisma-adapter on MySQL and MariaDB: see
// [PrismaPostgres]. Users need no address. Keys, names and addresses have at most
// 191 characters.
func PrismaMySQL() Layout {
	l := prisma("PrismaMySQL", dialect.MySQL, Column{Kind: Time}, Column{Kind: Text, Max: 191})
	// Text in the published schema, String in that of the repository.
	for _, field := range []string{"refresh_token", "access_token", "id_token"} {
		l.Account.Column(field).Max = 0
	}
	// As in the published schema.
	l.Account.Owner, l.Session.Owner = Restrict, Restrict
	return l
}

// PrismaSQLite is the layout of @auth/prisma-adapter on SQLite: see
// [PrismaPostgres]. Users need no address. Instants are integers, as written by
// the engine of Prisma 6 and by driver adapters with timestampFormat
// "unixepoch-ms". For Prisma 7 without that option see [PrismaSQLiteText].
func PrismaSQLite() Layout {
	return prisma("PrismaSQLite", dialect.SQLite, Column{Kind: Millis}, Column{Kind: Text})
}

// PrismaSQLiteText is like [PrismaSQLite], but instants are text, as driver
// adapters of Prisma 7 write them by default.
func PrismaSQLiteText() Layout {
	return prisma("PrismaSQLiteText", dialect.SQLite, Column{Kind: ISOTextOffset}, Column{Kind: Text})
}

func prisma(name, d string, instant, text Column) Layout {
	id := text
	id.Field, id.Name, id.Fill, id.Optional = "id", "id", NewID, true
	created, updated := instant, instant
	created.Field, created.Name, created.Fill, created.Optional = "createdAt", "createdAt", CreatedAt, true
	updated.Field, updated.Name, updated.Fill, updated.Optional = "updatedAt", "updatedAt", UpdatedAt, true
	l := Layout{
		Name: name, Dialect: d, SharedWithAuthJS: true,
		User: Table{
			Name:    "User",
			Columns: append(userColumns(text, text, instant), created, updated),
			Unique:  [][]string{{"id"}, {"email"}},
		},
		Account: Table{
			Name:    "Account",
			Columns: append(accountColumns(text, text), id, created, updated),
			Unique:  [][]string{{"provider", "providerAccountId"}},
			Owner:   Cascade,
		},
		Session: Table{
			Name:    "Session",
			Columns: append(sessionColumns(text, text, instant), id, created, updated),
			Unique:  [][]string{{"sessionToken"}},
			Owner:   Cascade,
		},
		VerificationToken: Table{
			Name:    "VerificationToken",
			Columns: tokenColumns(text, instant),
			Unique:  [][]string{{"identifier", "token"}},
		},
		Authenticator: authenticatorTable("Authenticator", text),
	}
	return l
}

// KyselyPostgres is the layout of @auth/kysely-adapter on PostgreSQL. Every user
// must have an address. Verification tokens are unique without their identifier;
// accounts are not unique.
func KyselyPostgres() Layout {
	return kysely("KyselyPostgres", dialect.Postgres, Column{Kind: UUID}, Column{Kind: Text}, Column{Kind: Time})
}

// KyselyMySQL is the layout of @auth/kysely-adapter on MySQL and MariaDB: see
// [KyselyPostgres]. No text has more than 255 characters.
func KyselyMySQL() Layout {
	return kysely("KyselyMySQL", dialect.MySQL, Column{Kind: UUID, Max: 36}, Column{Kind: Text, Max: 255}, Column{Kind: Time})
}

// KyselySQLite is the layout of @auth/kysely-adapter on SQLite: see
// [KyselyPostgres]. The ids of users are UUIDs.
func KyselySQLite() Layout {
	l := kysely("KyselySQLite", dialect.SQLite, Column{Kind: Text}, Column{Kind: Text}, Column{Kind: ISOText})
	l.Account.Column("userId").Kind, l.Session.Column("userId").Kind = UUID, UUID
	return l
}

func kysely(name, d string, id, text, instant Column) Layout {
	own := id
	own.Field, own.Name, own.Fill = "id", "id", NewID
	l := Layout{
		Name: name, Dialect: d, SharedWithAuthJS: true,
		User: Table{
			Name:    "User",
			Columns: userColumns(id, text, instant),
			Unique:  [][]string{{"id"}, {"email"}},
		},
		Account: Table{
			Name:    "Account",
			Columns: append(accountColumns(id, text), own),
			Owner:   Cascade,
		},
		Session: Table{
			Name:    "Session",
			Columns: append(sessionColumns(id, text, instant), own),
			Unique:  [][]string{{"sessionToken"}},
			Owner:   Cascade,
		},
		VerificationToken: Table{
			Name:    "VerificationToken",
			Columns: tokenColumns(text, instant),
			Unique:  [][]string{{"token"}},
		},
	}
	l.User.Column("email").Null = false
	return l
}

// PG is the layout of @auth/pg-adapter, and of the Neon adapter. The database
// assigns the ids of users. Addresses, accounts and session tokens are not
// unique, and there are no foreign keys.
func PG() Layout {
	id, text, name, instant := Column{Kind: Int}, Column{Kind: Text}, Column{Kind: Text, Max: 255}, Column{Kind: Time}
	own := Column{Field: "id", Name: "id", Kind: Int, Fill: FromDatabase}
	l := Layout{
		Name: "PG", Dialect: dialect.Postgres, SharedWithAuthJS: true,
		User: Table{
			Name:    "users",
			Columns: userColumns(id, name, instant),
			Unique:  [][]string{{"id"}},
		},
		Account: Table{
			Name:    "accounts",
			Columns: append(accountColumns(id, name), own),
		},
		Session: Table{
			Name:    "sessions",
			Columns: append(sessionColumns(id, name, instant), own),
		},
		VerificationToken: Table{
			Name:    "verification_token",
			Columns: tokenColumns(text, instant),
			Unique:  [][]string{{"identifier", "token"}},
		},
	}
	l.User.Column("id").Fill = FromDatabase
	l.User.Column("image").Max = 0
	for _, field := range []string{"refresh_token", "access_token", "token_type", "scope", "id_token", "session_state"} {
		l.Account.Column(field).Max = 0
	}
	return l
}

// TypeORMPostgres is the layout of @auth/typeorm-adapter on PostgreSQL.
// Accounts and verification tokens are not unique.
func TypeORMPostgres() Layout {
	return typeORM("TypeORMPostgres", dialect.Postgres, Column{Kind: UUID}, Column{Kind: Text})
}

// TypeORMMySQL is the layout of @auth/typeorm-adapter on MySQL and MariaDB: see
// [TypeORMPostgres]. No text has more than 255 characters.
func TypeORMMySQL() Layout {
	return typeORM("TypeORMMySQL", dialect.MySQL, Column{Kind: UUID, Max: 36}, Column{Kind: Text, Max: 255})
}

// TypeORMSQLite is the layout of @auth/typeorm-adapter on SQLite: see
// [TypeORMPostgres].
func TypeORMSQLite() Layout {
	return typeORM("TypeORMSQLite", dialect.SQLite, Column{Kind: Text}, Column{Kind: Text})
}

func typeORM(name, d string, id, text Column) Layout {
	own := id
	own.Field, own.Name, own.Fill = "id", "id", NewID
	instant := Column{Kind: MillisText}
	return Layout{
		Name: name, Dialect: d, SharedWithAuthJS: true,
		User: Table{
			Name:    "users",
			Columns: userColumns(id, text, instant),
			Unique:  [][]string{{"id"}, {"email"}},
		},
		Account: Table{
			Name:    "accounts",
			Columns: append(accountColumns(id, text), own),
			Owner:   Restrict,
		},
		Session: Table{
			Name:    "sessions",
			Columns: append(sessionColumns(id, text, instant), own),
			Unique:  [][]string{{"sessionToken"}},
			Owner:   Restrict,
		},
		VerificationToken: Table{
			Name:    "verification_tokens",
			Columns: append(tokenColumns(text, instant), own),
		},
	}
}

// StockPostgres is the layout of Sesame's own tables (adapters/entclient) on
// PostgreSQL.
func StockPostgres() Layout { return stock("StockPostgres", dialect.Postgres) }

// StockMySQL is the layout of Sesame's own tables (adapters/entclient) on MySQL
// and MariaDB.
func StockMySQL() Layout { return stock("StockMySQL", dialect.MySQL) }

// StockSQLite is the layout of Sesame's own tables (adapters/entclient) on
// SQLite.
func StockSQLite() Layout { return stock("StockSQLite", dialect.SQLite) }

func stock(name, d string) Layout {
	l := drizzle(name, d, Column{Kind: Millis}, Column{Kind: Millis}, Column{Kind: Text})
	l.SharedWithAuthJS = false
	own := Column{Field: "id", Name: "id", Kind: Int, Fill: FromDatabase}
	l.Account.Columns = append(l.Account.Columns, own)
	l.VerificationToken.Columns = append(l.VerificationToken.Columns, own)
	return l
}

func userColumns(id, text, verified Column) []Column {
	return []Column{
		field("id", id), null(field("name", text)), null(field("email", text)),
		null(field("emailVerified", verified)), null(field("image", text)),
	}
}

func accountColumns(id, text Column) []Column {
	return []Column{
		field("userId", id), field("type", text), field("provider", text), field("providerAccountId", text),
		null(field("refresh_token", text)), null(field("access_token", text)), null(field("expires_at", Column{Kind: Int})),
		null(field("token_type", text)), null(field("scope", text)), null(field("id_token", text)), null(field("session_state", text)),
	}
}

func sessionColumns(id, text, expires Column) []Column {
	return []Column{field("sessionToken", text), field("userId", id), field("expires", expires)}
}

func tokenColumns(text, expires Column) []Column {
	return []Column{field("identifier", text), field("token", text), field("expires", expires)}
}

func authenticatorTable(name string, text Column) Table {
	return Table{
		Name: name,
		Columns: []Column{
			field("credentialID", text), field("userId", text), field("providerAccountId", text), field("credentialPublicKey", text),
			field("counter", Column{Kind: Int}), field("credentialDeviceType", text), field("credentialBackedUp", Column{Kind: Bool}),
			null(field("transports", text)),
		},
		Unique: [][]string{{"credentialID"}},
		Owner:  Cascade,
	}
}

// field returns a column like c, with the name in Auth.js.
func field(name string, c Column) Column {
	c.Field, c.Name = name, name
	return c
}

func null(c Column) Column {
	c.Null = true
	return c
}
