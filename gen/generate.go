// Package gen holds the reference schema, which uses every kind, section and
// access, and everything typegen prints for it. Its tests hold what an
// application may rely on; nothing outside this repository imports it.
package gen

//go:generate go run ../typegen generate
//go:generate go run ../typegen schema -o auth.schema.schema.json
