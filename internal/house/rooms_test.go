// Package house_test holds the rules of the house: who may import whom, and
// that what the README shows is what runs.
package house_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sesame-auth/sesame"

// root is the checkout, seen from this folder.
const root = "../.."

// anything, as the libraries of a room, allows any module.
const anything = "..."

// room is a package, or a family of packages, with what it may import beside
// the standard library. Paths are below the module; "x/..." is x and all that
// lies below it. The first row that matches a package is its room.
type room struct {
	path string
	ours []string // packages of this module
	libs []string // module paths; nil: none
}

// belowEngine are the floors that package engine stands on.
var belowEngine = []string{"engine/schema", "engine/store", "internal/wire", "engine/internal/oauth", "engine/internal/messages", "engine/internal/pages", "engine/limit"}

// storeFloor is what an adapter is written against.
var storeFloor = []string{"engine/store", "engine/schema"}

// rooms has one row for each room, lower floors first. CONTRIBUTING.md explains
// the rows whose rooms exist.
var rooms = []room{
	{path: "engine/schema"},
	{path: "engine/store", ours: []string{"engine/schema"}},
	{path: "internal/wire", ours: []string{"engine/schema"}},
	{path: "engine/verify", ours: []string{"engine/schema", "internal/wire"}},
	{path: "engine/internal/oauth", libs: []string{"golang.org/x/oauth2", "github.com/coreos/go-oidc/v3", "github.com/go-jose/go-jose/v4"}},
	{path: "engine/internal/messages", libs: []string{"golang.org/x/text"}},
	{path: "engine/internal/pages", ours: []string{"engine/internal/messages"}},
	{path: "engine/limit"},
	{path: "engine/adaptertest", ours: storeFloor, libs: []string{"github.com/google/go-cmp"}},
	{path: "engine", ours: belowEngine, libs: []string{"golang.org/x/text"}},

	{path: "engine/providers", ours: aboveEngine},
	{path: "engine/mail", ours: aboveEngine, libs: []string{anything}},
	{path: "engine/password", ours: aboveEngine, libs: []string{anything}},
	{path: "engine/passkey", ours: aboveEngine, libs: []string{anything}},
	{path: "engine/authtest", ours: aboveEngine, libs: []string{"github.com/go-jose/go-jose/v4"}},

	{path: "adapters/entclient/...", ours: append([]string{"adapters/entclient/...", "adapters/internal/sqlstore", "ent/..."}, storeFloor...), libs: []string{anything}},
	{path: "adapters/internal/sqlstore", ours: []string{"engine/store", "ent/authruntime"}, libs: []string{anything}},
	{path: "adapters/sqltables", ours: append([]string{"adapters/internal/sqlstore", "ent/authruntime"}, storeFloor...), libs: []string{anything}},
	{path: "adapters/...", ours: append([]string{"engine/limit"}, storeFloor...), libs: []string{anything}},
	{path: "ent/authmixin", libs: []string{"entgo.io/ent"}},
	{path: "ent/authruntime", ours: storeFloor, libs: []string{"entgo.io/ent"}},
	{path: "ent/authent", ours: []string{"engine/schema", "ent/authmixin", "typegen/schemafile"}, libs: []string{"entgo.io/ent"}},
	{path: "ent/...", ours: append([]string{"ent/..."}, storeFloor...), libs: []string{anything}},
	{path: "typegen/schemafile", ours: []string{"engine/schema"}, libs: []string{"github.com/goccy/go-yaml"}},
	{path: "typegen/internal/emit", ours: []string{"engine/schema", "typegen/schemafile"}, libs: []string{"golang.org/x/mod"}},
	{path: "typegen", ours: []string{"engine/schema", "typegen/schemafile", "typegen/internal/emit"}, libs: []string{"github.com/rogpeppe/go-internal"}},
	{path: "gen/authtypes/authfields", libs: []string{"entgo.io/ent"}},
	{path: "gen/...", ours: append([]string{"engine", "gen/authtypes"}, storeFloor...)},

	{path: "examples/own-ent/...", ours: []string{"engine/...", "examples/own-ent/...", "ent/authmixin", "ent/authruntime"}, libs: []string{anything}},
	{path: "examples/...", ours: []string{"engine/...", "adapters/...", "examples/..."}, libs: []string{anything}},
	{path: "internal/...", ours: []string{"..."}, libs: []string{anything}},
	{path: ""}, // doc.go
}

