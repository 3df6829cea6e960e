// Package interop holds no code but tests: Next.js apps and Sesame that share
// sessions.
//
// Two apps (testdata/web), one with next-auth 5 and one with next-auth 4, are
// built and run as in production. A proxy in front of an app and an engine is
// their site: it sends each path to the one or to the other, as somebody does
// who moves an application route by route. Every way in which server code of a
// Next.js app asks who is signed in has to give the same answer wherever
// somebody signed in.
//
// docs/moving-from-authjs.md is held by these tests: TestMove builds the apps with
// its next.config.mjs and takes them from step to step and back, and the Go code
// of the page is compiled and run.
//
// The tests need Node.js and npm, some of them PostgreSQL. They are skipped
// where that is missing, unless the environment variable SESAME_REQUIRE lists
// it (SESAME_REQUIRE=node,postgres): then they fail. The first run installs the
// packages and builds the apps, into the user's cache folder.
package interop
