//go:build unix

package interop_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesame-auth/sesame/adapters/sqltables"
	"github.com/sesame-auth/sesame/engine"
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/engine/verify"
	"github.com/sesame-auth/sesame/internal/testdb"
)

// The Go code of the guide stands here, so that it compiles and runs.

func readSessions(mux *http.ServeMux, orders http.Handler) error {
	v, err := verify.New(verify.Config{}) // AUTH_SECRET or NEXTAUTH_SECRET; cookies of https, unless AUTH_URL is http
	if err != nil {
		return err
	}
	mux.Handle("/api/orders", v.Require(orders))
	return nil
}

func orders(w http.ResponseWriter, r *http.Request) {
	token, ok := verify.TokenFrom(r.Context()) // in the handler; token.Subject is the user's id
	if ok {
		io.WriteString(w, token.Subject)
	}
}

func startEngine(ctx context.Context, mux *http.ServeMux) error {
	adapter, err := sqltables.Open(ctx, os.Getenv("DATABASE_URL"), sqltables.PrismaPostgres(), sqltables.Options{})
	if err != nil {
		return err
	}
	eng, err := engine.New(engine.Config{
		Dialect:         engine.DialectV5,          // engine.DialectV4 for next-auth 4, and as long as its client is in the pages
		URL:             "https://app.example.com", // or AUTH_URL
		Adapter:         adapter,
		SessionStrategy: engine.StrategyJWT, // what you have now; the default with an adapter is StrategyDatabase
		Providers: []engine.Provider{
			&engine.OIDC{ID: "google", Name: "Google", Issuer: "https://accounts.google.com"}, // AUTH_GOOGLE_ID, AUTH_GOOGLE_SECRET
		},
	})
	if err != nil {
		return err
	}
	mux.Handle("/api/auth/", eng)
	return nil
}

func TestGuideCode(t *testing.T) {
	dsn := testdb.Postgres(t)
	tables, err := os.ReadFile("../../../adapters/sqltables/testdata/ddl/prisma-postgres.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), string(tables)); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AUTH_SECRET": secrets[0], "AUTH_SECRET_1": "a short one", "AUTH_URL": "https://app.example.com", "DATABASE_URL": dsn,
		"AUTH_GOOGLE_ID": "id", "AUTH_GOOGLE_SECRET": "secret",
	} {
		t.Setenv(name, value)
	}
	mux := http.NewServeMux()
	if err := readSessions(mux, http.HandlerFunc(orders)); err != nil {
		t.Fatal(err)
	}
	if err := startEngine(t.Context(), mux); err != nil {
		t.Fatal(err)
	}
	cookie := engine.DialectV5.CookieNames(true).SessionToken
	for _, secret := range []string{secrets[0], "a short one"} { // that of before may be short
		value, err := engine.DialectV5.SessionKeys(cookie, secret).EncodeToken(
			&schema.Token{Subject: "somebody", Name: new("Somebody")}, time.Now(), time.Hour, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{
			"/api/orders":         "somebody",
			"/api/auth/session":   `"name":"Somebody"`,
			"/api/auth/providers": `"callbackUrl":"https://app.example.com/api/auth/callback/google"`,
		} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.AddCookie(&http.Cookie{Name: cookie, Value: value})
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s with %q: %d %s", path, secret, w.Code, w.Body)
			}
		}
	}
}

// Every paragraph of Go in the guide is one of this file.
func TestGuideIsCompiled(t *testing.T) {
	source := flat(readText(t, "guide_test.go"))
	blocks := strings.Split(readText(t, guide), "```go\n")[1:]
	if len(blocks) < 3 {
		t.Errorf("%d blocks of Go in the guide", len(blocks))
	}
	for _, rest := range blocks {
		block, _, _ := strings.Cut(rest, "```")
		for _, paragraph := range strings.Split(block, "\n\n") {
			if !strings.Contains(source, flat(paragraph)) {
				t.Errorf("not compiled:\n%s", paragraph)
			}
		}
	}
}

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	exported = regexp.MustCompile(`^(?:engine\.)?([A-Z]+[a-z]\w*(?:\.[A-Z]\w*)*)(?:\(\w*\))?$`)
	place    = regexp.MustCompile(`^(?:internal|examples|adapters|engine)/[\w/.-]+$`)
)

// What the guide names is there: of the engine, layouts, tests, files.
func TestGuideNames(t *testing.T) {
	text := readText(t, guide)
	known := map[string]bool{"SessionProvider": true, "Host": true} // of others
	for _, dir := range []string{"../../../engine", "../../../adapters/sqltables"} {
		declared(t, dir, known)
	}
	var names []string
	for _, q := range quoted.FindAllStringSubmatch(text, -1) {
		if m := exported.FindStringSubmatch(q[1]); m != nil {
			names = append(names, strings.Split(m[1], ".")...)
		}
		if place.MatchString(q[1]) {
			info, err := os.Stat(filepath.Join("../../..", q[1]))
			if err != nil {
				t.Errorf("the guide names %s: %v", q[1], err)
			} else if info.IsDir() {
				declared(t, filepath.Join("../../..", q[1]), known)
			}
		}
	}
	if len(names) < 60 {
		t.Errorf("only %d names: %q", len(names), names)
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("the guide names %s, which is not there", name)
		}
	}
	for _, l := range sqltables.Layouts() {
		if !strings.HasPrefix(l.Name, "Stock") && !strings.Contains(text, "`"+l.Name+"`") {
			t.Errorf("the guide does not name the layout %s", l.Name)
		}
	}
}

// declared adds the exported names of the Go files in dir, fields included.
func declared(t *testing.T, dir string, names map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names[n.Name.Name] = true
				return false
			case *ast.TypeSpec:
				names[n.Name.Name] = true
			case *ast.ValueSpec:
				for _, name := range n.Names {
					names[name.Name] = true
				}
			case *ast.Field:
				for _, name := range n.Names {
					names[name.Name] = true
				}
			}
			return true
		})
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func flat(s string) string { return strings.Join(strings.Fields(s), " ") }
