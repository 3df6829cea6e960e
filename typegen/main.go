// Command typegen generates code for typed sessions from a schema file: Go and
// TypeScript types, ent mixins, SQL and more.
//
//	go get -tool github.com/sesame-auth/sesame/typegen
//	go tool typegen init
//	go tool typegen generate
//
// Run `go tool typegen help` for the commands. Package
// [github.com/sesame-auth/sesame/typegen/schemafile] describes the file.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/sesame-auth/sesame/typegen/internal/emit"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// Exit codes.
const (
	exitOK    = 0
	exitFound = 1 // the schema has problems, a file is stale, or a change needs review
	exitError = 2 // typegen failed
)

const usage = `Typegen generates code for typed sessions from a schema file.

Usage:

	go tool typegen COMMAND [flags]

Commands:

	init       create a schema file to start from
	generate   check the schema and write the files that it lists
	check      report what generate would change, without changing it
	explain    explain who sees and who sets a field
	schema     print the JSON Schema of the schema file, for editors
	help       print this text, or the flags of a command

"go tool typegen COMMAND -h" prints the flags of a command.

Exit codes: 0 success; 1 the schema has problems, a file is stale, or a change
needs review; 2 typegen failed.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// tool is a run of the command.
type tool struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	schema string // -schema
	module string // -ts-module
	json   bool   // -format json
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := &tool{stdin: stdin, stdout: stdout, stderr: stderr}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitError
	}
	commands := map[string]func([]string) (int, error){
		"init": t.init, "generate": t.generate, "check": t.check, "explain": t.explain, "schema": t.editorSchema,
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) == 0 {
			fmt.Fprint(stdout, usage)
			return exitOK
		}
		name, args = args[0], []string{"-h"}
	}
	command, ok := commands[name]
	if !ok {
		fmt.Fprintf(stderr, "typegen: unknown command %q; run \"go tool typegen help\" for a list\n", name)
		return exitError
	}
	code, err := command(args)
	var found schemafile.Diagnostics
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &found):
		t.report(found, nil, nil)
		return exitFound
	case err != nil:
		fmt.Fprintln(stderr, "typegen:", strings.TrimPrefix(err.Error(), "typegen: "))
		return exitError
	}
	return code
}

// errUsage is returned after the flag package has reported an error.
var errUsage = errors.New("see the usage above")

// flags returns a flag set with the flags that all commands have.
func (t *tool) flags(name, args, about string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(t.stderr)
	set.Usage = func() {
		fmt.Fprintf(set.Output(), "Usage: go tool typegen %s [flags]%s\n\n%s\n\nFlags:\n", name, args, about)
		set.PrintDefaults()
	}
	set.StringVar(&t.schema, "schema", schemafile.Name, "the schema `file`")
	return set
}

func (t *tool) format(set *flag.FlagSet) {
	set.Func("format", "format of the report: `text` or json (default text)", func(s string) error {
		if s != "text" && s != "json" {
			return errors.New("want text or json")
		}
		t.json = s == "json"
		return nil
	})
}

func (t *tool) tsModule(set *flag.FlagSet) {
	set.StringVar(&t.module, "ts-module", "", "the `package` whose TypeScript types are augmented, such as @auth/sveltekit\n"+
		"(default: output.typescriptModule of the schema, or next-auth)")
}

// parse parses flags and returns the arguments after them, at most maxArgs.
func (t *tool) parse(set *flag.FlagSet, args []string, maxArgs int) ([]string, error) {
	if slices.ContainsFunc(args, func(a string) bool { return a == "-h" || a == "-help" || a == "--help" }) {
		set.SetOutput(t.stdout)
	}
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage
	}
	rest := set.Args()
	if len(rest) > maxArgs {
		return nil, fmt.Errorf("%s: unexpected argument %q", set.Name(), rest[maxArgs])
	}
	return rest, nil
}

// load reads the schema, and returns it with warnings.
func (t *tool) load() (*schemafile.File, schemafile.Diagnostics, error) {
	f, warnings, err := schemafile.Load(t.schema)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("no %s: run \"go tool typegen init\" to create it, or set -schema", t.schema)
	}
	if err == nil && t.module != "" {
		f.Output.TypeScriptModule = t.module
	}
	return f, warnings, err
}

// jsonReport is the output of -format json.
type jsonReport struct {
	Diagnostics schemafile.Diagnostics `json:"diagnostics"`
	Stale       []string               `json:"stale"`   // files that generate would change
	Changes     []change               `json:"changes"` // found by check -against
}

// report prints findings: diagnostics as text to stderr, or everything as JSON to
// stdout.
func (t *tool) report(found schemafile.Diagnostics, stale []string, changes []change) {
	if t.json {
		r := jsonReport{found, stale, changes}
		if found == nil {
			r.Diagnostics = schemafile.Diagnostics{}
		}
		if stale == nil {
			r.Stale = []string{}
		}
		if changes == nil {
			r.Changes = []change{}
		}
		enc := json.NewEncoder(t.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		_ = enc.Encode(r) // fails only if stdout is closed
		return
	}
	if len(found) > 0 {
		fmt.Fprintln(t.stderr, found.Error())
	}
}

func (t *tool) generate(args []string) (int, error) {
	set := t.flags("generate", "", "Checks the schema and writes those of its files that changed, each atomically.")
	t.format(set)
	t.tsModule(set)
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	f, warnings, err := t.load()
	if err != nil {
		return exitError, err
	}
	files, err := emit.Files(f, t.schema)
	if err != nil {
		return exitError, err
	}
	var written []string
	for _, file := range files {
		changed, err := file.Write()
		if err != nil {
			return exitError, err
		}
		if changed {
			written = append(written, file.Path)
			if !t.json {
				fmt.Fprintln(t.stdout, "wrote", file.Path)
			}
		}
	}
	t.report(warnings, written, nil)
	return exitOK, nil
}

func (t *tool) check(args []string) (int, error) {
	set := t.flags("check", "", `Checks the schema, and that its files are up to date: lists those that generate
