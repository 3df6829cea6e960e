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
#   default     the value where there is none; an enum needs one: the one with the least rights
#   max         most bytes of a string, most items of a list
#   was         earlier names: was: [org]
#   profile     filled from a provider: profile: {google: locale}
#   token       true: carry a hidden user field into the session token
#   deprecated  what to use instead
#   doc         what it is for
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

# What is generated, and where; paths are relative to this file.
output:
  go: authtypes
  typescript: next-auth.d.ts
  # sql: {postgres: columns.sql}
  # ent: authfields
  # jsonSchema: session.schema.json
  # markdown: session.md
`

func (t *tool) init(args []string) (int, error) {
	set := t.flags("init", "", "Writes a schema file to start from, and a go:generate line where the folder has a Go\npackage. It overwrites nothing.")
	if _, err := t.parse(set, args, 0); err != nil {
		return exitError, err
	}
	if err := create(t.schema, firstSchema); err != nil {
		return exitError, err
	}
	fmt.Fprintln(t.stdout, "wrote", t.schema)
	folder := filepath.Dir(t.schema)
	line := "//go:generate go tool typegen generate"
	if base := filepath.Base(t.schema); base != schemafile.Name {
		line += " -schema " + base
	}
	if pkg := packageIn(folder); pkg != "" {
		path := filepath.Join(folder, "generate_auth.go")
		switch err := create(path, "package "+pkg+"\n\n"+line+"\n"); {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return exitError, err
		default:
			fmt.Fprintln(t.stdout, "wrote", path)
		}
	} else {
		fmt.Fprintf(t.stdout, "put this line into a Go file beside it:\n\n\t%s\n\n", line)
	}
	fmt.Fprintln(t.stdout, "next: go tool typegen generate")
	return exitOK, nil
}

// create writes a file that is not there yet.
func create(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already: %w", path, fs.ErrExist)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// packageIn is the name of the package in a folder, "" when there is none.
func packageIn(folder string) string {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
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
