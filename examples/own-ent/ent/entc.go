//go:build entc

// Command entc generates this package, with the adapter of Sesame, from
// ./schema.
package main

import (
	"log"

	"entgo.io/ent/entc"
	"entgo.io/ent/entc/gen"

	"github.com/sesame-auth/sesame/ent/authent"
	"github.com/sesame-auth/sesame/examples/own-ent/extra"
)

func main() {
	auth, err := authent.NewExtension(extra.Schema())
	if err != nil {
		log.Fatal(err)
	}
	if err := entc.Generate("./schema", &gen.Config{}, entc.Extensions(auth)); err != nil {
		log.Fatal(err)
	}
}
