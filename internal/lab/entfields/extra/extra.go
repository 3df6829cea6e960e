// Package extra holds the auth schema of package entfields.
package extra

import (
	"github.com/sesame-auth/sesame/engine/schema"
	"github.com/sesame-auth/sesame/gen/authtypes"
)

// Level is a string type of the application.
type Level string

// Home is a struct of the application, for a JSON column.
type Home struct {
	City string  `json:"city"`
	Zip  *string `json:"zip"`
}

func nullable(k schema.Kind) schema.Type { return schema.Type{Kind: k, Nullable: true} }

// Schema returns the reference schema with more fields of users. Those of the
// reference schema are in the columns of typegen's mixins. The others are in the
// columns that an application may choose instead.
func Schema() *schema.Schema {
	s := authtypes.Schema()
	tiers := []string{"gold", "silver", "bronze"}
	home := []schema.Field{{Name: "city"}, {Name: "zip", Type: nullable(schema.String)}}
	s.User = append(s.User,
		schema.Field{Name: "motto"},
		schema.Field{Name: "rating", Type: nullable(schema.Float)},
		schema.Field{Name: "admin", Type: nullable(schema.Bool)},
		schema.Field{Name: "since", Type: nullable(schema.Time)},
		schema.Field{Name: "tags", Type: schema.Type{Kind: schema.String, List: true}},
		schema.Field{Name: "tier", Type: schema.Type{Kind: schema.Enum, Nullable: true, Name: "Tier", Enum: tiers}},
		schema.Field{Name: "level", Type: nullable(schema.String)},
		schema.Field{Name: "rank", Type: nullable(schema.Int)},
		schema.Field{Name: "lastSeen", Type: nullable(schema.Time)},
		schema.Field{Name: "home", Type: schema.Type{Kind: schema.Object, Nullable: true, Name: "Home", Fields: home}},
		schema.Field{Name: "visits", Type: schema.Type{Kind: schema.Time, List: true}},
	)
	return s
}