var aboveEngine = append([]string{"engine"}, belowEngine...)

// ban is what packages must not reach, not even through a library.
type ban struct {
	from  []string
	never []string // modules
	why   string
}

var bans = []ban{{
	from: []string{"engine/..."},
	never: []string{
		"entgo.io/ent", "github.com/mattn/go-sqlite3", "modernc.org/sqlite",
		"github.com/go-sql-driver/mysql", "github.com/jackc/pgx", "github.com/lib/pq", "github.com/redis/go-redis",
	},
	why: "whoever brings an adapter of their own must not pay for the stores of others; this belongs into adapters/",
}, {
	from:  []string{"engine/schema", "engine/store", "engine/adaptertest", "engine/verify", "internal/wire", "adapters/...", "ent/authruntime"},
	never: []string{"golang.org/x/oauth2", "github.com/coreos/go-oidc", "github.com/go-jose/go-jose"},
	why:   "an adapter, its tests and a service that only verifies tokens do not compile the OAuth flow; this belongs into engine/",
}}

// emptyNames say nothing about what a room holds.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models", "misc", "shared"}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath  string
	Name        string
	Imports     []string
	TestImports []string // of tests inside the package; external test packages may import anything
}

// check returns a sentence for each broken rule.
func check(pkgs []pkg) []string {
	imports := make(map[string][]string, len(pkgs))
	for _, p := range pkgs {
		imports[p.ImportPath] = p.Imports
	}
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, p := range pkgs {
		path, ok := within(p.ImportPath)
		if !ok {
			continue
		}
		for _, name := range append(strings.Split(path, "/"), p.Name) {
			if slices.Contains(emptyNames, name) {
				problem("%s is called %q, which says nothing: name it after what it holds", show(path), name)
				break
			}
		}
		i := slices.IndexFunc(rooms, func(r room) bool { return match(r.path, path) })
		if i < 0 {
			problem("%s fits no room: move its code into the room whose purpose it shares, or decide on which floor it stands, "+
				"give it a row of rooms in internal/house/rooms_test.go and explain the row in CONTRIBUTING.md", show(path))
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports) {
			if says := rooms[i].refuses(imported); says != "" {
				problem("%s imports %s: %s", show(path), imported, says)
			}
		}
		for _, b := range bans {
			if !slices.ContainsFunc(b.from, func(pattern string) bool { return match(pattern, path) }) {
				continue
			}
			if way := reach(imports, p.ImportPath, b.never); way != nil {
				problem("%s reaches %s (%s): %s", show(path), way[len(way)-1], strings.Join(way, " -> "), b.why)
			}
		}
	}
	slices.Sort(problems)
	return slices.Compact(problems)
}

// refuses returns why the room may not import the package, or "".
func (r room) refuses(imported string) string {
	if path, ok := within(imported); ok {
		if slices.ContainsFunc(r.ours, func(pattern string) bool { return match(pattern, path) }) {
			return ""
		}
		if len(r.ours) == 0 {
			return "this room imports nothing of ours; move the code that needs it to a higher floor, or have the value passed in"
		}
		return fmt.Sprintf("of ours this room imports only %s; move the code that needs it to a higher floor, or have the value passed in through an interface",
			strings.Join(r.ours, ", "))
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // standard library
	}
	if slices.ContainsFunc(r.libs, func(lib string) bool { return lib == anything || below(lib, imported) }) {
		return ""
	}
	if len(r.libs) == 0 {
		return "this room imports the standard library only; move the code that needs it to a higher floor"
	}
	return fmt.Sprintf("the libraries of this room are %s; if it really needs another, add it to the row in internal/house/rooms_test.go", strings.Join(r.libs, ", "))
}

