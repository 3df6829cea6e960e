// Package interop tests that Next.js applications and Sesame can share sessions.
//
// Two applications (testdata/web), one with next-auth 5 and one with next-auth 4,
// are built and run as in production. A proxy in front of an application and an
// engine makes them one site. It sends each path to one or the other, as during a
// move from Auth.js, route by route. Wherever somebody signed in, every way in
// which server code of a Next.js application can ask for the session must give
// the same answer.
//
// The tests also hold docs/moving-from-authjs.md: TestMove builds the
// applications with the next.config.mjs of that page and takes them through its
// steps, there and back, and the Go code of the page is compiled and run.
//
//	go test -timeout 30m ./internal/lab/interop
//
// They need Node.js with npm, and some need PostgreSQL. The first run installs
// the packages and builds the applications, which takes minutes; later runs find
// both in the user's cache folder.
package interop
