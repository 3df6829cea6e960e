// Package authent is an extension of ent's generator. It writes an adapter for
// Sesame, auth_adapter.go, into the ent package of an application, for the types
// marked by package authmixin:
//
//	// entc.go
//	auth, err := authent.NewExtensionFromFile("../auth.schema.yaml")
//	if err != nil { … }
//	err = entc.Generate("./schema", &gen.Config{}, entc.Extensions(auth))
//
// The application passes the adapter to the engine:
//
//	eng, err := engine.New(engine.Config{Adapter: ent.NewAuthAdapter(client), …})
//
// The adapter calls the builders of that package, so that its hooks,
// interceptors, privacy rules, defaults and transactions apply. It creates no
// tables: the application migrates them with its others.
//
// The extra fields that an auth schema declares must be fields of the marked
// types. A missing field, or one of the wrong type, is reported by the generator
// and not at run time.
package authent

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"text/template"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"

	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/typegen/schemafile"
)

// Extension is the extension of ent's generator. Use [NewExtension] or
// [NewExtensionFromFile] to create one.
type Extension struct {
	entc.DefaultExtension
	fields   *schema.Schema
	template *gen.Template
}

//go:embed auth_adapter.tmpl
var text string

// NewExtension returns an extension for the extra fields that s declares; nil
// declares none. It returns an error if s is not valid.
func NewExtension(s *schema.Schema) (*Extension, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	e := &Extension{fields: s}
	t := gen.NewTemplate("auth_adapter").Funcs(template.FuncMap{
		"authModel": func(g *gen.Graph) (*model, error) { return modelOf(g, e.fields) },
	})
	var err error
	if e.template, err = t.Parse(text); err != nil {
		return nil, err
	}
	return e, nil
}

// NewExtensionFromFile is like [NewExtension], for the schema in a file that
// typegen reads. A relative path is relative to the working directory, which go
// generate sets to the directory of the file with the go:generate line.
func NewExtensionFromFile(file string) (*Extension, error) {
	f, warnings, err := schemafile.Load(file)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, w)
	}
	return NewExtension(f.Schema())
}

// Templates implements entc.Extension.
func (e *Extension) Templates() []*gen.Template { return []*gen.Template{e.template} }

// Hooks implements entc.Extension. The hook reports all problems of the types at
// once, before a file is written.
func (e *Extension) Hooks() []gen.Hook {
	return []gen.Hook{func(next gen.Generator) gen.Generator {
		return gen.GenerateFunc(func(g *gen.Graph) error {
			if e.template == nil {
				return errors.New("authent: the Extension is empty; create it with NewExtension or NewExtensionFromFile")
			}
			if _, err := modelOf(g, e.fields); err != nil {
				return err
			}
			return next.Generate(g)
		})
	}}
}