// reach returns the shortest chain of imports from a package to one of the
// modules, or nil.
func reach(imports map[string][]string, from string, modules []string) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if slices.ContainsFunc(modules, func(m string) bool { return below(m, at) }) {
			var way []string
			for ; at != ""; at = cameFrom[at] {
				way = append(way, at)
			}
			slices.Reverse(way)
			return way
		}
		for _, next := range imports[at] {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

// within returns the path below the module.
func within(importPath string) (string, bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func below(path, importPath string) bool {
	return importPath == path || strings.HasPrefix(importPath, path+"/")
}

func match(pattern, path string) bool {
	if pattern == anything {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return below(tree, path)
	}
	return pattern == path
}

func show(path string) string {
	if path == "" {
		return "package sesame"
	}
	return path
}

// list returns every package of the module and all they import.
func list(t *testing.T) []pkg {
	t.Helper()
	watch(t)
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Name,Imports,TestImports", "./...")
	cmd.Dir = root
	cmd.Stderr = new(strings.Builder)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%v", err, cmd.Stderr)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// watch reads the folders of the module. go test keeps a result until a file
// or folder that the test itself has opened changes; what `go list` reads does
// not count.
func watch(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRooms(t *testing.T) {
	pkgs := list(t)
	if !slices.ContainsFunc(pkgs, func(p pkg) bool { return p.ImportPath == module+"/engine" }) {
		t.Fatalf("go list shows %d packages, and package engine is not among them", len(pkgs))
	}
	for _, problem := range check(pkgs) {
		t.Error(problem)
	}
}

func TestRoomsAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list(t) {
		path, ok := within(p.ImportPath)
		i := slices.IndexFunc(rooms, func(r room) bool { return match(r.path, path) })
		if !ok || i < 0 || path == "" {
			continue
		}
		if row := "| `" + rooms[i].path + "` |"; !strings.Contains(string(text), row) {
			t.Errorf("CONTRIBUTING.md has no row %q, the room of %s: say there what it holds and what it may import", row, path)
		}
	}
}

// TestRoomsCanFail shows that each rule is held: a graph that breaks it gets
// one sentence.
func TestRoomsCanFail(t *testing.T) {
	// ours is a package of the module. An import that begins with "./" is of
	// ours too.
	ours := func(path string, imports ...string) pkg {
		p := pkg{ImportPath: strings.TrimSuffix(module+"/"+path, "/"), Name: path[strings.LastIndex(path, "/")+1:]}
		for _, imported := range imports {
			if rest, ok := strings.CutPrefix(imported, "./"); ok {
				imported = strings.TrimSuffix(module+"/"+rest, "/")
			}
			p.Imports = append(p.Imports, imported)
		}
		return p
	}
	lib := func(path string, imports ...string) pkg { return pkg{ImportPath: path, Imports: imports} }
	named := func(p pkg, name string) pkg { p.Name = name; return p }
	tested := func(p pkg, imports ...string) pkg { p.TestImports = imports; return p }

	sound := []pkg{
		named(ours(""), "sesame"),
		ours("engine/schema", "encoding/json"),
		ours("internal/wire", "crypto/aes", "./engine/schema"),
		ours("engine/store", "context", "./engine/schema"),
		ours("engine/adaptertest", "testing", "./engine/store", "./engine/schema"),
		ours("engine/verify", "net/http", "./internal/wire", "./engine/schema"),
		ours("engine/internal/oauth", "golang.org/x/oauth2", "github.com/coreos/go-oidc/v3/oidc"),
		ours("engine/internal/pages", "html/template"),
		ours("engine", "./engine/store", "./internal/wire", "./engine/internal/oauth", "./engine/internal/pages", "golang.org/x/text/unicode/norm"),
		ours("engine/mail", "./engine", "github.com/wneessen/go-mail"),
		ours("adapters/memory", "./engine/store", "./engine/schema"),
		ours("adapters/entclient", "./engine/store", "./ent", "./ent/user", "./adapters/entclient/migrations", "github.com/mattn/go-sqlite3"),
		ours("adapters/entclient/migrations", "embed"),
		ours("ent", "./ent/user", "entgo.io/ent/dialect/sql"),
		ours("ent/user", "time"),
		named(ours("examples/quickstart", "./engine", "./adapters/entclient"), "main"),
		ours("internal/lab/labserver", "./engine", "./adapters/memory"),
		lib("golang.org/x/oauth2", "net/http"),
		lib("github.com/coreos/go-oidc/v3/oidc", "golang.org/x/oauth2"),
	}
	if problems := check(sound); problems != nil {
		t.Fatalf("a sound graph is refused: %q", problems)
	}

	for _, c := range []struct {
		name  string
		graph []pkg
		want  string
	}{
		{"schema imports a library", []pkg{ours("engine/schema", "golang.org/x/text/unicode/norm")}, "engine/schema imports golang.org/x/text/unicode/norm: this room imports the standard library only"},
		{"schema imports wire", []pkg{ours("engine/schema", "./internal/wire")}, "engine/schema imports " + module + "/internal/wire: this room imports nothing of ours"},
		{"store imports engine", []pkg{ours("engine/store", "./engine")}, "engine/store imports " + module + "/engine: of ours this room imports only engine/schema;"},
		{"store imports wire", []pkg{ours("engine/store", "./internal/wire")}, "engine/store imports " + module + "/internal/wire:"},
		{"store imports a library", []pkg{ours("engine/store", "golang.org/x/text/unicode/norm")}, "standard library only"},
		{"adaptertest imports engine", []pkg{ours("engine/adaptertest", "./engine")}, "engine/adaptertest imports " + module + "/engine:"},
		{"adaptertest imports an unknown library", []pkg{ours("engine/adaptertest", "example.org/sql")}, "the libraries of this room are github.com/google/go-cmp;"},
		{"wire imports a library", []pkg{ours("internal/wire", "golang.org/x/crypto/hkdf")}, "internal/wire imports golang.org/x/crypto/hkdf: this room"},
		{"wire imports engine", []pkg{ours("internal/wire", "./engine")}, "of ours this room imports only engine/schema;"},
		{"verify imports oauth", []pkg{ours("engine/verify", "./engine/internal/oauth")}, "engine/verify imports " + module + "/engine/internal/oauth"},
		{"verify imports a library", []pkg{ours("engine/verify", "golang.org/x/crypto/hkdf")}, "standard library only"},
		{"oauth imports an unknown library", []pkg{ours("engine/internal/oauth", "github.com/hashicorp/cap/oidc")}, "the libraries of this room are golang.org/x/oauth2,"},
		{"oauth imports engine", []pkg{ours("engine/internal/oauth", "./engine")}, "engine/internal/oauth imports " + module + "/engine:"},
		{"pages imports engine", []pkg{ours("engine/internal/pages", "./engine")}, "engine/internal/pages imports " + module + "/engine:"},
		{"engine imports a room above it", []pkg{ours("engine", "./engine/mail")}, "engine imports " + module + "/engine/mail:"},
		{"engine imports an adapter", []pkg{ours("engine", "./adapters/memory")}, "engine imports " + module + "/adapters/memory:"},
		{"engine imports ent", []pkg{ours("engine", "./ent")}, "engine imports " + module + "/ent:"},
		{"engine imports gen", []pkg{ours("engine", "./gen/authtypes")}, "engine imports " + module + "/gen/authtypes:"},
		{"engine imports typegen", []pkg{ours("engine", "./typegen/schemafile")}, "engine imports " + module + "/typegen/schemafile:"},
		{"engine imports an internal package", []pkg{ours("engine", "./internal/lab/labserver")}, "engine imports " + module + "/internal/lab/labserver:"},
		{"engine reaches a driver through a library", []pkg{
			ours("engine/mail", "./engine", "example.org/outbox"),
			lib("example.org/outbox", "example.org/queue"),
			lib("example.org/queue", "github.com/mattn/go-sqlite3"),
		}, "engine/mail reaches github.com/mattn/go-sqlite3 (" + module + "/engine/mail -> example.org/outbox -> example.org/queue -> github.com/mattn/go-sqlite3): whoever brings"},
		{"engine reaches ent through a library", []pkg{
			ours("engine/passkey", "example.org/fixtures"), lib("example.org/fixtures", "entgo.io/ent/dialect"),
		}, "engine/passkey reaches entgo.io/ent/dialect"},
		{"an adapter reaches oauth through a library", []pkg{
			ours("adapters/redis", "./engine/store", "example.org/cluster"),
			lib("example.org/cluster", "golang.org/x/oauth2/clientcredentials"),
		}, "adapters/redis reaches golang.org/x/oauth2/clientcredentials (" + module + "/adapters/redis -> example.org/cluster -> golang.org/x/oauth2/clientcredentials): an adapter, its tests"},
		{"an adapter imports oauth", []pkg{ours("adapters/memory", "github.com/go-jose/go-jose/v4")}, "adapters/memory reaches github.com/go-jose/go-jose/v4"},
		{"an adapter imports engine", []pkg{ours("adapters/memory", "./engine")}, "adapters/memory imports " + module + "/engine:"},
		{"authruntime reaches oauth through a library", []pkg{
			ours("ent/authruntime", "entgo.io/ent/dialect"), lib("entgo.io/ent/dialect", "github.com/coreos/go-oidc/v3/oidc"),
		}, "ent/authruntime reaches github.com/coreos/go-oidc/v3/oidc"},
		{"a room above engine imports an adapter", []pkg{ours("engine/authtest", "./adapters/memory")}, "engine/authtest imports " + module + "/adapters/memory:"},
		{"a test inside a package is bound too", []pkg{tested(ours("internal/wire"), "github.com/google/go-cmp/cmp")}, "internal/wire imports github.com/google/go-cmp/cmp:"},
		{"an adapter imports ent", []pkg{ours("adapters/memory", "./ent")}, "adapters/memory imports " + module + "/ent:"},
		{"an adapter imports another", []pkg{ours("adapters/split", "./adapters/memory")}, "adapters/split imports " + module + "/adapters/memory:"},
		{"an adapter imports wire", []pkg{ours("adapters/memory", "./internal/wire")}, "adapters/memory imports " + module + "/internal/wire:"},
		{"ent imports wire", []pkg{ours("ent/schema", "./internal/wire")}, "ent/schema imports " + module + "/internal/wire: of ours this room imports only ent/..., engine/store, engine/schema;"},
		{"ent imports engine", []pkg{ours("ent", "./engine")}, "ent imports " + module + "/engine:"},
		{"authent imports engine", []pkg{ours("ent/authent", "./engine")}, "ent/authent imports " + module + "/engine:"},
		{"authmixin imports engine", []pkg{ours("ent/authmixin", "./engine")}, "ent/authmixin imports " + module + "/engine:"},
		{"authruntime imports a driver", []pkg{ours("ent/authruntime", "./engine/store", "github.com/jackc/pgx/v5")}, "ent/authruntime imports github.com/jackc/pgx/v5:"},
		{"ent imports an adapter", []pkg{ours("ent", "./adapters/entclient")}, "ent imports " + module + "/adapters/entclient:"},
		{"an example imports an internal package", []pkg{ours("examples/quickstart", "./internal/lab/labserver")}, "examples/quickstart imports " + module + "/internal/lab/labserver:"},
		{"the root imports something", []pkg{named(ours("", "./engine"), "sesame")}, "package sesame imports " + module + "/engine:"},
		{"a new package below engine", []pkg{ours("engine/saml")}, "engine/saml fits no room: move its code into the room whose purpose it shares, or decide on which floor it stands, give it a row of rooms"},
		{"a new package below verify", []pkg{ours("engine/verify/jwe")}, "engine/verify/jwe fits no room:"},
		{"a new package at the top", []pkg{ours("sql")}, "sql fits no room:"},
		{"a folder without a name", []pkg{ours("internal/util")}, `internal/util is called "util", which says nothing`},
		{"a folder below one without a name", []pkg{ours("adapters/common/retry")}, `adapters/common/retry is called "common"`},
		{"a package without a name", []pkg{named(ours("internal/house"), "helpers")}, `internal/house is called "helpers"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch problems := check(c.graph); {
			case len(problems) != 1:
				t.Errorf("%d sentences, want 1: %q", len(problems), problems)
			case !strings.Contains(problems[0], c.want):
				t.Errorf("got  %q\nwant …%q…", problems[0], c.want)
			}
		})
	}
}
