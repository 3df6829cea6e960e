// Package fields is the auth schema of package testent: every kind of field, in
// every way that a column can hold it.
package fields

import "github.com/sesame-auth/sesame/engine/schema"

// Level is a type of an application's own.
type Level string

// Home is a type of an application's own, for a column of JSON.
type Home struct {
	City string  `json:"city"`
	Zip  *string `json:"zip"`
}

func nullable(k schema.Kind) schema.Type { return schema.Type{Kind: k, Nullable: true} }

// Schema returns the schema. The first fields are those that the conformance
// suite has by itself; the others may be null, so that it does not see them.
func Schema() *schema.Schema {
	roles := []string{"admin", "editor", "member"}
	home := []schema.Field{{Name: "city"}, {Name: "zip", Type: nullable(schema.String)}}
	return &schema.Schema{
		User: []schema.Field{
			{Name: "plan"},
			{Name: "seats", Type: nullable(schema.Int)},
			{Name: "score", Type: nullable(schema.Float)},
			{Name: "admin", Type: nullable(schema.Bool)},
			{Name: "since", Type: nullable(schema.Time)},
			{Name: "tags", Type: schema.Type{Kind: schema.String, List: true}},

			{Name: "role", Type: schema.Type{Kind: schema.Enum, Nullable: true, Name: "Role", Enum: roles}},
			{Name: "level", Type: nullable(schema.String)},
			{Name: "rank", Type: nullable(schema.Int)},
			{Name: "lastSeen", Type: nullable(schema.Time)},
			{Name: "address", Type: schema.Type{Kind: schema.Object, Nullable: true, Name: "Address", Fields: home}},
			{Name: "home", Type: schema.Type{Kind: schema.Object, Nullable: true, Name: "Home", Fields: home}},
			{Name: "badges", Type: schema.Type{Kind: schema.Enum, List: true, Name: "Role", Enum: roles}},
			{Name: "visits", Type: schema.Type{Kind: schema.Time, List: true}},
		},
		Session: []schema.Field{{Name: "device", Type: nullable(schema.String)}},
	}
}
