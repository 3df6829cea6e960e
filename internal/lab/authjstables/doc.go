// Package authjstables holds no code but tests: the tables that Auth.js's own
// SQL adapters and adapters/sqltables share.
//
// The real npm packages (drizzle, kysely, pg, typeorm, prisma) run in a Node.js
// process on a database of the test; adapters/sqltables runs in the test on the
// same database. What one writes the other reads, for every entity and in both
// directions.
//
// The test also records what the packages write, and what tables they make:
// testdata of adapters/sqltables. It fails when a record is stale, and writes it
// anew with the flag -record. What `prisma generate` makes of the models in
// testdata/npm/prisma is recorded too, by generate.mjs beside them.
//
// The tests need Node.js with npm, PostgreSQL and MariaDB or MySQL, and are
// skipped where one is missing, unless the environment variable SESAME_REQUIRE
// lists it (SESAME_REQUIRE=node,mysql,postgres): then they fail.
package authjstables
