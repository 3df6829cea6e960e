// Package outage tests what happens when a database stops under a running engine
// and starts again. Every endpoint must answer as docs/WIRE.md describes for a
// failed adapter, with one line in the log. Nobody may be signed out by it, and no
// token used up. When the database is back everything must work again, without
// anybody's help.
//
//	go test ./internal/lab/outage
//
// The tests need PostgreSQL, MariaDB or MySQL, and Redis, each for a part of
// them. The part on SQLite needs nothing.
package outage
