package conformance

import (
	"strings"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/store"
)

// stockRows is one row of each table in the layout of the stock client, as the
// first release wrote it: instants in UNIX milliseconds, expires_at in UNIX
// seconds, text as it is. The statements stay as they are, so that a change of
// what is stored does not slip in.
func stockRows(name string) adaptertest.Fixture {
	const id = "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f"
	f := adaptertest.Fixture{
		User: store.User{ID: id, Name: new("Zoë 😀"), Email: new("zoe@example.com"),
			EmailVerified: new(time.UnixMilli(1795256430123).UTC()), Image: new("https://example.com/zoe.png")},
		Account: store.Account{UserID: id, Type: "oidc", Provider: "google", ProviderAccountID: "113",
			AccessToken: new("ya29.a0"), ExpiresAt: new(int64(1795256430)), TokenType: new("bearer"), Scope: new("openid email"), IDToken: new("e30.e30.e30")},
		Session: store.Session{SessionToken: "3a5e1c0e-8f5e-4c63-9d8e-5f3c2b1a0987", UserID: id, Expires: time.UnixMilli(1797848430123).UTC()},
		Token:   store.VerificationToken{Identifier: "zoe@example.com", Token: "c0ffee", Expires: time.UnixMilli(1795342830123).UTC()},
		Authenticator: &store.Authenticator{CredentialID: "aGVsbG8=", UserID: id, ProviderAccountID: "aGVsbG8=",
			CredentialPublicKey: "cHVibGlj", Counter: 4294967295, CredentialDeviceType: "singleDevice", Transports: new("usb")},
		Insert: []string{
			`INSERT INTO "user" ("id","name","email","emailVerified","image") VALUES ('0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','Zoë 😀','zoe@example.com',1795256430123,'https://example.com/zoe.png')`,
			`INSERT INTO "account" ("userId","type","provider","providerAccountId","refresh_token","access_token","expires_at","token_type","scope","id_token","session_state") VALUES ('0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','oidc','google','113',NULL,'ya29.a0',1795256430,'bearer','openid email','e30.e30.e30',NULL)`,
			`INSERT INTO "session" ("sessionToken","userId","expires") VALUES ('3a5e1c0e-8f5e-4c63-9d8e-5f3c2b1a0987','0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f',1797848430123)`,
			`INSERT INTO "verificationToken" ("identifier","token","expires") VALUES ('zoe@example.com','c0ffee',1795342830123)`,
			`INSERT INTO "authenticator" ("credentialID","userId","providerAccountId","credentialPublicKey","counter","credentialDeviceType","credentialBackedUp","transports") VALUES ('aGVsbG8=','0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f','aGVsbG8=','cHVibGlj',4294967295,'singleDevice',FALSE,'usb')`,
		},
	}
	// Values as text, with their types: those of the rows on SQLite, those of
	// the columns elsewhere.
	tables := map[string]string{
		"user":              `"id" "name" "email" "emailVerified" "image"`,
		"account":           `"userId" "type" "provider" "providerAccountId" "refresh_token" "access_token" "expires_at" "token_type" "scope" "id_token" "session_state"`,
		"session":           `"sessionToken" "userId" "expires"`,
		"verificationToken": `"identifier" "token" "expires"`,
		"authenticator":     `"credentialID" "userId" "providerAccountId" "credentialPublicKey" "counter" "credentialDeviceType" "credentialBackedUp" "transports"`,
	}
	for _, table := range []string{"user", "account", "session", "verificationToken", "authenticator"} {
		var columns []string
		for column := range strings.FieldsSeq(tables[table]) {
			columns = append(columns, column)
			switch name {
			case dialect.SQLite:
				columns = append(columns, "typeof("+column+")", "hex("+column+")")
			case dialect.MySQL:
				columns = append(columns, "HEX("+column+")")
			case dialect.Postgres:
				columns = append(columns, "pg_typeof("+column+")::text", column+"::text")
			}
		}
		f.Dump = append(f.Dump, "SELECT "+strings.Join(columns, ", ")+` FROM "`+table+`"`)
	}
	if name == dialect.MySQL {
		for _, statements := range [][]string{f.Insert, f.Dump} {
			for i, s := range statements {
				statements[i] = strings.ReplaceAll(s, `"`, "`")
			}
		}
	}
	return f
}