would change, with a diff. It changes nothing.

With -against it compares the schema with an earlier version instead, and lists
the changes that need review: what old sessions, rows and browsers will no longer
find, or will see for the first time. For example:

	git show main:auth.schema.yaml | go tool typegen check -against -`)
	t.format(set)
	t.tsModule(set)
	against := set.String("against", "", "an earlier version of the schema `file`; - is standard input")
	allow := set.String("allow", "", "with -against: `fields` whose changes are intended, separated by commas, such as user.role,theme")
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	if *allow != "" && *against == "" {
		return exitError, errors.New("check: -allow requires -against")
	}
	f, warnings, err := t.load()
	if err != nil {
		return exitError, err
	}
	if *against != "" {
		return t.compare(f, warnings, *against, *allow)
	}
	files, err := emit.Files(f, t.schema)
	if err != nil {
		return exitError, err
	}
	var stale []string
	for _, file := range files {
		differs, now, err := file.Stale()
		if err != nil {
			return exitError, err
		}
		if !differs {
			continue
		}
		stale = append(stale, file.Path)
		if t.json {
			continue
		}
		if now == nil {
			fmt.Fprintf(t.stdout, "%s is missing\n", file.Path)
			continue
		}
		fmt.Fprintf(t.stdout, "%s is stale\n%s", file.Path, truncate(diff.Diff(file.Path, now, "generated", file.Content)))
	}
	t.report(warnings, stale, nil)
	if stale != nil {
		if !t.json {
			fmt.Fprintln(t.stdout, "run: go tool typegen generate")
		}
		return exitFound, nil
	}
	return exitOK, nil
}

// truncate shortens a diff that is too long to read.
func truncate(d []byte) string {
	const limit = 40
	lines := strings.SplitAfter(string(d), "\n")
	if len(lines) <= limit {
		return string(d)
	}
	return strings.Join(lines[:limit], "") + fmt.Sprintf("… and %d more lines\n", len(lines)-limit)
}

func (t *tool) editorSchema(args []string) (int, error) {
	set := t.flags("schema", "", "Prints the JSON Schema of the schema file, for completion and checks in editors.")
	output := set.String("o", "", "write it to a `file` instead, if that differs")
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	if *output == "" {
		_, err := t.stdout.Write(emit.EditorSchema())
		return exitOK, err
	}
	_, err := emit.File{Path: *output, Content: emit.EditorSchema()}.Write()
	return exitOK, err
}
