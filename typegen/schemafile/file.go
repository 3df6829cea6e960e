package schemafile

import (
	"fmt"
	"io"
	"os"

	"github.com/sesame-auth/sesame/engine/schema"
)

// Version is the version of the file format, the value of version.
const Version = 1

// Name is the default name of the file.
const Name = "auth.schema.yaml"

// File is a valid schema file.
type File struct {
	Enums   []Enum
	Objects []Object
	// User, Session, Token and Computed are the fields of these sections, in the
	// order of the file. User may hold the built-in fields id, name, email and
	// image; see [Field.Builtin].
	User, Session, Token, Computed []Field
	Output                         Output
}

// Output lists the files that typegen generates: paths with slashes, relative to
// the directory of the schema file. "" means that a file is not generated.
type Output struct {
	Go               string            // directory of the package of types; its test helpers are in a directory below
	Ent              string            // directory of the package of ent mixins
	TypeScript       string            // file
	TypeScriptModule string            // the package whose types are augmented; "" means next-auth
	JSONSchema       string            // file
	Markdown         string            // file
	SQL              map[string]string // dialect to file
}

// DefaultOutput returns the Output of a file without the section output.
func DefaultOutput() Output { return Output{Go: "authtypes", TypeScript: "next-auth.d.ts"} }

// Pos is a position in the file.
type Pos struct {
	Line   int // from 1
	Column int // from 1, in characters
}

// Enum is a declared enum.
type Enum struct {
	Name   string
	Values []string
	Pos    Pos
}

// Object is a declared object.
type Object struct {
	Name    string
	Members []Field // with Name, Type, Default, Max, Was, Doc and Deprecated
	Pos     Pos
}

// Field is a declared field, or a member of an object.
type Field struct {
	// Field is the field for the engine. Client is None if the file does not set
	// it, except for built-in fields, and Default is canonical.
	schema.Field
	Pos Pos
	// Trusted reports that values from a provider may decide what a user may do.
	Trusted bool
	// Deprecated describes what to use instead; "" if the field is not deprecated.
	Deprecated string
}

// Builtin reports whether the field is one that every user has. It is listed only
// for its client access and its doc.
func (f *Field) Builtin() bool { return schema.Builtin(f.Name) }

// GoName returns the name of the field in generated Go code.
func (f *Field) GoName() string { return GoName(f.Name) }

// Schema returns the schema for the engine. It shares memory with f.
func (f *File) Schema() *schema.Schema {
	plain := func(fields []Field) []schema.Field {
		var out []schema.Field
		for i := range fields {
			out = append(out, fields[i].Field)
		}
		return out
	}
	return &schema.Schema{User: plain(f.User), Session: plain(f.Session), Token: plain(f.Token), Computed: plain(f.Computed)}
}

// Load reads and parses the file at path. If the file has problems, the error is a
// [Diagnostics]. Otherwise Load returns the file with its warnings.
func Load(path string) (*File, Diagnostics, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	// One byte more than allowed, so that Parse refuses a larger file.
	src, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	file, diagnostics := Parse(path, src)
	if file == nil {
		return nil, nil, diagnostics
	}
	return file, diagnostics, nil
}
