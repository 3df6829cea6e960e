package authjstables_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine/adaptertest"
	"github.com/sesame-auth/sesame/engine/store"
	"github.com/sesame-auth/sesame/internal/lab/npm"
)

var record = flag.Bool("record", false, "write the records in testdata of adapters/sqltables anew")

// golden is the folder with what each package writes: a fixture of the
// conformance suite of adapters, as JSON.
const golden = "../../../adapters/sqltables/testdata/golden"

// recording is a file of it.
type recording struct {
	adaptertest.Fixture
	// Random are the values in Insert that no two runs share: ids that the
	// package mints, the time of the day.
	Random []string
}

// masked is the text of a recording without what is random.
func (r recording) masked(t *testing.T) string {
	t.Helper()
	random := r.Random
	r.Random = nil
	text := string(r.json(t))
	for _, value := range random {
		text = strings.ReplaceAll(text, value, "*")
	}
	return text
}

func (r recording) json(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// records has the package write a row of each entity and compares the tables
// with the record of it.
func (p pair) records(t *testing.T) {
	if p.golden == "" {
		return
	}
	var r recording
	// As short as the shortest column.
	u := store.User{
		ID: "0b0e4a3e-7b1c-4f0a-9d0e-0a1b2c3d4e5f", Name: ptr("Zoë 😀"), Email: ptr("zoe@example.com"),
		EmailVerified: ptr(at(123)), Image: ptr("https://example.com/zoe.png"),
	}
	minted := p.theirUser(t, u)
	if minted.ID != u.ID && !p.assignsIDs() {
		r.Random = append(r.Random, minted.ID)
	}
	r.User = minted
	r.Account = store.Account{
		UserID: minted.ID, Type: "oidc", Provider: "google", ProviderAccountID: "113", AccessToken: ptr("ya29.a0"),
		ExpiresAt: ptr(int64(1795256430)), TokenType: ptr("bearer"), Scope: ptr("openid email"), IDToken: ptr("e30.e30.e30"),
	}
	p.js.call(t, "linkAccount", accountArg(r.Account))
	r.Session = store.Session{SessionToken: "3a5e1c0e-8f5e-4c63-9d8e-5f3c2b1a0987", UserID: minted.ID, Expires: at(456).AddDate(0, 1, 0)}
	p.js.call(t, "createSession", sessionArg(r.Session))
	r.Token = store.VerificationToken{Identifier: "zoe@example.com", Token: strings.Repeat("c0ffee01", 8), Expires: at(289)}
	p.js.call(t, "createVerificationToken", tokenArg(r.Token))
	r.Session.Expires, r.Token.Expires = p.truncate(r.Session.Expires), p.truncate(r.Token.Expires)
	tables := []sqltables.Table{p.layout.User, p.layout.Account, p.layout.Session, p.layout.VerificationToken}
	if p.authenticators {
		r.Authenticator = &store.Authenticator{
			CredentialID: "aGVsbG8=", UserID: minted.ID, ProviderAccountID: "aGVsbG8=", CredentialPublicKey: "cHVibGlj",
			Counter: p.counter, CredentialDeviceType: "singleDevice", Transports: ptr("usb"),
		}
		p.js.call(t, "createAuthenticator", authenticatorArg(*r.Authenticator))
		tables = append(tables, p.layout.Authenticator)
	}
	for _, table := range tables {
		insert, dump, random := p.db.recordRow(t, p.layout.Dialect, table)
		r.Insert, r.Dump, r.Random = append(r.Insert, insert), append(r.Dump, dump), append(r.Random, random...)
	}

	file := filepath.Join(golden, p.golden+".json")
	old, err := os.ReadFile(file)
	var was recording
	if err == nil {
		err = json.Unmarshal(old, &was)
	}
	if err == nil && was.masked(t) == r.masked(t) {
		return
	}
	if !*record {
		t.Errorf("%s is not what %s writes (%v); record it with: go test ./internal/lab/authjstables -run TestTables -record", file, p.npmPackage(), err)
		equal(t, file, was.masked(t), r.masked(t))
		return
	}
	write(t, file, r.json(t))
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("recorded %s", file)
}

// recordRow returns the statement that writes the only row of a table, the query
// that prints it without what is random, and what is random in it.
func (d database) recordRow(t *testing.T, dialectName string, table sqltables.Table) (insert, dump string, random []string) {
	t.Helper()
	quote := func(name string) string { return `"` + name + `"` }
	literal := func(column string) string { return "quote_nullable(" + column + "::text)" }
	shown := func(column string) string { return "CAST(" + column + " AS text)" }
	switch dialectName {
	case dialect.MySQL:
		quote = func(name string) string { return "`" + name + "`" }
		literal = func(column string) string { return "QUOTE(" + column + ")" }
		shown = func(column string) string { return "CAST(" + column + " AS CHAR)" }
	case dialect.SQLite:
		literal = func(column string) string { return "quote(" + column + ")" }
		shown = literal // and with it the storage class
	}
	rows, err := d.db.QueryContext(t.Context(), "SELECT * FROM "+quote(table.Name))
	if err != nil {
		t.Fatal(err)
	}
	columns, err := rows.Columns()
	rows.Close()
	if err != nil {
		t.Fatal(err)
	}
	var names, literals, prints []string
	for _, name := range columns {
		names, literals = append(names, quote(name)), append(literals, literal(quote(name)))
		if !filled(table, name) {
			prints = append(prints, shown(quote(name))+" AS "+quote(name))
		}
	}
	values := make([]string, len(columns))
	targets := make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := d.db.QueryRowContext(t.Context(), "SELECT "+strings.Join(literals, ", ")+" FROM "+quote(table.Name)).Scan(targets...); err != nil {
		t.Fatal(err)
	}
	for i, name := range columns {
		if bare := strings.Trim(values[i], "'"); filled(table, name) && len(bare) > 9 { // a UUID, a cuid, a time; not a small number, not NULL
			random = append(random, bare)
		}
	}
	insert = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", quote(table.Name), strings.Join(names, ", "), strings.Join(values, ", "))
	return insert, "SELECT " + strings.Join(prints, ", ") + " FROM " + quote(table.Name), random
}

// filled says that whoever writes a row makes the value of the column up: the id
// of an account, when a session was created.
func filled(table sqltables.Table, column string) bool {
	i := slices.IndexFunc(table.Columns, func(c sqltables.Column) bool { return c.Name == column })
	return i < 0 || table.Columns[i].Fill != sqltables.FromCaller && !(column == "id" && strings.EqualFold(strings.TrimSuffix(table.Name, "s"), "user"))
}

// headers say where the tables of a layout come from.
var headers = map[string]string{
	"drizzle": "The default tables of @auth/drizzle-adapter, as drizzle-kit writes them.",
	"typeorm": "The default entities of @auth/typeorm-adapter, as TypeORM's synchronize makes them.",
	"prisma":  "The models that authjs.dev shows for Prisma, as Prisma's schema engine writes them.",
}

// TestDDL compares the tables that the packages make with the record of them.
func TestDDL(t *testing.T) {
	t.Parallel()
	work := npm.Install(t, folder)
	postgres, mysql := newDatabase(t, dialect.Postgres), newDatabase(t, dialect.MySQL)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "ddl.mjs", postgres.url("postgres"), mysql.url("mysql"))
	cmd.Dir = work
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ddl.mjs: %v\n%s", err, &stderr)
	}
	var layouts map[string]string
	if err := json.Unmarshal(out, &layouts); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if !mysql.isMariaDB(t) {
		delete(layouts, "typeorm-mariadb")
	}
	for name, tables := range layouts {
		from, _, _ := strings.Cut(name, "-")
		want := "-- " + headers[from] + "\n-- Recorded: go test ./internal/lab/authjstables -run TestDDL -record\n\n" + tables
		file := filepath.Join(ddl, name+".sql")
		got, err := os.ReadFile(file)
		if err == nil && string(got) == want {
			continue
		}
		if *record {
			write(t, file, []byte(want))
			continue
		}
		t.Errorf("%s is not what the package makes (%v); record it with: go test ./internal/lab/authjstables -run TestDDL -record", file, err)
		equal(t, file, string(got), want)
	}
}

