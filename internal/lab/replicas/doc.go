// Package replicas tests several servers on one database. Each is an
// internal/lab/labserver in a process of its own. Two hundred people sign in and
// out through all of them at once, and one server is killed in the middle. No
// token may be used twice, no user stored twice, and no session lost whose cookie
// was sent.
//
//	go test ./internal/lab/replicas
//
// The tests need PostgreSQL, MariaDB or MySQL, and Redis, each for a part of
// them.
package replicas
