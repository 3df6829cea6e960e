package main

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sesame-auth/sesame/typegen/schemafile"
)

const firstSchema = `# yaml-language-server: $schema=https://raw.githubusercontent.com/sesame-auth/sesame/main/gen/auth.schema.schema.json
#
# The fields that this application adds to users, sessions and tokens. After a
# change run: go tool typegen generate
#
# A field is a type, or {type: …} with
#   client      what the browser may do: none (the default), read, or write (read, and change with update())
#   default     the value if there is none; an enum needs one: choose the value with the least rights
#   max         maximum number of bytes of a string, or of items of a list
#   was         earlier names: was: [org]
#   profile     claims of providers that fill the field: profile: {google: locale}
#   token       true: copy a hidden user field into the session token
#   deprecated  what to use instead
#   doc         documentation
# Types: string bool int float time, an enum, an object; string? may be null, [string] is a list.
version: 1

enums:
  Role: [admin, member]

# Columns of the users table.
user:
  role: {type: Role, default: member, client: read, doc: What the user may do.}

# Columns of the sessions table, or claims of the session token.
session:

# Claims of the session token that the browser never sees.
token:

# Not stored: the application supplies a function for each.
computed:

# Generated files; paths are relative to this file.
output:
  go: authtypes
  typescript: next-auth.d.ts
  # sql: {postgres: columns.sql}
  # ent: authfields
  # jsonSchema: session.schema.json
  # markdown: session.md
`

func (t *tool) init(args []string) (int, error) {
	set := t.flags("init", "", "Creates a schema file to start from, and a Go file with a go:generate line if the\ndirectory has a Go package. It overwrites nothing.")
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	if err := create(t.schema, firstSchema); err != nil {
		return exitError, err
	}
	fmt.Fprintln(t.stdout, "wrote", t.schema)
	dir := filepath.Dir(t.schema)
	line := "//go:generate go tool typegen generate"
	if base := filepath.Base(t.schema); base != schemafile.Name {
		line += " -schema " + base
	}
	if pkg := packageIn(dir); pkg != "" {
		path := filepath.Join(dir, "generate_auth.go")
		switch err := create(path, "package "+pkg+"\n\n"+line+"\n"); {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return exitError, err
		default:
			fmt.Fprintln(t.stdout, "wrote", path)
		}
	} else {
		fmt.Fprintf(t.stdout, "add this line to a Go file in the same directory:\n\n\t%s\n\n", line)
	}
	fmt.Fprintln(t.stdout, "next: go tool typegen generate")
	return exitOK, nil
}

// create writes a new file. Its error matches fs.ErrExist if the file exists.
func create(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// packageIn returns the name of the Go package in a directory, or "".
func packageIn(dir string) string {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return ""
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly); err == nil {
			return f.Name.Name
		}
	}
	return ""
}
