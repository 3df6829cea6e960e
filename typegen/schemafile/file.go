package schemafile

import (
	"fmt"
	"io"
	"os"

	"github.com/sesame-auth/sesame/engine/schema"
)

// Version is the version of the file format: the value of version.
const Version = 1

// Name is what the file is usually called.
const Name = "auth.schema.yaml"

// File is a schema file without problems.
type File struct {
	Enums   []Enum
	Objects []Object
	// The sections, in the order of the file. User may hold entries for the
	// built-in fields id, name, email and image, see [Field.Builtin].
	User, Session, Token, Computed []Field
	Output                         Output
}

// Output says what typegen prints, and where: paths with slashes, relative to
// the folder of the schema file. "" is not printed.
type Output struct {
	Go               string            // folder of the package of types; its test helpers go into a folder below
	Ent              string            // folder of the package of ent mixins
	TypeScript       string            // file
	TypeScriptModule string            // the package whose types are augmented; "" is next-auth
	JSONSchema       string            // file
	Markdown         string            // file
	SQL              map[string]string // dialect to file
}

// DefaultOutput is that of a file which says nothing of it.
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
	// Field is the field as the engine knows it. Client is None where the file
	// says nothing, except for built-in fields, and Default is canonical.
	schema.Field
	Pos Pos
	// Trusted: what the provider says may decide what a user may do.
	Trusted bool
	// Deprecated says what to use instead; "" when the field is not deprecated.
	Deprecated string
}

// Builtin reports whether the field is one that every user has, listed for its
// client access only.
func (f *Field) Builtin() bool { return schema.Builtin(f.Name) }

// GoName is the name of the field in generated Go code.
func (f *Field) GoName() string { return GoName(f.Name) }

// Schema returns the schema as the engine takes it. It shares memory with f.
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

// Load reads and parses the file at path. The error is [Diagnostics] when the
// file is there and has problems. Warnings are returned with a File.
func Load(path string) (*File, Diagnostics, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	// One byte more than is allowed, so that Parse sees what is too large.
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
