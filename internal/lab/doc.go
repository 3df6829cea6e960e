// Package lab has no code. The folders below it hold the tests of what one package
// and a fake cannot show: real browsers, real databases, real releases of Auth.js.
// Each has a package comment that says what it proves, and is run by itself:
//
//	go test ./internal/lab/NAME
//
// A test whose program is not installed is skipped, and says what to install. It
// fails instead where the environment variable SESAME_REQUIRE lists the program
// (SESAME_REQUIRE=chromium,node,mysql,postgres,redis). How databases are found is
// described in internal/testdb; "MySQL" below is MariaDB or MySQL, and Node.js
// comes with npm.
//
// The labs, and what they need beside Go and a C compiler:
//
//   - authjstables: adapters/sqltables and the SQL adapters of Auth.js on the same
//     tables (Node.js, PostgreSQL, MySQL)
//   - e2e: signing in with the real next-auth/react in a browser, also in
//     applications built by Next.js and by Vite (Node.js, Chromium)
//   - entfields: the adapter that ent/authent generates, with extra fields in every
//     form that a column can have (SQLite alone; PostgreSQL, MySQL)
//   - interop: Next.js applications with next-auth 5 and 4 that share sessions with
//     an engine (Node.js, PostgreSQL)
//   - outage: a database that stops under a running engine (SQLite alone;
//     PostgreSQL, MySQL, Redis)
//   - replicas: several servers on one database (PostgreSQL, MySQL, Redis)
//   - toyway: the way in of docs/ways-in.md, written outside of package engine, with
//     which e2e signs in (Chromium)
//   - tscheck: the TypeScript compiler on what typegen prints (Node.js)
//   - verifybench: engine/verify beside other JOSE libraries, a module of its own
//     (nothing)
//   - wirereplay: answers of this server beside recorded answers of Auth.js
//     (Node.js)
//
// What labs and other tests share:
//
//   - adaptercalls: one call of every method of an adapter
//   - benchpair: the ratio of two implementations in a benchmark
//   - cachedir: folders that are kept between runs
//   - conformance: every adapter on every database, for the conformance suite
//   - faultdb: database/sql drivers that count statements and make them fail
//   - labserver: a server with the profiles of recorded Auth.js servers
//   - npm: npm packages from a lock file
package lab
