// Package authent is an extension of ent's generator. It writes the adapter of
// Sesame, auth_adapter.go, into an application's own ent package, over the
// types that package authmixin marks:
//
//	// entc.go
//	auth, err := authent.NewExtension("../auth.schema.yaml")
//	if err != nil { … }
//	err = entc.Generate("./schema", &gen.Config{}, entc.Extensions(auth))
//
// The application passes the adapter to the engine:
//
//	eng, err := engine.New(engine.Config{Adapter: ent.NewAuthAdapter(client), …})
//
// The adapter calls the builders of that package, so that its hooks,
// interceptors and privacy rules, defaults and transactions apply. It makes no
// tables: they are migrated as all others of the application.
//
// Extra fields that an auth schema declares must be fields of the marked types.
// What has no field, or one of another type, is found here and not at run time.
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

// Extension is the extension; make it with [NewExtension].
type Extension struct {
	entc.DefaultExtension
	fields   *schema.Schema
	template *gen.Template
}

// Option is a choice of [NewExtension].
type Option func(*Extension)

// Fields gives the auth schema as Go data, instead of a file.
func Fields(s *schema.Schema) Option { return func(e *Extension) { e.fields = s } }

//go:embed auth_adapter.tmpl
var text string

// NewExtension returns the extension. file is the auth schema that typegen
// reads, seen from the working directory, which go generate sets to the folder
// of the generate line; "" declares no extra fields.
func NewExtension(file string, options ...Option) (*Extension, error) {
	e := new(Extension)
	for _, o := range options {
		o(e)
	}
	if file != "" {
		if e.fields != nil {
			return nil, errors.New("authent: NewExtension has a file and Fields; one of them declares the fields")
		}
		f, warnings, err := schemafile.Load(file)
		if err != nil {
			return nil, err
		}
		for _, w := range warnings {
			fmt.Fprintln(os.Stderr, w)
		}
		e.fields = f.Schema()
	}
	if err := e.fields.Validate(); err != nil {
		return nil, err
	}
	t := gen.NewTemplate("auth_adapter").Funcs(template.FuncMap{
		"authModel": func(g *gen.Graph) (*model, error) { return modelOf(g, e.fields) },
	})
	var err error
	if e.template, err = t.Parse(text); err != nil {
		return nil, err
	}
	return e, nil
}

// Templates implements entc.Extension.
func (e *Extension) Templates() []*gen.Template { return []*gen.Template{e.template} }

// Hooks implements entc.Extension. Everything that is wrong with the types is
// reported at once, before a file is written.
func (e *Extension) Hooks() []gen.Hook {
	return []gen.Hook{func(next gen.Generator) gen.Generator {
		return gen.GenerateFunc(func(g *gen.Graph) error {
			if e.template == nil {
				return errors.New("authent: make the extension with NewExtension")
			}
			if _, err := modelOf(g, e.fields); err != nil {
				return err
			}
			return next.Generate(g)
		})
	}}
}
