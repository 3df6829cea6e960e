// Package authjstables tests that adapters/sqltables and the SQL adapters of
// Auth.js share their tables.
//
// The real npm packages (drizzle, kysely, pg, typeorm, prisma) run in a Node.js
// process, and adapters/sqltables runs in the test, both on the same database.
// Whatever one of them writes the other must read, for every entity and in both
// directions:
//
//	go test ./internal/lab/authjstables
//
// The tests also record the rows that the packages write and the tables that
// they create, in adapters/sqltables/testdata. A stale record is a failure; the
// flag -record replaces it. The client that `prisma generate` makes of the models
// in testdata/npm/prisma is recorded by generate.mjs beside them.
//
// They need Node.js with npm, PostgreSQL, and MariaDB or MySQL.
package authjstables