// url is the address of a database as Node.js has it.
func (d database) url(scheme string) string {
	if d.node["host"] == nil {
		return scheme + "://localhost/" + fmt.Sprint(d.node["database"])
	}
	u := url.URL{
		Scheme: scheme, Host: fmt.Sprint(d.node["host"], ":", d.node["port"]), Path: fmt.Sprint("/", d.node["database"]),
		User: url.UserPassword(fmt.Sprint(d.node["user"]), fmt.Sprint(d.node["password"])),
	}
	return u.String()
}

// TestPrismaClient: what is recorded of the generated Prisma client belongs to
// the models beside it and to the version that is installed.
func TestPrismaClient(t *testing.T) {
	t.Parallel()
	var installed struct{ Dependencies map[string]string }
	readJSON(t, folder+"/package.json", &installed)
	for _, provider := range []string{"postgresql", "mysql", "sqlite"} {
		var client struct{ ClientVersion, InlineSchema string }
		readJSON(t, folder+"/prisma/"+provider+".json", &client)
		models, err := os.ReadFile(folder + "/prisma/" + provider + ".prisma")
		if err != nil {
			t.Fatal(err)
		}
		if client.ClientVersion != installed.Dependencies["@prisma/client"] || client.InlineSchema != string(models) {
			t.Errorf("prisma/%s.json is stale: run node %s/prisma/generate.mjs", provider, folder)
		}
	}
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
