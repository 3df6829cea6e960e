// Command typegen makes typed sessions of one schema file: Go and TypeScript
// types, ent mixins, SQL and more.
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
	exitFound = 1 // the schema has problems, files are stale, a change needs a second look
	exitError = 2 // typegen could not do its work
)

const usage = `typegen makes typed sessions of one schema file.

Usage:

	go tool typegen COMMAND [flags]

Commands:

	init       write a schema file to start from
	generate   check the schema and write the files it asks for
	check      say what generate would change, and change nothing
	explain    say who sees and who sets a field
	schema     print the JSON Schema of the schema file, for editors
	help       print this, or the flags of a command

"go tool typegen COMMAND -h" prints the flags of a command.

Exit codes: 0 all is well; 1 the schema has problems, a file is stale, or a
change needs a second look; 2 typegen could not do its work.
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// tool is one run.
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
		fmt.Fprintf(stderr, "typegen: unknown command %q; \"go tool typegen help\" lists them\n", name)
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

// errUsage: the flag package has said what is wrong.
var errUsage = errors.New("see the usage above")

// flags returns the flags that commands share.
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
	set.Func("format", "how to report: `text` or json (default text)", func(s string) error {
		if s != "text" && s != "json" {
			return errors.New("want text or json")
		}
		t.json = s == "json"
		return nil
	})
}

func (t *tool) tsModule(set *flag.FlagSet) {
	set.StringVar(&t.module, "ts-module", "", "the `package` whose TypeScript types are augmented, such as @auth/sveltekit\n"+
		"(default: output.typescriptModule of the schema, else next-auth)")
}

// parse parses flags. most is how many arguments may follow them.
func (t *tool) parse(set *flag.FlagSet, args []string, most int) ([]string, error) {
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
	if len(rest) > most {
		return nil, fmt.Errorf("%s: unexpected argument %q", set.Name(), rest[most])
	}
	return rest, nil
}

// load reads the schema. Warnings go to stderr, unless the report is JSON.
func (t *tool) load() (*schemafile.File, schemafile.Diagnostics, error) {
	f, warnings, err := schemafile.Load(t.schema)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("there is no %s here: \"go tool typegen init\" writes one, -schema names another", t.schema)
	}
	if err == nil && t.module != "" {
		f.Output.TypeScriptModule = t.module
	}
	return f, warnings, err
}

// answer is what -format json prints.
type answer struct {
	Diagnostics schemafile.Diagnostics `json:"diagnostics"`
	Stale       []string               `json:"stale"`   // files that generate would change
	Changes     []change               `json:"changes"` // of check -against
}

// report prints what was found: text to stderr, JSON to stdout.
func (t *tool) report(found schemafile.Diagnostics, stale []string, changes []change) {
	if t.json {
		a := answer{found, stale, changes}
		if found == nil {
			a.Diagnostics = schemafile.Diagnostics{}
		}
		if stale == nil {
			a.Stale = []string{}
		}
		if changes == nil {
			a.Changes = []change{}
		}
		enc := json.NewEncoder(t.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		_ = enc.Encode(a) // whoever closed stdout does not read it
		return
	}
	if len(found) > 0 {
		fmt.Fprintln(t.stderr, found.Error())
	}
}

func (t *tool) generate(args []string) (int, error) {
	set := t.flags("generate", "", "Checks the schema and writes the files it asks for: those that changed, each at once.")
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
	set := t.flags("check", "", `Checks the schema, and that the files are what generate would write: names those
that are not, with a diff. It changes nothing.

With -against it compares with an earlier version of the schema instead and names
the changes that need a second look: what old sessions, rows and browsers will not
find any more, or will see for the first time. As in

	git show main:auth.schema.yaml | go tool typegen check -against -`)
	t.format(set)
	t.tsModule(set)
	against := set.String("against", "", "an earlier version of the schema `file`; - is the standard input")
	allow := set.String("allow", "", "with -against: `fields` whose changes are meant, separated by commas, such as user.role,theme")
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	if *allow != "" && *against == "" {
		return exitError, errors.New("check: -allow goes with -against")
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
		fmt.Fprintf(t.stdout, "%s is stale\n%s", file.Path, short(diff.Diff(file.Path, now, "generated", file.Content)))
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

// short cuts a diff that nobody would read.
func short(d []byte) string {
	const most = 40
	lines := strings.SplitAfter(string(d), "\n")
	if len(lines) <= most {
		return string(d)
	}
	return strings.Join(lines[:most], "") + fmt.Sprintf("… and %d lines more\n", len(lines)-most)
}

func (t *tool) editorSchema(args []string) (int, error) {
	set := t.flags("schema", "", "Prints the JSON Schema of the schema file, with which editors complete and check it.")
	output := set.String("o", "", "write it to a `file` instead, when it differs")
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
