// Package extra declares the fields that this application adds to users and
// sessions. The generator and the engine read it.
package extra

import "github.com/sesame-auth/sesame/engine/schema"

// Schema returns the auth schema.
func Schema() *schema.Schema {
	return &schema.Schema{
		User: []schema.Field{
			{
				Name:    "role",
				Type:    schema.Type{Kind: schema.Enum, Name: "Role", Enum: []string{"member", "editor", "admin"}},
				Default: "member", // the role with the fewest rights
				Client:  schema.Read,
			},
			{Name: "locale", Default: "en", Max: 16, Client: schema.Write},
		},
		Session: []schema.Field{
			{Name: "device", Type: schema.Type{Kind: schema.String, Nullable: true}, Client: schema.Read},
		},
	}
}
